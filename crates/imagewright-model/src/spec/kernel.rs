//! The kernel of an image: what Enterprise Gateway starts it by.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use imagewright_oci::Digest;
use serde::{Deserialize, Serialize};

use super::address::check_address;
use super::{Account, Origin, RequirementError, User, nearest};

/// Languages that Enterprise Gateway has launchers for, and whose kernels have packages of their own here.
const KNOWN: [&str; 3] = ["python", "r", "scala"];
/// What chooses our launcher.
const OURS: &str = "imagewright";
/// What begins a choice of Enterprise Gateway's own files.
const GATEWAY: &str = "eg=";

/// Why a text says nothing of a kernel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KernelChoiceError {
    /// Not the name of a language.
    #[error("`{0}` is not the name of a language")]
    Language(String),
    /// Something of a kernel, and not its language.
    #[error("it is not said which language the kernel is for")]
    NoLanguage,
    /// A language that Enterprise Gateway has no launcher for.
    #[error("Enterprise Gateway has no launcher for `{0}`, but for python, r and scala")]
    NotOfGateway(String),
    /// Not the name of a kernelspec.
    #[error("`{0}` is not the name of a kernelspec: letters, digits, `.`, `-` and `_`")]
    Kernelspec(String),
    /// A kernelspec, and a launcher that does not read it.
    #[error("Enterprise Gateway's launchers go by the language and read no kernelspec")]
    KernelspecUnread,
    /// Not a launcher.
    #[error("`{0}` is no launcher: expected `imagewright` or `eg=ARCHIVE`")]
    Launcher(String),
    /// An address without a hash.
    #[error("it is not said what is in `{0}`")]
    NoHash(String),
    /// Something that is no SHA-256.
    #[error("`{0}` is no SHA-256, which has 64 hexadecimal digits")]
    Hash(String),
    /// An address that is none.
    #[error(transparent)]
    Address(RequirementError),
    /// A user that is not a number.
    #[error("`{0}` is not a user of a kernel: expected NUMBER or NUMBER:NUMBER")]
    User(String),
    /// Root.
    #[error("kernels do not run as root: Enterprise Gateway refuses user 0")]
    Root,
    /// A command beside the launcher.
    #[error("`command` and `kernel` contradict each other: what a kernel image starts is its launcher")]
    Command,
    /// A language beside the one of the kernel.
    #[error("`KERNEL_LANGUAGE` is `{variable}` under `env`, and the kernel is for `{language}`")]
    OtherLanguage {
        /// What the variable says.
        variable: String,
        /// The language of the kernel.
        language: String,
    },
}

impl KernelChoiceError {
    /// What would put it right.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Language(text) => match nearest(text, KNOWN.into_iter()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => "write it as kernelspecs do: `python`, `r`, `scala`, `julia` …".to_owned(),
            },
            Self::NoLanguage => "add `language: python`, or say --kernel python".to_owned(),
            Self::NotOfGateway(text) => match nearest(text, KNOWN.into_iter()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => "leave `launcher` out: imagewright's own starts every kernel with a kernelspec".to_owned(),
            },
            Self::Kernelspec(_) => "write the name of its folder, as `python3` or `ir`".to_owned(),
            Self::KernelspecUnread => "leave out `kernelspec`, or `launcher` for imagewright's own".to_owned(),
            Self::Launcher(text) if is_address(text) || text.ends_with(".tar.gz") => {
                format!("did you mean `eg={text}`?")
            }
            Self::Launcher(_) => {
                "leave it out, or write `eg=` and the path or address of \
                 jupyter_enterprise_gateway_kernel_image_files-VERSION.tar.gz"
                    .to_owned()
            }
            Self::NoHash(address) => format!("write `eg={address}#sha256=…` with the SHA-256 of the archive"),
            Self::Hash(_) => "`sha256sum` says it of a file".to_owned(),
            Self::Address(error) => return error.hint(),
            Self::User(_) => "gateways go by numbers: write `1000:100`".to_owned(),
            Self::Root => "leave it out for 1000:100, or name another one".to_owned(),
            Self::Command => {
                "leave out `command`; what is to run before the launcher is an `entrypoint` that runs its arguments"
                    .to_owned()
            }
            Self::OtherLanguage { .. } => "leave out the variable: `kernel` sets it".to_owned(),
        })
    }
}

