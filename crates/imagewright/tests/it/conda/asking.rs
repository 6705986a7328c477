//! What people write, and where packages come from.

use std::fs;

use imagewright_testkit::conda::{CondaPackage, Format, Index};
use imagewright_testkit::http::HttpServer;

use super::support::{build, channels, context_with, layers, newer, refused, text, tree};

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
fn what_the_image_will_run_on_is_said_by_the_spec() {
    let gpu =
        CondaPackage::new("torch", "2.0").build("cuda_1").depends("__cuda >=12").file("share/torch", "gpu");
    let cpu = CondaPackage::new("torch", "2.0").build("cpu_0").file("share/torch", "cpu");
    let context = context_with(Index::Json, &newer(vec![gpu, cpu]));
    for (cuda, expected) in [("", "cpu"), (", cuda: '11.8'", "cpu"), (", cuda: '12.4'", "gpu")] {
        let spec = format!("base: oci:../base:base\nconda: {{channels: [team], packages: [torch]{cuda}}}\n");
        context.write("spec/image.yaml", &spec);
        // A lock would keep the build that it has.
        drop(context.run(["build", "spec", "--upgrade", "-t", "demo/torch"]).success());
        assert_eq!(text(&tree(&context, "demo/torch"), "opt/conda/share/torch"), expected, "{cuda}");
    }
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
