//! Large packages, which are read while they are fetched.

use std::time::Duration;

use imagewright_testkit::conda::{CondaPackage, Format, Index};
use imagewright_testkit::http::{Fault, HttpServer};
use imagewright_testkit::random::Random;

use super::support::{build, channels, context_with, fill, layers, refused};

/// A little more than what is read on its way.
const LARGE: usize = (4 << 20) + (64 << 10);

/// Bytes that do not get smaller.
fn noise(size: usize) -> Vec<u8> {
    let mut random = Random::of(3);
    (0..size / 8).flat_map(|_| random.number().to_le_bytes()).collect()
}

#[test]
fn large_packages_are_read_on_their_way() {
    let large = |name: &str| CondaPackage::new(name, "1").file("lib/noise", noise(LARGE));
    let packages = [(large("zip"), Format::Conda), (large("bz2"), Format::TarBz2)];
    let expected = context_with(Index::Json, &packages);
    let both = ["--conda", "zip", "--conda", "bz2", "-t", "demo/large"];
    drop(build(&expected, &both));
    let expected = layers(&expected, "demo/large");
    for fault in [None, Some(Fault::Truncate), Some(Fault::Close)] {
        let context = context_with(Index::Json, &packages);
        let server = HttpServer::serve(&channels(&context)).unwrap();
        let context = context.env("IMAGEWRIGHT_CONDA__CHANNEL_ALIAS", server.url());
        if let Some(fault) = &fault {
            server.fail("/zip-1-0.conda", fault, 1);
            server.fail("/bz2-1-0.tar.bz2", fault, 1);
        }
        drop(build(&context, &both));
        assert_eq!(layers(&context, "demo/large"), expected, "{fault:?}");
        if fault.is_none() {
            // Its end was asked for by itself, because its directory is there.
            let requests = server.requests();
            let asked = |file: &str| requests.iter().filter(|request| request.path.ends_with(file)).count();
            assert_eq!((asked("/zip-1-0.conda"), asked("/bz2-1-0.tar.bz2")), (2, 1));
        }
        context.assert_nothing_unfinished();
    }
}

#[test]
fn large_packages_that_are_not_what_they_say_leave_nothing() {
    let context = context_with(Index::Json, &[]);
    let mut channel = fill(&context, "team", Index::Json, &[]);
    let server = HttpServer::serve(&channels(&context)).unwrap();
    server.give_ranges();
    let context = context.env("IMAGEWRIGHT_CONDA__CHANNEL_ALIAS", server.url());
    // The base is brought in.
    drop(refused(&context, 3, &["--conda", "nothing"]));
    let stored = |room: &str| std::fs::read_dir(context.root().join(room)).map_or(0, Iterator::count);
    let before = stored("blobs/sha256");
    for (name, format) in [("zip", Format::Conda), ("bz2", Format::TarBz2)] {
        let package = CondaPackage::new(name, "1").file("lib/noise", noise(LARGE));
        let other =
            CondaPackage::new(name, "1").file("lib/noise", noise(LARGE - 8)).file("etc/evil", "longer");
        let (bytes, mut record) =
            (package.bytes(format).unwrap(), package.record(&other.bytes(format).unwrap()));
        record["size"] = bytes.len().into();
        channel.add_as(&package, format, &bytes, record).unwrap();
        // Who reads along has read all that it needs long before the hash is known.
        server.fail(&format!("/{}", package.file_name(format)), &Fault::Stall(Duration::from_secs(4)), 1);
        let told = refused(&context, 4, &["--conda", name]);
        assert!(told.contains("has the digest"), "{told}");
    }
    let left = (stored("cache/conda"), stored("facts/conda-layer"), stored("blobs/sha256"));
    assert_eq!(left, (0, 0, before));
    context.assert_nothing_unfinished();
}
