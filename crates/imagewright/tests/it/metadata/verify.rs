//! `metadata verify`.

use imagewright_testkit::context::TestContext;
use imagewright_testkit::registry::{Authentication, Fault, Options, TestRegistry};
use serde_json::Value;

use super::pin::{closed_registry, log_in, publish};
use super::{create, put, run};
use crate::support::context;

/// What is said about a record.
fn verified(context: &TestContext, name: &str, more: &[&str], code: i32) -> Value {
    let words = [&["--name", name, "--json"][..], more].concat();
    run(context, "verify", &words).exits(code).json()[0].clone()
}

/// Level and kind of each finding.
fn kinds(verified: &Value) -> Vec<(String, String)> {
    let findings = verified["findings"].as_array().unwrap();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    findings.iter().map(|finding| (text(finding, "level"), text(finding, "kind"))).collect()
}

fn one(level: &str, kind: &str) -> Vec<(String, String)> {
    vec![(level.to_owned(), kind.to_owned())]
}

#[test]
fn an_image_that_is_there_is_in_order() {
    let (context, registry) = (context(), TestRegistry::start().unwrap());
    let (digest, amd64) = publish(&registry, "team/image", "1", "one");
    publish(&registry, "team/image", "0", "zero");
    publish(&registry, "team/image", "latest", "one");
    let plain = format!("{}/team/image:1", registry.host());
    drop(create(&context, "tag", &plain, &[]).success());
    drop(create(&context, "pinned", &format!("{plain}@{digest}"), &[]).success());
    drop(create(&context, "platform", &format!("{plain}@{amd64}"), &[]).success());
    let tag = verified(&context, "tag", &["--strict"], 0);
    assert_eq!(
        (&tag["digest"], &tag["public"], &tag["tags"]),
        (&digest.as_str().into(), &true.into(), &Value::Null)
    );
    let pinned = verified(&context, "pinned", &["--strict"], 0);
    assert_eq!(pinned["tags"]["names"], serde_json::json!(["1", "latest"]));
    let bounded = verified(&context, "pinned", &["--tags", "1"], 0);
    assert_eq!(bounded["tags"], serde_json::json!({"names": ["1"], "asked": 1, "of": 3}));
    // Pinned to the image for one platform: the tag has not moved.
    drop(verified(&context, "platform", &["--strict"], 0));
    let text = run(&context, "verify", &[]).success();
    assert!(text.stdout.contains("(in order)\n    tags with this digest: 1, latest\n"), "{text}");
    assert_eq!(
        kinds(&verified(&context, "platform", &["--platform", "linux/arm64"], 1)),
        one("error", "wrong-platform")
    );
}

#[test]
fn each_thing_that_is_wrong_is_told() {
    let (context, registry) = (context(), TestRegistry::start().unwrap());
    let (old, _) = publish(&registry, "team/image", "1", "one");
    publish(&registry, "team/image", "1", "two");
    let plain = format!("{}/team/image", registry.host());
    registry.put_manifest("team/image", "html", "text/html", b"<html>");
    let nothing = format!("sha256:{}", "0".repeat(64));
    let cases = [
        ("missing", format!("{plain}:none"), "error", "missing"),
        ("gone", format!("{plain}:1@{nothing}"), "error", "missing"),
        ("moved", format!("{plain}:1@{old}"), "warning", "tag-moved"),
        ("untagged", format!("{plain}:none@{old}"), "warning", "tag-gone"),
        ("nowhere", "no-such-host.invalid/team/image:1".to_owned(), "error", "unreachable"),
        ("refused", "127.0.0.1:1/team/image:1".to_owned(), "error", "unreachable"),
        ("html", format!("{plain}:html"), "error", "unusable"),
        ("garbage", "not a valid image!!".to_owned(), "error", "not-a-reference"),
    ];
    for (name, image_name, level, kind) in &cases {
        drop(create(&context, name, image_name, &[]).success());
        let verified = verified(&context, name, &[], i32::from(*level == "error"));
        assert_eq!(kinds(&verified), one(level, kind), "{verified}");
        assert_eq!(verified["right"], *level == "warning", "{name}");
        if *level == "warning" {
            drop(self::verified(&context, name, &["--strict"], 1));
        }
    }
    put(&context, "broken.json", "{");
    assert_eq!(kinds(&verified(&context, "broken", &[], 1)), one("error", "invalid"));
    assert_eq!(kinds(&verified(&context, "nobody", &[], 1)), one("error", "no-record"));
    let all = run(&context, "verify", &["--json"]).exits(1).json();
    assert_eq!(all.as_array().unwrap().len(), cases.len() + 1, "none hides another");
    let text = run(&context, "verify", &[]).exits(1);
    assert!(
        text.stdout.contains("warning: metadata.image_name: tag '1' has moved: it stands for sha256:"),
        "{text}"
    );
    assert!(text.stdout.contains("--name moved --upgrade"), "{text}");
    assert!(text.stdout.ends_with("Something is wrong with 7 instances.\n"), "{text}");
}

