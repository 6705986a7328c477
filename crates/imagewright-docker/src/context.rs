//! What of a folder the daemon gets to see.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::UNIX_EPOCH;

use bollard_buildkit_proto::fsutil::types::Stat;
use imagewright_dockerfile::{IgnoreRules, PathGlob};

use crate::error::DockerError;

/// Bits of a mode as Go's `os.FileMode` has them.
mod mode {
    pub(super) const FOLDER: u32 = 1 << 31;
    pub(super) const LINK: u32 = 1 << 27;
    #[cfg(unix)]
    pub(super) const SET_USER: u32 = 1 << 23;
    #[cfg(unix)]
    pub(super) const SET_GROUP: u32 = 1 << 22;
    #[cfg(unix)]
    pub(super) const STICKY: u32 = 1 << 20;
}

/// How many links in a row are followed before they count as a circle.
const MOST_LINKS: usize = 40;

/// A folder of this machine that the daemon may read.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What of it does not count.
    pub(crate) ignore: IgnoreRules,
}

/// What the daemon wants of a folder: everything where it names no paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) paths: Vec<String>,
}

/// One walk through a folder.
struct Walk<'a> {
    root: &'a Path,
    ignore: &'a IgnoreRules,
    /// What of the folder counts; none where all of it does.
    tops: Option<Tops>,
    linked: Linked,
}

/// Files with several names by their identity, and the first name of each. Elsewhere than on Unix each name is a file.
#[derive(Default)]
struct Linked {
    #[cfg(unix)]
    first: std::collections::HashMap<(u64, u64), String>,
}

/// What names and patterns lead to.
#[derive(Default)]
struct Tops {
    /// Paths at and below which everything counts.
    whole: Vec<String>,
    /// Folders that count themselves: a pattern is looked for in them.
    searched: Vec<String>,
}

/// Takes an entry in; whether it is a file says whether its contents may be asked for.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(Stat, bool) -> Result<(), DockerError>;

impl Folder {
    /// Tells everything that is wanted, sorted as BuildKit sorts.
    pub(crate) fn walk(&self, wanted: &Wanted, visit: Visit<'_>) -> Result<(), DockerError> {
        let none = IgnoreRules::default();
        // The daemon asks for these before it knows what they say.
        let is_about_itself = |path: &String| {
            path.ends_with(".dockerignore") && !path.contains('/') && self.path.join(path).is_file()
        };
        let asks_for_rules = !wanted.paths.is_empty() && wanted.paths.iter().all(is_about_itself);
        let tops = (!wanted.paths.is_empty()).then(|| self.resolve(&wanted.paths));
        let ignore = if asks_for_rules { &none } else { &self.ignore };
        let tops = tops.filter(|tops| !tops.whole.iter().any(String::is_empty));
        Walk { root: &self.path, ignore, tops, linked: Linked::default() }.below("", &mut Vec::new(), visit)
    }

    /// The paths that names and patterns lead to, with the links on the way.
    fn resolve(&self, wanted: &[String]) -> Tops {
        let mut tops = Tops::default();
        for path in wanted {
            self.follow(&parts_of(path), &mut tops, MOST_LINKS);
        }
        tops
    }

    fn follow(&self, parts: &[String], tops: &mut Tops, links_left: usize) {
        let mut reached: Vec<String> = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            if PathGlob::is_pattern(part) {
                let Some(glob) = PathGlob::parse(part) else {
                    // What cannot be matched here, the daemon matches: it gets the whole folder.
                    tops.whole.push(reached.join("/"));
                    return;
                };
                tops.searched.push(reached.join("/"));
                for name in self.names_in(&reached.join("/")).into_iter().filter(|name| glob.matches(name)) {
                    let rest = &parts[index + 1..];
                    let parts: Vec<String> =
                        reached.iter().cloned().chain([name]).chain(rest.iter().cloned()).collect();
                    // A name that is itself written like a pattern would be matched again for ever.
                    match PathGlob::is_pattern(&parts[index]) {
                        true => tops.whole.push(parts[..=index].join("/")),
                        false => self.follow(&parts, tops, links_left),
                    }
                }
                return;
            }
            reached.push(part.clone());
            let path = reached.join("/");
            if let Ok(target) = fs::read_link(self.path.join(&path)) {
                tops.whole.push(path);
                if links_left > 0 {
                    reached.pop();
                    let rest = parts[index + 1..].iter().cloned();
                    let parts: Vec<String> = target_of(&reached, &target).into_iter().chain(rest).collect();
                    self.follow(&parts, tops, links_left - 1);
                }
                return;
            }
        }
        tops.whole.push(reached.join("/"));
    }

    fn names_in(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path.join(path)).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }
}

fn parts_of(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part.to_owned()),
        }
    }
    parts
}

