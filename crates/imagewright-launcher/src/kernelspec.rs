//! Kernelspecs of the image: how its kernels are started.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::LauncherError;
use crate::request::Environment;

/// No `kernel.json` is larger.
const LARGEST: u64 = 1 << 20;
/// Stands for the connection file in a command.
pub const CONNECTION_FILE: &str = "{connection_file}";

/// How a kernel is interrupted.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum InterruptMode {
    /// By a signal.
    #[default]
    Signal,
    /// By a message that the gateway sends to the kernel itself.
    Message,
}

/// What we need of a `kernel.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Kernelspec {
    /// The command, with placeholders.
    pub argv: Vec<String>,
    /// What the kernel speaks.
    #[serde(default)]
    pub language: String,
    /// Variables for it.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// How it is interrupted.
    #[serde(default)]
    pub interrupt_mode: InterruptMode,
}

impl Kernelspec {
    /// Reads one, and sees that it can be started.
    pub fn parse(text: &str) -> Result<Self, String> {
        let spec: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        match () {
            () if spec.argv.first().is_none_or(String::is_empty) => Err("`argv` is empty".to_owned()),
            () if !spec.argv.iter().any(|argument| argument.contains(CONNECTION_FILE)) => {
                Err(format!("`argv` has no `{CONNECTION_FILE}`, so it starts no kernel of this machine"))
            }
            () => Ok(spec),
        }
    }
}

/// A folder with a `kernel.json`.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its name, in lower case as Jupyter lists it.
    pub name: String,
    /// The folder.
    pub folder: PathBuf,
}

impl Found {
    /// Reads its `kernel.json`.
    pub fn read(&self) -> Result<Kernelspec, LauncherError> {
        let file = self.folder.join("kernel.json");
        let wrong = |reason: String| LauncherError::Kernelspec { file: file.clone(), reason };
        let mut text = String::new();
        let reader = fs::File::open(&file).map_err(|error| wrong(error.to_string()))?;
        reader.take(LARGEST).read_to_string(&mut text).map_err(|error| wrong(error.to_string()))?;
        Kernelspec::parse(&text).map_err(wrong)
    }

    /// The environment of Python that it lies in: what is above `share/jupyter/kernels`.
    pub fn prefix(&self) -> Option<&Path> {
        self.folder.parent()?.parent()?.parent()?.parent()
    }
}

/// Data folders of Jupyter in its order, with those of the environments of Python in `prefixes`.
pub fn data_folders(environment: &Environment, prefixes: &[PathBuf]) -> Vec<PathBuf> {
    let own = environment.get("JUPYTER_DATA_DIR").map(PathBuf::from);
    let own =
        own.or_else(|| environment.get("XDG_DATA_HOME").map(|folder| PathBuf::from(folder).join("jupyter")));
    let own =
        own.or_else(|| environment.get("HOME").map(|home| PathBuf::from(home).join(".local/share/jupyter")));
    let system = ["/usr/local/share/jupyter", "/usr/share/jupyter"].map(PathBuf::from);
    let prefixes = prefixes.iter().map(|prefix| prefix.join("share/jupyter"));
    let mut folders = Vec::new();
    for folder in environment.folders("JUPYTER_PATH").into_iter().chain(own).chain(prefixes).chain(system) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

/// The kernelspecs in these folders. Of those with one name, the first counts.
pub fn find(folders: &[PathBuf]) -> Vec<Found> {
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    for folder in folders {
        let Ok(entries) = fs::read_dir(folder.join("kernels")) else { continue };
        for folder in entries.flatten().map(|entry| entry.path()) {
            let Some(name) = folder.file_name().and_then(|name| name.to_str()).map(str::to_lowercase) else {
                continue;
            };
            if folder.join("kernel.json").is_file() {
                found.entry(name.clone()).or_insert(Found { name, folder });
            }
        }
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn kernelspecs_are_read() {
        let spec = Kernelspec::parse(
            r#"{"argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "Python 3",
                "language": "python", "env": {"A": "b"}, "interrupt_mode": "message", "metadata": {"debugger": true}}"#,
        )
        .unwrap();
        assert_eq!((spec.language.as_str(), spec.interrupt_mode), ("python", InterruptMode::Message));
        assert_eq!(spec.env["A"], "b");
        assert_eq!(
            Kernelspec::parse(r#"{"argv": ["k", "--f={connection_file}"]}"#).unwrap().interrupt_mode,
            InterruptMode::Signal
        );
        for wrong in [
            "",
            "[]",
            r#"{"argv": []}"#,
            r#"{"argv": ["", "{connection_file}"]}"#,
            r#"{"argv": ["python", "launch_docker.py"]}"#,
        ] {
            assert!(Kernelspec::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_first_folder_wins_whatever_the_case() {
        let root = tempfile::tempdir().unwrap();
        let folders = ["one", "two"].map(|name| root.path().join(name));
        for (folder, name) in [(0, "IR"), (1, "ir"), (1, "python3"), (1, "empty")] {
            fs::create_dir_all(folders[folder].join("kernels").join(name)).unwrap();
            if name != "empty" {
                fs::write(folders[folder].join("kernels").join(name).join("kernel.json"), "{}").unwrap();
            }
        }
        let found = find(&folders);
        assert_eq!(found.iter().map(|found| found.name.as_str()).collect::<Vec<_>>(), ["ir", "python3"]);
        assert!(found[0].folder.starts_with(&folders[0]));
        assert_eq!(found[0].read().unwrap_err().exit_code(), 66);
    }

    #[test]
    fn folders_come_in_the_order_of_jupyter() {
        let variables = [("JUPYTER_PATH", "/a:relative:/b"), ("HOME", "/home/jovyan")];
        let environment =
            Environment(variables.iter().map(|(name, value)| (name.into(), value.into())).collect());
        let folders = data_folders(&environment, &["/opt/venv".into(), "/usr".into()]);
        let expected = [
            "/a",
            "/b",
            "/home/jovyan/.local/share/jupyter",
            "/opt/venv/share/jupyter",
            "/usr/share/jupyter",
            "/usr/local/share/jupyter",
        ];
        assert_eq!(folders, expected.map(PathBuf::from));
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in ".{0,60}", argument in ".{0,20}") {
            let _ = Kernelspec::parse(&text);
            let text = serde_json::json!({"argv": [argument.clone(), CONNECTION_FILE], "extra": text}).to_string();
            prop_assert_eq!(Kernelspec::parse(&text).is_ok(), !argument.is_empty());
        }
    }
}
