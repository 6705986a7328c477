//! Tokens in addresses of channels are nowhere to be seen.

use imagewright_testkit::conda::{CondaPackage, Index};
use imagewright_testkit::context::TestContext;
use imagewright_testkit::http::{Fault, HttpServer};

use super::support::{BASE, Found, channels, context_with, fill, layers, newer, refused, tree};
use crate::secrets::{ALL_STYLES, assert_no_secret_below};

const SECRET: &str = "hunter2";
/// Where a channel is that wants a token.
const PLACE: &str = "t/hunter2/guarded";

fn context() -> (TestContext, HttpServer) {
    let context = context_with(Index::Zstd, &[]);
    let app = CondaPackage::new("app", "1.0").depends("lib").file("share/app", "1.0");
    let lib = CondaPackage::new("lib", "1.0").file("share/lib", "1.0");
    drop(fill(&context, PLACE, Index::Zstd, &newer(vec![app, lib])));
    let server = HttpServer::serve(&channels(&context)).unwrap();
    (context, server)
}

#[test]
fn tokens_of_the_configuration_are_used_and_not_told() {
    let (context, server) = context();
    let secret = format!("{}/t/{SECRET}", server.url());
    let open = "https://conda.example/open";
    let mirrors = format!("{{\"{open}\" = \"{secret}/guarded\"}}");
    let context =
        context.env("IMAGEWRIGHT_CONDA__CHANNEL_ALIAS", &secret).env("IMAGEWRIGHT_CONDA__MIRRORS", mirrors);
    for (channel, package) in [("guarded", "app"), (open, "lib")] {
        for style in ALL_STYLES {
            let build = [
                "build",
                "--base",
                BASE,
                "--conda",
                package,
                "--conda-channel",
                channel,
                "-t",
                "demo/x",
                style,
            ];
            let build = build.iter().chain(&["--no-cache", "--upgrade", "--json"]);
            let told = context.run(build).success();
            assert!(!told.to_string().contains(SECRET), "{told}");
        }
        let lock =
            format!("base: oci:../base:base\nconda: {{channels: ['{channel}'], packages: [{package}]}}\n");
        context.write("folder/image.yaml", &lock);
        for command in ["plan", "build"] {
            let told = context.run([command, "folder", "--json"]).success();
            assert!(!told.to_string().contains(SECRET), "{told}");
        }
        // Packages of the channel are in the image, and its books say where they come from.
        assert!(layers(&context, "demo/x").len() > 1);
        let files = tree(&context, "demo/x");
        let books: Vec<&String> = files.keys().filter(|path| path.contains("conda-meta/")).collect();
        assert!(books.len() > 1, "{books:?}");
        for (path, found) in &files {
            let Found::File(bytes, _) = found else { continue };
            assert!(!String::from_utf8_lossy(bytes).contains(SECRET), "{path}");
        }
    }
    assert!(server.requests().iter().any(|request| request.path.contains("/t/hunter2/guarded/")));
    // What goes wrong is told without it.
    server.fail("repodata.json.zst", &Fault::Status(403), 1000);
    server.fail("repodata.json", &Fault::Status(403), 1000);
    let build = ["build", "--base", BASE, "--conda", "app", "--conda-channel", "guarded", "--upgrade"];
    for style in ALL_STYLES {
        let told = context.run(build.iter().chain(&[style]));
        assert!(told.code.is_some_and(|code| code > 0) && !told.to_string().contains(SECRET), "{told}");
    }
    assert_no_secret_below(context.root());
    assert_no_secret_below(&context.work());
}

#[test]
fn tokens_are_refused_wherever_they_are_shared() {
    let (context, server) = context();
    let channel = format!("{}/{PLACE}", server.url());
    let (file, hash) = (format!("{channel}/linux-64/app-1.0-0.conda"), "0".repeat(64));
    let conda_lock = format!(
        "version: 1\nmetadata:\n  platforms: [linux-64]\npackage:\n- name: app\n  version: '1'\n  manager: MANAGER\n  \
         platform: linux-64\n  url: {file}\n  hash:\n    sha256: {hash}\n"
    );
    let pixi = format!(
        "version: 6\nenvironments:\n  default:\n    packages:\n      linux-64:\n      - conda: {file}\npackages:\n\
         - conda: {file}\n  sha256: {hash}\n"
    );
    let files = [
        ("image.yaml", format!("base: {BASE}\nconda: {{channels: ['{channel}'], packages: [app]}}\n")),
        ("image.yaml", format!("base: {BASE}\nconda: ['{channel}::app']\n")),
        ("image.yaml", format!("base: {BASE}\nconda: ['-c {channel}']\n")),
        ("environment.yml", format!("channels: ['{channel}']\ndependencies: [app]\n")),
        ("conda-linux-64.lock", format!("@EXPLICIT\n{file}#{hash}\n")),
        ("conda-lock.yml", conda_lock.replace("MANAGER", "conda")),
        ("conda-lock.yml", conda_lock.replace("MANAGER", "pip")),
        ("pixi.lock", pixi),
    ];
    for (number, (name, text)) in files.iter().enumerate() {
        context.write(&format!("{number}/image.yaml"), &format!("base: {BASE}\n"));
        context.write(&format!("{number}/{name}"), text);
        for style in ALL_STYLES {
            let told = context.run(["build", &number.to_string(), style]).exits(4).stderr;
            assert!(!told.contains(SECRET), "{name}: {told}");
            assert!(told.contains("a user name, a password or a token"), "{name}: {told}");
        }
    }
    for arguments in [vec![format!("--conda-channel={channel}")], vec![format!("--conda={channel}::app")]] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let told = refused(&context, 4, &arguments);
        assert!(
            told.contains("`conda.channel-alias` or `conda.mirrors`") && !told.contains(SECRET),
            "{told}"
        );
    }
    let configured = context.env("IMAGEWRIGHT_CONDA__CHANNELS", format!("[\"{channel}\"]"));
    let told = configured.run(["build", "--base", BASE, "--conda", "app"]).exits(2).stderr;
    assert!(told.contains("/t/****/guarded` in `conda.channels`") && !told.contains(SECRET), "{told}");
    assert_eq!(server.requests(), []);
    assert_no_secret_below(configured.root());
}
