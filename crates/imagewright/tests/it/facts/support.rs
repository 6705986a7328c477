//! Two machines: one that has made packages into layers, and one that has nothing but what it is given.

use std::fs;
use std::path::{Path, PathBuf};

use imagewright_testkit::conda::{Channel, CondaPackage, Format, Index};
use imagewright_testkit::context::TestContext;
use imagewright_testkit::http::HttpServer;
use imagewright_testkit::image::TinyImage;
use imagewright_testkit::random::Random;
use tempfile::TempDir;

use crate::support::context;

/// Small packages, which share layers, and two that have one each.
const SMALL: [&str; 9] = ["ant", "bee", "cat", "dog", "elk", "fox", "gnu", "hen", "ibis"];
const LARGE: [&str; 2] = ["whale", "yak"];

/// A channel that counts what it is asked for.
pub(crate) struct Packages {
    server: HttpServer,
    _folder: TempDir,
}

impl Packages {
    /// All packages; `mouse` is in no list that is not told so.
    pub(crate) fn serve() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut channel = Channel::new(&folder.path().join("team"), Index::Json);
        for (number, name) in (0..).zip(SMALL.iter().chain(&LARGE).chain(&["mouse"])) {
            let size = if LARGE.contains(name) { 5 << 20 } else { 20 << 10 };
            let package = CondaPackage::new(name, "1").file(&format!("share/{name}"), noise(number, size));
            channel.add(&package, Format::Conda).unwrap();
        }
        Self { server: HttpServer::serve(folder.path()).unwrap(), _folder: folder }
    }

    /// Names of packages that were fetched since the last time this was asked for `seen` requests. Of large ones the end is
    /// asked for by a request of its own.
    pub(crate) fn fetched(&self, seen: &mut usize) -> Vec<String> {
        let requests = self.server.requests().split_off(*seen);
        *seen += requests.len();
        let name = |path: &str| Some(path.rsplit('/').next()?.strip_suffix("-1-0.conda")?.to_owned());
        let mut names: Vec<String> = requests.iter().filter_map(|request| name(&request.path)).collect();
        names.sort();
        names.dedup();
        names
    }
}

fn noise(number: u64, size: usize) -> Vec<u8> {
    let mut random = Random::of(number);
    (0..size / 8).flat_map(|_| random.number().to_le_bytes()).collect()
}

/// A machine with an empty store.
pub(crate) fn machine(packages: &Packages) -> TestContext {
    let context = context();
    let libc = "\x7fELF GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\n";
    let base = TinyImage::default().file("lib64/libc.so.6", libc);
    base.write_layout(&context.work().join("base"), "base").unwrap();
    context.env("IMAGEWRIGHT_CONDA__CHANNEL_ALIAS", packages.server.url())
}

/// All packages but `mouse`.
pub(crate) fn common() -> Vec<&'static str> {
    SMALL.into_iter().chain(LARGE).collect()
}

/// What every build of these tests says beside its packages. Nothing is compiled, because nothing can run there.
pub(crate) fn arguments<'a>(packages: &[&'a str], name: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let build =
        ["build", "--base", "oci:base:base", "--conda-channel", "team", "--bytecode", "none", "-t", name];
    let packages = packages.iter().flat_map(|package| ["--conda", package]);
    build.into_iter().chain(packages).chain(more.iter().copied()).collect()
}

/// Builds and gives the digest; nothing may be warned of.
#[track_caller]
pub(crate) fn build(context: &TestContext, packages: &[&str], name: &str, more: &[&str]) -> String {
    let outcome = context.run(arguments(packages, name, more)).success();
    assert!(!outcome.stderr.contains("warning"), "{outcome}");
    outcome.stdout
}

/// Makes a key; gives its public form.
pub(crate) fn key(context: &TestContext, file: &str) -> String {
    context.run(["facts", "keygen", file]).success().stdout.trim().to_owned()
}

/// A machine whose store has [`common`] as layers, the bundle of them without places, and the key that signed it.
pub(crate) fn bundle(packages: &Packages) -> (TestContext, PathBuf, String) {
    let context = machine(packages);
    let key = key(&context, "team.key");
    drop(build(&context, &common(), "demo/one", &[]));
    drop(context.run(["facts", "export", "--all", "--key", "team.key", "-o", "team.facts"]).success());
    let file = context.work().join("team.facts");
    (context, file, key)
}

/// Copies a bundle to where a machine finds it by name.
pub(crate) fn hand_over(bundle: &Path, to: &TestContext) {
    fs::copy(bundle, to.work().join("team.facts")).unwrap();
}

/// How many layers of an image are not in the store.
pub(crate) fn missing(context: &TestContext, image: &str) -> u64 {
    let details = context.run(["image", "show", image, "--json"]).success().json();
    details["missing_layers"].as_u64().unwrap()
}
