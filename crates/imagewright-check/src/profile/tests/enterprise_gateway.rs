//! Images whose kernels Enterprise Gateway starts, and such as it waits for in vain.

use super::*;

const SITE: &str = "opt/conda/lib/python3.11/site-packages";
const BOOTSTRAP: &str = "usr/local/bin/bootstrap-kernel.sh";
const LAUNCHER: &str = "usr/local/bin/kernel-launchers/python/scripts/launch_ipykernel.py";

fn base() -> Files {
    Files::default()
        .file("etc/passwd", "root:x:0:0::/root:/bin/sh\njovyan:x:1000:100::/home/jovyan:/bin/bash\n")
        .file("etc/group", "users:x:100:\n")
        .program("usr/bin/bash")
        .link("bin", "usr/bin")
        .link("usr/bin/sh", "bash")
        .program("usr/bin/tini")
        .owned("tmp", 0o1777, (0, 0))
        .owned("home/jovyan", 0o2775, (1000, 100))
        .script(BOOTSTRAP, "#!/bin/bash\nlaunch \"$@\"\n")
        .program("opt/conda/bin/python3.11")
        .link("opt/conda/bin/python", "python3.11")
        .link("opt/conda/bin/python3", "python3.11")
}

/// What Enterprise Gateway's image for Python is like.
pub(super) fn right() -> Example {
    let mut files = base().file(LAUNCHER, "parser.add_argument('--public-key')\n");
    for module in ["Cryptodome", "jupyter_client", "ipykernel"] {
        files = files.file(&format!("{SITE}/{module}/__init__.py"), "");
    }
    Example::new(files, container("python"))
}

fn container(language: &str) -> ContainerConfig {
    ContainerConfig {
        user: "1000:100".to_owned(),
        env: vec![
            "PATH=/opt/conda/bin:/usr/local/bin:/usr/bin:/bin".to_owned(),
            format!("KERNEL_LANGUAGE={language}"),
        ],
        cmd: words(&["/usr/local/bin/bootstrap-kernel.sh"]),
        ..ContainerConfig::default()
    }
}

fn right_for_r() -> Example {
    let launcher = "usr/local/bin/kernel-launchers/R/scripts/launch_IRkernel.R";
    let mut files =
        base().file(launcher, "imp <- import('imp')\n--public-key\n").program("opt/conda/bin/Rscript");
    for module in ["Cryptodome", "jupyter_client"] {
        files = files.file(&format!("{SITE}/{module}/__init__.py"), "");
    }
    for package in ["argparse", "jsonlite", "stringr", "IRkernel"] {
        files = files.file(&format!("opt/conda/lib/R/library/{package}/DESCRIPTION"), "");
    }
    Example::new(files, container("R"))
}

fn right_for_scala() -> Example {
    let library = "usr/local/bin/kernel-launchers/scala/lib";
    let files = base()
        .file(&format!("{library}/toree-assembly-0.5.jar"), "")
        .file(&format!("{library}/toree-launcher-0.5.jar"), "")
        .program("opt/spark/bin/spark-submit");
    Example::new(files, container("scala")).variable("SPARK_HOME", "/opt/spark")
}

fn without(example: Example, path: &str) -> Example {
    example.files(|files| files.taken_away(path))
}

fn started(example: Example, entrypoint: &[&str], command: &[&str]) -> Example {
    example.container(|container| (container.entrypoint, container.cmd) = (words(entrypoint), words(command)))
}

