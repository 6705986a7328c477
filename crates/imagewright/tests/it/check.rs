//! `imagewright check`, of Dockerfiles and images.

use imagewright_testkit::image::TinyImage;
use insta::assert_snapshot;

use crate::support::{context, context_with_image};

const SERVICE: &str =
    "FROM python:3\nUSER 1000\nRUN pip install pandas\nCMD [\"python3\", \"/srv/app.py\"]\n";

#[test]
fn a_folder_with_a_dockerfile() {
    let context = context();
    context.write("image/Dockerfile", SERVICE);
    assert_snapshot!(context.run(["check", "image"]), @r#"
    exit: 1
    ----- stdout -----
    image/Dockerfile:1: note: `python:3` is named by a tag, which may move: add its digest (base-not-pinned)
    image/Dockerfile:3: warning: `pip install` leaves downloaded and built packages in the image (package-cache)
        pip install --no-cache-dir …
    image/Dockerfile:4: warning: `CMD` starts `python3 /srv/app.py`, and a pipeline runs a command of its own instead: a notebook that relies on it must start it (service-not-started)
        import subprocess, time
        subprocess.Popen(["python3", "/srv/app.py"])
        time.sleep(2)
    ----- stderr -----
    warning: the base `python:3` is not in the store, so what it brings was not looked at: `imagewright pull python:3`
    image/Dockerfile: 2 warnings, 1 note
    "#);
    assert_snapshot!(context.run(["check", "image/Dockerfile", "--rule", "package-cache", "--json"]), @r#"
    exit: 1
    ----- stdout -----
    {
      "subject": "image/Dockerfile",
      "findings": [
        {
          "rule": "package-cache",
          "level": "warning",
          "message": "`pip install` leaves downloaded and built packages in the image",
          "mend": "pip install --no-cache-dir …",
          "source": "image/Dockerfile",
          "line": 3
        }
      ],
      "notes": [
        "the base `python:3` is not in the store, so what it brings was not looked at: `imagewright pull python:3`"
      ]
    }
    ----- stderr -----
    warning: the base `python:3` is not in the store, so what it brings was not looked at: `imagewright pull python:3`
    "#);
    assert_eq!(context.run(["check", "image", "--fail-on", "error"]).code, Some(0));
    assert_eq!(context.run(["check", "image", "--fail-on", "never"]).code, Some(0));
    let few = ["check", "image", "--ignore", "package-cache", "--ignore", "service-not-started"];
    assert_eq!(context.run(few).code, Some(0), "a note does not count");
    assert_eq!(context.run([&few[..], &["--fail-on", "note"]].concat()).code, Some(1));
}

#[test]
fn comments_say_what_is_meant_to_be_so() {
    let context = context();
    let text = format!("# imagewright: global ignore=package-cache,base-not-pinned,nonsense\n{SERVICE}")
        .replace("CMD", "# imagewright: ignore=service-not-started\nCMD");
    context.write("Dockerfile", &text);
    assert_snapshot!(context.run(["check", "."]), @r"
    exit: 0
    ----- stderr -----
    warning: Dockerfile: a comment ignores the rule `nonsense`, which does not exist
    warning: the base `python:3` is not in the store, so what it brings was not looked at: `imagewright pull python:3`
    Dockerfile: nothing found
    ");
}

#[test]
fn scripts_are_read_inside_the_context_alone() {
    let context = context();
    let serve = "#!/bin/sh\nexec uvicorn app:app\n";
    context.write("secret/serve.sh", serve);
    context.write("image/serve.sh", serve);
    let text = "FROM scratch\nUSER 1000\nCOPY . /srv/\nCMD [\"/srv/serve.sh\"]\n";
    context.write("image/Dockerfile", text);
    let told = |context: &imagewright_testkit::context::TestContext| {
        context.run(["check", "image", "--rule", "service-not-started"]).stdout
    };
    assert!(told(&context).contains("warning: `CMD` starts `uvicorn app:app`"), "{}", told(&context));
    std::fs::remove_file(context.work().join("image/serve.sh")).unwrap();
    std::os::unix::fs::symlink("../secret/serve.sh", context.work().join("image/serve.sh")).unwrap();
    assert!(!told(&context).contains("uvicorn"), "{}", told(&context));
}

#[test]
fn a_sarif_log_names_rule_level_and_line() {
    let context = context();
    context.write("image/Dockerfile", SERVICE);
    let log = context.run(["check", "image", "--format", "sarif"]).exits(1).json();
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    let last = &results[2];
    assert_eq!((&last["ruleId"], &last["level"]), (&"service-not-started".into(), &"warning".into()));
    let place = &last["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "image/Dockerfile");
    assert_eq!(place["region"]["startLine"], 4);
}

#[test]
fn an_image_is_looked_through_without_being_unpacked() {
    let context = context();
    let site = "usr/lib/python3/dist-packages";
    let image = TinyImage::default()
        .file("var/lib/apt/lists/mirror.example_Packages", vec![b'x'; 300_000])
        .file("root/.cache/pip/small", "x")
        .file(&format!("{site}/requests-2.28.1.dist-info/METADATA"), "x");
    image.write_layout(&context.work().join("tiny"), "demo/tiny:1").unwrap();
    drop(context.run(["image", "import", "oci:tiny"]).success());
    assert_snapshot!(context.run(["check", "demo/tiny:1"]), @r#"
    exit: 1
    ----- stdout -----
    demo/tiny:1: note: `CMD` starts `/bin/hello`, and a pipeline runs a command of its own instead: should a notebook rely on it, the notebook must start it (service-not-started)
        import subprocess, time
        subprocess.Popen(["/bin/hello"])
        time.sleep(2)
    demo/tiny:1: warning: containers of this image run as root (runs-as-root)
    demo/tiny:1: warning: layer [ID], made by `by hand`, holds [SIZE] of package lists of apt in `/var/lib/apt/lists/` (package-cache)
    demo/tiny:1: note: `requests` 2.28.1 does not last: a pipeline installs 2.33.0 (Elyra 4.1.1) before it runs a notebook (pin-conflict)
    ----- stderr -----
    demo/tiny:1: 2 warnings, 2 notes
    "#);
    assert!(std::fs::read_dir(context.root().join("snapshots")).unwrap().next().is_none());
    let again = context.run(["check", "demo/tiny:1", "--json"]).exits(1).json();
    assert_eq!(again["findings"].as_array().unwrap().len(), 4);
    let log = context.run(["check", "demo/tiny:1", "--format", "sarif"]).exits(1).json();
    let place = &log["runs"][0]["results"][0]["locations"][0]["logicalLocations"][0];
    assert_eq!(place["fullyQualifiedName"], "demo/tiny:1");
}

#[test]
fn a_base_in_the_store_counts() {
    let context = context_with_image();
    context.write("Dockerfile", "FROM demo/tiny:1\n");
    assert_snapshot!(context.run(["check", "."]), @r#"
    exit: 1
    ----- stdout -----
    Dockerfile:1: note: `demo/tiny:1` is named by a tag, which may move: add its digest (base-not-pinned)
    Dockerfile:1: warning: the base runs as root and no USER follows, so containers of this image run as root (runs-as-root)
    Dockerfile:1: note: `CMD` of the base starts `/bin/hello`, and a pipeline runs a command of its own instead: should a notebook rely on it, the notebook must start it (service-not-started)
        import subprocess, time
        subprocess.Popen(["/bin/hello"])
        time.sleep(2)
    ----- stderr -----
    Dockerfile: 1 warning, 2 notes
    "#);
}

#[test]
fn rules_are_listed_and_explained() {
    let context = context();
    let listed = context.run(["check", "--list", "--json"]).success().json();
    let names: Vec<&str> =
        listed.as_array().unwrap().iter().map(|rule| rule["name"].as_str().unwrap()).collect();
    let table = context.run(["check", "--list"]).success().stdout;
    for name in names {
        assert!(table.contains(name), "{name}");
        let page =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/rules/{name}.md"));
        let explained = context.run(["check", "--explain", name]).success().stdout;
        assert_eq!(explained, std::fs::read_to_string(page).unwrap());
    }
}

#[test]
fn what_cannot_be_checked_is_told() {
    let context = context();
    context.write("broken/Dockerfile", "FROM a\nRUNN b\n");
    context.write("empty/file", "");
    assert_snapshot!(context.run(["check", "nothing-here"]), @r"
    exit: 3
    ----- stderr -----
    error: there is no file, folder or image `nothing-here`
    hint: `imagewright pull` brings an image into the store; `imagewright image list` shows what is there
    ");
    assert_snapshot!(context.run(["check", "broken"]), @r"
    exit: 4
    ----- stderr -----
    error: broken/Dockerfile:2: unknown instruction `RUNN`
    hint: did you mean RUN?
    ");
    assert_snapshot!(context.run(["check", "empty"]), @r"
    exit: 3
    ----- stderr -----
    error: cannot read `empty/Dockerfile`
    caused by: No such file or directory (os error 2)
    ");
    assert_snapshot!(context.run(["check", ".", "--rule", "package-cash"]), @r"
    exit: 2
    ----- stderr -----
    error: there is no rule `package-cash`
    hint: did you mean package-cache?
    ");
    assert_eq!(context.run(["check"]).code, Some(2));
}
