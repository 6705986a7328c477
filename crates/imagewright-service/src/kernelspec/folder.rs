//! Folders of kernelspecs, as Enterprise Gateway reads them while we write.
//!
//! A gateway with a cache watches its folders: it sees files that are made, written or deleted, and whose attributes change; it does not see
//! a file that another one is renamed over, and stumbles over a folder that is renamed within the ones it watches. So `kernel.json`, which
//! makes a folder a kernelspec, is put in its place last, whole, by a rename, and touched; and it is the first to go. Whoever reads meanwhile
//! finds the old one or the new one.

use std::ffi::OsStr;
use std::fs::{self, File as OpenFile, FileTimes};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use imagewright_kernelspec::{
    File, Files, KERNEL_JSON, Kernelspec, KernelspecError, KernelspecName, Problem,
};
use imagewright_model::ErrorKind;

/// A kernelspec has a few small files.
const LARGEST: u64 = 64 << 20;
const MOST: usize = 1_000;
const DEEPEST: usize = 8;
/// Files that are not finished are called so.
const UNFINISHED: &str = ".unfinished-";

/// A folder of kernelspecs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelsFolder {
    path: PathBuf,
}

/// A kernelspec of a folder.
#[derive(Debug)]
pub struct ListedKernelspec {
    /// Its name, which is that of its folder.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// What is in it, or why that cannot be read.
    pub spec: Result<Kernelspec, KernelsFolderError>,
}

/// Why a folder of kernelspecs does not do what is asked of it.
#[derive(Debug, thiserror::Error)]
pub enum KernelsFolderError {
    /// There is no such kernelspec.
    #[error("there is no kernelspec `{name}` in `{}`", folder.display())]
    NotFound {
        /// What was named.
        name: String,
        /// Where.
        folder: PathBuf,
        /// One that may be meant.
        like: Option<String>,
    },
    /// There is one already.
    #[error("there is a kernelspec `{name}` in `{}` already", folder.display())]
    Exists {
        /// Its name.
        name: KernelspecName,
        /// Where.
        folder: PathBuf,
    },
    /// It holds more than kernelspecs do.
    #[error("`{}` is too large for a kernelspec: more than {} files, or {} MiB", path.display(), MOST, LARGEST >> 20)]
    TooLarge {
        /// Its folder.
        path: PathBuf,
    },
    /// It is none.
    #[error(transparent)]
    Malformed(#[from] KernelspecError),
    /// A file or folder cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file or folder cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl KernelsFolderError {
    /// What decides the exit code.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Exists { .. } => ErrorKind::Conflict,
            Self::TooLarge { .. } => ErrorKind::Invalid,
            Self::Malformed(error) => error.kind(),
            Self::Read { source, .. } | Self::Write { source, .. } => ErrorKind::of_io(source),
        }
    }

    /// What would put it right.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { like: Some(name), .. } => Some(format!("did you mean `{name}`?")),
            Self::NotFound { like: None, .. } => {
                Some("`imagewright kernelspec list --folder DIR` shows what a folder has".to_owned())
            }
            Self::Exists { .. } => {
                Some("give it another name with --name, or replace it with --replace".to_owned())
            }
            Self::TooLarge { .. } => Some("a kernelspec is a kernel.json, scripts and logos".to_owned()),
            Self::Malformed(error) => error.hint(),
            Self::Read { source, .. } | Self::Write { source, .. } => ErrorKind::io_hint(source),
        }
    }
}

impl KernelsFolder {
    /// The folder at a path; it need not be there.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All kernelspecs, by name. A folder that is not there has none.
    pub fn list(&self) -> Result<Vec<ListedKernelspec>, KernelsFolderError> {
        let mut listed = Vec::new();
        for name in self.names()? {
            let path = self.path.join(&name);
            if !path.join(KERNEL_JSON).is_file() {
                continue;
            }
            let spec = read(&path);
            listed.push(ListedKernelspec { name: name.to_lowercase(), path, spec });
        }
        listed.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(listed)
    }

    /// The kernelspec of a name, in any case.
    pub fn find(&self, name: &KernelspecName) -> Result<Kernelspec, KernelsFolderError> {
        let folder = self.folder_of(name)?.filter(|folder| folder.join(KERNEL_JSON).is_file());
        match folder {
            Some(folder) => read(&folder),
            None => Err(self.not_found(name)),
        }
    }