const CASES: [Case; 38] = [
    (
        "default-command-broken",
        |it| without(it, BOOTSTRAP),
        "starts `/usr/local/bin/bootstrap-kernel.sh`, which is not in the image",
    ),
    (
        "default-command-broken",
        |it| it.files(|it| it.file(BOOTSTRAP, "#!/bin/bash\n")),
        "which nobody may execute (mode 0644)",
    ),
    (
        "default-command-broken",
        |it| it.files(|it| it.entry(BOOTSTRAP, crate::IndexKind::File(9), 0o750, (0, 100), "#!/bin/bash\n")),
        "which not everybody may execute (mode 0750)",
    ),
    (
        "default-command-broken",
        |it| it.files(|it| it.script(BOOTSTRAP, "#!/bin/bash\r\nlaunch\r\n")),
        "end as those of Windows",
    ),
    (
        "default-command-broken",
        |it| it.files(|it| it.script(BOOTSTRAP, "#!/usr/bin/env -S zsh\n")),
        "is run by `zsh`, which is not in the image",
    ),
    (
        "default-command-broken",
        |it| without(it, "usr/bin/bash"),
        "is run by `/bin/bash`, which is not in the image",
    ),
    (
        "default-command-broken",
        |it| started(it, &["tini", "--"], &["/usr/local/bin/start.sh", "x"]),
        "which is not in the image",
    ),
    (
        "default-command-broken",
        |it| it.container(|it| it.cmd = words(&["/bin/sh", "-c", "exec /nowhere/bootstrap-kernel.sh"])),
        "starts `/nowhere/bootstrap-kernel.sh`",
    ),
    ("default-command-broken", |it| it.container(|it| it.cmd = None), "the image starts nothing"),
    (
        "default-command-no-launcher",
        |it| started(it, &[], &["start-notebook.py"]),
        "the container starts `start-notebook.py`, which starts no kernel",
    ),
    (
        "default-command-no-launcher",
        |it| started(it, &["tini", "-g", "--"], &["python3"]),
        "the container starts `python3`",
    ),
    (
        "entrypoint-swallows-command",
        |it| {
            it.files(|it| it.script("entry.sh", "#!/bin/sh\nset -e\n"))
                .container(|it| it.entrypoint = words(&["/entry.sh"]))
        },
        "`/entry.sh`, which does not run what it is given",
    ),
    (
        "entrypoint-swallows-command",
        |it| it.container(|it| it.entrypoint = words(&["/bin/sh", "-c", "date"])),
        "is a line for a shell",
    ),
    (
        "entrypoint-swallows-command",
        |it| it.container(|it| it.entrypoint = words(&["python3"])),
        "for which `CMD` is only arguments",
    ),
    (
        "launcher-missing",
        |it| without(it, LAUNCHER),
        "there is no launcher at `/usr/local/bin/kernel-launchers/python/scripts",
    ),
    (
        "launcher-missing",
        |it| it.files(|it| it.entry(LAUNCHER, crate::IndexKind::File(9), 0o640, (0, 0), "--public-key")),
        "not everybody may read",
    ),
    (
        "launcher-missing",
        |it| it.files(|it| it.owned("usr/local/bin/kernel-launchers", 0o750, (0, 0))),
        "not everybody may read",
    ),
    ("launcher-missing", |it| it.variable("KERNEL_LANGUAGE", "julia"), "`KERNEL_LANGUAGE` is `julia`"),
    (
        "launcher-outdated",
        |it| it.files(|it| it.file(LAUNCHER, "--response-address\n")),
        "does not know `--public-key`",
    ),
    (
        "launcher-packages-missing",
        |it| without(it, &format!("{SITE}/Cryptodome/__init__.py")),
        "has no module `Cryptodome`",
    ),
    (
        "launcher-packages-missing",
        |it| {
            without(it, &format!("{SITE}/Cryptodome/__init__.py"))
                .files(|it| it.file(&format!("{SITE}/Crypto/__init__.py"), ""))
        },
        "`Crypto`, which pycryptodome brings, is another one",
    ),
    (
        "launcher-packages-missing",
        |it| without(it, &format!("{SITE}/jupyter_client/__init__.py")),
        "has no module `jupyter_client`",
    ),
    ("kernel-missing", |it| without(it, &format!("{SITE}/ipykernel/__init__.py")), "has no ipykernel"),
    (
        "kernel-missing",
        |it| {
            let it = without(without(it, LAUNCHER), &format!("{SITE}/ipykernel/__init__.py"));
            let ours = "usr/local/bin/imagewright-kernel-launcher";
            started(it.files(|it| it.program(ours)), &[], &["/usr/local/bin/imagewright-kernel-launcher"])
        },
        "has no ipykernel",
    ),
    (
        "python-command-missing",
        |it| without(it, "opt/conda/bin/python"),
        "there is a `/opt/conda/bin/python3`, and no `python`",
    ),
    ("python-command-missing", |it| it.variable("PATH", "/usr/bin"), "there is no `python` on `PATH`"),
    (
        "python-not-on-cluster-path",
        |it| {
            it.files(|it| {
                it.link("opt/venv/bin/python", "/opt/conda/bin/python3.11")
                    .file("opt/venv/pyvenv.cfg", "version = 3.11.9\n")
            })
            .variable("PATH", "/opt/venv/bin:/usr/bin:/bin")
        },
        "a pod on Kubernetes finds `/opt/conda/bin/python`, and the `PATH` of the image `/opt/venv/bin/python`",
    ),
    (
        "python-not-on-cluster-path",
        |it| {
            without(it, "opt/conda/bin/python")
                .files(|it| it.program("opt/own/bin/python3.11").link("opt/own/bin/python", "python3.11"))
                .variable("PATH", "/opt/own/bin:/usr/bin:/bin")
        },
        "does not find `/opt/own/bin/python`",
    ),
    (
        "temporary-folder-not-writable",
        |it| it.files(|it| it.owned("tmp", 0o755, (0, 0))),
        "neither `/tmp` nor `/var/tmp`",
    ),
    ("runs-as-root", |it| it.container(|it| it.user.clear()), "run as root"),
    (
        "user-not-conventional",
        |it| it.files(|it| it.file("etc/passwd", "root:x:0:0::/root:/bin/sh\n")),
        "has no entry in `/etc/passwd`",
    ),
    (
        "user-not-conventional",
        |it| it.files(|it| it.owned("home/jovyan", 0o755, (1000, 1000))),
        "group 100 may not write to the home",
    ),
    (
        "user-not-conventional",
        |it| it.files(|it| it.owned("home/jovyan", 0o755, (0, 0))),
        "user 1000 may not write to its home",
    ),
    ("kernel-language-unset", |it| it.variable("KERNEL_LANGUAGE", ""), "`KERNEL_LANGUAGE` is not set"),
    (
        "health-check-inherited",
        |it| {
            it.container(|it| {
                it.extra.insert("Healthcheck".to_owned(), serde_json::json!({"Test": ["CMD", "check.py"]}));
            })
        },
        "the image has a health check, `CMD check.py`",
    ),
    ("secret-in-image", |it| it.variable("HF_TOKEN", "hf_0123456789"), "`HF_TOKEN`"),
    (
        "reference-not-in-registry",
        |it| Example { answer: RegistryAnswer::WrongPlatform("only for arm64".to_owned()), ..it },
        "only for arm64",
    ),
    (
        "reference-needs-secret",
        |it| Example { answer: RegistryAnswer::Refused("401".to_owned()), ..it },
        "no pull secret is named",
    ),
];

