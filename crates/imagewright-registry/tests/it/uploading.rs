//! Uploading a blob through everything that can happen on the way.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use imagewright_model::ErrorKind;
use imagewright_oci::{Descriptor, Digest, MediaType};
use imagewright_registry::{BlobOutcome, BlobSource, CHUNK_SIZE, Client, RegistryError};
use imagewright_testkit::registry::{Authentication, Fault, Options, Recorded, TestRegistry};

use crate::support::{client, client_of, layer_descriptor, noise, reference};

/// A blob of two chunks and a half.
fn large() -> Vec<u8> {
    noise(5, usize::try_from(CHUNK_SIZE * 5 / 2).unwrap())
}

fn upload(client: &Client, registry: &TestRegistry, bytes: &[u8]) -> Result<BlobOutcome, RegistryError> {
    let repository = client.repository(&reference(registry, "app:1"));
    let mut moved = 0;
    let result = repository.put_blob(&layer_descriptor(bytes), &bytes, &[], &mut |count| moved += count);
    if result.is_ok() {
        assert_eq!(moved, i64::try_from(bytes.len()).unwrap(), "what was in vain is taken back");
        assert_eq!(**registry.blob("app", &Digest::of(bytes)).unwrap(), *bytes);
        assert_eq!(registry.open_uploads(), 0);
    }
    result
}

#[test]
fn empty_small_and_large_blobs_arrive() {
    let whole = usize::try_from(CHUNK_SIZE).unwrap();
    for (size, chunks) in [(0, 0), (1, 0), (1000, 0), (whole, 0), (whole + 1, 2), (2 * whole, 2)] {
        let registry = TestRegistry::start().unwrap();
        upload(&client(), &registry, &noise(3, size)).unwrap();
        assert_eq!(registry.count("PATCH", ""), chunks, "{size}");
        assert_eq!(registry.count("PUT", ""), 1, "{size}");
    }
}

#[test]
fn a_broken_upload_goes_on_where_it_broke() {
    let bytes = large();
    let cases = [
        ("PATCH", Fault::CutUpload(1_000_000)),
        ("PATCH", Fault::CutUpload(0)),
        ("PATCH", Fault::LoseAnswer),
        ("PATCH", Fault::Close),
        ("PUT", Fault::LoseAnswer),
        ("PUT", Fault::Close),
        ("POST", Fault::Close),
        ("HEAD", Fault::Close),
    ];
    for forgets_broken_requests in [false, true] {
        for (method, fault) in &cases {
            let registry =
                TestRegistry::with(Options { forgets_broken_requests, ..Options::default() }).unwrap();
            registry.fail(method, "/blobs/", fault, 3);
            upload(&client(), &registry, &bytes)
                .unwrap_or_else(|error| panic!("{method} {fault:?}: {error:?}"));
        }
    }
}

#[test]
fn what_arrived_is_not_sent_again() {
    let registry = TestRegistry::start().unwrap();
    let bytes = large();
    registry.fail("PATCH", "", &Fault::CutUpload(5_000_000), 1);
    upload(&client(), &registry, &bytes).unwrap();
    let starts: Vec<String> = registry
        .requests()
        .iter()
        .filter_map(|request| request.header("content-range").map(str::to_owned))
        .collect();
    assert!(starts[1].starts_with("5000000-"), "{starts:?}");
    let after_break =
        registry.requests().into_iter().filter(|request| request.method == "PATCH").nth(1).unwrap();
    assert_eq!(after_break.header("expect"), Some("100-continue"));
}

#[test]
fn a_broken_single_request_goes_on_too() {
    let bytes = noise(4, 2_000_000);
    for fault in [Fault::CutUpload(500_000), Fault::CutUpload(0), Fault::LoseAnswer, Fault::Close] {
        for forgets_broken_requests in [false, true] {
            let registry =
                TestRegistry::with(Options { forgets_broken_requests, ..Options::default() }).unwrap();
            registry.fail("PUT", "", &fault, 2);
            upload(&client(), &registry, &bytes).unwrap_or_else(|error| panic!("{fault:?}: {error:?}"));
        }
    }
}