    /// Sees that there is no kernelspec of this name.
    pub fn check_free(&self, name: &KernelspecName) -> Result<(), KernelsFolderError> {
        let there = self.folder_of(name)?;
        match there.is_some_and(|folder| folder.join(KERNEL_JSON).exists()) {
            false => Ok(()),
            true => Err(KernelsFolderError::Exists { name: name.clone(), folder: self.path.clone() }),
        }
    }

    /// Sees that there is a kernelspec of this name, or what is left of one.
    pub fn check_there(&self, name: &KernelspecName) -> Result<(), KernelsFolderError> {
        self.folder_of(name)?.map(drop).ok_or_else(|| self.not_found(name))
    }

    /// Puts a kernelspec in, in place of one of its name where that may be replaced. Its folder.
    pub fn put(&self, spec: &Kernelspec, may_replace: bool) -> Result<PathBuf, KernelsFolderError> {
        if !may_replace {
            self.check_free(&spec.name)?;
        }
        let there = self.folder_of(&spec.name)?;
        let folder = there.unwrap_or_else(|| self.path.join(spec.name.as_str()));
        let mut files = spec.to_files();
        let document = files.remove(KERNEL_JSON).expect("a kernelspec has it");
        make(&folder)?;
        for (path, file) in &files {
            write(&folder.join(path), file)?;
        }
        let place = folder.join(KERNEL_JSON);
        write(&place, &document)?;
        touch(&place)?;
        remove_others(&folder, &folder, &files)?;
        Ok(folder)
    }

    /// Takes a kernelspec away.
    pub fn remove(&self, name: &KernelspecName) -> Result<PathBuf, KernelsFolderError> {
        let folder = self.folder_of(name)?.ok_or_else(|| self.not_found(name))?;
        let document = folder.join(KERNEL_JSON);
        match fs::remove_file(&document) {
            Ok(()) => {}
            // What a killed process left of it goes as well.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(KernelsFolderError::Write { path: document, source }),
        }
        fs::remove_dir_all(&folder)
            .map_err(|source| KernelsFolderError::Write { path: folder.clone(), source })?;
        Ok(folder)
    }

    fn names(&self) -> Result<Vec<String>, KernelsFolderError> {
        let unreadable = |source| KernelsFolderError::Read { path: self.path.clone(), source };
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(unreadable(source)),
        };
        let names = entries.map(|entry| Ok(entry.map_err(unreadable)?.file_name()));
        let names: Result<Vec<_>, KernelsFolderError> = names.collect();
        Ok(names?.into_iter().filter_map(|name| name.into_string().ok()).collect())
    }

    fn folder_of(&self, name: &KernelspecName) -> Result<Option<PathBuf>, KernelsFolderError> {
        let names = self.names()?;
        let found = names.into_iter().find(|found| found.eq_ignore_ascii_case(name.as_str()));
        Ok(found.map(|found| self.path.join(found)))
    }

    fn not_found(&self, name: &KernelspecName) -> KernelsFolderError {
        let names: Vec<String> =
            self.list().unwrap_or_default().into_iter().map(|listed| listed.name).collect();
        let like = name.nearest(names.iter().map(String::as_str)).map(str::to_owned);
        KernelsFolderError::NotFound { name: name.to_string(), folder: self.path.clone(), like }
    }
}

impl ListedKernelspec {
    /// What a gateway would stumble over.
    pub fn problems(&self) -> Vec<Problem> {
        match &self.spec {
            Ok(spec) => spec.problems(),
            Err(error) => vec![Problem { is_error: true, text: imagewright_model::in_one_line(error) }],
        }
    }
}

/// Reads the kernelspec in a folder.
pub(crate) fn read(folder: &Path) -> Result<Kernelspec, KernelsFolderError> {
    let (name, files) = files_of(folder)?;
    Ok(Kernelspec::read(name.parse()?, files)?)
}

/// The name of a folder, and all files in it, whatever is in them.
pub(crate) fn files_of(folder: &Path) -> Result<(String, Files), KernelsFolderError> {
    let whole = fs::canonicalize(folder)
        .map_err(|source| KernelsFolderError::Read { path: folder.to_owned(), source })?;
    let name = whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (mut files, mut left) = (Files::new(), LARGEST);
    gather(&whole, "", DEEPEST, &mut files, &mut left)?;
    Ok((name, files))
}

