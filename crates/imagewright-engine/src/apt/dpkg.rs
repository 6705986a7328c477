//! What dpkg has installed, as its own books say.

use std::collections::BTreeMap;

use crate::root_view::RootView;

/// Versions of installed packages by name and architecture.
pub(crate) type Installed = BTreeMap<(String, String), String>;

/// Where they are.
pub(super) const BOOKS: &str = "/var/lib/dpkg/status";

/// The packages of an image.
pub(super) fn installed(view: &RootView) -> Installed {
    read(&view.read_to_string(BOOKS).unwrap_or_default())
}

fn read(books: &str) -> Installed {
    let package = |paragraph: &str| {
        let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let is_installed = field("Status:")?.ends_with(" installed");
        let (name, architecture, version) = (field("Package:")?, field("Architecture:")?, field("Version:")?);
        is_installed.then(|| ((name.to_owned(), architecture.to_owned()), version.to_owned()))
    };
    books.split("\n\n").filter_map(package).collect()
}

/// What is unlike: a sentence for each package of `wanted` that is not there, and for each other that changed.
pub(super) fn differences(before: &Installed, after: &Installed, wanted: &Installed) -> Vec<String> {
    let mut differences = Vec::new();
    for (package, version) in wanted {
        if after.get(package) != Some(version) {
            let found = after.get(package).map_or("nothing", String::as_str);
            differences.push(format!("`{}` is to be {version} and is {found}", package.0));
        }
    }
    let others = |package: &&(String, String)| !wanted.contains_key(*package);
    for package in after.keys().filter(others) {
        if before.get(package) != after.get(package) {
            differences.push(format!("`{}` {} came along", package.0, after[package]));
        }
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(packages: &[(&str, &str)]) -> Installed {
        let entry = |(name, version): &(&str, &str)| {
            (((*name).to_owned(), "amd64".to_owned()), (*version).to_owned())
        };
        packages.iter().map(entry).collect()
    }

    #[test]
    fn only_installed_packages_count() {
        let books = "Package: git\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:2\nDescription: a\n Status: x\n\n\
            Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n\n\
            Package: half\nStatus: install ok half-installed\nArchitecture: amd64\nVersion: 1\n";
        assert_eq!(read(books), packages(&[("git", "1:2")]));
        assert_eq!(read(""), packages(&[]));
    }

    #[test]
    fn every_difference_is_named() {
        let before = packages(&[("libc6", "1"), ("old", "1")]);
        let after = packages(&[("libc6", "2"), ("git", "1"), ("less", "1")]);
        let wanted = packages(&[("git", "2"), ("tree", "1")]);
        let found = differences(&before, &after, &wanted);
        assert_eq!(
            found,
            [
                "`git` is to be 2 and is 1",
                "`tree` is to be 1 and is nothing",
                "`less` 1 came along",
                "`libc6` 2 came along"
            ]
        );
        let exact = packages(&[("git", "1"), ("less", "1"), ("libc6", "2")]);
        assert!(differences(&before, &after, &exact).is_empty());
    }
}
