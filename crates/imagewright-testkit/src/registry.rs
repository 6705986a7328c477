//! A registry in memory, strict to the distribution specification, that misbehaves when told to.
//!
//! It speaks HTTP on the loopback. What the specification leaves to registries is set by [`Options`]; what goes
//! wrong in the world is switched on by [`TestRegistry::fail`]. Every request is written down for assertions.

mod auth;
mod content;
mod fault;
mod http;
mod manifests;
mod routes;
mod state;
mod uploads;

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use imagewright_oci::Digest;

pub use auth::Authentication;
pub use fault::Fault;
pub use http::Recorded;

use state::{State, StoredManifest};

/// What kind of registry it is.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whom it lets in.
    pub authentication: Authentication,
    /// It takes no mounts.
    pub declines_mounts: bool,
    /// It has no list of referrers.
    pub has_no_referrers: bool,
    /// Tags on a page; 0: all on one.
    pub page_size: usize,
    /// It answers requests for a part with the whole.
    pub ignores_ranges: bool,
    /// It forgets what it got of a request that broke.
    pub forgets_broken_requests: bool,
    /// The least it takes at once, unless it is the last.
    pub minimum_chunk: Option<u64>,
}

/// The registry; it stops when dropped.
pub struct TestRegistry {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    address: SocketAddr,
    options: Options,
    stopping: AtomicBool,
    state: Mutex<State>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics with it")
    }
}

impl TestRegistry {
    /// An empty registry that lets everybody in.
    pub fn start() -> io::Result<Self> {
        Self::with(Options::default())
    }

    /// An empty registry.
    pub fn with(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let stopping = AtomicBool::new(false);
        let shared = Arc::new(Shared { address, options, stopping, state: Mutex::default() });
        let server = Arc::clone(&shared);
        let thread = thread::spawn(move || accept(&listener, &server));
        Ok(Self { address, shared, thread: Some(thread) })
    }

    /// Its name in references: host and port.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Misbehaves at the next `times` requests of this method whose path holds `path_part`.
    pub fn fail(&self, method: &str, path_part: &str, fault: &Fault, times: usize) {
        self.shared.state().faults.add(method, path_part, fault, times);
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.state().requests.clone()
    }

    /// The requests so far of this method whose path holds `path_part`.
    pub fn count(&self, method: &str, path_part: &str) -> usize {
        let is_meant = |request: &&Recorded| request.method == method && request.path.contains(path_part);
        self.shared.state().requests.iter().filter(is_meant).count()
    }

    /// Puts a blob in, past all checks.
    pub fn put_blob(&self, repository: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        self.put_blob_as(repository, &digest, bytes);
        digest
    }

    /// Puts bytes in under a digest that need not be theirs.
    pub fn put_blob_as(&self, repository: &str, digest: &Digest, bytes: &[u8]) {
        let mut state = self.shared.state();
        state.repository(repository).blobs.insert(digest.to_string(), Arc::new(bytes.to_vec()));
    }

    /// Puts a manifest in, past all checks; under `tag` where it is not empty.
    pub fn put_manifest(&self, repository: &str, tag: &str, media_type: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let stored = StoredManifest { media_type: media_type.to_owned(), bytes: bytes.to_vec() };
        let mut state = self.shared.state();
        let repository = state.repository(repository);
        repository.manifests.insert(digest.to_string(), stored);
        if !tag.is_empty() {
            repository.tags.insert(tag.to_owned(), digest.to_string());
        }
        digest
    }

    /// The bytes of a blob.
    pub fn blob(&self, repository: &str, digest: &Digest) -> Option<Arc<Vec<u8>>> {
        self.shared.state().repository(repository).blobs.get(&digest.to_string()).cloned()
    }

    /// Type and bytes of the manifest a tag or digest stands for.
    pub fn manifest(&self, repository: &str, name: &str) -> Option<(String, Vec<u8>)> {
        let mut state = self.shared.state();
        let found = state.repository(repository).manifest(name)?;
        Some((found.1.media_type.clone(), found.1.bytes.clone()))
    }

    /// Uploads that were begun and neither closed nor cancelled.
    pub fn open_uploads(&self) -> usize {
        self.shared.state().uploads.len()
    }
}

impl Drop for TestRegistry {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        // Clients go away at any moment; that is no error of the registry.
        thread::spawn(move || drop(routes::converse(stream, &shared)));
    }
}
