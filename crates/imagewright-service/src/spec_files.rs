//! Files that say what an image holds, however somebody calls them, read as one spec: what is dropped on a page, or sent to a server.

use std::collections::BTreeMap;

use imagewright_check::as_spec;
use imagewright_dockerfile::{Dockerfile, DockerfileError, PlanRequest};
use imagewright_model::spec::{NotInDocument, Origin, PartialSpec, SpecError, SpecFiles, read_folder};
use imagewright_oci::Platform;
use serde_json::Value;

/// A file that somebody hands over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenFile {
    /// What it is called; empty for a text that was pasted.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// What files say.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadFiles {
    /// The spec, as an `image.yaml` has it; without `base` where no file names one.
    pub spec: Value,
    /// What is not in it, in sentences that name file and line.
    pub left: Vec<String>,
}

/// Why files cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum GivenFileError {
    /// A list is malformed.
    #[error("{}: {source}", source.origin())]
    Spec {
        /// Where, and why.
        source: SpecError,
    },
    /// A Dockerfile is malformed.
    #[error(transparent)]
    Dockerfile(#[from] DockerfileError),
    /// It says something that only files can say.
    #[error(transparent)]
    NotInDocument(#[from] NotInDocument),
    /// There are two of a kind.
    #[error("`{name}` and another file are read as the same kind of list")]
    Twice {
        /// The second one.
        name: String,
    },
}

/// What a file is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Dockerfile,
    Spec,
    Environment,
    Apt,
    Requirements,
}

impl Kind {
    /// By its name, else by how it is written.
    fn of(file: &GivenFile) -> Self {
        let name = file.name.rsplit(['/', '\\']).next().unwrap_or_default().to_lowercase();
        let (is_text, is_yaml) = (name.ends_with(".txt"), name.ends_with(".yml") || name.ends_with(".yaml"));
        let begins = |line: &str, word: &str| {
            line.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word))
        };
        let lines = || file.text.lines().map(str::trim_end);
        if ["dockerfile", "containerfile"].iter().any(|word| name.starts_with(word) || name.ends_with(word))
            || (!is_text && !is_yaml && lines().any(|line| begins(line.trim_start(), "from ")))
        {
            return Self::Dockerfile;
        }
        if !is_text && lines().any(|line| line.starts_with("dependencies:")) {
            return Self::Environment;
        }
        if is_yaml || (name.is_empty() && lines().any(|line| line.starts_with("base:"))) {
            return Self::Spec;
        }
        if is_text && name.starts_with("apt") { Self::Apt } else { Self::Requirements }
    }

    /// What a folder calls it.
    fn file(self) -> &'static str {
        match self {
            Self::Dockerfile => "Dockerfile",
            Self::Spec => "image.yaml",
            Self::Environment => "environment.yml",
            Self::Apt => "apt.txt",
            Self::Requirements => "requirements.txt",
        }
    }
}

/// Reads files together, as those of a folder: lists of packages, an `image.yaml`, a Dockerfile. Each is known by its name, or by how it
/// begins.
///
/// # Errors
/// What is malformed, and where.
pub fn read_files(files: &[GivenFile]) -> Result<ReadFiles, GivenFileError> {
    let given = Given::new(files)?;
    let mut read = match given.files.get(Kind::Dockerfile.file()) {
        Some(text) => given.dockerfile(text)?,
        None => ReadFiles { spec: Value::Object(serde_json::Map::new()), left: Vec::new() },
    };
    let lists = Lists { given: &given };
    if !lists.is_empty() {
        let (spec, notes) = lists.read()?;
        join_specs(&mut read.spec, spec);
        read.left.extend(notes);
    }
    Ok(read)
}

/// Files under the names that a folder has for them.
struct Given {
    files: BTreeMap<&'static str, String>,
    /// What somebody calls them.
    shown: BTreeMap<&'static str, String>,
}

impl Given {
    fn new(given: &[GivenFile]) -> Result<Self, GivenFileError> {
        let (mut files, mut shown) = (BTreeMap::new(), BTreeMap::new());
        for file in given {
            let kind = Kind::of(file).file();
            let name = if file.name.is_empty() { kind.to_owned() } else { file.name.clone() };
            if files.insert(kind, file.text.clone()).is_some() {
                return Err(GivenFileError::Twice { name });
            }
            shown.insert(kind, name);
        }
        Ok(Self { files, shown })
    }

    fn dockerfile(&self, text: &str) -> Result<ReadFiles, GivenFileError> {
        let request = PlanRequest {
            target: None,
            arguments: Vec::new(),
            contexts: Vec::new(),
            platform: Platform::host(),
            build_platform: Platform::host(),
        };
        let plan = Dockerfile::parse(&self.shown[Kind::Dockerfile.file()], text)?.plan(&request)?;
        let read = as_spec(text, &plan)?;
        let is_here = |file: &str| {
            let name = file.rsplit('/').next();
            self.shown.values().any(|shown| Some(shown.as_str()) == name)
        };
        // What is in files that are here is read as the lists that they are.
        let missing = read.files.iter().filter(|(_, file)| !is_here(file));
        let missing =
            missing.map(|(origin, file)| format!("{origin}: packages of `{file}`: add that file as well"));
        let left = read.left.iter().map(|(origin, what)| format!("{origin}: {what}"));
        Ok(ReadFiles { spec: read.spec, left: missing.chain(left).collect() })
    }
}

/// The files that are lists.
struct Lists<'a> {
    given: &'a Given,
}