fn gather(
    folder: &Path,
    beginning: &str,
    depth: usize,
    files: &mut Files,
    left: &mut u64,
) -> Result<(), KernelsFolderError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| KernelsFolderError::Read { path, source }
    };
    for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        let Some(name) = path.file_name().and_then(OsStr::to_str) else { continue };
        let metadata = fs::metadata(&path).map_err(unreadable(&path))?;
        let name = format!("{beginning}{name}");
        if metadata.is_dir() {
            if depth == 0 {
                return Err(KernelsFolderError::TooLarge { path: folder.to_owned() });
            }
            gather(&path, &format!("{name}/"), depth - 1, files, left)?;
        } else if metadata.is_file() && !is_unfinished(&path) {
            if metadata.len() > *left || files.len() >= MOST {
                return Err(KernelsFolderError::TooLarge { path: folder.to_owned() });
            }
            *left -= metadata.len();
            let contents = fs::read(&path).map_err(unreadable(&path))?;
            files.insert(name, File { contents, is_program: is_program(&metadata) });
        }
    }
    Ok(())
}

fn is_unfinished(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(UNFINISHED))
}

fn make(folder: &Path) -> Result<(), KernelsFolderError> {
    let unwritable = |source| KernelsFolderError::Write { path: folder.to_owned(), source };
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(unwritable)?;
    // The gateway may be another user.
    open_to_all(folder).map_err(unwritable)
}

/// Writes a file beside its place, whole, and puts it there. What is as it should be stays.
pub(super) fn write(place: &Path, file: &File) -> Result<(), KernelsFolderError> {
    let unwritable = |source| KernelsFolderError::Write { path: place.to_owned(), source };
    let as_it_should_be = fs::metadata(place).is_ok_and(|metadata| is_program(&metadata) == file.is_program)
        && fs::read(place).is_ok_and(|contents| contents == file.contents);
    if as_it_should_be {
        return Ok(());
    }
    let folder = place.parent().expect("files lie in a folder");
    make(folder)?;
    let mut unfinished =
        tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder).map_err(unwritable)?;
    unfinished.write_all(&file.contents).map_err(unwritable)?;
    set_mode(unfinished.as_file(), file.mode()).map_err(unwritable)?;
    unfinished.as_file().sync_all().map_err(unwritable)?;
    unfinished.persist(place).map_err(|error| unwritable(error.error))?;
    sync(folder).map_err(unwritable)
}

/// Whoever watches a file is told that it has changed.
fn touch(file: &Path) -> Result<(), KernelsFolderError> {
    let now = FileTimes::new().set_modified(SystemTime::now());
    OpenFile::options()
        .write(true)
        .open(file)
        .and_then(|open| open.set_times(now))
        .map_err(|source| KernelsFolderError::Write { path: file.to_owned(), source })
}

/// Removes what is not among the files: of a kernelspec that was replaced, and what killed processes left.
fn remove_others(root: &Path, folder: &Path, files: &Files) -> Result<(), KernelsFolderError> {
    let failed = |source| KernelsFolderError::Write { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let inside = path.strip_prefix(root).unwrap_or(&path);
        let name =
            inside.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
        if name == KERNEL_JSON || files.contains_key(&name) {
            continue;
        }
        let is_folder = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir());
        let holds_some = files.keys().any(|file| file.starts_with(&format!("{name}/")));
        match (is_folder, holds_some) {
            (true, true) => remove_others(root, &path, files)?,
            (true, false) => fs::remove_dir_all(&path).map_err(failed)?,
            (false, _) => fs::remove_file(&path).map_err(failed)?,
        }
    }
    Ok(())
}

#[cfg(unix)]
fn is_program(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(unix)]
fn set_mode(file: &OpenFile, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(unix)]
fn open_to_all(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

#[cfg(windows)]
fn open_to_all(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn sync(folder: &Path) -> io::Result<()> {
    OpenFile::open(folder)?.sync_all()
}

/// Nothing says it there; scripts are started by name.
#[cfg(windows)]
fn is_program(_: &fs::Metadata) -> bool {
    false
}

#[cfg(windows)]
fn set_mode(_: &OpenFile, _: u32) -> io::Result<()> {
    Ok(())
}

/// Windows keeps the names in a folder in a journal.
#[cfg(windows)]
fn sync(_: &Path) -> io::Result<()> {
    Ok(())
}
