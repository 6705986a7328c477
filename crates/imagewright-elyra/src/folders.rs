//! Where records lie: Elyra's folders, highest precedence first.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::SCHEMASPACE;
use crate::system::entries;

/// What decides where records lie. Whoever has an environment gathers it.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// `ELYRA_METADATA_PATH`: a list of folders that come before all others.
    pub metadata_path: Option<OsString>,
    /// `JUPYTER_DATA_DIR`: the user's folder of data.
    pub jupyter_data: Option<PathBuf>,
    /// `XDG_DATA_HOME`.
    pub data_home: Option<PathBuf>,
    /// The home folder.
    pub home: Option<PathBuf>,
    /// The system's folders of data, `/usr/local/share/jupyter` first.
    pub system: Vec<PathBuf>,
    /// The prefix of the Python that Elyra is installed in; its records come with it.
    pub python_prefix: Option<PathBuf>,
}

/// The folders of runtime images, highest precedence first. Only the first is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders(Vec<PathBuf>);

impl Folders {
    /// The folders in these surroundings; none where there is neither a home folder nor a setting.
    pub fn of(surroundings: &Surroundings) -> Option<Self> {
        let mut folders = Vec::new();
        let listed = surroundings.metadata_path.as_deref().filter(|list| !list.is_empty());
        folders.extend(listed.into_iter().flat_map(entries));
        folders.extend(user_folder(surroundings));
        folders.extend(surroundings.system.iter().cloned());
        let factory = surroundings.python_prefix.as_ref().map(|prefix| prefix.join("share/jupyter"));
        folders.extend(factory.filter(|folder| !surroundings.system.contains(folder)));
        let has_own = listed.is_some() || user_folder(surroundings).is_some();
        let folders = folders.into_iter().map(|folder| folder.join("metadata").join(SCHEMASPACE));
        has_own.then(|| Self(folders.collect()))
    }

    /// These folders themselves.
    pub fn new(writable: PathBuf, others: impl IntoIterator<Item = PathBuf>) -> Self {
        Self(std::iter::once(writable).chain(others).collect())
    }

    /// All of them, highest precedence first.
    pub fn all(&self) -> &[PathBuf] {
        &self.0
    }

    /// The one that is written to.
    pub fn writable(&self) -> &Path {
        self.0.first().map_or(Path::new(""), PathBuf::as_path)
    }
}

/// `jupyter --data-dir`.
fn user_folder(surroundings: &Surroundings) -> Option<PathBuf> {
    let given = |path: &Option<PathBuf>| path.clone().filter(|path| !path.as_os_str().is_empty());
    given(&surroundings.jupyter_data)
        .or_else(|| Some(given(&surroundings.data_home)?.join("jupyter")))
        .or_else(|| Some(resolved(given(&surroundings.home)?).join(".local/share/jupyter")))
}

/// Jupyter follows links in the home folder's path.
fn resolved(path: PathBuf) -> PathBuf {
    path.canonicalize().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(surroundings: &Surroundings) -> Option<Vec<String>> {
        let folders = Folders::of(surroundings)?;
        let shown = folders
            .all()
            .iter()
            .map(|folder| folder.display().to_string().replace("/metadata/runtime-images", ""));
        Some(shown.collect())
    }

    #[test]
    fn folders_come_in_elyras_order() {
        let all = Surroundings {
            metadata_path: Some("/team/:/site//".into()),
            jupyter_data: Some("/data".into()),
            data_home: Some("/xdg".into()),
            home: Some("/nowhere/me".into()),
            system: vec!["/usr/local/share/jupyter".into(), "/usr/share/jupyter".into()],
            python_prefix: Some("/venv".into()),
        };
        let system = ["/usr/local/share/jupyter", "/usr/share/jupyter"];
        let expect = |first: &[&str], last: &[&str]| {
            let all = first.iter().chain(&system).chain(last);
            Some(all.map(|&folder| folder.to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(shown(&all), expect(&["/team", "/site", "/data"], &["/venv/share/jupyter"]));
        let no_path = Surroundings { metadata_path: Some("".into()), ..all.clone() };
        assert_eq!(shown(&no_path), expect(&["/data"], &["/venv/share/jupyter"]));
        let xdg = Surroundings { jupyter_data: Some("".into()), ..no_path.clone() };
        assert_eq!(shown(&xdg), expect(&["/xdg/jupyter"], &["/venv/share/jupyter"]));
        let home = Surroundings { data_home: None, python_prefix: Some("/usr".into()), ..xdg };
        assert_eq!(shown(&home), expect(&["/nowhere/me/.local/share/jupyter"], &[]));
        assert_eq!(shown(&Surroundings { home: None, ..home }), None);
    }
}