#[test]
fn whoever_needs_credentials_needs_a_secret() {
    let (context, registry) = (context(), closed_registry());
    publish(&registry, "team/image", "1", "one");
    let image_name = format!("{}/team/image:1", registry.host());
    drop(create(&context, "bare", &image_name, &[]).success());
    drop(create(&context, "secret", &image_name, &["--pull_secret", "team-pull"]).success());
    let basic = Authentication::Basic { username: "u".to_owned(), password: "p".to_owned() };
    let basic = TestRegistry::with(Options { authentication: basic, ..Options::default() }).unwrap();
    publish(&basic, "team/image", "1", "one");
    drop(
        create(&context, "basic", &format!("{}/team/image:1", basic.host()), &["--pull_secret", "ab"])
            .success(),
    );
    // Without credentials here nothing more can be seen.
    assert_eq!(kinds(&verified(&context, "basic", &[], 1)), one("error", "login-required"));
    let bare = kinds(&verified(&context, "bare", &[], 1));
    assert_eq!(bare, [one("error", "no-pull-secret"), one("error", "denied")].concat());
    assert_eq!(kinds(&verified(&context, "secret", &[], 1)), one("error", "denied"));
    log_in(&context, &registry);
    let bare = verified(&context, "bare", &[], 1);
    assert_eq!((kinds(&bare), &bare["public"]), (one("error", "no-pull-secret"), &false.into()));
    assert_eq!(kinds(&verified(&context, "secret", &["--strict"], 0)), []);
}

#[test]
fn a_registry_that_lists_no_tags_is_no_error() {
    let (context, registry) = (context(), TestRegistry::start().unwrap());
    let (digest, _) = publish(&registry, "team/image", "1", "one");
    drop(create(&context, "one", &format!("{}/team/image:1@{digest}", registry.host()), &[]).success());
    registry.fail("GET", "/tags/list", &Fault::Status(403, "content-type", String::new()), 9);
    assert_eq!(kinds(&verified(&context, "one", &[], 0)), one("warning", "tags-unknown"));
}

#[test]
fn a_registry_that_is_down_is_waited_for_once() {
    let (context, registry) = (context(), TestRegistry::start().unwrap());
    publish(&registry, "team/image", "1", "one");
    for number in 0..20 {
        let name = format!("down{number}");
        drop(create(&context, &name, &format!("127.0.0.1:1/team/image:{number}"), &[]).success());
    }
    drop(create(&context, "up", &format!("{}/team/image:1", registry.host()), &[]).success());
    let begin = std::time::Instant::now();
    let all = run(&context, "verify", &["--json"]).exits(1).json();
    assert!(begin.elapsed().as_secs() < 5, "{:?}", begin.elapsed());
    let right = all.as_array().unwrap().iter().filter(|verified| verified["right"] == true).count();
    assert_eq!((all.as_array().unwrap().len(), right), (21, 1));
}