#[test]
fn an_upload_the_registry_forgot_begins_anew() {
    let registry = TestRegistry::start().unwrap();
    let unknown = r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}"#;
    registry.fail("PATCH", "/uploads/1", &Fault::Status(404, "", unknown.to_owned()), 1);
    registry.fail("GET", "/uploads/1", &Fault::Status(404, "", unknown.to_owned()), 1);
    let bytes = large();
    let repository = client().repository(&reference(&registry, "app:1"));
    repository.upload_blob(&layer_descriptor(&bytes), &&bytes[..], &mut |_| {}).unwrap();
    assert_eq!(registry.count("POST", ""), 2);
    assert!(registry.blob("app", &Digest::of(&bytes)).is_some());
}

#[test]
fn pieces_a_registry_put_together_wrongly_are_sent_again() {
    let invalid = || Fault::Status(400, "", r#"{"errors":[{"code":"DIGEST_INVALID"}]}"#.to_owned());
    let registry = TestRegistry::start().unwrap();
    registry.fail("PATCH", "", &Fault::CutUpload(1000), 1);
    registry.fail("PUT", "", &invalid(), 1);
    upload(&client(), &registry, &large()).unwrap();
    // Without a break there is nothing to be mixed up: the registry's word stands.
    registry.fail("PUT", "", &invalid(), 1);
    let error = upload(&client(), &registry, &noise(9, 1000)).unwrap_err();
    assert!(matches!(error, RegistryError::Refusal { .. }), "{error:?}");
}

#[test]
fn an_upload_that_never_gets_on_ends() {
    let registry = TestRegistry::start().unwrap();
    registry.fail("PATCH", "", &Fault::CutUpload(0), 1000);
    let error = upload(&client(), &registry, &large()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(registry.count("PATCH", "") < 10);
}

#[test]
fn an_overloaded_registry_is_waited_for() {
    for (method, path) in
        [("POST", "/uploads/"), ("PATCH", ""), ("PUT", ""), ("HEAD", "/blobs/"), ("GET", "/v2/")]
    {
        for status in [429, 500, 502, 503, 504] {
            let registry = TestRegistry::start().unwrap();
            registry.fail(method, path, &Fault::Status(status, "retry-after: 0", String::new()), 2);
            let bytes = noise(6, usize::try_from(CHUNK_SIZE + 10).unwrap());
            upload(&client(), &registry, &bytes)
                .unwrap_or_else(|error| panic!("{method} {status}: {error:?}"));
        }
    }
}

#[test]
fn retry_after_is_obeyed_or_found_too_long() {
    let registry = TestRegistry::start().unwrap();
    let busy = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#.to_owned();
    registry.fail("POST", "", &Fault::Status(429, "retry-after: 1", busy.clone()), 1);
    let began = Instant::now();
    upload(&client(), &registry, b"bytes").unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1));
    registry.fail("POST", "", &Fault::Status(429, "retry-after: 3600", busy), 1);
    let error = upload(&client(), &registry, b"other bytes").unwrap_err();
    assert!(error.to_string().ends_with("TOOMANYREQUESTS: slow down (status 429)"), "{error}");
    assert!(error.hint().unwrap().contains("mirror"));
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[test]
fn a_registry_that_stays_overloaded_is_given_up() {
    let registry = TestRegistry::start().unwrap();
    registry.fail("POST", "", &Fault::Status(503, "", String::new()), 100);
    let error = upload(&client(), &registry, b"bytes").unwrap_err();
    assert!(matches!(&error, RegistryError::Unavailable { answer, .. } if answer.status == 503), "{error:?}");
    assert_eq!(registry.count("POST", ""), 4);
}

#[test]
fn a_refusal_is_heard_at_once() {
    let registry = TestRegistry::start().unwrap();
    registry.fail("PUT", "", &Fault::Status(413, "", String::new()), 1);
    let error = upload(&client(), &registry, &noise(1, 1000)).unwrap_err();
    assert!(matches!(&error, RegistryError::Refusal { answer, .. } if answer.status == 413), "{error:?}");
    assert!(error.hint().unwrap().contains("limits the size"));
    assert_eq!(registry.open_uploads(), 0, "what cannot be finished is cleared away");
}

#[test]
fn a_refusal_in_the_middle_of_many_bytes_is_heard_at_the_second_try() {
    let registry = TestRegistry::start().unwrap();
    registry.fail("PUT", "", &Fault::Status(413, "", String::new()), 10);
    let error = upload(&client(), &registry, &noise(1, 12_000_000)).unwrap_err();
    assert!(matches!(&error, RegistryError::Refusal { answer, .. } if answer.status == 413), "{error:?}");
}

#[test]
fn an_expired_token_is_renewed_in_the_middle() {
    // A token is good for a few requests, and nobody is told.
    for uses in 1..8 {
        let mut authentication = Authentication::token("me", "secret");
        if let Authentication::Token { uses: allowed, .. } = &mut authentication {
            *allowed = uses;
        }
        let registry = TestRegistry::with(Options { authentication, ..Options::default() }).unwrap();
        upload(&client_of(&registry, "me", "secret"), &registry, &large())
            .unwrap_or_else(|error| panic!("{uses}: {error:?}"));
        assert!(uses > 5 || registry.count("GET", "/token") > 1, "{uses}");
    }
}

#[test]
fn a_token_is_renewed_before_it_expires() {
    let mut authentication = Authentication::token("me", "secret");
    if let Authentication::Token { lifetime, .. } = &mut authentication {
        *lifetime = Duration::from_secs(1);
    }
    let registry = TestRegistry::with(Options { authentication, ..Options::default() }).unwrap();
    let client = client_of(&registry, "me", "secret");
    upload(&client, &registry, b"one").unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    upload(&client, &registry, b"two").unwrap();
    let refused = registry.requests().into_iter().filter(|request| request.header("authorization").is_none());
    // Only the first contact: nothing was sent with a token that had expired.
    assert_eq!(refused.filter(|request| request.path.starts_with("/v2/")).count(), 1);
}

/// Other bytes than the descriptor says, or fewer, or none.
struct Faulty(Vec<u8>, Option<io::ErrorKind>);

impl BlobSource for Faulty {
    fn open_at(&self, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        match self.1 {
            Some(kind) => Err(kind.into()),
            None => Ok(Box::new(self.0.get(usize::try_from(offset).unwrap()..).unwrap_or_default())),
        }
    }
}

#[test]
fn the_sources_faults_are_the_sources() {
    let descriptor = layer_descriptor(b"the right bytes");
    for (source, words) in [
        (Faulty(b"the wrong bytes".to_vec(), None), "the blob that is to be sent to"),
        (Faulty(b"short".to_vec(), None), "could not read the bytes of sha256:"),
        (Faulty(Vec::new(), Some(io::ErrorKind::PermissionDenied)), "could not read the bytes of sha256:"),
    ] {
        let registry = TestRegistry::start().unwrap();
        let repository = client().repository(&reference(&registry, "app:1"));
        let error = repository.upload_blob(&descriptor, &source, &mut |_| {}).unwrap_err();
        assert!(error.to_string().starts_with(words), "{error}");
        assert!(registry.blob("app", &descriptor.digest).is_none());
        assert_eq!(registry.open_uploads(), 0);
        assert_eq!(registry.count("POST", ""), 1, "such a fault is not tried again");
    }
}

#[test]
fn large_wrong_bytes_are_found_before_the_upload_is_closed() {
    let registry = TestRegistry::start().unwrap();
    let bytes = noise(2, usize::try_from(CHUNK_SIZE + 10).unwrap());
    let descriptor = Descriptor::new(MediaType::LayerGzip, Digest::of(b"else"), bytes.len() as u64);
    let repository = client().repository(&reference(&registry, "app:1"));
    let error = repository.upload_blob(&descriptor, &&bytes[..], &mut |_| {}).unwrap_err();
    assert!(matches!(error, RegistryError::WrongDigest { .. }), "{error:?}");
    assert_eq!(registry.count("PUT", ""), 0);
    assert_eq!(registry.open_uploads(), 0);
}

#[test]
fn a_blob_of_another_size_under_the_same_digest_is_not_trusted() {
    let registry = TestRegistry::start().unwrap();
    registry.put_blob_as("app", &Digest::of(b"bytes"), b"other bytes");
    let error = upload(&client(), &registry, b"bytes").unwrap_err();
    assert!(matches!(error, RegistryError::WrongSize { expected: 5, found: 11, .. }), "{error:?}");
}

#[test]
fn the_least_a_registry_takes_at_once_is_honoured() {
    let minimum = CHUNK_SIZE + 1_000_000;
    let registry =
        TestRegistry::with(Options { minimum_chunk: Some(minimum), ..Options::default() }).unwrap();
    upload(&client(), &registry, &large()).unwrap();
    let lengths: Vec<u64> = registry
        .requests()
        .iter()
        .filter(|request| request.method == "PATCH")
        .map(Recorded::length)
        .collect();
    assert_eq!(lengths[0], minimum);
}
