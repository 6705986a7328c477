//! Which facts hold in every store. The list is complete: tests hold it against what builds file, and against what
//! `docs/facts.md` tells.

use crate::conda::{CONDA_BYTECODE, CONDA_FILES, CONDA_LAYER, CONDA_PYTHON};
use crate::inventory::LAYER_PACKAGES;
use crate::package_layer::JOINED;
use crate::pip::{BYTECODE, WHEEL_FILES, WHEEL_LAYER};
use crate::reach::SEGMENT;

/// What facts of a kind depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DependsOn {
    /// On packages and on versions of ours: they hold in every store, and are taken along.
    Packages,
    /// On an image so far: only who has its layers could use them, and who has them finds the facts quickly.
    Image,
    /// On what one machine, one store or one moment was like.
    Machine,
}

/// A kind of facts.
#[derive(Clone, Copy, Debug)]
pub struct FactKind {
    /// Its name; several kinds have names that begin with it where the rest is a version.
    pub name: &'static str,
    /// What decides whether it is taken along.
    pub depends_on: DependsOn,
    /// What its facts tell.
    pub about: &'static str,
}

const fn kind(name: &'static str, depends_on: DependsOn, about: &'static str) -> FactKind {
    FactKind { name, depends_on, about }
}

use DependsOn::{Image, Machine, Packages};

/// All kinds. Those that are taken along are written and read in this order: what another fact relies on comes before it, so
/// that an import that is killed leaves nothing without its other half.
pub const KINDS: [FactKind; 34] = [
    kind(LAYER_PACKAGES, Packages, "what the packages of a layer say of themselves, by the layer's digest"),
    kind(WHEEL_FILES, Packages, "the files of an installed wheel; there is one for each `wheel-layer`"),
    kind(
        CONDA_FILES,
        Packages,
        "the files of an installed conda package; there is one for each `conda-layer`",
    ),
    kind(CONDA_PYTHON, Packages, "which Python a conda package brings, by the package's hash"),
    kind(
        WHEEL_LAYER,
        Packages,
        "the layer of a wheel, by its hash, where its files go, and the Python it is for",
    ),
    kind(
        CONDA_LAYER,
        Packages,
        "the layer of a conda package, by its hash, its prefix, and the Python it is for",
    ),
    kind(BYTECODE, Packages, "the bytecode of a wheel, by its hash and the interpreter that compiled it"),
    kind(
        CONDA_BYTECODE,
        Packages,
        "the bytecode of a conda package, by its layer and the package of the interpreter",
    ),
    kind(JOINED, Packages, "the layer that layers of packages are joined to, by their digests"),
    kind(
        "conda-books",
        Image,
        "the `conda-meta` of one list of packages; written in a moment from `conda-files`",
    ),
    kind("conda-facts", Image, "which conda environment an image has"),
    kind("conda-replaced", Image, "conda packages that were taken from a base"),
    kind("replaced", Image, "Python packages that were taken from a base"),
    kind("kernel-layer", Image, "the layer of a kernel's launcher, or of the account that it runs as"),
    kind("kernel-ground", Image, "which accounts and Pythons an image has, for a kernel"),
    kind("python-environment", Image, "a virtual environment, made by the interpreter of a base"),
    kind("python", Image, "which Python an image has"),
    kind(
        "built-wheel",
        Image,
        "a wheel that code of its package built, with compilers and libraries of an image",
    ),
    kind("step", Image, "what a step came to on an image"),
    kind("apt-solution", Image, "what was chosen for an image at one moment"),
    kind("conda-solution", Image, "what was chosen for an image at one moment"),
    kind("pip-solution", Image, "what was chosen for an image at one moment"),
    kind("kernel-solution", Image, "what makes an image one for a kernel"),
    kind("dockerfile-", Image, "what an instruction of a Dockerfile works on"),
    kind("layer-chunks", Image, "pieces of a layer of apt packages, which another build may find again"),
    kind("layer-index", Image, "what a layer holds: its files, and texts of a few; looked up by `check`"),
    kind("tool", Machine, "the digest of a program of this machine"),
    kind("image-lock", Machine, "what was decided for a list that no file holds"),
    kind("packed-layer", Machine, "how a plain layer of a file was compressed"),
    kind("diff-id", Machine, "the diff id of a layer that came from elsewhere"),
    kind("bootstrap-solution", Machine, "which packages the machine's archives had at one moment"),
    kind("imported-base", Machine, "which image a file or a daemon of this machine had"),
    kind("pulled", Machine, "which image a registry last had under a name"),
    kind(
        SEGMENT,
        Machine,
        "in which joined layer the files of a package lie; follows from `joined-layer` when that is imported",
    ),
];

/// The place of a kind among those that are taken along; none where it is not.
pub(super) fn rank(name: &str) -> Option<usize> {
    portable().position(|known| known == name)
}

/// The kinds that are taken along, in order.
pub(super) fn portable() -> impl Iterator<Item = &'static str> {
    KINDS.iter().filter(|kind| kind.depends_on == Packages).map(|kind| kind.name)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    #[test]
    fn the_documentation_lists_every_kind() {
        let documentation = include_str!("../../../../docs/facts.md");
        for FactKind { name, about, .. } in KINDS {
            let row = format!("| `{}` | {about} |", name.trim_end_matches('-'));
            assert!(documentation.contains(&row), "docs/facts.md has no row\n{row}");
        }
    }

    fn sources(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
    }

    /// A kind that somebody adds is decided upon here.
    #[test]
    fn every_kind_that_is_filed_is_in_the_list() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut seen = 0;
        for path in sources(&folder).into_iter().filter(|path| path.extension().is_some_and(|it| it == "rs"))
        {
            let text = fs::read_to_string(&path).unwrap();
            for (_, rest) in
                text.match_indices("put_fact(\"").map(|(at, call)| text.split_at(at + call.len()))
            {
                let (name, _) = rest.split_once('"').unwrap();
                seen += 1;
                assert!(
                    name.is_empty() || KINDS.iter().any(|kind| kind.name == name),
                    "`{name}` of {} is not in the list of kinds",
                    path.display()
                );
            }
        }
        assert!(seen > 8, "the calls are written in another way now: {seen}");
    }
}
