//! What is in layers, and what is not: caches, settings and whatever differs from run to run stay outside.

use std::fs::File;
use std::io::Read;

use imagewright_layer::{Entry, EntryKind, LayerError, LayerReader, decompress};
use imagewright_testkit::context::TestContext;
use imagewright_testkit::registry::{Recorded, TestRegistry};
use imagewright_testkit::wheels::Wheel;

use super::seed::{PYTHON, context, context_with_wheels, write_spec};

/// An entry of a layer with the bytes of a file.
struct Item {
    path: String,
    entry: Entry,
    body: Vec<u8>,
}

/// The entries of all layers of an image, bottom first.
fn layers_of(context: &TestContext, image: &str) -> Vec<Vec<Item>> {
    let details = context.run(["image", "show", image, "--json"]).success().json();
    let layers = details["manifest"]["layers"].as_array().unwrap();
    let digests =
        layers.iter().map(|layer| layer["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap());
    digests
        .map(|hex| read_layer(File::open(context.root().join("blobs/sha256").join(hex)).unwrap()))
        .collect()
}

fn read_layer(blob: File) -> Vec<Item> {
    let mut items = Vec::new();
    let mut reader = LayerReader::new(decompress(blob).unwrap());
    let take = |entry: Entry, body: &mut dyn Read| -> Result<(), LayerError> {
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes).unwrap();
        items.push(Item { path: entry.path.as_path().display().to_string(), entry, body: bytes });
        Ok(())
    };
    reader.for_each(take).unwrap();
    items
}

/// Docker refuses a layer that names a path twice.
#[test]
#[ignore = "needs root and network"]
fn no_layer_names_a_path_twice() {
    let wheels = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"].map(|name| Wheel::new(name, "1.0"));
    let context = context_with_wheels(&wheels);
    write_spec(&context, "alpha\nbeta\ngamma\ndelta\nepsilon\nzeta");
    drop(context.run(["build", "spec", "-t", "demo/layers"]).success());
    let layers = layers_of(&context, "demo/layers");
    let packages = |layer: &Vec<Item>| layer.iter().filter(|item| item.path.ends_with("/METADATA")).count();
    assert!(layers.iter().any(|layer| packages(layer) > 1), "there are layers of several packages");
    for layer in layers {
        let mut paths: Vec<&str> = layer.iter().map(|item| item.path.as_str()).collect();
        paths.sort_unstable();
        assert_eq!(paths.windows(2).find(|pair| pair[0] == pair[1]), None);
    }
}

/// An image with an apt and a pip layer of its own, made with settings that must leave no trace.
fn context_with_image() -> TestContext {
    let wheels = [Wheel::new("alpha", "1.0").module("import json\nVERSION = '1.0'\n")];
    let context =
        context_with_wheels(&wheels).env("PIP_EXTRA_INDEX_URL", "http://127.0.0.1:1/leave-no-trace");
    write_spec(&context, "alpha");
    drop(
        context
            .run(["build", "spec", "--apt", "tree", "--apt", "openssh-client", "-t", "demo/layers"])
            .success(),
    );
    context
}

/// What package managers leave behind, settings of the machine, and mount points of ours.
const UNWANTED: [&str; 18] = [
    "dev/imagewright",
    "etc/machine-id",
    "etc/resolv.conf",
    "etc/hosts",
    "usr/sbin/policy-rc.d",
    "var/lib/apt/lists/",
    "var/cache/apt/",
    "var/cache/ldconfig/aux-cache",
    "var/lib/dpkg/status-old",
    "var/lib/dpkg/lock",
    "var/log/dpkg.log",
    "var/log/apt",
    "var/log/alternatives.log",
    "etc/passwd-",
    "etc/group-",
    "root/.cache",
    "tmp/",
    "opt/venv/.lock",
];

#[test]
#[ignore = "needs root and network"]
fn steps_leave_no_caches_logs_or_settings() {
    let context = context_with_image();
    // The base made from nothing has a name resolution and a machine id of its own: empty.
    for (number, layer) in layers_of(&context, "demo/layers").into_iter().enumerate().skip(1) {
        for Item { path, entry, body } in layer {
            let is_unwanted =
                |unwanted: &&&str| path.starts_with(**unwanted) || path == unwanted.trim_end_matches('/');
            let unwanted = UNWANTED.iter().find(is_unwanted);
            let is_directory = matches!(entry.kind, EntryKind::Directory);
            assert!(unwanted.is_none() || is_directory, "layer {number} has `{path}`");
            assert!(!path.starts_with("dev/"), "layer {number} has `{path}`");
            for trace in ["/dev/imagewright", "leave-no-trace", &*context.folder().to_string_lossy()] {
                let found = body.windows(trace.len()).any(|window| window == trace.as_bytes());
                assert!(!found, "`{path}` in layer {number} holds `{trace}`");
            }
        }
    }
}

#[test]
#[ignore = "needs root and network"]
fn a_base_has_no_identity_of_its_own() {
    let context = super::seed::context();
    let base = layers_of(&context, PYTHON).swap_remove(0);
    let find = |path: &str| base.iter().find(|item| item.path == path);
    assert!(find("etc/machine-id").is_none_or(|item| item.body.is_empty()));
    for path in ["etc/resolv.conf", "etc/hostname", "var/cache/ldconfig/aux-cache", "var/lib/dpkg/status-old"]
    {
        assert!(find(path).is_none_or(|item| item.body.is_empty()), "the base has `{path}`");
    }
    let logs = base.iter().find(|item| item.path.starts_with("var/log/") && !item.body.is_empty());
    assert!(logs.is_none_or(|item| false_alarm(&item.path)), "{:?}", logs.map(|item| &item.path));
    let archives = base.iter().find(|item| item.path.ends_with(".deb"));
    assert!(archives.is_none(), "{:?}", archives.map(|item| &item.path));
}

/// Logins are counted in files of fixed form, which are empty of content.
fn false_alarm(path: &str) -> bool {
    ["var/log/lastlog", "var/log/faillog", "var/log/btmp", "var/log/wtmp"].contains(&path)
}

#[test]
#[ignore = "needs root and network"]
fn bytecode_is_without_times_and_times_are_clamped() {
    let context = context_with_image();
    let details = context.run(["image", "show", "demo/layers", "--json"]).success().json();
    let created: jiff::Timestamp = details["created"].as_str().unwrap().parse().unwrap();
    for Item { path, entry, body } in layers_of(&context, "demo/layers").into_iter().flatten() {
        assert!(entry.mtime <= created.as_second(), "`{path}` is younger than the image");
        // The flags of a .pyc: the lowest bit is set where it is checked by the hash of its source.
        let is_timed = path.ends_with(".pyc") && body.get(4).is_some_and(|flags| flags & 1 == 0);
        assert!(!is_timed, "`{path}` holds the time of its source");
    }
}

#[test]
#[ignore = "needs root and network"]
fn set_user_ids_owners_and_hard_links_survive() {
    let context = context_with_image();
    let layers = layers_of(&context, "demo/layers");
    let all: Vec<&Item> = layers.iter().flatten().collect();
    let entry = |path: &str| {
        &all.iter().rfind(|item| item.path == path).unwrap_or_else(|| panic!("no `{path}`")).entry
    };
    assert_eq!(entry("usr/bin/passwd").mode & 0o7777, 0o4755);
    // openssh-client makes a group and gives it the agent.
    assert_eq!(entry("usr/bin/ssh-agent").mode & 0o2000, 0o2000);
    assert_ne!(entry("usr/bin/ssh-agent").gid, 0);
    assert_eq!(entry("tmp").mode & 0o7777, 0o1777);
}

/// A large package, and what a registry was asked for while it was built into an image of a repository.
fn push_large_package(registry: &TestRegistry, package: &str) -> (String, Vec<Recorded>) {
    let context = context();
    let (before, name) = (registry.requests().len(), format!("{}/demo/large:1", registry.host()));
    let build = ["build", "--base", PYTHON, "--pip", package, "--bytecode", "none", "-t", &name, "--push"];
    drop(context.run(build).success());
    let details = context.run(["image", "show", &name, "--json"]).success().json();
    let layers = details["manifest"]["layers"].as_array().unwrap().iter();
    let largest = layers.max_by_key(|layer| layer["size"].as_u64()).unwrap();
    assert!(largest["size"].as_u64() > Some(20 << 20), "{package} is a large package");
    (largest["digest"].as_str().unwrap().to_owned(), registry.requests().split_off(before))
}

/// Where among the requests one of this method and with this in its path is first.
fn first(requests: &[Recorded], method: &str, part: &str) -> Option<usize> {
    requests.iter().position(|request| request.method == method && request.path.contains(part))
}

#[test]
#[ignore = "needs root and network"]
fn large_layers_are_sent_while_they_are_made_where_nothing_could_be_found() {
    let registry = TestRegistry::start().unwrap();
    let (layer, requests) = push_large_package(&registry, "pyarrow");
    let closed = first(&requests, "PUT", &layer).expect("it was sent");
    assert!(first(&requests, "PATCH", "/demo/large/").unwrap() < closed);
    assert!(first(&requests, "HEAD", &layer).is_none_or(|asked| asked > closed), "{requests:?}");
    let sent = requests.iter().filter(|request| request.method == "PUT" && request.path.contains(&layer));
    assert_eq!(sent.count(), 1);
    assert_eq!(registry.open_uploads(), 0);

    // A repository that has something may have this: it is asked first, and nothing is sent.
    let (same, requests) = push_large_package(&registry, "pyarrow");
    assert_eq!(same, layer);
    assert!(first(&requests, "HEAD", &layer).is_some());
    assert_eq!(first(&requests, "PATCH", "/demo/large/"), None, "{requests:?}");
}
