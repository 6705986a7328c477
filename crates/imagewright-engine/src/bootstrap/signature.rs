//! Checks the signature of an archive's `InRelease` with `gpgv`.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use imagewright_model::ErrorKind;

const ARMOUR: &[u8] = b"-----BEGIN PGP PUBLIC KEY BLOCK-----";
const MESSAGE_BEGIN: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE_END: &str = "-----END PGP SIGNATURE-----";

/// Why a signature does not hold.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it, the fields are what they name")]
pub enum SignatureError {
    /// gpgv is not installed.
    #[error("the program `{program}` is missing")]
    NoProgram { program: String },
    /// gpgv could not be run.
    #[error("could not run `{program}`")]
    Program { program: String, source: io::Error },
    /// The keyring cannot be read.
    #[error("could not read the keyring `{path}`")]
    Keyring { path: PathBuf, source: io::Error },
    /// The keyring is in the text form that gpgv does not read.
    #[error("the keyring `{path}` is in the armoured text form, which `gpgv` does not read")]
    Armoured { path: PathBuf },
    /// There is something else than exactly one signed message.
    #[error("it is not one signed message")]
    NotSigned,
    /// The bytes are not those that were signed.
    #[error("its bytes are not those that were signed")]
    Bad,
    /// No key of the keyring made any of the signatures.
    #[error("no key of the keyring `{keyring}` has signed it (signed by {})", keys.join(", "))]
    UnknownKey { keyring: PathBuf, keys: Vec<String> },
    /// The keys were known once.
    #[error("the keys that signed it have expired or were revoked")]
    OldKey,
    /// gpgv says something else.
    #[error("`gpgv` did not confirm it: {message}")]
    Unconfirmed { message: String },
}

impl SignatureError {
    pub(super) fn kind(&self) -> ErrorKind {
        match self {
            Self::NoProgram { .. } | Self::Program { .. } => ErrorKind::Machine,
            Self::Keyring { source, .. } => ErrorKind::of_io(source),
            Self::Armoured { .. } => ErrorKind::Usage,
            Self::NotSigned
            | Self::Bad
            | Self::UnknownKey { .. }
            | Self::OldKey
            | Self::Unconfirmed { .. } => ErrorKind::Invalid,
        }
    }

    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::NoProgram { .. } => Some("install the package `gpgv`".to_owned()),
            Self::Armoured { path } => {
                Some(format!("convert it with `gpg --dearmor < {} > keyring.gpg`", path.display()))
            }
            Self::UnknownKey { .. } | Self::OldKey => Some(
                "update the distribution's keyring package, or name the archive's keyring with `apt.keyring` in \
                 the configuration"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// The text inside a clear-signed message, when a key of `keyring` signed it and no signature is wrong.
/// `program` is gpgv; `scratch` is a folder for a temporary file.
pub(super) fn verified_text(
    program: &str,
    keyring: &Path,
    message: &[u8],
    scratch: &Path,
) -> Result<String, SignatureError> {
    check_shape(message)?;
    let keyring = readable_keyring(keyring)?;
    let failed = |source| SignatureError::Program { program: program.to_owned(), source };
    let mut file = tempfile::NamedTempFile::new_in(scratch).map_err(failed)?;
    file.write_all(message).map_err(failed)?;
    let output = Command::new(program)
        .args(["--status-fd", "2", "--weak-digest", "SHA1", "--output", "-", "--keyring"])
        .args([keyring.as_os_str(), OsStr::new("--"), file.path().as_os_str()])
        .env("LC_ALL", "C")
        .output()
        .map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => SignatureError::NoProgram { program: program.to_owned() },
            _ => failed(source),
        })?;
    judge(&String::from_utf8_lossy(&output.stderr), &keyring)?;
    String::from_utf8(output.stdout).map_err(|_| SignatureError::NotSigned)
}

/// One message from the first byte to the last, so that nothing unsigned stands beside it.
fn check_shape(message: &[u8]) -> Result<(), SignatureError> {
    let text = std::str::from_utf8(message).map_err(|_| SignatureError::NotSigned)?;
    let begins = text.lines().filter(|line| line.trim_end() == MESSAGE_BEGIN).count();
    if begins == 1 && text.starts_with(MESSAGE_BEGIN) && text.trim_end().ends_with(SIGNATURE_END) {
        return Ok(());
    }
    Err(SignatureError::NotSigned)
}

