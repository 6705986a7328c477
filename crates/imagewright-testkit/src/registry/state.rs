//! What the registry holds.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::auth::Tokens;
use super::fault::Faults;
use super::http::Recorded;

#[derive(Default)]
pub(super) struct State {
    pub(super) repositories: BTreeMap<String, Repository>,
    /// By number.
    pub(super) uploads: HashMap<u64, Upload>,
    pub(super) next_upload: u64,
    pub(super) tokens: Tokens,
    pub(super) faults: Faults,
    pub(super) requests: Vec<Recorded>,
}

#[derive(Default)]
pub(super) struct Repository {
    /// By digest.
    pub(super) blobs: HashMap<String, Arc<Vec<u8>>>,
    /// By digest.
    pub(super) manifests: BTreeMap<String, StoredManifest>,
    /// Tag to digest.
    pub(super) tags: BTreeMap<String, String>,
}

pub(super) struct StoredManifest {
    pub(super) media_type: String,
    pub(super) bytes: Vec<u8>,
}

pub(super) struct Upload {
    pub(super) repository: String,
    pub(super) bytes: Vec<u8>,
    /// Grows with each request; an old address is refused, as the specification lets registries do.
    pub(super) version: u64,
}

impl State {
    pub(super) fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }

    pub(super) fn begin_upload(&mut self, repository: &str) -> u64 {
        self.next_upload += 1;
        let upload = Upload { repository: repository.to_owned(), bytes: Vec::new(), version: 0 };
        self.uploads.insert(self.next_upload, upload);
        self.next_upload
    }
}

impl Repository {
    pub(super) fn is_empty(&self) -> bool {
        self.blobs.is_empty() && self.manifests.is_empty()
    }

    /// The manifest of a tag or digest, with its digest.
    pub(super) fn manifest(&self, name: &str) -> Option<(&str, &StoredManifest)> {
        let digest = self.tags.get(name).map_or(name, String::as_str);
        self.manifests.get_key_value(digest).map(|(digest, manifest)| (digest.as_str(), manifest))
    }
}
