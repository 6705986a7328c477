//! Large blobs: memory is bounded by buffers, whatever the size.

use std::io::{self, Read};
use std::sync::Mutex;

use imagewright_oci::{Descriptor, Digest, Document, Manifest};
use imagewright_registry::transfer::{
    BlobSink, ImageSource, PushOptions, Selection, TransferOptions, copy, pull, push,
};
use imagewright_registry::{BlobSource, CHUNK_SIZE};
use imagewright_testkit::registry::{Recorded, TestRegistry};
use serde_json::json;

use crate::support::{Image, Zeros, amd64, client, reference};

const SIZE: u64 = 256 * 1024 * 1024;
/// The most that may be read into memory at once.
const LARGEST_READ: usize = 4 * 1024 * 1024;

/// An image of one layer of zeros that is nowhere in memory.
struct LargeImage {
    small: Image,
    layer: Zeros,
    layer_digest: Digest,
    manifest: Document<Manifest>,
}

impl LargeImage {
    fn new() -> Self {
        let layer = Zeros::new(SIZE);
        let mut small = Image::new("amd64", Vec::new());
        let descriptor = layer.descriptor();
        small.manifest["layers"] = json!([descriptor]);
        let manifest = small.document();
        Self { small, layer, layer_digest: descriptor.digest, manifest }
    }
}

impl ImageSource for LargeImage {
    fn open(&self, blob: &Descriptor, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        if blob.digest == self.layer_digest {
            return self.layer.open_at(offset);
        }
        let start = usize::try_from(offset).unwrap();
        Ok(Box::new(&self.small.config[start..]))
    }
}

/// Counts and forgets.
#[derive(Default)]
struct Counter {
    bytes: Mutex<u64>,
}

impl BlobSink for Counter {
    fn has(&self, _: &Descriptor) -> io::Result<bool> {
        Ok(false)
    }

    fn put(&self, _: &Descriptor, bytes: &mut dyn Read) -> io::Result<()> {
        let mut buffer = vec![0; LARGEST_READ];
        loop {
            let count = bytes.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            *self.bytes.lock().unwrap() += count as u64;
        }
    }
}

#[test]
fn a_quarter_of_a_gibibyte_goes_there_across_and_back_in_pieces() {
    let (first, second) = (TestRegistry::start().unwrap(), TestRegistry::start().unwrap());
    let image = LargeImage::new();
    let (here, there) = (reference(&first, "app:1"), reference(&second, "copy:1"));
    push(&client(), &image.manifest, &image, &here, &PushOptions::default(), &|_| {}).unwrap();
    assert!(*image.layer.largest_read.lock().unwrap() <= LARGEST_READ);
    assert_eq!(*image.layer.opened_at.lock().unwrap(), [0], "read once from end to end");
    copy(&client(), &here, &there, &Selection::All, &TransferOptions::default(), &|_| {}).unwrap();
    for registry in [&first, &second] {
        let chunks: Vec<u64> = registry
            .requests()
            .iter()
            .filter(|request| request.method == "PATCH")
            .map(Recorded::length)
            .collect();
        assert_eq!(chunks, [CHUNK_SIZE; 16]);
    }
    assert_eq!(first.count("GET", "/blobs/sha256"), 2, "configuration and layer, each in one go");
    drop(first);
    let sink = Counter::default();
    pull(&client(), &there, &amd64(), &sink, &TransferOptions::default(), &|_| {}).unwrap();
    assert_eq!(*sink.bytes.lock().unwrap(), SIZE + image.small.config.len() as u64);
}