#[test]
fn behind_a_mirror_the_registry_need_not_answer() {
    let registry = TestRegistry::start().unwrap();
    let (digest, _) = publish(&registry, "cache/team/image", "1", "one");
    let context = context();
    let mirrors = format!("[registry.mirrors]\n'127.0.0.1:1' = ['{}/cache']\n", registry.host());
    let config = context.write("config.toml", &mirrors);
    let context = context.env("IMAGEWRIGHT_CONFIG", config);
    drop(create(&context, "one", "127.0.0.1:1/team/image:1", &[]).success());
    drop(run(&context, "pin", &["--all"]).success());
    let one = verified(&context, "one", &[], 0);
    assert_eq!((&one["digest"], &one["public"]), (&digest.as_str().into(), &Value::Null));
    let unknown = [self::one("warning", "public-unknown"), self::one("warning", "tags-unknown")].concat();
    assert_eq!(kinds(&one), unknown);
}

#[test]
fn whether_elyra_would_run_them_is_asked_as_well() {
    let registry = TestRegistry::start().unwrap();
    let (builder, context) = (context(), context());
    let image = imagewright_testkit::image::TinyImage::default().file("usr/bin/sh", "\u{7f}ELF");
    image.write_layout(&builder.work().join("tiny"), "demo/tiny:1").unwrap();
    drop(builder.run(["image", "import", "oci:tiny"]).success());
    let name = format!("{}/team/tiny:1", registry.host());
    drop(builder.run(["push", "demo/tiny:1", &name]).success());
    publish(&registry, "team/broken", "1", "no layer");
    drop(create(&context, "tiny", &name, &[]).success());
    drop(create(&context, "broken", &format!("{}/team/broken:1", registry.host()), &[]).success());
    drop(create(&context, "gone", &format!("{}/team/gone:1", registry.host()), &[]).success());

    let without = verified(&context, "tiny", &[], 0);
    assert_eq!((&without["check"], &without["right"]), (&Value::Null, &true.into()));
    let tiny = verified(&context, "tiny", &["--check"], 1);
    assert_eq!(
        (&tiny["check"]["profile"], &tiny["check"]["verdict"]),
        (&"elyra@4.1".into(), &"does-not-run".into())
    );
    let rules: Vec<_> =
        tiny["check"]["findings"].as_array().unwrap().iter().map(|it| it["rule"].clone()).collect();
    assert!(rules.contains(&"curl-missing".into()) && !rules.contains(&"shell-missing".into()), "{rules:?}");
    assert_eq!(
        verified(&context, "tiny", &["--check", "--for", "elyra@main"], 1)["check"]["profile"],
        "elyra@main"
    );
    let broken = verified(&context, "broken", &["--check"], 1);
    assert_eq!(kinds(&broken), one("error", "not-checked"));
    let gone = verified(&context, "gone", &["--check"], 1);
    assert_eq!((kinds(&gone), &gone["check"]), (one("error", "missing"), &Value::Null));
    let text = run(&context, "verify", &["--name", "tiny", "--check"]).exits(1);
    assert!(text.stdout.contains("    Elyra 4.1: does not run\n"), "{text}");
    assert!(text.stdout.contains("    error: there is no `curl` on `PATH`"), "{text}");
}

#[test]
fn words_are_checked_first() {
    for (words, text) in [
        (&["--platform", "amd64"][..], "platform `amd64` is not of the form"),
        (&["--platform"], "Parameter '--platform' requires a value."),
        (&["--tags", "x"], "Parameter '--tags' requires a whole number."),
        (&["--name"], "Parameter '--name' requires a value."),
        (&["--for", "elyra"], "'--for' is for '--check'."),
        (&["--all"], "The following arguments were unexpected: ['--all']"),
    ] {
        let wrong = run(&context(), "verify", words).exits(1);
        assert!(wrong.stdout.starts_with(&format!("ERROR: {text}")), "{wrong}");
    }
}
