//! What systems do in different ways: who may read a file, folders that are opened, search paths.

#[cfg(unix)]
pub(crate) use unix::{entries, make_folder, open_folder, own_file, sync_folder};
#[cfg(windows)]
pub(crate) use windows::{entries, make_folder, open_folder, own_file, sync_folder};

#[cfg(unix)]
mod unix {
    use std::ffi::{OsStr, OsString};
    use std::fs::{DirBuilder, File, OpenOptions};
    use std::io;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    use std::path::{Path, PathBuf};

    /// Makes a folder that is its owner's alone.
    pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(folder)
    }

    /// Opens files that, where they are new, are their owner's alone.
    pub(crate) fn own_file() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.mode(0o600);
        options
    }

    pub(crate) fn open_folder(folder: &Path) -> io::Result<File> {
        File::open(folder)
    }

    /// Returns once the names in a folder are on disk.
    pub(crate) fn sync_folder(folder: &File) -> io::Result<()> {
        folder.sync_all()
    }

    /// The entries of a search path, without slashes at their ends.
    pub(crate) fn entries(list: &OsStr) -> impl Iterator<Item = PathBuf> {
        list.as_bytes().split(|&byte| byte == b':').map(|entry| {
            let length = entry.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
            PathBuf::from(OsString::from_vec(entry[..length].to_vec()))
        })
    }
}

#[cfg(windows)]
mod windows {
    use std::ffi::OsStr;
    use std::fs::{self, File, OpenOptions};
    use std::io;
    use std::os::windows::fs::OpenOptionsExt;
    use std::path::{Path, PathBuf};

    /// `FILE_FLAG_BACKUP_SEMANTICS`, without which folders cannot be opened.
    const FOLDERS_TOO: u32 = 0x0200_0000;

    /// Makes a folder. Those in a user's profile are the user's alone.
    pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
        fs::create_dir(folder)
    }

    /// Opens files; who may read them, the folder says.
    pub(crate) fn own_file() -> OpenOptions {
        OpenOptions::new()
    }

    pub(crate) fn open_folder(folder: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).custom_flags(FOLDERS_TOO).open(folder)
    }

    /// Does nothing: Windows keeps the names in a folder in a journal.
    #[expect(clippy::unnecessary_wraps, reason = "elsewhere it may fail")]
    pub(crate) fn sync_folder(_: &File) -> io::Result<()> {
        Ok(())
    }

    /// The entries of a search path.
    pub(crate) fn entries(list: &OsStr) -> impl Iterator<Item = PathBuf> {
        std::env::split_paths(list)
    }
}
