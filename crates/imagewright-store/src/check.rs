//! Proves that the store is whole, and takes out what is damaged so that it is made or fetched anew.

use std::fs;
use std::io;
use std::path::PathBuf;

use imagewright_model::Progress;
use imagewright_oci::{Digest, Reference};
use serde::Serialize;

use crate::collection::{entries, metadata};
use crate::files::{Attempt, if_found};
use crate::repositories::{Fault, Repository};
use crate::{Store, StoreError, index};

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// What is wrong, as a sentence.
    pub what: String,
    /// Where.
    pub path: PathBuf,
    /// Whether it was mended.
    pub repaired: bool,
}

/// What a check came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// How many blobs were read.
    pub blobs: u64,
    /// How many images were looked at.
    pub images: u64,
    /// How many of them left layers in a registry.
    pub partial_images: u64,
    /// How many facts were read.
    pub facts: u64,
    /// What is wrong.
    pub damages: Vec<Damage>,
}

impl CheckReport {
    /// Whether everything is right, or has been put right.
    pub fn is_sound(&self) -> bool {
        self.damages.iter().all(|damage| damage.repaired)
    }
}

impl Store {
    /// Reads everything and compares it with its digests. With `repair`, damaged blobs and facts are removed: they
    /// are made or fetched again when they are wanted.
    ///
    /// An image that lacks a layer is told, and stays in the list: importing or building it again makes it whole. One
    /// whose manifest or configuration cannot be read is taken from the list, which nobody could show with it.
    pub fn check(
        &self,
        repair: bool,
        progress: &mut dyn FnMut(&str, Progress),
    ) -> Result<CheckReport, StoreError> {
        let _lease = self.lease(|| {})?;
        let mut check = Check { store: self, repair, report: CheckReport::default() };
        check.blobs(progress)?;
        check.facts()?;
        check.images()?;
        check.repositories()?;
        Ok(check.report)
    }
}

struct Check<'a> {
    store: &'a Store,
    repair: bool,
    report: CheckReport,
}

impl Check<'_> {
    fn blobs(&mut self, progress: &mut dyn FnMut(&str, Progress)) -> Result<(), StoreError> {
        let mut done = 0;
        for algorithm in entries(&self.store.room("blobs"))? {
            let algorithm_name = algorithm.file_name().to_string_lossy().into_owned();
            for blob in entries(&algorithm.path())? {
                let path = blob.path();
                let name = format!("{algorithm_name}:{}", blob.file_name().to_string_lossy());
                let Ok(digest) = name.parse::<Digest>() else {
                    self.tell(format!("`{name}` is not a digest"), path, false);
                    continue;
                };
                self.report.blobs += 1;
                done += metadata(&blob)?.len();
                if digest_of(&path, &digest)? != digest {
                    let repaired = self.remove(&path)?;
                    self.tell(format!("blob `{digest}` holds other bytes"), path, repaired);
                }
                progress("reading blobs", Progress { done, total: None });
            }
        }
        Ok(())
    }

    fn facts(&mut self) -> Result<(), StoreError> {
        for kind in entries(&self.store.room("facts"))? {
            for fact in entries(&kind.path())? {
                let path = fact.path();
                let bytes = fs::read(&path).attempt("read", &path)?;
                self.report.facts += 1;
                if bytes.iter().all(|byte| *byte == 0) {
                    // A crash left its name without its contents: it is unknown, and nobody's fault.
                    self.remove(&path)?;
                } else if serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_err() {
                    let repaired = self.remove(&path)?;
                    self.tell("the fact is not JSON".to_owned(), path, repaired);
                }
            }
        }
        Ok(())
    }

    fn images(&mut self) -> Result<(), StoreError> {
        for (entry, names) in index::images(&self.store.layout().index()?) {
            self.report.images += 1;
            let shown = shown(&names, &entry.digest);
            let path = self.store.blob_path(&entry.digest);
            let image = match self.store.image(&entry) {
                Ok(image) => image,
                Err(error) => {
                    let repaired = self.take_from_list(&entry.digest)?;
                    self.tell(format!("image {shown} cannot be read: {error}"), path, repaired);
                    continue;
                }
            };
            let mut partial = false;
            for layer in &image.manifest.layers {
                let path = self.store.blob_path(&layer.digest);
                match if_found(fs::metadata(&path)).attempt("look at", &path)? {
                    None if self.store.has_layer(&layer.digest) => partial = true,
                    None => self.tell(format!("image {shown} lacks layer `{}`", layer.digest), path, false),
                    Some(found) if found.len() != layer.size => {
                        self.tell(
                            format!("layer `{}` of image {shown} has the wrong size", layer.digest),
                            path,
                            false,
                        );
                    }
                    Some(_) => {}
                }
            }
            self.report.partial_images += u64::from(partial);
        }
        Ok(())
    }

    fn repositories(&mut self) -> Result<(), StoreError> {
        for key in self.store.repository_keys()? {
            let repository = self.store.repository(&key);
            for fault in repository.faults()? {
                self.fault(&repository, fault)?;
            }
        }
        Ok(())
    }

    fn fault(&mut self, repository: &Repository, fault: Fault) -> Result<(), StoreError> {
        let place = repository.place();
        match fault {
            Fault::File(path) => {
                let repaired = self.remove(&path)?;
                self.tell("the entry of a repository means nothing".to_owned(), path, repaired);
            }
            Fault::Manifest(digest, error) => {
                if self.repair {
                    repository.remove_manifest(&digest)?;
                }
                let what = format!("manifest `{digest}` of a repository cannot be read: {error}");
                self.tell(what, place, self.repair);
            }
            Fault::Lacking(manifest, blob) => {
                let what =
                    format!("manifest `{manifest}` of a repository lacks blob `{blob}`: push it again");
                self.tell(what, place, false);
            }
        }
        Ok(())
    }

    fn tell(&mut self, what: String, path: PathBuf, repaired: bool) {
        self.report.damages.push(Damage { what, path, repaired });
    }

    /// Another check may have removed it just now.
    fn remove(&self, path: &PathBuf) -> Result<bool, StoreError> {
        if self.repair {
            if_found(fs::remove_file(path)).attempt("remove", path)?;
        }
        Ok(self.repair)
    }

    fn take_from_list(&self, manifest: &Digest) -> Result<bool, StoreError> {
        if self.repair {
            self.store.layout().update_index(|index| {
                index::remove_image(index, manifest);
                Ok(())
            })?;
        }
        Ok(self.repair)
    }
}

fn digest_of(path: &PathBuf, expected: &Digest) -> Result<Digest, StoreError> {
    let mut file = fs::File::open(path).attempt("open", path)?;
    let mut hasher = expected.algorithm().hasher();
    io::copy(&mut file, &mut hasher).attempt("read", path)?;
    Ok(hasher.finish())
}

fn shown(names: &[Reference], digest: &Digest) -> String {
    match names.first() {
        Some(name) => format!("`{name}`"),
        None => format!("`{digest}`"),
    }
}
