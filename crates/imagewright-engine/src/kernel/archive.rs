//! Enterprise Gateway's kernel image files: an archive with `bootstrap-kernel.sh` and `kernel-launchers`.
//!
//! It is looked through before anything of it is written. Everything in it belongs to the kernel's user afterwards, whatever
//! owners and rights it came with: that is what Enterprise Gateway's own images do with it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Component;

use imagewright_layer::{Entry, EntryKind, LayerPath, PackageWriter};
use imagewright_model::spec::{KernelUser, Origin};
use imagewright_store::BlobWriter;

use super::error::KernelError;
use super::launcher::FoundLauncher;
use crate::error::EngineError;
use crate::package_layer::{FolderEntry, PACKAGE_TIME};

/// What containers start.
pub(super) const BOOTSTRAP: &str = "bootstrap-kernel.sh";
const LAUNCHERS: &str = "kernel-launchers";
/// No such archive has more files, or larger ones together: Toree's is 60 MB.
const MOST_FILES: usize = 20_000;
const LARGEST: u64 = 2 << 30;

/// An archive that was looked through.
pub(super) struct ImageFiles<'a> {
    launcher: &'a FoundLauncher,
    origin: &'a Origin,
    files: BTreeSet<String>,
}

impl<'a> ImageFiles<'a> {
    /// Looks through an archive.
    pub(super) fn read(launcher: &'a FoundLauncher, origin: &'a Origin) -> Result<Self, KernelError> {
        let mut found = Self { launcher, origin, files: BTreeSet::new() };
        let (mut files, mut size) = (BTreeSet::new(), 0_u64);
        found.each(|path, length, _| {
            size = size.saturating_add(length);
            if !files.insert(path.to_owned()) {
                return Err(found.wrong(format!("it has `{path}` twice")));
            }
            match files.len() > MOST_FILES || size > LARGEST {
                true => Err(found.wrong("there is more in it than in any release".to_owned())),
                false => Ok(()),
            }
        })?;
        if !files.contains(BOOTSTRAP) {
            return Err(found.wrong(format!("there is no `{BOOTSTRAP}` at its top")));
        }
        found.files = files;
        Ok(found)
    }

    /// Sees that the launcher for a language is in it.
    pub(super) fn check_language(&self, language: &str) -> Result<(), KernelError> {
        let scripts = match language {
            "python" => vec!["python/scripts/launch_ipykernel.py"],
            "r" => vec!["R/scripts/launch_IRkernel.R", "R/scripts/server_listener.py"],
            _ => Vec::new(),
        };
        let missing = scripts.into_iter().map(|script| format!("{LAUNCHERS}/{script}"));
        if let Some(missing) = missing.into_iter().find(|script| !self.files.contains(script)) {
            return Err(self.wrong(format!("there is no `{missing}` in it")));
        }
        let jar = |beginning: &str| {
            let beginning = format!("{LAUNCHERS}/scala/lib/{beginning}");
            self.files.iter().any(|path| path.starts_with(&beginning) && path.ends_with(".jar"))
        };
        match language == "scala" && !(jar("toree-assembly") && jar("toree-launcher")) {
            true => {
                let text = format!("it has no jars of Toree in `{LAUNCHERS}/scala/lib`");
                Err(self.wrong(text))
            }
            false => Ok(()),
        }
    }

    /// The folders that it needs below the one it goes to.
    pub(super) fn folders(&self, user: KernelUser, below: &str) -> impl Iterator<Item = FolderEntry> {
        let mut folders = BTreeSet::new();
        for path in &self.files {
            let mut rest = path.as_str();
            while let Some((folder, _)) = rest.rsplit_once('/') {
                folders.insert(folder.to_owned());
                rest = folder;
            }
        }
        let KernelUser { uid, gid } = user;
        folders.into_iter().map(move |path| FolderEntry {
            path: format!("{below}/{path}"),
            mode: 0o755,
            uid,
            gid,
        })
    }

    /// Writes all files.
    pub(super) fn write(
        &self,
        folder: &LayerPath,
        user: KernelUser,
        writer: &mut PackageWriter<BlobWriter>,
    ) -> Result<(), EngineError> {
        let broken = |source| EngineError::PackageLayer { source };
        self.each(|path, size, body| {
            let starts = path == BOOTSTRAP || body.mode & 0o111 != 0;
            let path = path.split('/').try_fold(folder.clone(), |folder, name| folder.join(name));
            let entry = Entry {
                uid: user.uid,
                gid: user.gid,
                mtime: PACKAGE_TIME,
                ..Entry::new(
                    path.map_err(|source| broken(source.into()))?,
                    EntryKind::File { size },
                    if starts { 0o755 } else { 0o644 },
                )
            };
            writer.append(&entry, body.reader).map_err(broken)
        })
    }