/// gpgv looks for a keyring without a slash in its home folder: the path is made absolute.
fn readable_keyring(path: &Path) -> Result<PathBuf, SignatureError> {
    let wrong = |source| SignatureError::Keyring { path: path.to_owned(), source };
    let absolute = path.canonicalize().map_err(wrong)?;
    if fs::read(&absolute).map_err(wrong)?.starts_with(ARMOUR) {
        return Err(SignatureError::Armoured { path: path.to_owned() });
    }
    Ok(absolute)
}

/// Reads gpgv's status lines as apt does: one good signature is enough, one bad one is too much.
fn judge(status: &str, keyring: &Path) -> Result<(), SignatureError> {
    let lines: Vec<&str> = status.lines().filter_map(|line| line.strip_prefix("[GNUPG:] ")).collect();
    let has = |word: &str| lines.iter().any(|line| line.split(' ').next() == Some(word));
    if has("BADSIG") {
        return Err(SignatureError::Bad);
    }
    if has("GOODSIG") && has("VALIDSIG") {
        return Ok(());
    }
    if has("EXPKEYSIG") || has("REVKEYSIG") || has("EXPSIG") {
        return Err(SignatureError::OldKey);
    }
    let keys: Vec<String> =
        lines.iter().filter_map(|line| line.strip_prefix("NO_PUBKEY ")).map(str::to_owned).collect();
    if !keys.is_empty() {
        return Err(SignatureError::UnknownKey { keyring: keyring.to_owned(), keys });
    }
    let message = status.lines().rfind(|line| !line.starts_with("[GNUPG:]")).unwrap_or("it said nothing");
    Err(SignatureError::Unconfirmed { message: message.trim_start_matches("gpgv: ").to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nSuite: x\n\
        -----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----\n";

    #[test]
    fn only_exactly_one_message_is_looked_at() {
        assert!(check_shape(MESSAGE.as_bytes()).is_ok());
        for wrong in [
            format!("Suite: y\n{MESSAGE}"),
            format!("{MESSAGE}Suite: y\n"),
            format!("{MESSAGE}{MESSAGE}"),
            "Suite: y\n".to_owned(),
        ] {
            assert!(matches!(check_shape(wrong.as_bytes()), Err(SignatureError::NotSigned)), "{wrong}");
        }
    }

    #[test]
    fn statuses_are_judged() {
        let good = "[GNUPG:] GOODSIG A x\n[GNUPG:] VALIDSIG B x\n";
        let cases = [
            (good.to_owned(), "ok"),
            (format!("{good}[GNUPG:] ERRSIG C\n[GNUPG:] NO_PUBKEY C\n"), "ok"),
            (format!("{good}[GNUPG:] BADSIG C x\n"), "not those that were signed"),
            ("[GNUPG:] NO_PUBKEY C\n[GNUPG:] NO_PUBKEY D\n".to_owned(), "signed by C, D"),
            ("[GNUPG:] EXPKEYSIG A x\n[GNUPG:] VALIDSIG B\n".to_owned(), "have expired"),
            (
                "gpgv: no valid OpenPGP data found.\n[GNUPG:] NODATA 1\n".to_owned(),
                "no valid OpenPGP data found.",
            ),
            (String::new(), "it said nothing"),
        ];
        for (status, expected) in cases {
            let shown = match judge(&status, Path::new("k.gpg")) {
                Ok(()) => "ok".to_owned(),
                Err(error) => error.to_string(),
            };
            assert!(shown.contains(expected), "{status}: {shown}");
        }
    }

    #[test]
    fn a_missing_gpgv_is_named_with_its_package() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = folder.path().join("k.gpg");
        fs::write(&keyring, b"\x99").unwrap();
        let error =
            verified_text("gpgv-that-is-not-there", &keyring, MESSAGE.as_bytes(), folder.path()).unwrap_err();
        assert_eq!(error.hint().as_deref(), Some("install the package `gpgv`"));
        assert_eq!(error.kind(), ErrorKind::Machine);

        fs::write(&keyring, ARMOUR).unwrap();
        let error = verified_text("gpgv", &keyring, MESSAGE.as_bytes(), folder.path()).unwrap_err();
        assert!(error.hint().unwrap().contains("--dearmor"));
        let error = verified_text("gpgv", &folder.path().join("none.gpg"), MESSAGE.as_bytes(), folder.path())
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