impl Lists<'_> {
    fn has(&self, path: &str) -> bool {
        self.given.files.contains_key(path) && path != Kind::Dockerfile.file()
    }

    fn is_empty(&self) -> bool {
        !self.given.files.keys().any(|name| self.has(name))
    }

    fn read(&self) -> Result<(Value, Vec<String>), GivenFileError> {
        let wrong = |source| GivenFileError::Spec { source };
        let partial = read_folder(self).map_err(wrong)?;
        let names_base = partial.base.is_some();
        let notes = partial.warnings().iter().map(ToString::to_string).collect();
        let based = PartialSpec::from_yaml("base", "base: bootstrap").map_err(wrong)?;
        let mut spec = based.merge(partial).finish().map_err(wrong)?.to_document()?;
        if !names_base && let Some(fields) = spec.as_object_mut() {
            fields.remove("base");
        }
        Ok((spec, notes))
    }
}

impl SpecFiles for Lists<'_> {
    fn read(&self, path: &str) -> std::io::Result<Option<String>> {
        Ok(self.given.files.get(path).filter(|_| self.has(path)).cloned())
    }

    fn exists(&self, path: &str) -> bool {
        self.has(path)
    }

    fn shown(&self, path: &str) -> String {
        self.given.shown.get(path).map_or_else(|| Origin::file(path).to_string(), Clone::clone)
    }
}

/// Adds to a spec what another one says: lists of packages grow, maps are joined, other values replace.
pub fn join_specs(spec: &mut Value, other: Value) {
    match (spec, other) {
        (Value::Object(fields), Value::Object(others)) => {
            for (name, value) in others {
                match fields.get_mut(&name) {
                    Some(known) => join_specs(known, value),
                    None => drop(fields.insert(name, value)),
                }
            }
        }
        (Value::Array(items), Value::Array(others)) => {
            for item in others {
                if !items.contains(&item) {
                    items.push(item);
                }
            }
        }
        // A list of packages is short for an object that has one.
        (known @ Value::Array(_), Value::Object(mut fields)) => {
            let mut packages = known.take();
            join_specs(&mut packages, fields.remove("packages").unwrap_or(Value::Array(Vec::new())));
            fields.insert("packages".to_owned(), packages);
            *known = Value::Object(fields);
        }
        (Value::Object(fields), others @ Value::Array(_)) => {
            join_specs(fields.entry("packages").or_insert(Value::Array(Vec::new())), others);
        }
        (known, other) => *known = other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<ReadFiles, GivenFileError> {
        let given =
            files.iter().map(|(name, text)| GivenFile { name: (*name).to_owned(), text: (*text).to_owned() });
        read_files(&given.collect::<Vec<_>>())
    }

    fn spec(files: &[(&str, &str)]) -> Value {
        read(files).unwrap().spec
    }

    #[test]
    fn files_are_known_by_their_names_or_by_how_they_begin() {
        let pip = json!({"pip": {"packages": ["numpy>=2"]}});
        for name in ["requirements.txt", "requirements-dev.txt", "", "needs.in", "C:\\x\\requirements.txt"] {
            assert_eq!(spec(&[(name, "numpy>=2  # fast\n")]), pip, "{name}");
        }
        assert_eq!(spec(&[("apt.txt", "git\n")]), json!({"apt": {"packages": ["git"]}}));
        let environment = "name: x\nchannels: [conda-forge]\ndependencies:\n- python=3.13\n- pip:\n  - six\n";
        for name in ["environment.yml", "env.yaml", ""] {
            assert_eq!(
                spec(&[(name, environment)]),
                json!({"conda": {"packages": ["python=3.13"], "channels": ["conda-forge"]}, "pip": {"packages": ["six"]}}),
                "{name}"
            );
        }
        for name in ["image.yaml", "other.yml", ""] {
            assert_eq!(
                spec(&[(name, "base: a:1\nuser: '1000'\n")]),
                json!({"base": "a:1", "user": "1000"}),
                "{name}"
            );
        }
        for name in ["Dockerfile", "gpu.Dockerfile", "Dockerfile.gpu", ""] {
            assert_eq!(
                spec(&[(name, "FROM a:1\nRUN pip install six\n")]),
                json!({"base": "a:1", "pip": ["six"]}),
                "{name}"
            );
        }
    }

    #[test]
    fn a_dockerfile_and_its_list_are_read_together_and_once() {
        let dockerfile = "FROM a:1\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nRUN make\n";
        let both = read(&[("Dockerfile", dockerfile), ("requirements.txt", "six\n")]).unwrap();
        assert_eq!(both.spec, json!({"base": "a:1", "pip": {"packages": ["six"]}}));
        assert_eq!(both.left, ["Dockerfile:4: `make` is a command of its own"]);
        let alone = read(&[("Dockerfile", dockerfile)]).unwrap();
        assert_eq!(alone.left[0], "Dockerfile:3: packages of `requirements.txt`: add that file as well");
        let beside = spec(&[
            ("Dockerfile", "FROM a:1\nRUN pip install six"),
            ("requirements.txt", "numpy"),
            ("apt.txt", "git"),
        ]);
        assert_eq!(
            beside,
            json!({"base": "a:1", "apt": {"packages": ["git"]}, "pip": {"packages": ["six", "numpy"]}})
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (files, expected) in [
            (vec![("requirements.txt", "numpy\n==2\n")], "requirements.txt:2"),
            (vec![("Dockerfile", "FROM a:1\nRUNN x\n")], "Dockerfile:2"),
            (vec![("requirements.txt", "-e .\n")], "."),
            (vec![("a.txt", "six"), ("b.txt", "numpy")], "`b.txt` and another file"),
            (vec![("image.yaml", "bse: a")], "image.yaml"),
        ] {
            let error = read(&files).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
