//! What an image so far is like, as far as a kernel in it is concerned.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use imagewright_oci::{Digest, Hasher};
use serde::{Deserialize, Serialize};

use super::account::{HOME, wrapped};
use super::launcher::{FOLDER, KERNEL_LAUNCHER};
use super::part::{BOOKS, KERNEL};
use crate::error::EngineError;
use crate::root_view::RootView;
use crate::step::{self, StepContext};
use crate::workbench::{DEFAULT_PATH, Workbench};

/// Raised when more is found out.
const VERSION: u32 = 1;
/// The search path that a pod of Enterprise Gateway has, whatever the image says.
const CLUSTER_PATH: &str = "/opt/conda/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Mode, owner and group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Look {
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

pub(super) const ROOT_FOLDER: Look = Look { mode: 0o755, uid: 0, gid: 0 };

/// A file that says which users or groups there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Book {
    pub(super) text: String,
    pub(super) look: Look,
}

/// The Python that the kernel runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KernelPython {
    /// The path of its program.
    pub(crate) program: String,
    /// Whether it is that of a virtual environment, which knows it by where it was started.
    pub(crate) is_virtual: bool,
}

/// What makes `python` mean the kernel's Python on every search path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum PythonCommand {
    /// Nothing: it does.
    Nothing,
    /// A link to its program.
    Link(String),
    /// A script that runs its program.
    Script(String),
}

/// What an image so far is like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ground {
    /// By path, without a slash in front. Those that are not there are not in it.
    pub(super) books: BTreeMap<String, Book>,
    /// Folders on the way to what is written, by path, where that is free of links.
    pub(super) folders: BTreeMap<String, Look>,
    /// Where programs of the machine go, without a slash in front: links are followed.
    pub(super) programs: String,
    /// Whether there is `bash`.
    pub(super) has_bash: bool,
    /// The digest of our launcher, where it is there.
    pub(super) launcher: Option<Digest>,
    /// Which Python the image finds on its own path, where it has one.
    pub(super) python: Option<KernelPython>,
    /// Programs called `python` on the path of pods, in order, and where they lead.
    pythons: Vec<(String, String)>,
    /// The program that the `python` of the machine runs, where that is a script of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    script: Option<String>,
}

impl Ground {
    /// Finds out, or remembers.
    pub(super) fn find(context: StepContext<'_>) -> Result<Self, EngineError> {
        let StepContext { site, draft, epoch, report } = context;
        let path = draft.config.env("PATH").unwrap_or(DEFAULT_PATH);
        let key = step::key("kernel-ground", &(VERSION, context.parent(), path));
        if let Some(known) = site.store.get_fact("kernel-ground", &key)? {
            return Ok(known);
        }
        let bench = Workbench::on_part(site, draft, KERNEL, epoch, report)?;
        let ground = Self::of(&bench.view(), path)?;
        site.store.put_fact("kernel-ground", &key, &ground)?;
        Ok(ground)
    }

    fn of(view: &RootView, path: &str) -> Result<Self, EngineError> {
        let programs = real(view, FOLDER);
        let ways = ["etc", "home", HOME.trim_start_matches('/'), programs.as_str()];
        let mut folders = BTreeMap::new();
        for way in ways {
            let mut rest = Some(way);
            while let Some(folder) = rest {
                if let Some((mode, uid, gid)) = view.directory(format!("/{folder}")) {
                    folders.insert(folder.to_owned(), Look { mode, uid, gid });
                }
                rest = folder.rsplit_once('/').map(|(above, _)| above);
            }
        }
        let books = BOOKS.iter().filter_map(|path| Some(((*path).to_owned(), book(view, path)?))).collect();
        let python = view.which(&["python3", "python"], path).map(|program| {
            let program = program.to_string_lossy().into_owned();
            let is_virtual = is_virtual(view, &program);
            KernelPython { program, is_virtual }
        });
        let pythons = CLUSTER_PATH.split(':').filter_map(|folder| {
            let program = format!("{folder}/python");
            let leads_to = view.is_executable(&program).then(|| real(view, &program))?;
            Some((program, leads_to))
        });
        let pythons = pythons.collect();
        let has_bash = view.is_executable("/bin/bash") || view.is_executable("/usr/bin/bash");
        let launcher = launcher(view)?;
        let script = view.read_to_string(format!("{FOLDER}/python"));
        let script = script.and_then(|text| wrapped(&text).map(str::to_owned));
        Ok(Self { books, folders, programs, has_bash, launcher, python, pythons, script })
    }

    /// What a folder is like, or would be.
    pub(super) fn folder(&self, path: &str) -> Look {
        self.folders.get(path).copied().unwrap_or(ROOT_FOLDER)
    }

    /// What lets pods find this Python by the name `python`.
    pub(super) fn command(&self, python: &KernelPython) -> PythonCommand {
        let KernelPython { program, is_virtual } = python;
        let needed = match is_virtual {
            true => PythonCommand::Script(program.clone()),
            false => PythonCommand::Link(program.clone()),
        };
        let mut is_behind = false;
        for folder in CLUSTER_PATH.split(':') {
            let candidate = format!("{folder}/python");
            if candidate == *program {
                return PythonCommand::Nothing;
            }
            is_behind |= folder == FOLDER;
            if let Some((_, leads_to)) = self.pythons.iter().find(|(known, _)| *known == candidate) {
                let runs_it =
                    folder == FOLDER && self.script.as_deref().is_some_and(|it| is_beside(it, program));
                let is_same = runs_it || !is_virtual && self.leads_to(program, leads_to);
                // Where another one comes before ours would, ours would not help: `check` tells of it.
                return if is_same || !is_behind { PythonCommand::Nothing } else { needed };
            }
        }
        needed
    }

