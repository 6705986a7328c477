//! The `uv` program: found on the host, mounted into sandboxes, recorded by its digest.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use imagewright_oci::{Digest, Hasher};
use imagewright_sandbox::{Mount, MountSource};
use imagewright_store::Store;

use crate::error::EngineError;
use crate::outside::{INSIDE, Outside};
use crate::workbench::{Command, bind};

/// Program header that names a dynamic loader (ELF, `PT_INTERP`).
const PT_INTERP: u32 = 3;

/// How uv is to behave wherever it runs.
const MANNERS: [(&str, &str); 7] = [
    ("UV_PYTHON_DOWNLOADS", "never"),
    ("UV_NO_CONFIG", "1"),
    ("UV_NO_PROGRESS", "1"),
    ("UV_LINK_MODE", "copy"),
    ("UV_PREVIEW_FEATURES", "pylock"),
    ("NO_COLOR", "1"),
    // Days of `--exclude-newer` are the same everywhere.
    ("TZ", "UTC"),
];

/// A `uv` that runs in any image of this architecture, because it needs no shared library.
pub(crate) struct Uv {
    path: PathBuf,
    /// Digest of the program: another version may install other bytes.
    pub(crate) digest: Digest,
    cache: PathBuf,
}

impl Uv {
    /// The `uv` that was configured, else that of the store's tools folder, else one of `candidates`.
    pub(crate) fn find(
        store: &Store,
        configured: Option<&Path>,
        candidates: &[PathBuf],
    ) -> Result<Self, EngineError> {
        let tools = store.tools_dir();
        let path = match configured {
            Some(path) => path.to_path_buf(),
            None => std::iter::once(tools.join("uv"))
                .chain(candidates.iter().cloned())
                .find(|path| path.is_file())
                .ok_or(EngineError::NoUv { tools })?,
        };
        let mut file = File::open(&path).map_err(EngineError::io("open", &path))?;
        if needs_loader(&mut file).map_err(EngineError::io("read", &path))? {
            return Err(EngineError::DynamicUv { path });
        }
        let digest = digest_of(store, &path, &mut file)?;
        Ok(Self { path, digest, cache: store.cache_dir("uv")? })
    }

    /// A `uv` command inside the sandbox, told of indexes and caches, and to leave the image alone otherwise.
    pub(crate) fn command(&self, outside: &Outside, arguments: &[&str]) -> Command {
        let program = Mount {
            target: PathBuf::from(format!("{INSIDE}/uv")),
            source: MountSource::File { path: self.path.clone(), read_only: true },
        };
        let cache = format!("{INSIDE}/uv-cache");
        let command = Command::new([format!("{INSIDE}/uv")])
            .arguments(arguments.iter().copied())
            .mount(program)
            .mount(bind(&self.cache, &cache, false))
            .mounts(outside.python_mounts())
            .env("UV_CACHE_DIR", cache);
        let environment = MANNERS.into_iter().map(|(name, value)| (name, value.to_owned()));
        let environment = environment.chain(outside.python_environment());
        environment.fold(command, |command, (name, value)| command.env(name, value))
    }

    /// A `uv` command on the host. It finds no program there that it could run.
    pub(crate) fn host_command(&self, outside: &Outside, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(&self.path);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/nowhere")
            .env("UV_CACHE_DIR", &self.cache)
            .envs(MANNERS)
            .envs(outside.python_environment_on_host());
        command
    }
}

/// The digest of the program, remembered as long as the file is untouched: it is 40 MB.
fn digest_of(store: &Store, path: &Path, file: &mut File) -> Result<Digest, EngineError> {
    let metadata = file.metadata().map_err(EngineError::io("examine", path))?;
    let canonical = fs::canonicalize(path).map_err(EngineError::io("find", path))?;
    let times = (metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec());
    let identity = format!("{} {} {} {times:?}", canonical.display(), metadata.len(), metadata.ino());
    let key = Digest::of(identity.as_bytes());
    if let Some(known) = store.get_fact("tool", &key)? {
        return Ok(known);
    }
    let mut hasher = Hasher::default();
    file.seek(SeekFrom::Start(0)).map_err(EngineError::io("read", path))?;
    io::copy(file, &mut hasher).map_err(EngineError::io("read", path))?;
    let digest = hasher.finish();
    store.put_fact("tool", &key, &digest)?;
    Ok(digest)
}

/// Whether an ELF program asks for a dynamic loader. Anything that is not ELF runs by itself or not at all.
fn needs_loader(file: &mut (impl Read + Seek)) -> io::Result<bool> {
    let mut header = [0; 64];
    if file.read_exact(&mut header).is_err() || !header.starts_with(b"\x7fELF\x02\x01") {
        return Ok(false);
    }
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    let (table, entry_size, entries) =
        (number(&header[32..40]), number(&header[54..56]), number(&header[56..58]));
    for entry in 0..entries {
        file.seek(SeekFrom::Start(table + entry * entry_size))?;
        let mut kind = [0; 4];
        file.read_exact(&mut kind)?;
        if u32::from_le_bytes(kind) == PT_INTERP {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn elf(kinds: &[u32]) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = kinds.len() as u8;
        for kind in kinds {
            let mut entry = vec![0; 56];
            entry[..4].copy_from_slice(&kind.to_le_bytes());
            bytes.extend(entry);
        }
        bytes
    }

    #[test]
    fn dynamic_programs_are_told_from_static_ones() {
        assert!(needs_loader(&mut Cursor::new(elf(&[6, PT_INTERP, 1]))).unwrap());
        assert!(!needs_loader(&mut Cursor::new(elf(&[1, 2]))).unwrap());
        assert!(!needs_loader(&mut Cursor::new(b"#!/bin/sh\n".to_vec())).unwrap());
    }
}
