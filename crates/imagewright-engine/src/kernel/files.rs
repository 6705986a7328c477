//! The files that make an image one for a kernel, and their layers.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::PathBuf;

use imagewright_layer::{Entry, EntryKind, LayerPath, PackageWriter};
use imagewright_model::spec::KernelUser;
use imagewright_oci::Digest;
use imagewright_store::BlobWriter;
use serde::Serialize;

use super::account::{self, HOME, HOME_MODE};
use super::archive::ImageFiles;
use super::ground::{Ground, Look, PythonCommand};
use super::launcher::KERNEL_LAUNCHER;
use super::{KernelStep, Solution, VERSION};
use crate::draft::DraftLayer;
use crate::error::EngineError;
use crate::inventory;
use crate::package_layer::{FolderEntry, PACKAGE_TIME, PackageLayer};
use crate::step;

/// The one function of `imp` that Enterprise Gateway's launcher for R needs.
const IMP: &str = include_str!("imp.py");
/// The kind of the facts about these layers.
const LAYER: &str = "kernel-layer";

/// A file of the account's layer.
#[derive(Debug, Serialize)]
struct Placed {
    path: String,
    look: Look,
    what: What,
}

#[derive(Debug, Serialize)]
enum What {
    Text(String),
    Link(String),
}

/// What the account's layer has.
#[derive(Debug, Serialize)]
pub(super) struct Account {
    folders: Vec<FolderEntry>,
    files: Vec<Placed>,
}

/// What is written into an image.
pub(super) struct Files<'a> {
    step: &'a KernelStep<'a>,
    ground: &'a Ground,
    solution: &'a Solution,
}

impl<'a> Files<'a> {
    pub(super) fn new(step: &'a KernelStep<'a>, solution: &'a Solution) -> Self {
        Self { step, ground: &solution.ground, solution }
    }

    fn user(&self) -> KernelUser {
        self.step.kernel.user
    }

    /// The folders on the way to a place, outermost first.
    fn way_to(&self, place: &str) -> Vec<FolderEntry> {
        let ends = place.match_indices('/').map(|(at, _)| at).chain([place.len()]);
        let folders = ends.map(|end| {
            let Look { mode, uid, gid } = self.ground.folder(&place[..end]);
            FolderEntry { path: place[..end].to_owned(), mode, uid, gid }
        });
        folders.collect()
    }

    /// What makes two layers of launchers equal; none where the image has the launcher.
    pub(super) fn launcher_key(&self) -> Option<Digest> {
        let launcher = &self.step.launcher;
        if !launcher.is_archive && self.ground.launcher.as_ref() == Some(&launcher.digest) {
            return None;
        }
        // Our launcher belongs to root whoever runs it.
        let owner = launcher.is_archive.then(|| self.user());
        let parts = (VERSION, &launcher.digest, owner, self.way_to(&self.ground.programs));
        let compression = self.step.context.site.compression.to_string();
        Some(step::key(LAYER, &(parts, imagewright_layer::PACKAGE_VERSION, compression)))
    }

    /// The layer of the launcher.
    pub(super) fn launcher_layer(&self) -> Result<Option<DraftLayer>, EngineError> {
        let Some(key) = self.launcher_key() else { return Ok(None) };
        let (launcher, origin) = (&self.step.launcher, &self.step.kernel.origin);
        let mut folders = self.way_to(&self.ground.programs);
        let place = path_of(&self.ground.programs);
        if launcher.is_archive {
            let files = ImageFiles::read(launcher, origin)?;
            folders.extend(files.folders(self.user(), &self.ground.programs));
            return self.layer(&key, folders, |writer| files.write(&place, self.user(), writer)).map(Some);
        }
        let fill = |writer: &mut PackageWriter<BlobWriter>| {
            let path: &PathBuf = &launcher.path;
            let mut program = File::open(path).map_err(EngineError::io("open", path))?;
            let file = path_of(&format!("{place}/{KERNEL_LAUNCHER}"));
            let kind = EntryKind::File { size: launcher.size };
            append(writer, &Entry { mtime: PACKAGE_TIME, ..Entry::new(file, kind, 0o755) }, &mut program)
        };
        self.layer(&key, folders, fill).map(Some)
    }

