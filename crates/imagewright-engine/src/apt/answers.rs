//! What apt says, understood.

/// How many similar names an error offers.
const NEAREST_NAMES: usize = 3;
/// How alike names must be to be offered (Jaro-Winkler).
const LIKENESS: f64 = 0.88;

/// File names of the archives in the output of `--print-uris`: `'URI' FILE SIZE HASH`.
pub(super) fn archives_to_install(output: &str) -> Vec<String> {
    let name = |line: &str| line.strip_prefix('\'')?.split_once("' ")?.1.split(' ').next().map(str::to_owned);
    let mut names: Vec<String> = output.lines().filter_map(name).collect();
    names.sort();
    names
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
            'http://mirror.example/pool/b.deb' brotli_1.0.9-2_all.deb 274704 \n\
            Need to get 10 MB of archives.\n";
        let archives = archives_to_install(output);
        assert_eq!(archives, ["brotli_1.0.9-2_all.deb", "git_1%3a2.39.5-0+deb12u3_amd64.deb"]);
        let parts = archive_parts(&archives[1]);
        assert_eq!(parts, ("git".into(), "1:2.39.5-0+deb12u3".into(), "amd64".into()));
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