/// The kernel that an image is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelChoice {
    /// Its language, in lower case.
    pub language: String,
    /// The kernelspec that starts it; default: the one for its language.
    pub kernelspec: Option<String>,
    /// What starts it for a gateway.
    pub launcher: Launcher,
    /// As whom it runs.
    pub user: KernelUser,
    /// Where it was asked for.
    pub origin: Origin,
}

/// User and group of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelUser {
    /// The user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

impl Default for KernelUser {
    /// What Enterprise Gateway runs kernels as.
    fn default() -> Self {
        Self { uid: 1000, gid: 100 }
    }
}

impl FromStr for KernelUser {
    type Err = KernelChoiceError;

    fn from_str(text: &str) -> Result<Self, KernelChoiceError> {
        let wrong = || KernelChoiceError::User(text.to_owned());
        let user: User = text.parse().map_err(|_| wrong())?;
        let number = |account: &Account| match account {
            Account::Id(id) => Ok(*id),
            Account::Name(name) if name == "root" => Err(KernelChoiceError::Root),
            Account::Name(_) => Err(wrong()),
        };
        let uid = number(&user.user)?;
        let gid = user.group.as_ref().map_or(Ok(Self::default().gid), number)?;
        if uid == 0 { Err(KernelChoiceError::Root) } else { Ok(Self { uid, gid }) }
    }
}

impl fmt::Display for KernelUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.uid, self.gid)
    }
}

/// What starts a kernel for a gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Launcher {
    /// Ours, from the tools of the store.
    #[default]
    Imagewright,
    /// The kernel image files of Enterprise Gateway.
    EnterpriseGateway(LauncherArchive),
}

/// An archive of kernel image files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LauncherArchive {
    /// Where it is.
    pub place: ArchiveAddress,
    /// What it must be.
    pub digest: Option<Digest>,
}

/// Where an archive is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArchiveAddress {
    /// On this machine: from where the spec lies, on the command line from where the user stands.
    Path(PathBuf),
    /// At an address, `https://…`. Its digest is known.
    Url(String),
}

impl Launcher {
    /// The same for a spec that lies in `folder`.
    #[must_use]
    pub fn relative_to(self, folder: &Path) -> Self {
        match self {
            Self::EnterpriseGateway(LauncherArchive { place: ArchiveAddress::Path(path), digest }) => {
                let place = ArchiveAddress::Path(folder.join(path));
                Self::EnterpriseGateway(LauncherArchive { place, digest })
            }
            other => other,
        }
    }

    /// What it is, without where that is had from: a name of ours, or that of the archive with its hash.
    pub fn lock_name(&self) -> String {
        match self {
            Self::Imagewright => OURS.to_owned(),
            Self::EnterpriseGateway(archive) => format!("{GATEWAY}{}", archive.file_name()),
        }
    }
}

impl LauncherArchive {
    /// The last part of its path or address.
    pub fn file_name(&self) -> String {
        let whole = match &self.place {
            ArchiveAddress::Path(path) => path.to_string_lossy().into_owned(),
            ArchiveAddress::Url(url) => url.clone(),
        };
        whole.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned()
    }
}

impl FromStr for Launcher {
    type Err = KernelChoiceError;

