//! What people write, and where packages come from.

use std::fs;

use imagewright_testkit::conda::{CondaPackage, Format, Index};
use imagewright_testkit::http::HttpServer;

use super::support::{build, channels, context_with, fill, layers, newer, refused, text, tree};

fn numpy() -> Vec<(CondaPackage, Format)> {
    let numpy = |version: &str, build: &str| {
        CondaPackage::new("numpy", version).build(build).file("version", format!("{version} {build}"))
    };
    newer(vec![
        numpy("1.16.0", "py37_0"),
        numpy("1.17.3", "py37_0"),
        numpy("1.18.0", "py37_0"),
        numpy("1.18.0", "py38_cuda_0"),
    ])
}

#[test]
fn packages_are_asked_for_as_the_guides_write_it() {
    let context = context_with(Index::Json, &numpy());
    drop(fill(
        &context,
        "conda-forge",
        Index::Json,
        &newer(vec![CondaPackage::new("numpy", "1.17.9").file("version", "forge")]),
    ));
    let cases = [
        ("numpy==1.17*", "1.17.3 py37_0"),
        ("-c conda-forge::numpy==1.17*", "forge"),
        ("-c conda-forge numpy", "forge"),
        ("conda-forge::numpy", "forge"),
        ("numpy=1.18=py37*", "1.18.0 py37_0"),
        ("numpy[version='>=1.17',build=*cuda*]", "1.18.0 py38_cuda_0"),
        ("numpy <1.17", "1.16.0 py37_0"),
    ];
    for (asked, version) in cases {
        drop(build(&context, &[&format!("--conda={asked}"), "-t", "demo/numpy"]));
        assert_eq!(text(&tree(&context, "demo/numpy"), "opt/conda/version"), version, "{asked}");
    }
    let told = refused(&context, 4, &["--conda=-n base numpy"]);
    assert!(told.contains("--conda: `-n base numpy` begins with a dash"), "{told}");
    let told = refused(&context, 4, &["--conda=numpy >=1,,<"]);
    assert!(told.contains("--conda: `numpy >=1,,<` cannot be understood"), "{told}");
}

#[test]
fn folders_may_hold_an_environment() {
    let context = context_with(Index::Json, &numpy());
    let environment = "name: x\nchannels: [team]\ndependencies:\n- numpy=1.17\nvariables: {MODE: fast}\n";
    context.write("spec/environment.yml", environment);
    context.write("spec/image.yaml", "base: oci:../base:base\n");
    drop(context.run(["build", "spec", "-t", "demo/environment"]).success());
    assert_eq!(text(&tree(&context, "demo/environment"), "opt/conda/version"), "1.17.3 py37_0");
    context.write("spec/environment.yml", "channels: [team]\ndependencies:\n- numpy=1.17\n- numpy==\n");
    let told = context.run(["build", "spec"]).exits(4).stderr;
    assert!(told.contains("spec/environment.yml:4:3: `numpy==` cannot be understood"), "{told}");
}

#[test]
fn lists_of_files_are_installed_as_they_are() {
    let lib = CondaPackage::new("lib", "1.0").file("share/lib", "1.0");
    let app = CondaPackage::new("app", "1.0").depends("lib").file("share/app", "1.0");
    let newer_lib = CondaPackage::new("lib", "2.0").file("share/lib", "2.0");
    let context = context_with(Index::Json, &newer(vec![lib, app, newer_lib]));
    let server = HttpServer::serve(&channels(&context)).unwrap();
    context.write("spec/image.yaml", "base: oci:../base:base\n");
    let line = |name: &str, hash: &str| format!("{}/team/linux-64/{name}-0.conda#{hash}\n", server.url());
    let file =
        |name: &str| std::fs::read(channels(&context).join(format!("team/linux-64/{name}-0.conda"))).unwrap();
    let hash = |name: &str| imagewright_oci::Digest::of(&file(name)).hex().to_owned();
    let list = |lines: &str| {
        context.write("spec/conda-linux-64.lock", &format!("# platform: linux-64\n@EXPLICIT\n{lines}"))
    };
    let (app, lib) =
        (line("app-1.0", &hash("app-1.0")), line("lib-1.0", &format!("sha256:{}", hash("lib-1.0"))));
    // A newer version that would do as well is not taken.
    list(&format!("{app}{lib}"));
    drop(context.run(["build", "spec", "-t", "demo/list"]).success());
    assert_eq!(text(&tree(&context, "demo/list"), "opt/conda/share/lib"), "1.0");
    // Nothing comes along that the list does not name.
    list(&app);
    let told = context.run(["build", "spec"]).exits(4).stderr;
    assert!(
        told.contains("conda-linux-64.lock: the list is not whole: `lib` must be installed with it"),
        "{told}"
    );
    list(&format!("{app}{}", line("lib-1.0", &"0".repeat(32))));
    let told = context.run(["build", "spec"]).exits(1).stderr;
    assert!(told.contains("cannot be installed together"), "{told}");
    list(&format!("{app}{}", lib.replace("linux-64", "osx-64")));
    let told = context.run(["build", "spec"]).exits(4).stderr;
    assert!(
        told.contains("conda-linux-64.lock:4: `") && told.contains("is for another architecture"),
        "{told}"
    );
}

