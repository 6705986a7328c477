//! A folder in the manner of repo2docker: which of its files say what the image holds.

use std::collections::BTreeMap;
use std::io;

use super::conda::{EXPLICIT, LOCKS, read_environment};
use super::pyproject::read_pyproject;
use super::requirements_file::read_requirements;
use super::{
    AptPackage, CondaList, LockedPip, Note, Origin, PartialSpec, PipRequirement, Problem, RequirementError,
    SpecError,
};

/// The files of a folder. Paths are relative to it, with `/` between their parts.
pub trait SpecFiles {
    /// The text of a file; `None` when there is no such file.
    ///
    /// # Errors
    /// When there is one that cannot be read, or is not UTF-8.
    fn read(&self, path: &str) -> io::Result<Option<String>>;

    /// Whether there is a file or folder of this name.
    fn exists(&self, path: &str) -> bool;

    /// How messages name the file.
    fn shown(&self, path: &str) -> String {
        path.to_owned()
    }
}

impl SpecFiles for BTreeMap<String, String> {
    fn read(&self, path: &str) -> io::Result<Option<String>> {
        Ok(self.get(path).cloned())
    }

    fn exists(&self, path: &str) -> bool {
        self.contains_key(path)
    }
}

/// The files that are read.
const HONOURED: [&str; 13] = [
    "image.yaml",
    "image.yml",
    "apt.txt",
    "environment.yml",
    "environment.yaml",
    EXPLICIT[0].0,
    EXPLICIT[1].0,
    LOCKS[0],
    LOCKS[1],
    "requirements.txt",
    "pyproject.toml",
    "setup.py",
    "pylock.toml",
];

/// A file that other tools follow and this one does not.
struct Foreign {
    file: &'static str,
    reason: &'static str,
    remedy: &'static str,
    /// Files beside which it says nothing more.
    covered_by: &'static [&'static str],
}

const fn foreign(file: &'static str, reason: &'static str, remedy: &'static str) -> Foreign {
    Foreign { file, reason, remedy, covered_by: &[] }
}

const R_REMEDY: &str = "install R packages with apt, as `r-cran-NAME`";
const JULIA_REMEDY: &str = "build on an image with Julia";
const SCRIPT_REMEDY: &str = "build on an image that is prepared so";
const BINDER_REMEDY: &str = "name that folder itself, or move its files up";
const DOCKERFILE_REMEDY: &str = "build it with `imagewright build -f`";
const LOCK_REMEDY: &str =
    "export it to pylock.toml, for example with `uv export --format pylock.toml -o pylock.toml`";

/// What repo2docker, Binder and packaging tools follow. Whoever has such a file expects it to count.
const FOREIGN: [Foreign; 20] = [
    Foreign {
        covered_by: &[LOCKS[1], EXPLICIT[0].0, EXPLICIT[1].0],
        ..foreign(
            "pixi.toml",
            "it lists conda packages",
            "lock them with `pixi lock`, or list them in environment.yml",
        )
    },
    foreign("Pipfile", "it lists packages for Pipenv", "list them in requirements.txt"),
    Foreign {
        covered_by: &["Pipfile", "pylock.toml"],
        ..foreign(
            "Pipfile.lock",
            "it is a lock of Pipenv",
            "export it with `pipenv requirements > requirements.txt`",
        )
    },
    Foreign { covered_by: &["pylock.toml"], ..foreign("poetry.lock", "it is a lock of Poetry", LOCK_REMEDY) },
    Foreign { covered_by: &["pylock.toml"], ..foreign("uv.lock", "it is a lock of uv", LOCK_REMEDY) },
    Foreign { covered_by: &["pylock.toml"], ..foreign("pdm.lock", "it is a lock of PDM", LOCK_REMEDY) },
    Foreign {
        covered_by: &["pyproject.toml", "setup.py"],
        ..foreign(
            "setup.cfg",
            "it may list dependencies of a project",
            "add a setup.py, or list them in requirements.txt",
        )
    },
    foreign("runtime.txt", "it chooses a version of a language", "choose a base with that version"),
    foreign("install.R", "it installs R packages", R_REMEDY),
    foreign("DESCRIPTION", "it lists R packages", R_REMEDY),
    foreign("REQUIRE", "it lists Julia packages", JULIA_REMEDY),
    foreign("Project.toml", "it lists Julia packages", JULIA_REMEDY),
    foreign("JuliaProject.toml", "it lists Julia packages", JULIA_REMEDY),
    foreign("default.nix", "it describes a Nix environment", "list packages in apt.txt and requirements.txt"),
    foreign("postBuild", "it is a script to run during the build", SCRIPT_REMEDY),
    foreign("start", "it is a script to run at each start", "set `entrypoint` in image.yaml"),
    foreign("Dockerfile", "it describes an image of its own", DOCKERFILE_REMEDY),
    foreign("Containerfile", "it describes an image of its own", DOCKERFILE_REMEDY),
    foreign("binder", "repo2docker would read the files in it", BINDER_REMEDY),
    foreign(".binder", "repo2docker would read the files in it", BINDER_REMEDY),
];

