//! Bundles that are not to be trusted, or that say what cannot be.

use std::fs;

use imagewright_oci::Digest;
use imagewright_testkit::context::{Outcome, TestContext};
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::support::{Packages, bundle, hand_over, key, machine};
use crate::storm::{State, assert_sound};

/// Imports, and demands that it fails and changes nothing.
fn refused(context: &TestContext, code: i32, arguments: &[&str]) -> Outcome {
    let before = State::of(context.root());
    let outcome = context.run([&["facts", "import", "team.facts"], arguments].concat()).exits(code);
    State::of(context.root()).assert_same(&before, "a refused bundle changed the store");
    assert_sound(context);
    outcome
}

#[test]
fn only_bundles_of_trusted_keys_are_taken_in() {
    let packages = Packages::serve();
    let (first, bundle, right) = bundle(&packages);
    let second = machine(&packages);
    drop(second.run(["image", "list"]).success());
    let other = key(&second, "other.key");
    hand_over(&bundle, &second);
    let text = refused(&second, 7, &[]).to_string().replace(&right, "[KEY]");
    assert_snapshot!(text, @r"
    exit: 7
    ----- stderr -----
    error: `team.facts` is not usable
    caused by: the bundle is signed by `[KEY]`, which is no trusted key
    hint: where that is the right key, name it with --trust or `facts.trusted-keys` in the configuration
    ");
    drop(refused(&second, 7, &["--trust", &other]));
    drop(first.run(["facts", "export", "--all", "-o", "unsigned.facts"]).success());
    hand_over(&first.work().join("unsigned.facts"), &second);
    assert_snapshot!(refused(&second, 7, &["--trust", &right]), @r"
    exit: 7
    ----- stderr -----
    error: `team.facts` is not usable
    caused by: the bundle is not signed
    hint: have it exported with --key; --insecure takes it in all the same, and with it whatever it says
    ");
    drop(second.run(["facts", "import", "team.facts", "--insecure"]).success());
}

#[test]
fn keys_of_the_configuration_are_trusted() {
    let packages = Packages::serve();
    let (first, bundle, key) = bundle(&packages);
    let second = machine(&packages);
    hand_over(&bundle, &second);
    let public = first.work().join("team.pub");
    for trusted in [&key, public.to_str().unwrap()] {
        let list = format!("[{trusted:?}]");
        let context = second
            .command(["facts", "import", "team.facts"])
            .env("IMAGEWRIGHT_FACTS__TRUSTED_KEYS", list)
            .output();
        drop(Outcome::from(context.unwrap()).success());
    }
}

#[test]
fn damaged_bundles_are_refused_even_where_anything_is_taken() {
    let packages = Packages::serve();
    let (_first, bundle, key) = bundle(&packages);
    let second = machine(&packages);
    drop(second.run(["image", "list"]).success());
    let bytes = fs::read(&bundle).unwrap();
    let file = second.work().join("team.facts");
    for at in [0, 18, 40, 200, bytes.len() / 2, bytes.len() - 1] {
        let mut other = bytes.clone();
        other[at] ^= 4;
        fs::write(&file, other).unwrap();
        drop(refused(&second, 4, &["--trust", &key]));
        drop(refused(&second, 4, &["--insecure"]));
        drop(second.run(["facts", "show", "team.facts"]).exits(4));
    }
    fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    drop(refused(&second, 4, &["--insecure"]));
    let text = String::from_utf8_lossy(&bytes[..20]).replace("facts 1", "facts 2");
    fs::write(&file, [text.as_bytes(), &bytes[20..]].concat()).unwrap();
    assert_snapshot!(refused(&second, 4, &["--insecure"]), @r"
    exit: 4
    ----- stderr -----
    error: `team.facts` is not usable
    caused by: the bundle is of version 2, and this program reads version 1
    hint: export it with the version of imagewright that is here
    ");
}

/// The lines of a bundle.
pub(crate) fn lines(bytes: &[u8]) -> Vec<Value> {
    let body = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap() + 2;
    let text = String::from_utf8(zstd::decode_all(&bytes[body..]).unwrap()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A bundle with these lines, that nobody signed.
fn unsigned(lines: &[Value]) -> Vec<u8> {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let body = zstd::encode_all(text.as_bytes(), 3).unwrap();
    let places = lines.iter().filter(|line| line.get("place").is_some()).count();
    let summary = json!({
        "facts": lines.len() - places, "places": places, "plain": text.len(), "size": body.len(),
        "digest": Digest::of(&body).to_string(),
    });
    [format!("imagewright facts 1\n{summary}\n\n").as_bytes(), &body].concat()
}

/// The value of the first fact of a kind.
fn first<'l>(lines: &'l mut [Value], kind: &str) -> &'l mut Value {
    let line = lines.iter_mut().find(|line| line["fact"]["kind"] == kind);
    &mut line.unwrap_or_else(|| panic!("there is a `{kind}`"))["fact"]["value"]
}

/// A way to change a bundle.
type Change = fn(&mut Vec<Value>);

/// Each is refused for what it says, before anything is filed, though it is well-formed and its way is said to be safe.
#[test]
fn facts_that_cannot_be_true_are_refused() {
    let packages = Packages::serve();
    let (_first, bundle, _) = bundle(&packages);
    let second = machine(&packages);
    drop(second.run(["image", "list"]).success());
    let good = lines(&fs::read(&bundle).unwrap());
    let file = second.work().join("team.facts");
    let digest = format!("sha256:{}", "0".repeat(64));
    let changes: [(&str, Change); 19] = [
        ("a kind of its own machine", |lines| lines[0]["fact"]["kind"] = "step".into()),
        ("a kind that would leave its folder", |lines| lines[0]["fact"]["kind"] = "../tools".into()),
        ("a key that is none", |lines| lines[0]["fact"]["key"] = "../../x".into()),
        ("a field too many", |lines| first(lines, "conda-layer")["x"] = 1.into()),
        ("a field too few", |lines| {
            drop(first(lines, "conda-layer").as_object_mut().unwrap().remove("record"));
        }),
        ("another shape", |lines| *first(lines, "conda-layer") = json!([])),
        ("a folder outside", |lines| {
            first(lines, "conda-layer")["layer"]["folders"][0]["path"] = "../x".into();
        }),
        ("a folder from the root", |lines| {
            first(lines, "conda-layer")["layer"]["folders"][0]["path"] = "/opt".into();
        }),
        ("a mode that is none", |lines| {
            first(lines, "conda-layer")["layer"]["folders"][0]["mode"] = 0o40755.into();
        }),
        ("an end before the head", |lines| first(lines, "conda-layer")["layer"]["end"] = 1.into()),
        ("an end behind all", |lines| first(lines, "conda-layer")["layer"]["end"] = (1_u64 << 40).into()),
        ("an address", |lines| {
            first(lines, "conda-layer")["layer"]["descriptor"]["urls"] = json!(["http://mirror.example"]);
        }),
        ("a document in place of a layer", |lines| {
            first(lines, "conda-layer")["layer"]["descriptor"]["mediaType"] =
                "application/vnd.oci.image.config.v1+json".into();
        }),
        ("a file outside", |lines| first(lines, "conda-files")[0]["_path"] = "../../etc/passwd".into()),
        ("parts that do not add up", |lines| first(lines, "joined-layer")["parts"][0]["length"] = 1.into()),
        ("parts of another layer", |lines| {
            first(lines, "joined-layer")["parts"][0]["layer"] = format!("sha256:{}", "1".repeat(64)).into();
        }),
        ("a fact twice", |lines| lines.insert(1, lines[0].clone())),
        ("facts in disorder", |lines| lines.swap(0, 1)),
        ("a layer without its files", |lines| lines.retain(|line| line["fact"]["kind"] != "conda-files")),
    ];
    for (what, change) in changes {
        let mut lines = good.clone();
        change(&mut lines);
        assert_ne!(lines, good, "{what}");
        fs::write(&file, unsigned(&lines)).unwrap();
        let outcome = refused(&second, 4, &["--insecure"]);
        assert!(outcome.stderr.contains("caused by: "), "{what}: {outcome}");
    }
    for at in [json!([]), json!(vec!["registry.example/a"; 9])] {
        let mut lines = good.clone();
        lines.insert(0, json!({ "place": { "layer": digest, "at": at } }));
        fs::write(&file, unsigned(&lines)).unwrap();
        drop(refused(&second, 4, &["--insecure"]));
    }
    // The same without a change is taken.
    fs::write(&file, unsigned(&good)).unwrap();
    drop(second.run(["facts", "import", "team.facts", "--insecure"]).success());
}

#[test]
fn a_fact_that_contradicts_what_is_known_is_named_and_never_taken() {
    let packages = Packages::serve();
    let (first_machine, bundle, _) = bundle(&packages);
    let mut lines = lines(&fs::read(&bundle).unwrap());
    let wrong = format!("sha256:{}", "0".repeat(64));
    first(&mut lines, "conda-layer")["layer"]["descriptor"]["digest"] = wrong.as_str().into();
    fs::write(&bundle, unsigned(&lines)).unwrap();
    let text = refused(&first_machine, 5, &["--insecure"]).to_string();
    assert_snapshot!(text, @r"
    exit: 5
    ----- stderr -----
    error: `team.facts` is not usable
    caused by: 1 facts of the bundle contradict what is known here, beginning with `conda-layer [DIGEST]`
    hint: one of both is wrong: ask who signed it; --keep-existing takes in the rest and leaves what is here
    ");
    let keep = ["facts", "import", "team.facts", "--insecure", "--keep-existing"];
    let told = first_machine.run([&keep[..], &["--json"]].concat()).success();
    assert!(
        told.stderr.contains("warning: 1 fact contradict what is known here, which was kept: conda-layer "),
        "{told}"
    );
    assert_eq!((&told.json()["new"], &told.json()["conflicts"]), (&0.into(), &1.into()));
    let facts = fs::read_dir(first_machine.root().join("facts/conda-layer")).unwrap();
    for fact in facts {
        assert!(!fs::read_to_string(fact.unwrap().path()).unwrap().contains(&wrong));
    }
}
