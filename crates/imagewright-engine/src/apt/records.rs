//! What Debian packages say of themselves: dpkg's books, and the files in which they tell their licences.

use std::collections::BTreeMap;

use imagewright_model::package::{PackageKind, PackageRecord};

use super::dpkg::{BOOKS, Installed};
use crate::root_view::RootView;

/// How a file about licences begins whose form programs can read.
const FORM: &str = "copyright-format";
/// A licence's name is short; what is longer is its text.
const LONGEST_NAME: usize = 100;
/// As many licences of a package are named.
const MOST_LICENSES: usize = 50;

/// The packages that are in `view` and were not there `before`, in these versions. `hashes` are those of their files.
pub(crate) fn brought(
    before: &Installed,
    view: &RootView,
    hashes: &BTreeMap<(String, String), String>,
) -> Vec<PackageRecord> {
    let books = view.read_to_string(BOOKS).unwrap_or_default();
    let distribution = distribution(&view.read_to_string("/etc/os-release").unwrap_or_default());
    let paragraphs = books.split("\n\n").filter_map(Paragraph::installed);
    let new = paragraphs.filter(|paragraph| before.get(&paragraph.key()) != Some(&paragraph.version()));
    let records = new.map(|paragraph| {
        let (name, architecture) = paragraph.key();
        let copyright = view.read_to_string(format!("/usr/share/doc/{name}/copyright")).unwrap_or_default();
        PackageRecord {
            licenses: licenses(&copyright),
            hash: hashes.get(&(name, architecture)).map(|hex| format!("sha256:{hex}")),
            ..record(&paragraph, &distribution)
        }
        .bounded()
    });
    records.collect()
}

/// The distribution as package URLs name it, and its release: `debian`, `debian-13`.
fn distribution(os_release: &str) -> (String, Option<String>) {
    let field = |name: &str| {
        let line = os_release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.map(|value| value.trim_matches('"').to_lowercase()).filter(|value| !value.is_empty())
    };
    let id = field("ID").unwrap_or_else(|| "debian".to_owned());
    let release = field("VERSION_ID").map(|version| format!("{id}-{version}"));
    (id, release)
}

fn record(paragraph: &Paragraph<'_>, (id, release): &(String, Option<String>)) -> PackageRecord {
    let ((name, architecture), version) = (paragraph.key(), paragraph.version());
    let field = |name: &str| paragraph.field(name).map(str::to_owned);
    // `Source: glibc (2.41-12)`; without, the package is named like its source.
    let source = match field("Source:") {
        None => format!("{name} {version}"),
        Some(text) => match text.split_once('(') {
            Some((source, other)) => format!("{} {}", source.trim(), other.trim_end_matches(')')),
            None => format!("{text} {version}"),
        },
    };
    let release = release.as_ref().map(|release| format!("&distro={}", encoded(release)));
    let purl = format!(
        "pkg:deb/{}/{}@{}?arch={}{}",
        encoded(id),
        encoded(&name),
        encoded(&version),
        encoded(&architecture),
        release.unwrap_or_default()
    );
    let list = |name: &str| {
        let text = paragraph.field(name).unwrap_or_default();
        text.split(',')
            .map(|entry| entry.trim().to_owned())
            .filter(|entry| !entry.is_empty())
            .collect::<Vec<_>>()
    };
    let requires = list("Pre-Depends:").into_iter().chain(list("Depends:")).collect();
    PackageRecord {
        architecture: Some(architecture),
        source: Some(source),
        summary: field("Description:"),
        maintainers: field("Maintainer:").into_iter().collect(),
        home_page: field("Homepage:"),
        requires,
        ..PackageRecord::new(PackageKind::Debian, name, version, purl)
    }
}

/// The names of licences in a file about them, where it has a form that programs can read.
fn licenses(copyright: &str) -> Vec<String> {
    let mut lines = copyright.lines();
    let is_readable = lines.by_ref().take(5).any(|line| line.starts_with("Format") && line.contains(FORM));
    let mut names: Vec<String> = Vec::new();
    for line in lines.filter(|_| is_readable) {
        let name = line.strip_prefix("License:").map(str::trim).unwrap_or_default();
        let is_new =
            !name.is_empty() && name.len() <= LONGEST_NAME && !names.iter().any(|known| known == name);
        if is_new && names.len() < MOST_LICENSES {
            names.push(name.to_owned());
        }
    }
    names
}

/// What package URLs do not take as it is.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b':' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// A paragraph of dpkg's books.
struct Paragraph<'b> {
    text: &'b str,
    name: &'b str,
    architecture: &'b str,
    version: &'b str,
}

impl<'b> Paragraph<'b> {
    /// The paragraph of an installed package.
    fn installed(text: &'b str) -> Option<Self> {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let is_installed = field("Status:")?.ends_with(" installed");
        let (name, architecture, version) = (field("Package:")?, field("Architecture:")?, field("Version:")?);
        is_installed.then_some(Self { text, name, architecture, version })
    }

    fn key(&self) -> (String, String) {
        (self.name.to_owned(), self.architecture.to_owned())
    }

    fn version(&self) -> String {
        self.version.to_owned()
    }

    /// The first line of a field.
    fn field(&self, name: &str) -> Option<&'b str> {
        self.text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const STATUS: &str = "Package: libc6\nStatus: install ok installed\nSource: glibc (2.41-12)\nArchitecture: amd64\n\
        Version: 2.41-12+b1\nMaintainer: Somebody <a@mirror.example>\nHomepage: https://mirror.example\n\
        Depends: libgcc-s1, x (>= 1)\nDescription: GNU C Library\n more\n\n\
        Package: git\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:2.47\n\n\
        Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\n\
        Package: old\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n";
    const COPYRIGHT: &str = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n\
        Files: *\nLicense: LGPL-2.1+\n\nFiles: x\nLicense: GPL-2+ with exception\n text\n\nLicense: LGPL-2.1+\n text\n";

    #[test]
    fn what_came_is_told_as_dpkg_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("var/lib/dpkg/status", STATUS);
        write("etc/os-release", "NAME=\"Debian\"\nID=debian\nVERSION_ID=\"13\"\n");
        write("usr/share/doc/libc6/copyright", COPYRIGHT);
        write("usr/share/doc/git/copyright", "License: free\n");
        let key = |name: &str, architecture: &str| (name.to_owned(), architecture.to_owned());
        let before = Installed::from([
            (key("old", "all"), "1".to_owned()),
            (key("git", "amd64"), "1:2.39".to_owned()),
        ]);
        let hashes = BTreeMap::from([(key("git", "amd64"), "ab".to_owned())]);
        let records = brought(&before, &RootView::new(vec![folder.path().to_owned()]), &hashes);
        let [libc, git] = &records[..] else { panic!("{records:?}") };
        assert_eq!(libc.purl, "pkg:deb/debian/libc6@2.41-12%2Bb1?arch=amd64&distro=debian-13");
        assert_eq!(libc.source.as_deref(), Some("glibc 2.41-12"));
        assert_eq!(libc.licenses, ["LGPL-2.1+", "GPL-2+ with exception"]);
        assert_eq!(libc.summary.as_deref(), Some("GNU C Library"));
        assert_eq!(libc.requires, ["libgcc-s1", "x (>= 1)"]);
        assert_eq!((git.source.as_deref(), git.hash.as_deref()), (Some("git 1:2.47"), Some("sha256:ab")));
        assert_eq!(git.purl, "pkg:deb/debian/git@1:2.47?arch=amd64&distro=debian-13");
        assert!(git.licenses.is_empty(), "a text that no program can read");
    }
}