    /// Goes through its files: path, size, contents. What is neither a file nor a folder has no place in it.
    fn each<E: From<KernelError>>(
        &self,
        mut take: impl FnMut(&str, u64, Body<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let FoundLauncher { path, .. } = self.launcher;
        let unreadable =
            |source| KernelError::Unreadable { origin: self.origin.clone(), path: path.clone(), source };
        let file = File::open(path).map_err(unreadable)?;
        let malformed = |error: io::Error| self.wrong(error.to_string());
        let mut archive = tar::Archive::new(imagewright_layer::decompress(file).map_err(malformed)?);
        for entry in archive.entries().map_err(malformed)? {
            let mut entry = entry.map_err(malformed)?;
            let kind = entry.header().entry_type();
            let Some(name) = self.cleaned(&entry.path().map_err(malformed)?)? else { continue };
            if kind.is_dir() {
                continue;
            }
            if !kind.is_file() {
                return Err(self.wrong(format!("`{name}` is neither a file nor a folder")).into());
            }
            let (size, mode) = (entry.size(), entry.header().mode().map_err(malformed)?);
            take(&name, size, Body { mode, reader: &mut entry })?;
        }
        Ok(())
    }

    /// The path of an entry; none for the top.
    fn cleaned(&self, path: &std::path::Path) -> Result<Option<String>, KernelError> {
        let mut names = Vec::new();
        for part in path.components() {
            match part {
                Component::CurDir => {}
                Component::Normal(name) => match name.to_str() {
                    Some(name) => names.push(name),
                    None => return Err(self.wrong(format!("`{}` is no name", path.display()))),
                },
                _ => return Err(self.wrong(format!("`{}` leads out of it", path.display()))),
            }
        }
        Ok((!names.is_empty()).then(|| names.join("/")))
    }

    fn wrong(&self, reason: String) -> KernelError {
        KernelError::NotImageFiles { origin: self.origin.clone(), name: self.launcher.name.clone(), reason }
    }
}

/// What is in a file of the archive.
struct Body<'r> {
    mode: u32,
    reader: &'r mut dyn Read,
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    const SCRIPT: &str = "kernel-launchers/python/scripts/launch_ipykernel.py";

    /// An archive of these entries: name, kind, contents.
    fn archive(path: &Path, entries: &[(&str, tar::EntryType)]) -> FoundLauncher {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, kind) in entries {
            let mut header = tar::Header::new_gnu();
            // As it is, also where no library would write it.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            header.set_size(if kind.is_file() { 2 } else { 0 });
            header.set_cksum();
            archive.append(&header, if kind.is_file() { &b"x\n"[..] } else { &[] }).unwrap();
        }
        fs::write(path, archive.into_inner().unwrap()).unwrap();
        let (name, digest) = ("files.tar".to_owned(), imagewright_oci::Digest::of(b""));
        FoundLauncher { path: path.to_owned(), name, digest, size: 0, is_archive: true }
    }

    #[test]
    fn what_leads_out_or_is_no_file_is_refused() {
        use tar::EntryType::{Directory, Fifo, Link, Regular, Symlink};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("files.tar");
        let origin = Origin::flag("--kernel");
        let bootstrap = (BOOTSTRAP, Regular);
        let read = |entries: &[(&str, tar::EntryType)]| {
            let launcher = archive(&path, entries);
            let files = ImageFiles::read(&launcher, &origin).map_err(|error| error.to_string())?;
            files.check_language("python").map_err(|error| error.to_string())?;
            Ok::<_, String>(
                files.folders(KernelUser::default(), "usr/local/bin").map(|it| it.path).collect::<Vec<_>>(),
            )
        };
        let good = [("./", Directory), ("./bootstrap-kernel.sh", Regular), (SCRIPT, Regular)];
        let folders =
            ["", "/python", "/python/scripts"].map(|it| format!("usr/local/bin/kernel-launchers{it}"));
        assert_eq!(read(&good).unwrap(), folders);
        for (entries, expected) in [
            (vec![(SCRIPT, Regular)], "there is no `bootstrap-kernel.sh` at its top"),
            (vec![("x/bootstrap-kernel.sh", Regular)], "there is no `bootstrap-kernel.sh` at its top"),
            (vec![bootstrap], "there is no `kernel-launchers/python/scripts/launch_ipykernel.py` in it"),
            (vec![bootstrap, bootstrap], "it has `bootstrap-kernel.sh` twice"),
            (vec![bootstrap, ("../etc/passwd", Regular)], "`../etc/passwd` leads out of it"),
            (vec![bootstrap, ("/etc/passwd", Regular)], "`/etc/passwd` leads out of it"),
            (vec![bootstrap, ("a", Symlink)], "`a` is neither a file nor a folder"),
            (vec![bootstrap, ("a", Link)], "`a` is neither a file nor a folder"),
            (vec![bootstrap, ("a", Fifo)], "`a` is neither a file nor a folder"),
        ] {
            let told = read(&entries).unwrap_err();
            let whole = "--kernel: `files.tar` is no archive of Enterprise Gateway's kernel image files: ";
            assert_eq!(told.strip_prefix(whole), Some(expected), "{told}");
        }
    }

    #[test]
    fn an_archive_that_ends_too_early_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("files.tar");
        let launcher =
            archive(&path, &[(BOOTSTRAP, tar::EntryType::Regular), (SCRIPT, tar::EntryType::Regular)]);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..1024 + 200]).unwrap();
        assert!(ImageFiles::read(&launcher, &Origin::flag("--kernel")).is_err());
    }
}
