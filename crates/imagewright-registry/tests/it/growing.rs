//! Blobs that are sent while they are made.

use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use imagewright_oci::Digest;
use imagewright_registry::{CHUNK_SIZE, GrowingSource, Grown, RegistryError};
use imagewright_testkit::registry::{Fault, TestRegistry};

use crate::support::{client, reference};

/// Bytes that become visible when a test says so.
#[derive(Clone)]
struct Growing {
    bytes: Arc<Vec<u8>>,
    state: Arc<(Mutex<Grown>, Condvar)>,
}

impl Growing {
    fn new(length: usize) -> Self {
        let bytes: Vec<u8> = (0..length).map(|number| (number / 3 % 251) as u8).collect();
        Self { bytes: Arc::new(bytes), state: Arc::new((Mutex::new(Grown::To(0)), Condvar::new())) }
    }

    fn tell(&self, grown: Grown) {
        *self.state.0.lock().unwrap() = grown;
        self.state.1.notify_all();
    }

    fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    fn whole(&self) -> Grown {
        Grown::Whole { digest: self.digest(), size: self.bytes.len() as u64 }
    }
}

impl GrowingSource for Growing {
    fn wait_for(&self, length: u64) -> Grown {
        let is_short = |grown: &mut Grown| matches!(grown, Grown::To(there) if *there < length);
        self.state.1.wait_while(self.state.0.lock().unwrap(), is_short).unwrap().clone()
    }

    fn open_at(&self, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(&self.bytes[offset as usize..]))
    }
}

#[test]
fn a_blob_arrives_while_it_grows() {
    for length in [0, 1, CHUNK_SIZE, CHUNK_SIZE + 1, 3 * CHUNK_SIZE - 1] {
        let registry = TestRegistry::start().unwrap();
        let source = Growing::new(length as usize);
        let expected = source.digest();
        let client = client();
        let repository = client.repository(&reference(&registry, "demo/new:1"));
        thread::scope(|scope| {
            let sent = scope.spawn(|| repository.upload_growing(&source));
            for there in (0..length).step_by(5_000_000) {
                source.tell(Grown::To(there));
                thread::sleep(Duration::from_millis(2));
            }
            source.tell(source.whole());
            assert_eq!(sent.join().unwrap().unwrap(), Some(expected.clone()));
        });
        assert_eq!(*registry.blob("demo/new", &expected).unwrap(), *source.bytes, "{length} bytes");
        assert_eq!(registry.open_uploads(), 0);
    }
}

#[test]
fn what_is_given_up_leaves_nothing() {
    let registry = TestRegistry::start().unwrap();
    let source = Growing::new(2 * CHUNK_SIZE as usize);
    let client = client();
    let repository = client.repository(&reference(&registry, "demo/new:1"));
    thread::scope(|scope| {
        let sent = scope.spawn(|| repository.upload_growing(&source));
        source.tell(Grown::To(CHUNK_SIZE + 1));
        while registry.count("PATCH", "demo/new") == 0 {
            thread::sleep(Duration::from_millis(2));
        }
        source.tell(Grown::GivenUp);
        assert_eq!(sent.join().unwrap().unwrap(), None);
    });
    assert_eq!(registry.open_uploads(), 0);
    assert_eq!(registry.count("DELETE", "demo/new"), 1);
}

#[test]
fn a_break_and_a_false_digest_are_errors_that_leave_nothing() {
    let client_of = |registry: &TestRegistry| client().repository(&reference(registry, "demo/new:1"));
    let registry = TestRegistry::start().unwrap();
    registry.fail("PATCH", "demo/new", &Fault::CutUpload(1000), 1);
    let source = Growing::new(1_000_000);
    source.tell(source.whole());
    client_of(&registry).upload_growing(&source).unwrap_err();
    assert_eq!(registry.open_uploads(), 0);

    let registry = TestRegistry::start().unwrap();
    let other = Growing::new(999_999);
    source.tell(Grown::Whole { digest: other.digest(), size: 1_000_000 });
    let error = client_of(&registry).upload_growing(&source).unwrap_err();
    assert!(matches!(error, RegistryError::Refusal { .. }), "{error}");
    assert!(registry.blob("demo/new", &other.digest()).is_none());
    assert_eq!(registry.open_uploads(), 0);
}