#[test]
fn conflicts_and_missing_packages_are_told_in_words() {
    let context = context_with(Index::Json, &numpy());
    let told = refused(&context, 1, &["--conda", "numpy>=2"]);
    assert!(told.contains("the conda packages cannot be installed together"), "{told}");
    assert!(told.contains("numpy >=2"), "{told}");
    let told = refused(&context, 3, &["--conda", "nump"]);
    assert!(told.contains("--conda: `nump` is in none of the channels team"), "{told}");
    assert!(told.contains("did you mean `numpy`?"), "{told}");
    let shown = context.run([
        "plan",
        "--base",
        super::support::BASE,
        "--conda-channel",
        "team",
        "--conda",
        "numpy>=2",
        "--json",
    ]);
    assert!(shown.stdout.contains("\"conflict\""), "{shown}");
}

#[test]
fn nothing_is_fetched_from_where_nobody_said() {
    let context = context_with(Index::Json, &numpy());
    let bare = ["build", "--base", super::support::BASE, "--conda", "numpy"];
    let told = context.run(bare).exits(2).stderr;
    assert!(told.contains("neither the spec nor the configuration names a channel"), "{told}");
    let configured = context.env("IMAGEWRIGHT_CONDA__CHANNELS", "[\"team\"]");
    drop(configured.run(bare).success());
    let told = refused(&configured, 3, &["--conda", "numpy", "--conda-channel", "nowhere"]);
    assert!(told.contains("there is no channel `nowhere`"), "{told}");
    let unknown = configured.env("IMAGEWRIGHT_CONDA__CHANNEL_ALIAS", "");
    let mut command = unknown.command(bare.iter().chain(&["--no-cache", "--upgrade"]));
    command.env_remove("IMAGEWRIGHT_CONDA__CHANNEL_ALIAS");
    let told = imagewright_testkit::context::Outcome::of(&mut command).exits(2).stderr;
    assert!(told.contains("nothing says where the channel `team` is"), "{told}");
    assert!(told.contains("conda.channel-alias"), "{told}");
}

#[test]
fn channels_on_servers_are_asked_again_only_for_what_changes() {
    let context = context_with(Index::Shards, &numpy());
    let server = HttpServer::serve(&channels(&context)).unwrap();
    let secret = server.url().replace("http://", "http://me:word@");
    let context = context.env("IMAGEWRIGHT_CONDA__CHANNEL_ALIAS", &secret);
    drop(build(&context, &["--conda", "numpy", "-t", "demo/http"]));
    let paths = |from: usize| -> Vec<String> {
        server.requests()[from..].iter().map(|request| request.path.clone()).collect()
    };
    let first = paths(0);
    assert!(first.iter().any(|path| path.ends_with("/repodata_shards.msgpack.zst")), "{first:?}");
    assert!(!first.iter().any(|path| path.contains("repodata.json")), "{first:?}");
    assert_eq!(first.iter().filter(|path| path.ends_with(".conda")).count(), 1, "{first:?}");
    // The same question is answered from memory; asking again fetches no shard and no package again.
    let so_far = first.len();
    drop(build(&context, &["--conda", "numpy", "-t", "demo/http"]));
    assert_eq!(paths(so_far), [""; 0]);
    drop(build(&context, &["--conda", "numpy", "--upgrade", "-t", "demo/http"]));
    assert!(
        paths(so_far).iter().all(|path| path.ends_with("/repodata_shards.msgpack.zst")),
        "{:?}",
        paths(so_far)
    );
    assert!(
        server.requests()[so_far..].iter().all(|request| request.if_none_match.is_some()),
        "only if it has changed"
    );
    assert_eq!(layers(&context, "demo/http").len(), 3);
    // The password is in no file of the store.
    let found = std::process::Command::new("grep")
        .args(["-r", "-l", "me:word"])
        .arg(context.root())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
}

#[test]
fn lists_that_are_not_what_they_say_are_refused() {
    let context = context_with(Index::Shards, &numpy());
    let subdir = channels(&context).join("team").join(CondaPackage::new("", "").subdir());
    for shard in fs::read_dir(subdir.join("shards")).unwrap().map(Result::unwrap) {
        fs::write(shard.path(), "other bytes").unwrap();
    }
    let told = refused(&context, 4, &["--conda", "numpy"]);
    assert!(told.contains("the packages of the channel `team` could not be looked up"), "{told}");
    assert!(told.contains("has the digest"), "{told}");
    fs::write(subdir.join("repodata_shards.msgpack.zst"), "no list").unwrap();
    let told = refused(&context, 4, &["--conda", "numpy"]);
    assert!(told.contains("the packages of the channel `team` ("), "{told}");
    context.assert_nothing_unfinished();
}