#[test]
fn every_rule_has_an_image_that_it_finds_wrong() {
    let profile = Profile::named("enterprise-gateway").unwrap();
    // Those of the other languages have their own images below; two are asked of images for Elyra as well.
    let elsewhere = [
        "launcher-needs-older-python",
        "python-dependencies-consistent",
        "reference-names-another-image",
        "kernelspec-language-unknown",
        "kernelspec-names-another-image",
        "kernelspec-command-broken",
    ];
    hold(&profile, &right(), &CASES, &elsewhere);
}

#[test]
fn kernels_of_r_need_its_packages_and_an_older_python() {
    let profile = Profile::named("enterprise-gateway").unwrap();
    let cases: [Case; 4] = [
        (
            "launcher-needs-older-python",
            |it| {
                it.files(|it| {
                    let it =
                        it.program("opt/conda/bin/python3.13").link("opt/conda/bin/python", "python3.13");
                    let site = "opt/conda/lib/python3.13/site-packages";
                    it.file(&format!("{site}/Cryptodome/__init__.py"), "")
                        .file(&format!("{site}/jupyter_client/__init__.py"), "")
                })
            },
            "through `imp`, which Python 3.13 no longer has",
        ),
        (
            "launcher-packages-missing",
            |it| without(it, "opt/conda/lib/R/library/argparse/DESCRIPTION"),
            "does not find the R packages argparse",
        ),
        (
            "kernel-missing",
            |it| without(it, "opt/conda/lib/R/library/IRkernel/DESCRIPTION"),
            "R has no IRkernel",
        ),
        (
            "launcher-missing",
            |it| without(it, "usr/local/bin/kernel-launchers/R/scripts/launch_IRkernel.R"),
            "no launcher at",
        ),
    ];
    let all: Vec<_> = profile.rule_names().collect();
    hold(&profile, &right_for_r(), &cases, &all);
    let fixed =
        cases[0].1(right_for_r()).files(|it| it.file("opt/conda/lib/python3.13/site-packages/imp.py", ""));
    assert!(levels(&fixed.ask(&profile), "launcher-needs-older-python").is_empty());
}

#[test]
fn our_launcher_needs_no_python_for_other_kernels() {
    let profile = Profile::named("enterprise-gateway").unwrap();
    let ours = "/usr/local/bin/imagewright-kernel-launcher";
    let bare = |language: &str, command: &str| {
        let files = ["", "3", "3.11"]
            .iter()
            .fold(base(), |it, end| it.taken_away(&format!("opt/conda/bin/python{end}")));
        let files = files.taken_away(BOOTSTRAP).program(&command[1..]);
        let files = files.file("opt/conda/lib/R/library/IRkernel/DESCRIPTION", "");
        started(Example::new(files, container(language)), &[], &[command])
    };
    let report = bare("r", ours).ask(&profile);
    assert!(report.findings.is_empty() && report.unanswered.is_empty(), "{}", told(&report));
    for (language, command) in [("python", ours), ("r", "/usr/local/bin/bootstrap-kernel.sh")] {
        let report = bare(language, command).ask(&profile);
        assert!(!levels(&report, "python-command-missing").is_empty(), "{language}: {}", told(&report));
    }
}