/// Reads a folder: `image.yaml` laid over `apt.txt`, `environment.yml`, lists of conda packages, `requirements.txt`, `pyproject.toml`,
/// `setup.py` and `pylock.toml`.
///
/// # Errors
/// Names the file and place of what is not valid, and every file that would not be honoured.
pub fn read_folder(files: &dyn SpecFiles) -> Result<PartialSpec, SpecError> {
    let image = read_image(files)?;
    check_ignored(&image)?;
    let folder = Folder { files, ignored: image.ignore.iter().map(|(name, _)| name.as_str()).collect() };
    folder.refuse_foreign()?;
    if !HONOURED.iter().any(|name| folder.has(name)) {
        let is_usual =
            |name: &&str| !matches!(*name, "image.yml" | "environment.yaml") && !is_conda_list(name);
        let names = HONOURED.into_iter().filter(is_usual).collect::<Vec<_>>().join(", ");
        return Err(SpecError::new(Origin::file(&files.shown(".")), Problem::NoSpec(names)));
    }
    let conda = folder.conda()?;
    let others_list_python = !image.pip.is_empty() || !conda.pip.is_empty();
    let spec = folder.apt()?.merge(conda).merge(folder.python(others_list_python)?);
    Ok(spec.merge(image))
}

fn is_conda_list(name: &str) -> bool {
    LOCKS.contains(&name) || EXPLICIT.iter().any(|(file, _)| *file == name)
}

fn read_image(files: &dyn SpecFiles) -> Result<PartialSpec, SpecError> {
    let names: Vec<&'static str> =
        ["image.yaml", "image.yml"].into_iter().filter(|name| files.exists(name)).collect();
    match names.as_slice() {
        [] => Ok(PartialSpec::default()),
        [name] => {
            let shown = files.shown(name);
            PartialSpec::from_yaml(&shown, &read_existing(files, name, &Origin::file(&shown))?)
        }
        [name, other, ..] => Err(SpecError::new(Origin::file(&files.shown(name)), Problem::TwoFiles(other))),
    }
}

fn check_ignored(image: &PartialSpec) -> Result<(), SpecError> {
    let known = |name: &str| {
        !name.starts_with("image.") && HONOURED.contains(&name)
            || FOREIGN.iter().any(|foreign| foreign.file == name)
    };
    match image.ignore.iter().find(|(name, _)| !known(name)) {
        Some((name, origin)) => Err(SpecError::new(origin.clone(), Problem::NothingToIgnore(name.clone()))),
        None => Ok(()),
    }
}

struct Folder<'a> {
    files: &'a dyn SpecFiles,
    ignored: Vec<&'a str>,
}