/// Where a link in a folder leads, inside of the context: as if the context were the root.
fn target_of(folder: &[String], target: &Path) -> Vec<String> {
    let mut parts = if target.has_root() { Vec::new() } else { folder.to_vec() };
    for component in target.components() {
        match component {
            Component::ParentDir => drop(parts.pop()),
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    parts
}

impl Walk<'_> {
    /// `pending` has the folders above that count only if something in them does.
    fn below(&mut self, folder: &str, pending: &mut Vec<Stat>, visit: Visit<'_>) -> Result<(), DockerError> {
        let path = self.root.join(folder);
        let mut names = Vec::new();
        for entry in fs::read_dir(&path).map_err(unreadable(&path))? {
            let name = entry.map_err(unreadable(&path))?.file_name();
            names.push(name.into_string().map_err(|name| DockerError::FileName { path: path.join(name) })?);
        }
        names.sort();
        for name in names {
            let relative = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            self.entry(&relative, pending, visit)?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        relative: &str,
        pending: &mut Vec<Stat>,
        visit: Visit<'_>,
    ) -> Result<(), DockerError> {
        if !self.leads_to_a_top(relative) {
            return Ok(());
        }
        let path = self.root.join(relative);
        let metadata = match fs::symlink_metadata(&path) {
            // Somebody works in the folder while it is read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            metadata => metadata.map_err(unreadable(&path))?,
        };
        let ignored = self.ignore.ignores(relative);
        if ignored && !(metadata.is_dir() && self.ignore.has_exceptions()) {
            return Ok(());
        }
        let Some(stat) = self.stat(relative, &path, &metadata)? else { return Ok(()) };
        let depth = pending.len();
        if ignored {
            pending.push(stat);
        } else {
            pending.drain(..).try_for_each(|folder| visit(folder, false))?;
            let has_contents = metadata.is_file() && stat.linkname.is_empty();
            visit(stat, has_contents)?;
        }
        if metadata.is_dir() {
            self.below(relative, pending, visit)?;
            pending.truncate(depth);
        }
        Ok(())
    }

    /// Whether a path is wanted, or on the way to what is.
    fn leads_to_a_top(&self, path: &str) -> bool {
        let is_within = |path: &str, folder: &str| {
            path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let Some(tops) = &self.tops else { return true };
        tops.whole.iter().any(|top| is_within(path, top) || is_within(top, path))
            || tops.searched.iter().any(|folder| is_within(folder, path))
    }

    /// What the daemon is told of an entry; nothing of sockets, pipes and devices. Owners do not count.
    fn stat(
        &mut self,
        relative: &str,
        path: &Path,
        metadata: &Metadata,
    ) -> Result<Option<Stat>, DockerError> {
        let kind = metadata.file_type();
        let mut stat = Stat { path: relative.to_owned(), mode: permissions(metadata), ..Stat::default() };
        if kind.is_dir() {
            stat.mode |= mode::FOLDER;
        } else if kind.is_symlink() {
            stat.mode |= mode::LINK;
            let target = fs::read_link(path).map_err(unreadable(path))?;
            let target = target.into_os_string().into_string();
            stat.linkname = target.map_err(|_| DockerError::FileName { path: path.to_path_buf() })?;
        } else if kind.is_file() {
            stat.size = i64::try_from(metadata.len()).unwrap_or(i64::MAX);
            if let Some(first) = self.linked.first_name(relative, metadata) {
                (stat.linkname, stat.size) = (first, 0);
            }
        } else {
            return Ok(None);
        }
        let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        stat.mod_time = changed.and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or_default();
        Ok(Some(stat))
    }
}

impl Linked {
    /// The name under which a file was told before.
    #[cfg(unix)]
    fn first_name(&mut self, relative: &str, metadata: &Metadata) -> Option<String> {
        use std::os::unix::fs::MetadataExt;
        if metadata.nlink() < 2 {
            return None;
        }
        match self.first.entry((metadata.dev(), metadata.ino())) {
            std::collections::hash_map::Entry::Occupied(first) => Some(first.get().clone()),
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(relative.to_owned());
                None
            }
        }
    }

    #[cfg(not(unix))]
    fn first_name(&mut self, _: &str, _: &Metadata) -> Option<String> {
        None
    }
}

#[cfg(unix)]
fn permissions(metadata: &Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    let bits = metadata.permissions().mode();
    let special = [(0o4000, mode::SET_USER), (0o2000, mode::SET_GROUP), (0o1000, mode::STICKY)];
    special.iter().filter(|(bit, _)| bits & bit != 0).fold(bits & 0o777, |mode, (_, theirs)| mode | theirs)
}

#[cfg(not(unix))]
fn permissions(_: &Metadata) -> u32 {
    // As Docker has it: Windows knows nothing of executables.
    0o755
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> DockerError + use<> {
    let path = path.to_path_buf();
    move |source| DockerError::Read { path, source }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
