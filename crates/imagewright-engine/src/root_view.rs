//! Looks into unpacked layers as a container would see them, without mounting anything.
//!
//! Serves small questions (which distribution is this, is there a Python, who is user `jovyan`) that would not
//! be worth starting a sandbox for.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

use imagewright_store::overlay;

/// As many links as the kernel follows in one path.
const LONGEST_LINK_CHAIN: usize = 40;
/// Small files are read whole; nothing this module is asked for is larger.
const LARGEST_FILE: u64 = 4 << 20;

/// The layers of one root, top first, as absolute paths.
#[derive(Clone, Debug)]
pub(crate) struct RootView {
    layers: Vec<PathBuf>,
}

impl RootView {
    pub(crate) fn new(layers: Vec<PathBuf>) -> Self {
        Self { layers }
    }

    /// The text of a small file of the image; none where it does not exist or is no regular file.
    pub(crate) fn read_to_string(&self, path: impl AsRef<Path>) -> Option<String> {
        let (host_path, metadata) = self.find(path.as_ref())?;
        if !metadata.is_file() || metadata.len() > LARGEST_FILE {
            return None;
        }
        fs::read(host_path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Whether `path` leads to a file that somebody may execute.
    pub(crate) fn is_executable(&self, path: impl AsRef<Path>) -> bool {
        self.find(path.as_ref())
            .is_some_and(|(_, metadata)| metadata.is_file() && metadata.mode() & 0o111 != 0)
    }

    /// Whether `path` leads to a directory.
    pub(crate) fn is_directory(&self, path: impl AsRef<Path>) -> bool {
        self.find(path.as_ref()).is_some_and(|(_, metadata)| metadata.is_dir())
    }

    /// Whether there is anything at `path`, the target of its last link aside.
    pub(crate) fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.find_itself(path.as_ref()).is_some()
    }

    /// Mode, owner and group of a directory.
    pub(crate) fn directory(&self, path: impl AsRef<Path>) -> Option<(u32, u32, u32)> {
        let (_, metadata) = self.find(path.as_ref()).filter(|(_, metadata)| metadata.is_dir())?;
        Some((metadata.mode() & 0o7777, metadata.uid(), metadata.gid()))
    }

    /// The names in a directory of the image, sorted.
    pub(crate) fn list(&self, path: impl AsRef<Path>) -> Vec<OsString> {
        let mut names = BTreeSet::new();
        let Some(directory) = self.resolve(path.as_ref()) else { return Vec::new() };
        for layer in &self.layers {
            if let Lookup::Hidden = look_up_in(layer, &directory) {
                break;
            }
            let entries = fs::read_dir(layer.join(&directory)).into_iter().flatten().flatten();
            names.extend(entries.map(|entry| entry.file_name()));
            if overlay::is_opaque(&layer.join(&directory)).unwrap_or(false) {
                break;
            }
        }
        names.retain(|name| self.look_up(&directory.join(name)).is_some());
        names.into_iter().collect()
    }

    /// The first of `names` that the folders of `search_path` hold, as a path of the image.
    pub(crate) fn which(&self, names: &[&str], search_path: &str) -> Option<PathBuf> {
        search_path
            .split(':')
            .filter(|folder| folder.starts_with('/'))
            .flat_map(|folder| names.iter().map(move |name| Path::new(folder).join(name)))
            .find(|candidate| self.is_executable(candidate))
    }

    /// Where the thing at `path` lies on the host, links of the image followed inside the image.
    pub(crate) fn find(&self, path: &Path) -> Option<(PathBuf, Metadata)> {
        self.look_up(&self.resolve(path)?)
    }

    /// Like [`find`](Self::find), but a link at the end stays a link.
    pub(crate) fn find_itself(&self, path: &Path) -> Option<(PathBuf, Metadata)> {
        let folder = self.resolve(path.parent()?)?;
        self.look_up(&folder.join(path.file_name()?))
    }

    /// The path without links that `path` leads to.
    pub(crate) fn resolve(&self, path: &Path) -> Option<PathBuf> {
        let mut pending: VecDeque<OsString> = components(path).collect();
        let mut resolved = PathBuf::new();
        let mut links = 0;
        while let Some(name) = pending.pop_front() {
            if name == ".." {
                resolved.pop();
                continue;
            }
            let candidate = resolved.join(&name);
            let (host_path, metadata) = self.look_up(&candidate)?;
            if !metadata.is_symlink() {
                resolved = candidate;
                continue;
            }
            links += 1;
            if links > LONGEST_LINK_CHAIN {
                return None;
            }
            let target = fs::read_link(host_path).ok()?;
            if target.is_absolute() {
                resolved = PathBuf::new();
            }
            for component in components(&target).collect::<Vec<_>>().into_iter().rev() {
                pending.push_front(component);
            }
        }
        Some(resolved)
    }

    /// The path without links at which something made at `path` would lie: as far as there is anything, links are
    /// followed. None where links lead in a circle.
    pub(crate) fn place(&self, path: &Path) -> Option<PathBuf> {
        let mut path = path.to_path_buf();
        for _ in 0..LONGEST_LINK_CHAIN {
            if let Some(resolved) = self.resolve(&path) {
                return Some(resolved);
            }
            let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
                return Some(PathBuf::new());
            };
            let parent = self.place(parent)?;
            let candidate = parent.join(name);
            match self.look_up(&candidate) {
                Some((host_path, metadata)) if metadata.is_symlink() => {
                    path = parent.join(fs::read_link(host_path).ok()?);
                }
                _ => return Some(candidate),
            }
        }
        None
    }

