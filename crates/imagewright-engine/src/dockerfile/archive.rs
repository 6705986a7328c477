//! Archives that `ADD` unpacks: tar, plain or compressed. What is one is told by its contents and not by its name.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Component, Path, PathBuf};

use imagewright_model::spec::Origin;

use super::StageError;
use super::write::{Look, Writer};
use crate::error::EngineError;

const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
const BZIP2: &[u8] = b"BZh";

/// Whether a file is an archive.
pub(super) fn is_archive(origin: &Origin, shown: &str, host: &Path) -> Result<bool, EngineError> {
    let stream = match open(host)? {
        Ok(stream) => stream,
        Err(source) => return Err(failed(origin, shown, source)),
    };
    // What cannot be read as an archive is a file like any other.
    let mut archive = tar::Archive::new(stream);
    let Ok(mut entries) = archive.entries() else { return Ok(false) };
    Ok(matches!(entries.next(), Some(Ok(_))))
}

/// Writes everything in an archive below `place`. Owners, modes and times are those of the archive, whatever `--chown` and
/// `--chmod` say of the folder it goes into: so builders have it.
pub(super) fn unpack(
    writer: &mut Writer<'_>,
    origin: &Origin,
    shown: &str,
    host: &Path,
    place: &Path,
) -> Result<(), EngineError> {
    let wrong = |source| failed(origin, shown, source);
    let stream = open(host)?.map_err(wrong)?;
    let mut archive = tar::Archive::new(stream);
    for entry in archive.entries().map_err(wrong)? {
        let mut entry = entry.map_err(wrong)?;
        let inside = cleaned(&entry.path().map_err(wrong)?);
        if inside.as_os_str().is_empty() {
            continue;
        }
        let header = entry.header();
        let look = Look {
            mode: header.mode().map_err(wrong)? & 0o7777,
            uid: number(header.uid().map_err(wrong)?),
            gid: number(header.gid().map_err(wrong)?),
            time: i64::try_from(header.mtime().map_err(wrong)?).unwrap_or(i64::MAX),
        };
        let kind = header.entry_type();
        let target = entry.link_name().map_err(wrong)?.map(Cow::into_owned);
        let parent = place.join(inside.parent().unwrap_or(Path::new("")));
        let parent = writer.place(&format!("/{}", parent.to_string_lossy()))?;
        writer.folders(&parent, Look { mode: 0o755, uid: 0, gid: 0, time: look.time })?;
        let here = parent.join(inside.file_name().unwrap_or_default());
        let needs_target = || wrong(io::Error::other("a link in it has no target"));
        if kind.is_dir() {
            writer.folder(&here, look, None)?;
        } else if kind.is_symlink() {
            writer.link(&here, &target.ok_or_else(needs_target)?, look)?;
        } else if kind.is_hard_link() {
            let first = place.join(cleaned(&target.ok_or_else(needs_target)?));
            let first = writer.place(&format!("/{}", first.to_string_lossy()))?;
            writer.hard_link(&here, &first)?;
            // As builders have it, each name gives the file the look that stands beside it.
            writer.dress(&here, look)?;
        } else if kind.is_file() {
            writer.file(&here, look, None, |out| io::copy(&mut entry, out).map(drop).map_err(wrong))?;
        } else {
            return Err(StageError::SpecialFile { origin: origin.clone(), path: inside }.into());
        }
    }
    Ok(())
}

/// The plain stream of a file; what is wrong with its compression is the inner error.
fn open(host: &Path) -> Result<io::Result<Box<dyn Read>>, EngineError> {
    let mut file = File::open(host).map_err(EngineError::io("open", host))?;
    let mut magic = Vec::new();
    file.by_ref().take(XZ.len() as u64).read_to_end(&mut magic).map_err(EngineError::io("read", host))?;
    file.rewind().map_err(EngineError::io("read", host))?;
    if magic == XZ {
        return Ok(Ok(Box::new(liblzma::read::XzDecoder::new_multi_decoder(BufReader::new(file)))));
    }
    if magic.starts_with(BZIP2) {
        return Ok(Ok(Box::new(bzip2::bufread::MultiBzDecoder::new(BufReader::new(file)))));
    }
    Ok(imagewright_layer::decompress(file))
}

/// A path without what leads out of the folder it is in.
fn cleaned(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                clean.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    clean
}

fn number(id: u64) -> u32 {
    u32::try_from(id).unwrap_or(0)
}

fn failed(origin: &Origin, shown: &str, source: io::Error) -> EngineError {
    StageError::Archive { origin: origin.clone(), path: shown.to_owned(), source }.into()
}
