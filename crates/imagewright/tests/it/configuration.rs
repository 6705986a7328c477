//! Where settings come from, and which of them win.

use std::fs;

use imagewright_testkit::context::{Outcome, TestContext};
use insta::assert_snapshot;

use crate::support::context;

#[test]
fn an_unknown_setting_names_the_file_and_what_there_is() {
    let context = context();
    let file = context.write("config.toml", "[apt]\nmiror = \"http://mirror.example\"\n");
    assert_snapshot!(context.run(["image", "list", "--config", file.to_str().unwrap()]), @r"
    exit: 4
    ----- stderr -----
    error: unknown setting `apt.miror` in `[TEMP]/work/config.toml`
    hint: settings here are mirror, security-mirror, keyring, image-mirror, image-security-mirror
    ");
}

#[test]
fn a_malformed_file_is_named_with_the_line() {
    let context = context();
    let file = context.write("config.toml", "[apt\nmirror = 1\n");
    assert_snapshot!(context.run(["image", "list", "--config", file.to_str().unwrap()]), @r"
    exit: 4
    ----- stderr -----
    error: `[TEMP]/work/config.toml` is malformed: line 1, column 5, invalid table header, expected `.`, `]`
    hint: docs/configuration.md lists all settings
    ");
}

#[test]
fn a_setting_of_the_wrong_kind_is_named() {
    let context = context();
    let file = context.write("config.toml", "[python]\nextra-indexes = \"https://mirror.example\"\n");
    assert_snapshot!(context.run(["image", "list", "--config", file.to_str().unwrap()]), @r"
    exit: 4
    ----- stderr -----
    error: `python.extra-indexes` in `[TEMP]/work/config.toml` must be a sequence
    hint: docs/configuration.md lists all settings
    ");
}

#[test]
fn a_missing_file_is_an_error_only_when_it_was_named() {
    let context = context();
    assert_snapshot!(context.run(["image", "list", "--config", "nowhere.toml"]), @r"
    exit: 3
    ----- stderr -----
    error: configuration file `nowhere.toml` does not exist
    ");
    drop(context.run(["image", "list"]).success());
}

#[test]
fn an_unknown_variable_is_an_error_too() {
    let context = context().env("IMAGEWRIGHT_APT__MIROR", "http://mirror.example");
    assert_snapshot!(context.run(["image", "list"]), @r"
    exit: 4
    ----- stderr -----
    error: unknown setting `IMAGEWRIGHT_APT__MIROR` in the environment
    hint: settings here are mirror, security-mirror, keyring, image-mirror, image-security-mirror
    ");
}

/// A mirror where nobody listens; the error names it.
fn mirror(name: &str) -> String {
    format!("http://127.0.0.1:1/{name}")
}

/// Which mirror is asked.
fn asked_mirror(context: &TestContext, flags: &[&str]) -> String {
    let build = ["base", "bootstrap", "debian", "--suite", "trixie", "--keyring", "/dev/null"];
    let outcome = context.run(build.iter().chain(flags)).exits(6);
    let names = ["user", "file", "environment", "flag"];
    let asked = names.into_iter().find(|name| outcome.stderr.contains(&mirror(name)));
    asked.unwrap_or_else(|| panic!("{outcome}")).to_owned()
}

#[test]
fn files_give_way_to_the_environment_and_that_to_flags() {
    let context = context();
    let setting = |name| format!("[apt]\nmirror = \"{}\"\n", mirror(name));
    let user_file = context.home().join(".config/imagewright/config.toml");
    fs::create_dir_all(user_file.parent().unwrap()).unwrap();
    fs::write(user_file, setting("user")).unwrap();
    assert_eq!(asked_mirror(&context, &[]), "user");
    let file = context.write("config.toml", &setting("file"));
    let context = context.env("IMAGEWRIGHT_CONFIG", &file);
    assert_eq!(asked_mirror(&context, &[]), "file");
    let context = context.env("IMAGEWRIGHT_APT__MIRROR", mirror("environment"));
    assert_eq!(asked_mirror(&context, &[]), "environment");
    assert_eq!(asked_mirror(&context, &["--mirror", &mirror("flag")]), "flag");
}

#[test]
fn the_store_is_where_flag_environment_or_file_say() {
    let context = context();
    let file =
        context.write("config.toml", &format!("root = \"{}\"\n", context.work().join("by-file").display()));
    let list = |arguments: &[&str], variable: Option<&str>| {
        let mut command = context.command(["image", "list"].iter().chain(arguments));
        command.env_remove("IMAGEWRIGHT_ROOT").env("IMAGEWRIGHT_CONFIG", &file);
        command.envs(variable.map(|value| ("IMAGEWRIGHT_ROOT", value)));
        drop(Outcome::of(&mut command).success());
    };
    for (folder, arguments, variable) in [
        ("by-file", &[][..], None),
        ("by-environment", &[], Some("by-environment")),
        ("by-flag", &["--root", "by-flag"], Some("by-nobody")),
    ] {
        list(arguments, variable);
        assert!(context.work().join(folder).join("oci-layout").is_file(), "{folder}");
    }
    assert!(!context.work().join("by-nobody").exists());
}

#[test]
fn each_setting_is_shown_with_what_set_it() {
    let user = "[python]\nindex = \"https://me:word@mirror.example/simple\"\n[server.builds]\nworkers = 2\n";
    let context = context()
        .env("http_proxy", "http://me:word@proxy.example:3128")
        .env("IMAGEWRIGHT_SERVER__BUILDS__ATTEMPTS", "5");
    let file = context.home().join(".config/imagewright/config.toml");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, user).unwrap();
    let shown = |arguments: &[&str]| {
        let all: Vec<&str> = ["config", "show"].iter().chain(arguments).copied().collect();
        context.run(all).success().stdout
    };
    let all = shown(&[]);
    assert!(!all.contains("word"), "{all}");
    let line = |name: &str| {
        let line = all.lines().find(|line| line.starts_with(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{all}")).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let file = file.display();
    assert_eq!(line("trust.http-proxy"), "trust.http-proxy http://****@proxy.example:3128 machine");
    assert_eq!(
        line("python.index"),
        format!("python.index https://****@mirror.example/simple user file {file}")
    );
    assert_eq!(line("apt.mirror"), "apt.mirror the machine's apt sources default");
    assert!(line("root").ends_with("variable IMAGEWRIGHT_ROOT"), "{all}");
    let by_flag = shown(&["root", "--root", "/srv/elsewhere"]);
    let by_flag: Vec<&str> = by_flag.split_whitespace().skip(3).collect();
    assert_eq!(by_flag, ["root", "/srv/elsewhere", "flag", "--root"]);
    // A part of them, for programs.
    let builds: serde_json::Value = serde_json::from_str(&shown(&["server.builds", "--json"])).unwrap();
    let builds = builds.as_array().unwrap();
    assert!(builds.iter().all(|it| it["name"].as_str().unwrap().starts_with("server.builds.")), "{builds:?}");
    let origin = |name: &str| builds.iter().find(|it| it["name"] == name).unwrap()["origin"].clone();
    let by_file = serde_json::json!({"layer": "user_file", "place": file.to_string()});
    assert_eq!(origin("server.builds.workers"), by_file);
    let variable = "IMAGEWRIGHT_SERVER__BUILDS__ATTEMPTS";
    assert_eq!(origin("server.builds.attempts"), serde_json::json!({"layer": "variable", "place": variable}));
    assert_eq!(origin("server.builds.grace"), serde_json::json!({"layer": "default"}));
}

#[test]
fn what_cannot_be_shown_is_said() {
    let context = context();
    assert_snapshot!(context.run(["config", "show", "server.bulids"]), @r"
    exit: 3
    ----- stderr -----
    error: there is no setting `server.bulids`
    hint: `imagewright config show` shows all there are
    ");
    let file = context.write("config.toml", "[server.builds]\nworkers = \"many\"\n");
    assert_snapshot!(context.run(["config", "show", "--config", file.to_str().unwrap()]), @r"
    exit: 4
    ----- stderr -----
    error: `server.builds.workers` in `[TEMP]/work/config.toml` must be usize
    hint: docs/configuration.md lists all settings
    ");
}
