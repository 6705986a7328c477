//! A client in a hurry, a store in memory, images made of noise.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use imagewright_model::TrustSettings;
use imagewright_oci::{Descriptor, Digest, Document, Manifest, MediaType, Platform, Reference};
use imagewright_registry::transfer::{BlobSink, ImageSource};
use imagewright_registry::{
    BlobSource, Client, Credential, CredentialSource, NoCredentials, OneCredential, Patience,
    RegistrySettings,
};
use imagewright_testkit::registry::TestRegistry;
use serde_json::{Value, json};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Settings of somebody who does not wait.
pub(crate) fn hurried() -> RegistrySettings {
    let patience =
        Patience { tries: 4, first_pause: Duration::from_millis(1), longest_pause: Duration::from_secs(3) };
    RegistrySettings { patience, ..RegistrySettings::default() }
}

pub(crate) fn client() -> Client {
    client_with(NoCredentials)
}

pub(crate) fn client_with(credentials: impl CredentialSource + 'static) -> Client {
    Client::new(hurried(), &TrustSettings::default(), Box::new(credentials)).unwrap()
}

/// A client that knows user and password for `registry`.
pub(crate) fn client_of(registry: &TestRegistry, username: &str, password: &str) -> Client {
    client_with(OneCredential {
        registry: registry.host(),
        credential: Credential::password(username, password),
    })
}

pub(crate) fn reference(registry: &TestRegistry, rest: &str) -> Reference {
    format!("{}/{rest}", registry.host()).parse().unwrap()
}

pub(crate) fn amd64() -> Platform {
    Platform::linux("amd64")
}

/// Bytes that do not repeat, the same for the same seed.
pub(crate) fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

pub(crate) fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": Digest::of(bytes).to_string(), "size": bytes.len() })
}

pub(crate) fn layer_descriptor(bytes: &[u8]) -> Descriptor {
    Descriptor::of(MediaType::LayerGzip, bytes)
}

/// An image: manifest, configuration and layers.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) config: Vec<u8>,
    pub(crate) layers: Vec<Vec<u8>>,
    pub(crate) manifest: Value,
}

impl Image {
    pub(crate) fn new(architecture: &str, layers: Vec<Vec<u8>>) -> Self {
        let diff_ids: Vec<String> = layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
        let config = json!({ "architecture": architecture, "os": "linux", "rootfs": { "type": "layers", "diff_ids": diff_ids } });
        let config = config.to_string().into_bytes();
        let entries: Vec<Value> = layers.iter().map(|layer| descriptor(LAYER, layer)).collect();
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(CONFIG, &config), "layers": entries });
        Self { config, layers, manifest }
    }

    /// An image of two layers.
    pub(crate) fn small(seed: u64) -> Self {
        Self::new("amd64", vec![noise(seed, 100_000), noise(seed + 1, 3000)])
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.manifest.to_string().into_bytes()
    }

    pub(crate) fn document(&self) -> Document<Manifest> {
        Document::parse(self.bytes()).unwrap()
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.bytes())
    }

    fn blobs(&self) -> impl Iterator<Item = &Vec<u8>> {
        std::iter::once(&self.config).chain(&self.layers)
    }

    /// Puts the image into a registry, past all checks.
    pub(crate) fn put_into(&self, registry: &TestRegistry, repository: &str, tag: &str) -> Digest {
        self.blobs().for_each(|blob| drop(registry.put_blob(repository, blob)));
        registry.put_manifest(repository, tag, MANIFEST, &self.bytes())
    }

    /// An entry for an index.
    pub(crate) fn entry(&self, architecture: &str) -> Value {
        let mut entry = descriptor(MANIFEST, &self.bytes());
        entry["platform"] = json!({ "os": "linux", "architecture": architecture });
        entry
    }

    /// Whether a registry has all of it under `tag`.
    pub(crate) fn is_in(&self, registry: &TestRegistry, repository: &str, tag: &str) -> bool {
        let has = |blob: &Vec<u8>| {
            registry.blob(repository, &Digest::of(blob)).is_some_and(|found| *found == *blob)
        };
        self.blobs().all(has)
            && registry.manifest(repository, tag).is_some_and(|(_, bytes)| bytes == self.bytes())
    }
}

pub(crate) fn index(entries: &[Value]) -> Vec<u8> {
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries }).to_string().into_bytes()
}

/// A store in memory; a blob is visible once it was read to its end.
#[derive(Default)]
pub(crate) struct MemoryStore(Mutex<HashMap<Digest, Arc<Vec<u8>>>>);

impl MemoryStore {
    pub(crate) fn of(image: &Image) -> Self {
        let store = Self::default();
        image.blobs().for_each(|blob| store.keep(&Digest::of(blob), blob.clone()));
        store
    }

    pub(crate) fn keep(&self, digest: &Digest, bytes: Vec<u8>) {
        self.0.lock().unwrap().insert(digest.clone(), Arc::new(bytes));
    }

    pub(crate) fn get(&self, digest: &Digest) -> Option<Arc<Vec<u8>>> {
        self.0.lock().unwrap().get(digest).cloned()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub(crate) fn has_all_of(&self, image: &Image) -> bool {
        image.blobs().all(|blob| self.get(&Digest::of(blob)).is_some_and(|found| *found == *blob))
    }
}

impl BlobSink for MemoryStore {
    fn has(&self, blob: &Descriptor) -> io::Result<bool> {
        Ok(self.get(&blob.digest).is_some())
    }

    fn put(&self, blob: &Descriptor, bytes: &mut dyn Read) -> io::Result<()> {
        let mut all = Vec::new();
        bytes.read_to_end(&mut all)?;
        self.keep(&blob.digest, all);
        Ok(())
    }
}

impl ImageSource for MemoryStore {
    fn open(&self, blob: &Descriptor, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        let bytes = self.get(&blob.digest).ok_or(io::ErrorKind::NotFound)?;
        let mut cursor = io::Cursor::new(bytes.to_vec());
        cursor.set_position(offset);
        Ok(Box::new(cursor))
    }
}

/// Zeros, as many as wanted, without holding them; notes how they are read.
#[derive(Default)]
pub(crate) struct Zeros {
    pub(crate) size: u64,
    /// The largest piece that was read at once.
    pub(crate) largest_read: Mutex<usize>,
    /// Where it was opened.
    pub(crate) opened_at: Mutex<Vec<u64>>,
}

struct ZerosFrom<'a> {
    left: u64,
    zeros: &'a Zeros,
}

impl Read for ZerosFrom<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        buffer[..count].fill(0);
        self.left -= count as u64;
        let mut largest = self.zeros.largest_read.lock().unwrap();
        *largest = (*largest).max(count);
        Ok(count)
    }
}

impl Zeros {
    pub(crate) fn new(size: u64) -> Self {
        Self { size, ..Self::default() }
    }

    pub(crate) fn digest(&self) -> Digest {
        let mut hasher = imagewright_oci::Hasher::default();
        let piece = vec![0; 1024 * 1024];
        let mut left = self.size;
        while left > 0 {
            let count = left.min(piece.len() as u64);
            hasher.update(&piece[..usize::try_from(count).unwrap()]);
            left -= count;
        }
        hasher.finish()
    }

    pub(crate) fn descriptor(&self) -> Descriptor {
        Descriptor::new(MediaType::LayerGzip, self.digest(), self.size)
    }
}

impl BlobSource for Zeros {
    fn open_at(&self, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        self.opened_at.lock().unwrap().push(offset);
        Ok(Box::new(ZerosFrom { left: self.size - offset, zeros: self }))
    }
}
