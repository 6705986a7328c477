//! Exactly these packages: an archive in memory that holds nothing else, pins, and names with versions.
//!
//! apt cannot be told to install a list as it is without every package of it counting as asked for. So it solves
//! again, and is shown nothing but the packages that were decided on: their files are in the cache, and an index of
//! them is made from what stands in them. No mirror is asked, and it does not matter what mirrors have by then.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use imagewright_model::spec::AptPackage;
use imagewright_sandbox::Mount;
use imagewright_store::Scratch;

use super::surroundings::{Caches, archive_name};
use crate::bootstrap::control_tar;
use crate::error::EngineError;
use crate::outside::INSIDE;
use crate::step::SolvedPackage;
use crate::workbench::{Site, bind, contents};

/// More than any package says of itself.
const LARGEST_CONTROL: u64 = 1 << 20;
/// Above the priority that never goes back to an earlier version.
const PRIORITY: u32 = 1001;

/// An archive that holds the packages of a solution and nothing else.
pub(super) struct Repository {
    scratch: Scratch,
}

impl Repository {
    /// Makes the index. The files must be in the cache, and are found inside in the folder `archives`.
    pub(super) fn of(
        site: Site<'_>,
        caches: &Caches,
        solution: &[SolvedPackage],
        archives: &str,
    ) -> Result<Self, EngineError> {
        let scratch = site.store.scratch(&[])?;
        let folder = scratch.upper();
        for name in ["apt/lists/partial", "apt/log", "locked"] {
            let folder = folder.join(name);
            fs::create_dir_all(&folder).map_err(EngineError::io("create", &folder))?;
        }
        let mut index = String::new();
        for package in solution {
            let name = archive_name(package);
            let path = caches.archive(&name);
            let unreadable = |error| EngineError::io("read", &path)(error);
            let control = File::open(&path).and_then(control_of).map_err(unreadable)?;
            let size = fs::metadata(&path).map_err(unreadable)?.len();
            let hash = package.sha256.first().map_or("", String::as_str);
            // Writing to a text does not fail.
            let _ = write!(
                index,
                "{}\nFilename: {archives}/{name}\nSize: {size}\nSHA256: {hash}\n\n",
                control.trim_end()
            );
        }
        let path = folder.join("locked/Packages");
        fs::write(&path, index).map_err(EngineError::io("write", &path))?;
        Ok(Self { scratch })
    }

    pub(super) fn mounts(&self) -> [Mount; 3] {
        let folder = self.scratch.upper();
        let source = format!("deb [trusted=yes] file:{INSIDE} locked/\n");
        [
            bind(&folder.join("apt"), &format!("{INSIDE}/apt"), false),
            bind(&folder.join("locked"), &format!("{INSIDE}/locked"), true),
            contents(source, &format!("{INSIDE}/sources/locked.list"), 0o644),
        ]
    }
}

/// The `control` file of a package.
fn control_of(archive: File) -> io::Result<String> {
    let mut tar = tar::Archive::new(control_tar(archive)?);
    for entry in tar.entries()? {
        let entry = entry?;
        if entry.path()?.as_ref() == Path::new("control") || entry.path()?.as_ref() == Path::new("./control")
        {
            let mut text = String::new();
            entry.take(LARGEST_CONTROL).read_to_string(&mut text)?;
            return Ok(text);
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "the package has no control file"))
}

/// Lines of apt's preferences that pin packages to versions. `native` is the image's architecture.
pub(super) fn pins<'p>(packages: impl Iterator<Item = &'p SolvedPackage>, native: &str) -> String {
    packages.fold(String::new(), |mut text, package| {
        let name = qualified(package, native);
        let _ =
            write!(text, "Package: {name}\nPin: version {}\nPin-Priority: {PRIORITY}\n\n", package.version);
        text
    })
}

/// The packages that were asked for in the versions that were decided on, as apt takes them.
pub(super) fn exact_names(asked: &[AptPackage], solution: &[SolvedPackage], native: &str) -> Vec<String> {
    let exact = |asked: &AptPackage| {
        let wanted = asked.architecture.as_deref().unwrap_or(native);
        let fits = |package: &&SolvedPackage| {
            package.name == asked.name && (package.architecture == wanted || package.architecture == "all")
        };
        let name = match &asked.architecture {
            Some(architecture) => format!("{}:{architecture}", asked.name),
            None => asked.name.clone(),
        };
        match solution.iter().find(fits) {
            Some(package) => format!("{name}={}", package.version),
            // It is there already, or it is a name that another package goes by.
            None => name,
        }
    };
    asked.iter().map(exact).collect()
}

/// `git`, and `libc6:arm64` where that is not the image's architecture.
pub(super) fn qualified(package: &SolvedPackage, native: &str) -> String {
    match package.architecture.as_str() {
        "all" | "" => package.name.clone(),
        architecture if architecture == native => package.name.clone(),
        architecture => format!("{}:{architecture}", package.name),
    }
}

#[cfg(test)]
mod tests {
    use imagewright_model::spec::Origin;

    use super::*;

    fn package(name: &str, version: &str, architecture: &str) -> SolvedPackage {
        SolvedPackage {
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: architecture.to_owned(),
            sha256: Vec::new(),
            size: None,
        }
    }

    #[test]
    fn packages_are_pinned_and_named_with_their_versions() {
        let solution = [
            package("git", "1:2.39", "amd64"),
            package("git-man", "1:2.39", "all"),
            package("libc6", "2.36", "arm64"),
        ];
        assert_eq!(
            pins(solution.iter(), "amd64"),
            "Package: git\nPin: version 1:2.39\nPin-Priority: 1001\n\n\
             Package: git-man\nPin: version 1:2.39\nPin-Priority: 1001\n\n\
             Package: libc6:arm64\nPin: version 2.36\nPin-Priority: 1001\n\n"
        );
        let asked = ["git/sid", "libc6:arm64", "libc6", "tree=2*", "git-man"];
        let asked = asked.map(|text| AptPackage::parse(text, Origin::flag("--apt")).unwrap());
        let names = exact_names(&asked, &solution, "amd64");
        assert_eq!(names, ["git=1:2.39", "libc6:arm64=2.36", "libc6", "tree", "git-man=1:2.39"]);
    }
}
