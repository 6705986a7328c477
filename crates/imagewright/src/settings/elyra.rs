//! Where Elyra keeps its records on this machine, by the variables and programs that Elyra itself goes by.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use imagewright_service::metadata::Surroundings;

use super::machine::{HOME, on_search_path};

/// The system's folders of Jupyter.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/local/share/jupyter", "/usr/share/jupyter"];
/// Programs that are installed beside Elyra, the surest first.
const PROGRAMS: [&str; 3] = ["elyra-metadata", "jupyter-lab", "jupyter"];
/// Longer first lines name no interpreter.
const LONGEST_LINE: u64 = 4096;

/// What decides where records lie.
pub(crate) fn surroundings() -> Surroundings {
    let path = |name| std::env::var_os(name).map(PathBuf::from);
    Surroundings {
        metadata_path: std::env::var_os("ELYRA_METADATA_PATH"),
        jupyter_data: path("JUPYTER_DATA_DIR").or_else(data_folder),
        data_home: path("XDG_DATA_HOME"),
        home: path(HOME),
        system: system_folders(),
        python_prefix: python_prefix(),
    }
}

/// Jupyter's own folder of a user, on systems that have a place of their own for such things.
fn data_folder() -> Option<PathBuf> {
    let below = |name, path| Some(PathBuf::from(std::env::var_os(name)?).join(path));
    if cfg!(target_os = "macos") {
        below(HOME, "Library/Jupyter")
    } else if cfg!(windows) {
        below("APPDATA", "jupyter")
    } else {
        None
    }
}

fn system_folders() -> Vec<PathBuf> {
    if cfg!(windows) {
        let folder = std::env::var_os("PROGRAMDATA").map(|folder| PathBuf::from(folder).join("jupyter"));
        return folder.into_iter().collect();
    }
    SYSTEM_FOLDERS.map(PathBuf::from).to_vec()
}

/// The prefix of the Python that has Elyra, else of the environment that is active.
fn python_prefix() -> Option<PathBuf> {
    let installed =
        PROGRAMS.iter().flat_map(|program| on_search_path(program)).find_map(|program| prefix_of(&program));
    let active = ["VIRTUAL_ENV", "CONDA_PREFIX"].iter().find_map(std::env::var_os).map(PathBuf::from);
    let python = || on_search_path("python3").first()?.parent()?.parent().map(Path::to_path_buf);
    installed.or(active).or_else(python)
}

/// The prefix of the interpreter in the first line of a script: `#!/venv/bin/python3` is `/venv`.
fn prefix_of(script: &Path) -> Option<PathBuf> {
    let mut line = String::new();
    BufReader::new(File::open(script).ok()?.take(LONGEST_LINE)).read_line(&mut line).ok()?;
    let interpreter = Path::new(line.strip_prefix("#!")?.trim());
    let is_python = interpreter.file_name()?.to_str()?.starts_with("python");
    interpreter.parent()?.parent().filter(|_| is_python).map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interpreter_of_a_script_tells_its_prefix() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("elyra-metadata");
        let cases = [
            ("#!/venv/bin/python3\nimport x\n", Some("/venv")),
            ("#!/opt/conda/bin/python3.11", Some("/opt/conda")),
            ("#!/usr/bin/env bash\n", None),
            ("#!/bin/sh\n", None),
            ("\u{7f}ELF", None),
            ("", None),
        ];
        for (text, prefix) in cases {
            std::fs::write(&script, text).unwrap();
            assert_eq!(prefix_of(&script).as_deref(), prefix.map(Path::new), "{text}");
        }
    }
}