    /// What is new or changed of accounts, and the name `python`.
    pub(super) fn account(&self) -> Account {
        let mut files = Vec::new();
        let mut folders = Vec::new();
        let shell = if self.ground.has_bash { "/bin/bash" } else { "/bin/sh" };
        let readable = Look { mode: 0o644, uid: 0, gid: 0 };
        let text = |path: &str| self.ground.books.get(path).map_or("", |book| book.text.as_str());
        let has_shadow = self.ground.books.contains_key("etc/shadow");
        for (path, changed) in [
            ("etc/passwd", account::passwd(text("etc/passwd"), self.user(), shell)),
            ("etc/group", account::group(text("etc/group"), self.user())),
            ("etc/shadow", account::shadow(text("etc/shadow")).filter(|_| has_shadow)),
        ] {
            if let Some(changed) = changed {
                let look = self.ground.books.get(path).map_or(readable, |book| book.look);
                files.push(Placed { path: path.to_owned(), look, what: What::Text(changed) });
                folders.extend(self.way_to("etc"));
            }
        }
        let command = self.solution.python.as_ref().map(|python| self.ground.command(python));
        let (what, mode) = match command {
            Some(PythonCommand::Link(program)) => (Some(What::Link(program)), 0o777),
            Some(PythonCommand::Script(program)) => (Some(What::Text(account::wrapper(&program))), 0o755),
            Some(PythonCommand::Nothing) | None => (None, 0),
        };
        if let Some(what) = what {
            let path = format!("{}/python", self.ground.programs);
            files.push(Placed { path, look: Look { mode, uid: 0, gid: 0 }, what });
            folders.extend(self.way_to(&self.ground.programs));
        }
        if let Some(minor) = self.lacks_imp() {
            let folder = format!("usr/local/lib/python3.{minor}/dist-packages");
            let path = format!("{folder}/imp.py");
            files.push(Placed { path, look: readable, what: What::Text(IMP.to_owned()) });
            folders.extend(self.way_to(&folder));
        }
        folders.extend(self.home());
        folders.sort();
        folders.dedup();
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Account { folders, files }
    }

    /// The minor version of Debian's Python, where Enterprise Gateway's launcher for R does not work with it: it loads its helper
    /// by a module that Python has no longer.
    fn lacks_imp(&self) -> Option<u32> {
        let python =
            self.solution.python.as_ref().filter(|python| python.program.starts_with("/usr/bin/"))?;
        let is_gateways = self.step.launcher.is_archive && self.step.kernel.language == "r";
        self.ground.minor_version(python).filter(|minor| is_gateways && *minor >= 12)
    }

    /// The home, where it is not there or its owner or group may not write to it.
    fn home(&self) -> Vec<FolderEntry> {
        let KernelUser { uid, gid } = self.user();
        let place = HOME.trim_start_matches('/');
        let wanted = Look { mode: HOME_MODE, uid, gid };
        let now = self.ground.folders.get(place).copied();
        if now.is_some_and(|now| (now.uid, now.gid) == (uid, gid) && now.mode & 0o770 == 0o770) {
            return Vec::new();
        }
        let mut way = self.way_to(place);
        if let Some(home) = way.last_mut() {
            let mode = now.map_or(0, |now| now.mode) | wanted.mode;
            *home = FolderEntry { path: place.to_owned(), mode, uid, gid };
        }
        way
    }

    /// The layer of the account; none where all is as it should be.
    pub(super) fn account_layer(&self) -> Result<Option<DraftLayer>, EngineError> {
        let account = self.account();
        if account.files.is_empty() && account.folders.is_empty() {
            return Ok(None);
        }
        let compression = self.step.context.site.compression.to_string();
        let key = step::key(
            LAYER,
            &("account", VERSION, &account, imagewright_layer::PACKAGE_VERSION, compression),
        );
        let Account { folders, files } = account;
        let fill = |writer: &mut PackageWriter<BlobWriter>| {
            files.iter().try_for_each(|Placed { path, look, what }| {
                let (kind, text) = match what {
                    What::Text(text) => (EntryKind::File { size: text.len() as u64 }, text.as_str()),
                    What::Link(target) => (EntryKind::Symlink { target: target.into() }, ""),
                };
                let entry = Entry {
                    uid: look.uid,
                    gid: look.gid,
                    mtime: PACKAGE_TIME,
                    ..Entry::new(path_of(path), kind, look.mode)
                };
                append(writer, &entry, &mut Cursor::new(text))
            })
        };
        self.layer(&key, folders, fill).map(Some)
    }

    fn layer(
        &self,
        key: &Digest,
        folders: Vec<FolderEntry>,
        fill: impl FnOnce(&mut PackageWriter<BlobWriter>) -> Result<(), EngineError>,
    ) -> Result<DraftLayer, EngineError> {
        let site = self.step.context.site;
        let _lock = site.store.lock(&format!("{LAYER} {key}"), || {})?;
        let known: Option<PackageLayer> = site.store.get_fact(LAYER, key)?;
        let layer = match known.filter(|known| known.is_stored(site)) {
            Some(known) => known,
            None => {
                let layer = PackageLayer::write(site, folders, fill)?;
                inventory::put_nothing(site.store, &layer.layer)?;
                site.store.put_fact("kernel-layer", key, &layer)?;
                layer
            }
        };
        (site.layers.done)(&layer.layer.descriptor);
        Ok(layer.layer)
    }
}

fn append(
    writer: &mut PackageWriter<BlobWriter>,
    entry: &Entry,
    body: &mut dyn Read,
) -> Result<(), EngineError> {
    writer.append(entry, body).map_err(|source| EngineError::PackageLayer { source })
}

fn path_of(path: &str) -> LayerPath {
    LayerPath::parse(path.as_bytes()).expect("it is a path of an image, or of ours")
}