    /// The topmost layer's idea of `path`, which is relative and free of links up to its last component.
    fn look_up(&self, path: &Path) -> Option<(PathBuf, Metadata)> {
        for layer in &self.layers {
            match look_up_in(layer, path) {
                Lookup::Found(metadata) => return Some((layer.join(path), metadata)),
                Lookup::Hidden => return None,
                Lookup::Absent => {}
            }
        }
        None
    }
}

enum Lookup {
    /// It is here.
    Found(Metadata),
    /// It is not here, and nothing below may show through.
    Hidden,
    /// This layer says nothing about it.
    Absent,
}

fn look_up_in(layer: &Path, path: &Path) -> Lookup {
    let mut here = layer.to_path_buf();
    let mut opaque = false;
    let Ok(mut found) = fs::symlink_metadata(&here) else { return Lookup::Absent };
    for component in path.components() {
        here.push(component);
        found = match fs::symlink_metadata(&here) {
            Ok(metadata) if is_whiteout(&metadata) => return Lookup::Hidden,
            Ok(metadata) => metadata,
            Err(_) if opaque => return Lookup::Hidden,
            Err(_) => return Lookup::Absent,
        };
        opaque |= found.is_dir() && overlay::is_opaque(&here).unwrap_or(false);
    }
    Lookup::Found(found)
}

fn is_whiteout(metadata: &Metadata) -> bool {
    metadata.file_type().is_char_device() && metadata.rdev() == 0
}

fn components(path: &Path) -> impl Iterator<Item = OsString> + '_ {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_os_string()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let file = root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    #[test]
    fn upper_layers_win_and_links_stay_inside() {
        let folder = tempfile::tempdir().unwrap();
        let (top, bottom) = (folder.path().join("top"), folder.path().join("bottom"));
        write(&bottom, "usr/lib/os-release", "ID=debian");
        write(&bottom, "etc/name", "below");
        write(&top, "etc/name", "above");
        symlink("../usr/lib/os-release", bottom.join("etc/os-release")).unwrap();
        symlink("/../../../../../../etc/name", top.join("etc/escape")).unwrap();
        symlink("loop", top.join("etc/loop")).unwrap();
        symlink("/etc/missing", top.join("etc/dangling")).unwrap();
        symlink("usr/bin", bottom.join("bin")).unwrap();
        write(&bottom, "usr/bin/python3", "");
        fs::set_permissions(bottom.join("usr/bin/python3"), PermissionsExt::from_mode(0o755)).unwrap();
        let view = RootView::new(vec![top, bottom]);

        assert_eq!(view.read_to_string("/etc/os-release").as_deref(), Some("ID=debian"));
        assert_eq!(view.read_to_string("/etc/name").as_deref(), Some("above"));
        assert_eq!(view.read_to_string("etc/escape").as_deref(), Some("above"));
        assert_eq!(view.read_to_string("/etc/loop"), None);
        assert_eq!(view.read_to_string("/etc"), None);
        assert!(view.is_directory("/etc"));
        assert!(view.exists("/etc/loop") && view.exists("/bin") && !view.exists("/etc/nothing"));
        assert_eq!(view.directory("/etc").map(|(mode, ..)| mode & 0o700), Some(0o700));
        assert_eq!(view.directory("/etc/name"), None);
        assert_eq!(view.list("/etc"), ["dangling", "escape", "loop", "name", "os-release"]);
        assert!(view.list("/nowhere").is_empty());
        for (path, place) in [
            ("/bin/new/deep", "usr/bin/new/deep"),
            ("/etc/name", "etc/name"),
            ("/etc/dangling", "etc/missing"),
            ("/", ""),
        ] {
            assert_eq!(view.place(Path::new(path)).as_deref(), Some(Path::new(place)), "{path}");
        }
        assert_eq!(view.place(Path::new("/etc/loop")), None);
        let python = view.which(&["python3", "python"], "relative:/sbin:/bin");
        assert_eq!(python.as_deref(), Some(Path::new("/bin/python3")));
        assert_eq!(view.which(&["python2"], "/bin"), None);
    }
}