impl Folder<'_> {
    fn has(&self, name: &str) -> bool {
        !self.ignored.contains(&name) && self.files.exists(name)
    }

    fn text(&self, name: &str) -> Result<Option<(String, String)>, SpecError> {
        if !self.has(name) {
            return Ok(None);
        }
        let shown = self.files.shown(name);
        let text = read_existing(self.files, name, &Origin::file(&shown))?;
        Ok(Some((shown, text)))
    }

    fn refuse_foreign(&self) -> Result<(), SpecError> {
        let covers = |file: &&str| match *file {
            "pyproject.toml" => self.has_section("project"),
            file => self.files.exists(file),
        };
        let counts = |foreign: &Foreign| self.has(foreign.file) && !foreign.covered_by.iter().any(covers);
        match FOREIGN.iter().find(|foreign| counts(foreign)) {
            Some(Foreign { file, reason, remedy, .. }) => Err(SpecError::new(
                Origin::file(&self.files.shown(file)),
                Problem::Foreign { file: (*file).to_owned(), reason, remedy },
            )),
            None => Ok(()),
        }
    }

    /// Whether there is a `pyproject.toml` with this section.
    fn has_section(&self, section: &str) -> bool {
        let text = self.files.read("pyproject.toml").ok().flatten().unwrap_or_default();
        let heading = format!("[{section}]");
        self.has("pyproject.toml") && text.lines().any(|line| line.trim() == heading)
    }

    /// The file that makes the folder a project which `pip install .` installs as it is meant.
    fn project(&self) -> Option<&'static str> {
        let is_built = self.has_section("build-system").then_some("pyproject.toml");
        is_built.or_else(|| self.has("setup.py").then_some("setup.py"))
    }

    fn apt(&self) -> Result<PartialSpec, SpecError> {
        let apt = match self.text("apt.txt")? {
            Some((shown, text)) => AptPackage::parse_file(&shown, &text)?,
            None => Vec::new(),
        };
        Ok(PartialSpec { apt, ..PartialSpec::default() })
    }

    fn conda(&self) -> Result<PartialSpec, SpecError> {
        let listed = self.either(["environment.yml", "environment.yaml"], read_environment)?;
        let mut conda_lists = Vec::new();
        for name in EXPLICIT.iter().map(|(name, _)| *name).chain(LOCKS) {
            if let Some((shown, text)) = self.text(name)? {
                conda_lists.push(CondaList::in_folder(name, shown, text));
            }
        }
        Ok(listed.merge(PartialSpec { conda_lists, ..PartialSpec::default() }))
    }

    /// What one of two files says that stand for each other.
    fn either(
        &self,
        [name, other]: [&'static str; 2],
        read: impl Fn(&str, &str) -> Result<PartialSpec, SpecError>,
    ) -> Result<PartialSpec, SpecError> {
        match (self.text(name)?, self.text(other)?) {
            (None, None) => Ok(PartialSpec::default()),
            (Some((shown, text)), None) | (None, Some((shown, text))) => read(&shown, &text),
            (Some((shown, _)), Some(_)) => {
                Err(SpecError::new(Origin::file(&shown), Problem::TwoFiles(other)))
            }
        }
    }

    /// `requirements.txt`, `pyproject.toml` and `setup.py` say what is wanted; `pylock.toml` says how that is met.
    fn python(&self, others_list_python: bool) -> Result<PartialSpec, SpecError> {
        let mut spec = PartialSpec::default();
        let has_requirements = self.has("requirements.txt");
        if has_requirements {
            spec = read_requirements(self.files, "requirements.txt")?;
        }
        let lock = self.text("pylock.toml")?;
        let project = self.project();
        if let Some((shown, text)) = self.text("pyproject.toml")? {
            let alone = !has_requirements && lock.is_none() && !others_list_python && project.is_none();
            // A project that is installed brings its dependencies along.
            let installed = project.is_some() && lock.is_none();
            spec = spec.merge(read_pyproject(&shown, &text, alone, installed)?);
        }
        match (project, &lock) {
            (Some(file), None) => {
                spec.pip.push(PipRequirement::parse(".", Origin::file(&self.files.shown(file)))?);
            }
            (Some(file), Some(_)) => {
                let note = "the project itself is installed only if pylock.toml holds it";
                spec.notes.push(Note::new(Origin::file(&self.files.shown(file)), note));
            }
            (None, _) => {}
        }
        if let Some((shown, text)) = lock {
            if !spec.pip.is_empty() {
                let note = "its packages are installed as they are locked; the requirements beside it are checked \
                            against it, not solved";
                spec.notes.push(Note::new(Origin::file(&shown), note));
            }
            spec.pip_locked = Some(LockedPip::parse(&shown, &text)?);
        }
        Ok(spec)
    }
}

/// The text of a file that must be there because `named_at` names it.
pub(super) fn read_existing(
    files: &dyn SpecFiles,
    path: &str,
    named_at: &Origin,
) -> Result<String, SpecError> {
    match files.read(path) {
        Ok(Some(text)) => Ok(text),
        Ok(None) => Err(SpecError::new(named_at.clone(), Problem::NoSuchFile(path.to_owned()))),
        Err(error) => Err(SpecError::new(Origin::file(&files.shown(path)), Problem::Read(error))),
    }
}

/// The path that `named`, written in the file `from`, means in the folder.
pub(super) fn resolve(from: &str, named: &str) -> Result<String, RequirementError> {
    let outside = || RequirementError::Outside(named.to_owned());
    if named.starts_with(['/', '~']) || named.contains("://") {
        return Err(outside());
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in named.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or_else(outside)?;
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}
