//! A real package of conda-forge. One can be had wherever packages of Python can: it lies in the sources of `py-rattler`, where it
//! serves tests, packed a second time in a way that no conda takes.

use std::fs;
use std::process::Command;

use imagewright_layer::{LayerReader, decompress};
use imagewright_testkit::conda::{Channel, CondaPackage, Format, Index};
use imagewright_testkit::context::{Outcome, TestContext};
use serde_json::Value;

use crate::conda::support::{BASE, Found, channels, context_with, record, tree};

/// Fetches a file from the machine's own index and packs the package in it as conda does; prints its hashes.
const FETCH: &str = include_str!("fetch_conda_package.py");

const FILE: &str = "ca-certificates-2024.7.4-hbcca054_0";

/// A place with the channel `conda-forge`, in which there is this package.
fn context() -> TestContext {
    let context = context_with(Index::Json, &[]);
    let folder = context.work();
    let arguments = ["py-rattler", "py_rattler-0.9.0.tar.gz", &format!("{FILE}.conda")];
    // With the machine's own surroundings: its index, proxies and certificate authorities.
    let fetched =
        Outcome::of(Command::new("python3").args(["-c", FETCH]).args(arguments).arg(&folder)).success();
    let mut entry: Value =
        serde_json::from_str(&index_json(&fs::read(folder.join("info.tar.zst")).unwrap())).unwrap();
    for (key, value) in serde_json::from_str::<Value>(&fetched.stdout).unwrap().as_object().unwrap() {
        entry[key] = value.clone();
    }
    assert_eq!((&entry["name"], &entry["license"]), (&"ca-certificates".into(), &"ISC".into()));
    let package = CondaPackage::new("ca-certificates", "2024.7.4").build("hbcca054_0");
    assert_eq!(entry["subdir"], package.subdir());
    let bytes = fs::read(folder.join(format!("{FILE}.conda"))).unwrap();
    let mut channel = Channel::new(&channels(&context).join("conda-forge"), Index::Json);
    channel.add_as(&package, Format::Conda, &bytes, entry).unwrap();
    context
}

/// What a package says of itself.
fn index_json(info: &[u8]) -> String {
    let mut text = String::new();
    LayerReader::new(decompress(info).unwrap())
        .for_each(|entry, body| {
            if entry.path.to_string() == "info/index.json" {
                body.read_to_string(&mut text).unwrap();
            }
            Ok::<(), imagewright_layer::LayerError>(())
        })
        .unwrap();
    text
}

fn built(context: &TestContext) {
    let arguments =
        ["build", "--base", BASE, "--conda", "-c conda-forge::ca-certificates", "-t", "demo/forge"];
    drop(context.run(arguments).success());
}

mod needs_network {
    use super::*;

    #[test]
    #[ignore = "needs network"]
    fn a_package_of_conda_forge_is_installed() {
        let context = context();
        built(&context);
        let tree = tree(&context, "demo/forge");
        let Found::File(certificates, 0o664) = &tree["opt/conda/ssl/cacert.pem"] else {
            panic!("{:?}", tree.keys());
        };
        let count = certificates.windows(27).filter(|it| it == b"-----BEGIN CERTIFICATE-----").count();
        assert!(count > 100, "{count}");
        assert_eq!(tree["opt/conda/ssl/cert.pem"], Found::Symlink("cacert.pem".into()));
        let record = record(&tree, FILE);
        let shown = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
        assert_eq!(
            (shown("name"), shown("channel")),
            ("ca-certificates".to_owned(), "conda-forge".to_owned())
        );
        assert_eq!((shown("license"), shown("build")), ("ISC".to_owned(), "hbcca054_0".to_owned()));
        // What it says of its files is true.
        let paths = record["paths_data"]["paths"].as_array().unwrap();
        let hash = |path: &str| paths.iter().find(|it| it["_path"] == path).unwrap()["sha256"].clone();
        assert_eq!(hash("ssl/cacert.pem"), imagewright_oci::Digest::of(certificates).hex());
        let lock = [
            "build",
            "--base",
            "demo/forge",
            "--conda-channel",
            "conda-forge",
            "--conda",
            "ca-certificates",
            "--json",
        ];
        // On top of itself there is nothing to do.
        drop(context.run(lock).success());
    }
}

mod needs_rattler_and_network {
    use super::*;
    use crate::needs_rattler::assert_as_rattler_installs;

    #[test]
    #[ignore = "needs rattler and network"]
    fn the_tree_of_a_package_of_conda_forge_is_that_of_rattler() {
        let context = context();
        built(&context);
        let channel = channels(&context).join("conda-forge");
        assert_as_rattler_installs(&context, "demo/forge", &channel, &[format!("{FILE}.conda")], 2);
    }
}
