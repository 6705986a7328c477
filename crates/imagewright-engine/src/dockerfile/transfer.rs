//! Copies everything at and below a path of a source into what a writer writes.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::{fs, io};

use imagewright_dockerfile::{IgnoreRules, Mode};
use imagewright_model::spec::Origin;
use imagewright_oci::Digest;

use super::source::{Found, Record, SourceRoot, digest_of};
use super::write::{Look, Writer};
use crate::error::EngineError;

/// What goes over what files have where they come from.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) owner: Option<(u32, u32)>,
    pub(super) mode: Option<&'a Mode>,
    /// What is left out.
    pub(super) exclude: &'a IgnoreRules,
    /// The time of files whose own does not count.
    pub(super) epoch: i64,
}

/// Copies what is at `path` to `place`; of a folder its contents. Gives the digest of what was copied.
pub(super) fn transfer(
    writer: &mut Writer<'_>,
    root: &SourceRoot,
    origin: &Origin,
    path: &Path,
    place: &Path,
    given: Given<'_>,
) -> Result<Digest, EngineError> {
    let mut records = Vec::new();
    root.walk(path, given.exclude, &mut |found| {
        records.push(one(writer, root, origin, &found, place, given)?);
        Ok(())
    })?;
    Ok(digest_of(&records))
}

fn one(
    writer: &mut Writer<'_>,
    root: &SourceRoot,
    origin: &Origin,
    found: &Found,
    place: &Path,
    given: Given<'_>,
) -> Result<Record, EngineError> {
    let Found { relative, host, metadata } = found;
    let is_top = relative.as_os_str().is_empty();
    let place = if is_top { place.to_path_buf() } else { place.join(relative) };
    let kept = root.keeps_all.then(|| (metadata.uid(), metadata.gid()));
    let (uid, gid) = given.owner.or(kept).unwrap_or((0, 0));
    let time = if root.keeps_all { metadata.mtime() } else { given.epoch };
    let own_mode = metadata.mode() & 0o7777;
    let mode = given.mode.map_or(own_mode, |mode| mode.of(own_mode, metadata.is_dir()));
    let look = Look { mode, uid, gid, time };
    let from = root.keeps_all.then_some(host.as_path());
    if metadata.is_dir() {
        // Of a folder that is named its contents are copied, and not itself.
        if !is_top {
            writer.folder(&place, look, from)?;
        }
    } else if metadata.is_symlink() {
        let target = fs::read_link(host).map_err(EngineError::io("read the link", host))?;
        writer.link(&place, &target, look)?;
    } else if !(metadata.is_file() && writer.linked(&place, metadata)?) {
        return writer.file(&place, look, from, |out| root.record(origin, found, out));
    }
    root.record(origin, found, &mut io::sink())
}