#[test]
fn kernels_of_scala_need_jars_and_spark() {
    let profile = Profile::named("enterprise-gateway").unwrap();
    let cases: [Case; 4] = [
        (
            "launcher-missing",
            |it| without(it, "usr/local/bin/kernel-launchers/scala/lib/toree-launcher-0.5.jar"),
            "has 0 files `toree-launcher*.jar`",
        ),
        (
            "launcher-missing",
            |it| {
                it.files(|it| it.file("usr/local/bin/kernel-launchers/scala/lib/toree-assembly-0.4.jar", ""))
            },
            "has 2 files `toree-assembly*.jar`",
        ),
        ("launcher-missing", |it| it.variable("SPARK_HOME", ""), "`SPARK_HOME` is not set"),
        (
            "launcher-missing",
            |it| without(it, "opt/spark/bin/spark-submit"),
            "there is no `/opt/spark/bin/spark-submit`",
        ),
    ];
    let all: Vec<_> = profile.rule_names().collect();
    hold(&profile, &right_for_scala(), &cases, &all);
}

#[test]
fn an_image_that_speaks_for_itself_needs_no_files_of_enterprise_gateway() {
    let profile = Profile::named("enterprise-gateway").unwrap();
    let files = base()
        .taken_away(BOOTSTRAP)
        .script("usr/local/bin/own", "#!/bin/sh\nexec launcher \"$RESPONSE_ADDRESS\"\n");
    let own = started(Example::new(files, container("julia")), &[], &["own"]);
    let report = own.ask(&profile);
    assert!(report.findings.is_empty() && report.unanswered.is_empty(), "{}", told(&report));
    let unknown = started(right(), &[], &["/usr/bin/tini"]).files(|it| it.program("usr/bin/some-launcher"));
    let unknown = started(unknown, &[], &["some-launcher"]);
    assert_eq!(unknown.ask(&profile).verdict, Verdict::CannotTell, "{}", told(&unknown.ask(&profile)));
}

#[test]
fn entry_points_that_pass_on_are_fine() {
    let profile = Profile::named("enterprise-gateway").unwrap();
    let bootstrap = ["/usr/local/bin/bootstrap-kernel.sh"];
    let script = |it: Example| it.files(|it| it.script("entry.sh", "#!/bin/sh\nset -e\nexec \"$@\"\n"));
    for entrypoint in
        [&["tini", "-g", "--"][..], &["/entry.sh"], &["/usr/bin/env", "A=1"], &["tini", "--", "/entry.sh"]]
    {
        let example = script(right()).files(|it| it.program("usr/bin/env"));
        let report = started(example, entrypoint, &bootstrap).ask(&profile);
        assert!(
            report.findings.is_empty() && report.unanswered.is_empty(),
            "{entrypoint:?} {}",
            told(&report)
        );
    }
}

/// Toree and Spark of the package index, by our launcher.
fn right_for_toree() -> Example {
    let files = base()
        .program("usr/local/bin/imagewright-kernel-launcher")
        .file(&format!("{SITE}/toree/lib/toree-assembly-0.5.0-incubating.jar"), "")
        .program(&format!("{SITE}/pyspark/bin/spark-submit"))
        .program("usr/bin/java")
        .taken_away(BOOTSTRAP);
    let example = Example::new(files, container("scala"));
    started(example, &[], &["/usr/local/bin/imagewright-kernel-launcher"])
}

#[test]
fn our_launcher_finds_toree_among_packages() {
    let profile = Profile::named("enterprise-gateway").unwrap();
    let cases: [Case; 3] = [
        (
            "kernel-missing",
            |it| without(it, &format!("{SITE}/toree/lib/toree-assembly-0.5.0-incubating.jar")),
            "there is neither a kernelspec for Scala nor Toree",
        ),
        (
            "kernel-missing",
            |it| without(it, &format!("{SITE}/pyspark/bin/spark-submit")),
            "there is no Spark",
        ),
        ("kernel-missing", |it| without(it, "usr/bin/java"), "there is no `java`"),
    ];
    let all: Vec<_> = profile.rule_names().collect();
    hold(&profile, &right_for_toree(), &cases, &all);
    let kernelspec = r#"{"argv": ["java", "{connection_file}"], "language": "Scala"}"#;
    let other = cases[0].1(right_for_toree())
        .files(|it| it.file("usr/share/jupyter/kernels/almond/kernel.json", kernelspec));
    assert!(levels(&other.ask(&profile), "kernel-missing").is_empty());
}
