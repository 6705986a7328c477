//! Builds with conda packages: lists of channels, files of packages, layers and books.

use std::fs;

use imagewright_oci::Digest;
use imagewright_testkit::conda::{CondaPackage, Format, Index};
use imagewright_testkit::context::TestContext;
use imagewright_testkit::random::Random;
use imagewright_testkit::storm::rage;

use super::StoreScene;
use crate::conda::support::{BASE, context_with};

/// Packages that do not get smaller, one of them large enough for a layer of its own.
fn packages() -> Vec<(CondaPackage, Format)> {
    let mut random = Random::of(7);
    let mut noise =
        |size: usize| -> Vec<u8> { (0..size / 8).flat_map(|_| random.number().to_le_bytes()).collect() };
    let small =
        |name: &str, noise: Vec<u8>| CondaPackage::new(name, "1.0").file(&format!("lib/{name}.so"), noise);
    let mut app = small("app", noise(5 << 20)).program("bin/app", "#!/bin/sh\n");
    let mut all = Vec::new();
    for number in 0..4 {
        let name = format!("lib-{number}");
        app = app.depends(&name);
        let format = if number % 2 == 0 { Format::Conda } else { Format::TarBz2 };
        all.push((small(&name, noise(200 << 10)), format));
    }
    all.push((app, Format::Conda));
    all
}

/// Demands that files of packages which have their names are whole.
fn assert_whole_files(context: &TestContext) {
    for entry in fs::read_dir(context.root().join("cache/conda")).into_iter().flatten().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if let Some((hash, _)) = name.split_once('-').filter(|(hash, _)| hash.len() == 64) {
            assert_eq!(Digest::of(&fs::read(entry.path()).unwrap()).hex(), hash, "{name}");
        } else {
            assert!(name.starts_with(".partial-"), "{name}");
        }
    }
}

fn rage_over(index: Index, name: &str) {
    let context = context_with(index, &packages());
    drop(context.run(["image", "list"]).success());
    let build = ["build", "--base", BASE, "--conda-channel", "team", "--conda", "app", "--bytecode", "none"];
    let build = [&build[..], &["-t", "demo/conda:1", "--quiet"]].concat();
    rage(name, 20, &mut StoreScene::new(context, &build).also(assert_whole_files));
}

#[test]
fn a_build_of_conda_packages() {
    rage_over(Index::Json, "build of conda packages");
}

#[test]
fn a_build_of_conda_packages_that_are_listed_in_shards() {
    rage_over(Index::Shards, "build of conda packages from shards");
}