    fn from_str(text: &str) -> Result<Self, KernelChoiceError> {
        let wrong = || KernelChoiceError::Launcher(text.to_owned());
        if text == OURS {
            return Ok(Self::Imagewright);
        }
        let named = text.strip_prefix(GATEWAY).filter(|named| !named.is_empty()).ok_or_else(wrong)?;
        let (place, hash) = match named.split_once('#') {
            Some((place, hash)) => (place, Some(hash.strip_prefix("sha256=").unwrap_or(hash))),
            None => (named, None),
        };
        let digest = hash.map(|hash| {
            let digest = format!("sha256:{}", hash.to_ascii_lowercase()).parse();
            digest.map_err(|_| KernelChoiceError::Hash(hash.to_owned()))
        });
        let digest: Option<Digest> = digest.transpose()?;
        if place.is_empty() || place.chars().any(char::is_control) {
            return Err(wrong());
        }
        let place = match is_address(place) {
            false => ArchiveAddress::Path(PathBuf::from(place)),
            true if digest.is_none() => return Err(KernelChoiceError::NoHash(place.to_owned())),
            true => ArchiveAddress::Url(check_address(place).map_err(KernelChoiceError::Address)?),
        };
        Ok(Self::EnterpriseGateway(LauncherArchive { place, digest }))
    }
}

impl fmt::Display for Launcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::EnterpriseGateway(LauncherArchive { place, digest }) = self else {
            return f.write_str(OURS);
        };
        match place {
            ArchiveAddress::Path(path) => write!(f, "{GATEWAY}{}", path.display())?,
            ArchiveAddress::Url(url) => write!(f, "{GATEWAY}{url}")?,
        }
        digest.iter().try_for_each(|digest| write!(f, "#sha256={}", digest.hex()))
    }
}

fn is_address(text: &str) -> bool {
    text.contains("://")
}

/// Reads the name of a language, whatever the case.
pub(super) fn check_language(text: &str) -> Result<String, KernelChoiceError> {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '#' | '.' | '-' | '_');
    let is_name = text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(is_letter);
    match is_name && text.len() <= 64 {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(KernelChoiceError::Language(text.to_owned())),
    }
}

/// Reads the name of a kernelspec.
pub(super) fn check_kernelspec(text: &str) -> Result<String, KernelChoiceError> {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    match !text.is_empty() && text.len() <= 128 && text.chars().all(is_letter) && !text.starts_with('.') {
        true => Ok(text.to_owned()),
        false => Err(KernelChoiceError::Kernelspec(text.to_owned())),
    }
}

/// What flags or an `image.yaml` say of a kernel, each with its place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartialKernel {
    /// Its language.
    pub language: Option<(String, Origin)>,
    /// Its kernelspec.
    pub kernelspec: Option<(String, Origin)>,
    /// What starts it.
    pub launcher: Option<(Launcher, Origin)>,
    /// As whom it runs.
    pub user: Option<(KernelUser, Origin)>,
}

impl PartialKernel {
    /// Lays `upper` over this.
    pub(super) fn merge(self, upper: Self) -> Self {
        Self {
            language: upper.language.or(self.language),
            kernelspec: upper.kernelspec.or(self.kernelspec),
            launcher: upper.launcher.or(self.launcher),
            user: upper.user.or(self.user),
        }
    }

    /// The choice; none where nothing is said.
    pub(super) fn finish(self) -> Result<Option<KernelChoice>, (Origin, KernelChoiceError)> {
        let Self { language, kernelspec, launcher, user } = self;
        let Some((language, origin)) = language else {
            let others = [kernelspec.map(|it| it.1), launcher.map(|it| it.1), user.map(|it| it.1)];
            return match others.into_iter().flatten().next() {
                Some(origin) => Err((origin, KernelChoiceError::NoLanguage)),
                None => Ok(None),
            };
        };
        if let Some((Launcher::EnterpriseGateway(_), _)) = &launcher {
            if !KNOWN.contains(&language.as_str()) {
                return Err((origin, KernelChoiceError::NotOfGateway(language)));
            }
            if let Some((_, origin)) = kernelspec {
                return Err((origin, KernelChoiceError::KernelspecUnread));
            }
        }
        Ok(Some(KernelChoice {
            language,
            kernelspec: kernelspec.map(|it| it.0),
            launcher: launcher.map(|it| it.0).unwrap_or_default(),
            user: user.map(|it| it.0).unwrap_or_default(),
            origin,
        }))
    }
}
