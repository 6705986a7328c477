//! The state of a git repository, as far as a project's version can follow from it.
//!
//! Two clones of one commit have other packs, other times in their index and other logs. What counts is the same: the
//! commit, the tags, which files are tracked, and whether history is cut off.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use imagewright_oci::Hasher;

/// An entry of the index before its name: times, numbers, mode, owner, size, object, flags.
const ENTRY: usize = 62;
/// Where mode and object are in it.
const MODE: std::ops::Range<usize> = 24..28;
const OBJECT: std::ops::Range<usize> = 40..60;
/// The flag of entries with two more bytes of flags.
const EXTENDED: u8 = 0x40;

/// Hashes the state of the repository in the folder `git`.
pub(super) fn hash_state(git: &Path, hasher: &mut Hasher) -> io::Result<()> {
    let packed = text(&git.join("packed-refs"))?;
    let head = text(&git.join("HEAD"))?;
    let commit = match head.trim().strip_prefix("ref: ") {
        Some(name) => match text(&git.join(name))? {
            loose if loose.is_empty() => in_pack(&packed, name).unwrap_or_default().to_owned(),
            loose => loose.trim().to_owned(),
        },
        None => head.trim().to_owned(),
    };
    let mut tags: BTreeMap<String, String> = BTreeMap::new();
    for line in packed.lines() {
        if let Some((object, name)) = line.split_once(' ')
            && let Some(tag) = name.strip_prefix("refs/tags/")
        {
            tags.insert(tag.to_owned(), object.to_owned());
        }
    }
    loose_tags(&git.join("refs/tags"), "", &mut tags)?;
    let shallow = text(&git.join("shallow"))?;
    hasher.update(format!("{commit}\n{tags:?}\n{shallow:?}\n").as_bytes());
    hash_index(&read(&git.join("index"))?, hasher);
    Ok(())
}

fn in_pack<'t>(packed: &'t str, name: &str) -> Option<&'t str> {
    packed.lines().find_map(|line| line.split_once(' ').filter(|(_, known)| *known == name)).map(|(it, _)| it)
}

fn loose_tags(folder: &Path, prefix: &str, tags: &mut BTreeMap<String, String>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            loose_tags(&entry.path(), &format!("{name}/"), tags)?;
        } else {
            tags.insert(name, text(&entry.path())?.trim().to_owned());
        }
    }
    Ok(())
}

/// Hashes what is tracked; an index of a form that is not known here as it is.
fn hash_index(index: &[u8], hasher: &mut Hasher) {
    match tracked(index) {
        Some(entries) => {
            for (mode, object, name) in entries {
                hasher.update(mode);
                hasher.update(object);
                hasher.update(&(name.len() as u64).to_le_bytes());
                hasher.update(name);
            }
        }
        None => hasher.update(index),
    }
}

type Tracked<'i> = (&'i [u8], &'i [u8], &'i [u8]);

/// Mode, object and name of each file that is tracked, from an index of version 2 or 3.
fn tracked(index: &[u8]) -> Option<Vec<Tracked<'_>>> {
    let number = |at: usize| Some(u32::from_be_bytes(index.get(at..at + 4)?.try_into().ok()?));
    if !index.starts_with(b"DIRC") || !matches!(number(4)?, 2 | 3) {
        return None;
    }
    let mut entries = Vec::new();
    let mut at = 12;
    for _ in 0..number(8)? {
        let fixed = index.get(at..at + ENTRY)?;
        let start = at + ENTRY + if fixed[ENTRY - 2] & EXTENDED != 0 { 2 } else { 0 };
        let length = index.get(start..)?.iter().position(|byte| *byte == 0)?;
        entries.push((&fixed[MODE], &fixed[OBJECT], &index[start..start + length]));
        // One to eight zeros, up to a multiple of eight.
        at += (start - at + length + 8) & !7;
    }
    Some(entries)
}

fn text(path: &Path) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&read(path)?).into_owned())
}

/// A file of the repository; nothing where there is none.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    }
}
