//! What apt says, understood.

/// How many similar names an error offers.
const NEAREST_NAMES: usize = 3;
/// How alike names must be to be offered (Jaro-Winkler).
const LIKENESS: f64 = 0.88;

/// An archive that apt would fetch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Archive {
    /// The name of its file.
    pub(super) name: String,
    /// Bytes of its file.
    pub(super) size: Option<u64>,
    /// Its SHA-256, where apt tells that.
    pub(super) sha256: Option<String>,
}

/// The archives in the output of `--print-uris`: `'URI' FILE SIZE HASH`.
pub(super) fn archives_to_install(output: &str) -> Vec<Archive> {
    let archive = |line: &str| {
        let mut words = line.strip_prefix('\'')?.split_once("' ")?.1.split(' ');
        Some(Archive {
            name: words.next()?.to_owned(),
            size: words.next().and_then(|size| size.parse().ok()),
            sha256: words.next().and_then(|hash| hash.strip_prefix("SHA256:")).map(str::to_owned),
        })
    };
    let mut archives: Vec<Archive> = output.lines().filter_map(archive).collect();
    archives.sort();
    archives
}

/// What apt would remove, in the output of `--simulate`: `Remv NAME [VERSION] …`, as name and version.
pub(super) fn packages_to_remove(output: &str) -> Vec<(String, String)> {
    let removed = |line: &str| {
        let mut words = line.strip_prefix("Remv ")?.split(' ');
        let name = words.next()?.split(':').next()?;
        let version = words.next()?.trim_matches(['[', ']']);
        Some((name.to_owned(), version.to_owned()))
    };
    output.lines().filter_map(removed).collect()
}

pub(super) fn archive_parts(archive: &str) -> (String, String, String) {
    let mut parts = archive.trim_end_matches(".deb").splitn(3, '_').map(|part| part.replace("%3a", ":"));
    let mut next = || parts.next().unwrap_or_default();
    (next(), next(), next())
}

/// apt calls an index that could not be fetched a warning and goes on with an old one.
pub(super) fn is_failed_fetch(line: &str) -> bool {
    line.starts_with("E:") || line.contains("Failed to fetch") || line.starts_with("W: GPG error")
}

/// The package named by one of apt's ways to say that there is none.
pub(super) fn unknown_package(line: &str) -> Option<&str> {
    let quoted = |text: &'static str| line.split_once(text).and_then(|(_, rest)| rest.split('\'').next());
    if let Some((_, name)) = line.split_once("Unable to locate package ") {
        return Some(name.trim());
    }
    if line.contains("has no installation candidate") {
        return quoted("Package '");
    }
    line.contains("was not found").then(|| quoted("' for '")).flatten()
}

pub(super) fn nearest(name: &str, all: &str) -> Vec<String> {
    let mut scored: Vec<(f64, &str)> = all
        .lines()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(score, _)| *score > LIKENESS)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.into_iter().take(NEAREST_NAMES).map(|(_, candidate)| format!("`{candidate}`")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_read_from_what_apt_prints() {
        let output = "Reading package lists...\n\
            'http://mirror.example/pool/main/g/git/git_2.39.5-0%2bdeb12u3_amd64.deb' git_1%3a2.39.5-0+deb12u3_amd64.deb 7257748 MD5Sum:a\n\
            'http://mirror.example/pool/b.deb' brotli_1.0.9-2_all.deb 274704 SHA256:ab\n\
            Need to get 10 MB of archives.\n";
        let archives = archives_to_install(output);
        let archive = |name: &str, size, sha256: Option<&str>| Archive {
            name: name.to_owned(),
            size: Some(size),
            sha256: sha256.map(str::to_owned),
        };
        let expected = [
            archive("brotli_1.0.9-2_all.deb", 274_704, Some("ab")),
            archive("git_1%3a2.39.5-0+deb12u3_amd64.deb", 7_257_748, None),
        ];
        assert_eq!(archives, expected);
        let parts = archive_parts(&archives[1].name);
        assert_eq!(parts, ("git".into(), "1:2.39.5-0+deb12u3".into(), "amd64".into()));
    }

    #[test]
    fn what_would_be_removed_is_read() {
        let output = "Inst git [1:2] (1:3 Debian:12/stable [amd64])\nRemv exim4:amd64 [4.96-15] [a b ]\nRemv x [1]\nConf git (1:3)\n";
        let removed = packages_to_remove(output);
        assert_eq!(removed, [("exim4".into(), "4.96-15".into()), ("x".into(), "1".into())]);
    }

    #[test]
    fn apt_names_the_unknown_package_in_three_ways() {
        let cases = [
            ("E: Unable to locate package nonesuch", Some("nonesuch")),
            ("E: Version '99' for 'tree' was not found", Some("tree")),
            ("E: Package 'libfoo' has no installation candidate", Some("libfoo")),
            ("E: Unable to correct problems, you have held broken packages.", None),
        ];
        for (line, name) in cases {
            assert_eq!(unknown_package(line), name, "{line}");
        }
        assert_eq!(nearest("pyton3", "python3\npython3-dev\nzsh\n")[0], "`python3`");
    }
}