    /// The minor version of a Python 3, as far as the names of its programs tell.
    pub(super) fn minor_version(&self, python: &KernelPython) -> Option<u32> {
        let beside = Path::new(&python.program).with_file_name("python").to_string_lossy().into_owned();
        let (_, leads_to) = self.pythons.iter().find(|(known, _)| *known == beside)?;
        leads_to.rsplit('/').next()?.strip_prefix("python3.")?.parse().ok()
    }

    /// Whether a program is another name for that of a path without links.
    fn leads_to(&self, program: &str, place: &str) -> bool {
        let beside = |name: &str| Path::new(program).with_file_name(name).to_string_lossy().into_owned();
        let known = self.pythons.iter().find(|(known, _)| *known == beside("python"));
        program.trim_start_matches('/') == place || known.is_some_and(|(_, leads_to)| leads_to == place)
    }
}

/// Whether two programs lie in one folder: those of a Python are the same there.
fn is_beside(one: &str, other: &str) -> bool {
    Path::new(one).parent() == Path::new(other).parent()
}

/// A path without links, and without a slash in front; what is not there is taken as it is.
fn real(view: &RootView, path: &str) -> String {
    let place = view.place(Path::new(path)).map(|place| place.to_string_lossy().into_owned());
    place.unwrap_or_else(|| path.to_owned()).trim_start_matches('/').to_owned()
}

fn is_virtual(view: &RootView, program: &str) -> bool {
    let environment = Path::new(program).parent().and_then(Path::parent);
    environment.is_some_and(|environment| view.exists(environment.join("pyvenv.cfg")))
}

fn book(view: &RootView, path: &str) -> Option<Book> {
    let path = format!("/{path}");
    let (_, metadata) = view.find(Path::new(&path))?;
    let look = Look { mode: metadata.mode() & 0o7777, uid: metadata.uid(), gid: metadata.gid() };
    Some(Book { text: view.read_to_string(&path)?, look })
}

fn launcher(view: &RootView) -> Result<Option<Digest>, EngineError> {
    let Some((host, metadata)) = view.find(&Path::new(FOLDER).join(KERNEL_LAUNCHER)) else { return Ok(None) };
    if !metadata.is_file() || metadata.mode() & 0o7777 != 0o755 {
        return Ok(None);
    }
    let mut hasher = Hasher::default();
    let mut file = File::open(&host).map_err(EngineError::io("open", &host))?;
    io::copy(&mut file, &mut hasher).map_err(EngineError::io("read", &host))?;
    Ok(Some(hasher.finish()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_script_of_ours_stays() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("usr/local/bin/python");
        fs::create_dir_all(script.parent().unwrap()).unwrap();
        fs::write(&script, super::super::account::wrapper("/opt/venv/bin/python")).unwrap();
        fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
        let ground = Ground::of(&RootView::new(vec![folder.path().to_owned()]), DEFAULT_PATH).unwrap();
        assert_eq!(ground.command(&python("/opt/venv/bin/python3", true)), PythonCommand::Nothing);
        let other = PythonCommand::Script("/opt/other/bin/python".to_owned());
        assert_eq!(ground.command(&python("/opt/other/bin/python", true)), other);
    }

    /// An image with these programs, each a link where it says so.
    fn ground(programs: &[(&str, Option<&str>)]) -> Ground {
        let folder = tempfile::tempdir().unwrap();
        for (path, target) in programs {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match target {
                Some(target) => symlink(target, &path).unwrap(),
                None => {
                    fs::write(&path, "").unwrap();
                    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
                }
            }
        }
        Ground::of(&RootView::new(vec![folder.path().to_owned()]), DEFAULT_PATH).unwrap()
    }

    fn python(program: &str, is_virtual: bool) -> KernelPython {
        KernelPython { program: program.to_owned(), is_virtual }
    }

    #[test]
    fn pods_find_the_python_of_the_kernel() {
        let debian = [("usr/bin/python3.13", None), ("usr/bin/python3", Some("python3.13"))];
        let venv = PythonCommand::Script("/opt/venv/bin/python".to_owned());
        assert_eq!(ground(&debian).command(&python("/opt/venv/bin/python", true)), venv);
        let link = PythonCommand::Link("/usr/bin/python3".to_owned());
        assert_eq!(ground(&debian).command(&python("/usr/bin/python3", false)), link);
        let named = [debian[0], debian[1], ("usr/bin/python", Some("python3"))];
        // Debian's is behind ours on the path.
        assert_eq!(ground(&named).command(&python("/usr/bin/python3", false)), PythonCommand::Nothing);
        assert_eq!(ground(&named).command(&python("/opt/venv/bin/python", true)), venv);
        assert_eq!(ground(&named).minor_version(&python("/usr/bin/python3", false)), Some(13));
        let official = [("usr/local/bin/python3.12", None), ("usr/local/bin/python", Some("python3.12"))];
        assert_eq!(
            ground(&official).command(&python("/usr/local/bin/python3", false)),
            PythonCommand::Nothing
        );
        assert_eq!(ground(&official).command(&python("/opt/venv/bin/python", true)), venv);
        // conda's comes first, whether it is there or is about to come.
        let conda = [("opt/conda/bin/python", None), debian[0]];
        assert_eq!(ground(&conda).command(&python("/opt/conda/bin/python3", false)), PythonCommand::Nothing);
        assert_eq!(ground(&debian).command(&python("/opt/conda/bin/python", false)), PythonCommand::Nothing);
        assert_eq!(ground(&conda).command(&python("/opt/venv/bin/python", true)), PythonCommand::Nothing);
    }
}
