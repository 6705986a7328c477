//! Images that Elyra runs, and such as it does not.

use super::*;

const SITE: &str = "usr/local/lib/python3.13/site-packages";

/// What `python:3.13-slim` is like, with a user and what Elyra needs.
fn right() -> Example {
    let mut files = Files::default()
        .file("etc/passwd", "root:x:0:0::/root:/bin/sh\nruntime:x:1000:0::/home/runtime:/bin/sh\n")
        .file("etc/group", "root:x:0:\n")
        .file("etc/ssl/certs/ca-certificates.crt", "x")
        .link("bin", "usr/bin")
        .program("usr/local/bin/python3.13")
        .link("usr/local/bin/python3", "python3.13")
        .file(&format!("{SITE}/pip/__init__.py"), "")
        .owned("home/runtime", 0o2775, (1000, 0))
        .owned("opt/work", 0o2775, (1000, 0));
    for program in ["dash", "curl", "tar", "gzip", "mkdir"] {
        files = files.program(&format!("usr/bin/{program}"));
    }
    files = files.link("usr/bin/sh", "dash");
    files = package(files, SITE, "pip", "25.0", &[]);
    files = package(files, SITE, "requests", "2.33.0", &["urllib3<3,>=1.26", "chardet; extra == 'x'"]);
    files = package(files, SITE, "urllib3", "2.6.3", &[]);
    let container = ContainerConfig {
        user: "1000".to_owned(),
        env: vec![
            "PATH=/usr/local/bin:/usr/bin:/bin".to_owned(),
            "HOME=/home/runtime".to_owned(),
            "PYTHON_VERSION=3.13.2".to_owned(),
        ],
        cmd: words(&["python3"]),
        working_dir: "/opt/work".to_owned(),
        ..ContainerConfig::default()
    };
    Example::new(files, container)
}

fn without(example: Example, path: &str) -> Example {
    example.files(|files| files.taken_away(path))
}

fn nothing_installed(example: Example) -> Example {
    example.variable("ELYRA_INSTALL_PACKAGES", "false")
}

fn with(example: Example, name: &str, version: &str, requires: &[&str]) -> Example {
    example.files(|files| package(files, SITE, name, version, requires))
}

const CASES: [Case; 43] = [
    ("shell-missing", |it| without(it, "usr/bin/sh"), "there is no `sh`"),
    (
        "shell-missing",
        |it| it.files(|it| it.owned("usr/bin", 0o700, (0, 0))),
        "user 1000 of the image may not run",
    ),
    ("python-missing", |it| without(it, "usr/local/bin/python3"), "there is no `python3` on `PATH`"),
    (
        "python-missing",
        |it| it.variable("PATH", "/usr/bin"),
        "`python3` lies in `/usr/local/bin`, which is not on `PATH`",
    ),
    (
        "python-missing",
        |it| without(it, "usr/local/bin/python3").files(|it| it.link("usr/local/bin/python", "python3.13")),
        "there is a `python` in `/usr/local/bin`, and no `python3`",
    ),
    (
        "python-version",
        |it| it.files(|it| it.program("usr/local/bin/python3.9").link("usr/local/bin/python3", "python3.9")),
        "is Python 3.9, and Elyra 4.1 runs with 3.10 to 3.13",
    ),
    (
        "python-version",
        |it| {
            it.files(|it| it.program("usr/local/bin/python3.14").link("usr/local/bin/python3", "python3.14"))
        },
        "is Python 3.14",
    ),
    (
        "python-end-of-life",
        |it| {
            it.files(|it| it.program("usr/local/bin/python3.10").link("usr/local/bin/python3", "python3.10"))
        },
        "Python 3.10 is not maintained any more since 2026-10 (as known in 2026-11)",
    ),
    ("pip-missing", |it| without(it, &format!("{SITE}/pip/__init__.py")), "has no `pip`"),
    (
        "python-externally-managed",
        |it| it.files(|it| it.file("usr/local/lib/python3.13/EXTERNALLY-MANAGED", "x")),
        "is managed by the distribution",
    ),
    ("curl-missing", |it| without(it, "usr/bin/curl"), "what runs a node cannot be fetched"),
    (
        "ca-certificates-missing",
        |it| without(it, "etc/ssl/certs/ca-certificates.crt"),
        "finds no certificate authorities",
    ),
    (
        "certificate-variable-broken",
        |it| it.variable("SSL_CERT_FILE", "/mnt/ca.pem"),
        "`SSL_CERT_FILE` names `/mnt/ca.pem`",
    ),
    ("tar-missing", |it| without(it, "usr/bin/tar"), "there is no `tar`"),
    ("gzip-missing", |it| without(it, "usr/bin/gzip"), "there is no `gzip`"),
    ("mkdir-missing", |it| without(it, "usr/bin/mkdir"), "there is no `mkdir`"),
    (
        "working-directory-not-writable",
        |it| it.container(|it| it.working_dir.clear()),
        "user 1000 may not write to the working directory `/` (mode 0755, owner 0:0)",
    ),
    (
        "working-directory-not-writable",
        |it| it.container(|it| it.working_dir = "/new".to_owned()),
        "is not in the image, so it is made for root alone",
    ),
    (
        "working-directory-not-writable",
        |it| it.files(|it| it.owned("opt/work", 0o755, (1000, 0))),
        "under a user id that the platform makes up, as on OpenShift: user 1000660000 may not write",
    ),
    (
        "working-directory-not-writable",
        |it| it.container(|it| it.user = "jovyan".to_owned()),
        "the image has no user `jovyan`",
    ),
    (
        "packages-not-installable",
        |it| it.files(|it| it.owned("home/runtime", 0o755, (0, 0))),
        "user 1000 may write neither to `/usr/local/lib/python3.13/site-packages` nor to its home `/home/runtime`",
    ),
    (
        "packages-not-installable",
        |it| it.variable("HOME", ""),
        "as on OpenShift: user 1000660000 may write neither to `/usr/local/lib/python3.13/site-packages` nor to its home `/`",
    ),
    (
        "packages-not-installable",
        |it| {
            it.variable("PATH", "/opt/venv/bin:/usr/local/bin:/usr/bin:/bin").files(|it| {
                it.link("opt/venv/bin/python3", "/usr/local/bin/python3")
                    .file("opt/venv/pyvenv.cfg", "version = 3.13.2\n")
            })
        },
        "user 1000 may not write to the environment `/opt/venv`",
    ),
    ("pipeline-packages-missing", nothing_installed, "nodes need packaging, minio"),
    ("pipeline-packages-missing", nothing_installed, "notebooks need papermill, nbconvert"),
    ("kernelspec-missing", nothing_installed, "the image has no kernel"),
    (
        "kernelspec-broken",
        |it| {
            it.files(|it| {
                it.file(
                    "usr/local/share/jupyter/kernels/x/kernel.json",
                    r#"{"argv": ["/opt/old/bin/python"]}"#,
                )
            })
        },
        "the kernel in `/usr/local/share/jupyter/kernels/x` starts `/opt/old/bin/python`, which is not in the image",
    ),
    (
        "kernelspec-broken",
        |it| it.files(|it| it.file("usr/share/jupyter/kernels/x/kernel.json", "{")),
        "is no JSON",
    ),
    ("r-incomplete", |it| it.files(|it| it.program("usr/bin/Rscript")), "R notebooks do not"),
    (
        "r-incomplete",
        |it| {
            it.files(|it| {
                it.program("usr/bin/R")
                    .file("usr/share/jupyter/kernels/ir/kernel.json", r#"{"argv": ["R"], "language": "R"}"#)
            })
        },
        "no `Rscript` on `PATH`",
    ),
    (
        "service-not-started",
        |it| it.container(|it| it.cmd = words(&["mlflow", "server"])),
        "starts `mlflow server`",
    ),
    (
        "environment-not-on-path",
        |it| it.container(|it| it.entrypoint = words(&["conda", "run", "-n", "work"])),
        "the environment `work`",
    ),
    (
        "packages-replaced",
        |it| with(it, "Jinja2", "3.2.0", &[]),
        "`Jinja2` 3.2.0 is set back by 3.1.6 before a node runs, by requirements-elyra.txt of Elyra 4.1.1: `pip freeze` prints \
         `Jinja2`, so `jinja2` counts as missing",
    ),
    (
        "packages-replaced",
        |it| with(it, "tornado", "6.4", &[]),
        "`tornado` 6.4 is replaced by 6.5.5 before a node runs",
    ),
    (
        "packages-broken-by-pins",
        |it| with(with(it, "ipykernel", "7.1.0", &["jupyter-client>=8.8"]), "jupyter_client", "8.10.0", &[]),
        "ipykernel 7.1.0 requires `jupyter-client>=8.8`, and 7.4.9 is installed before a node runs",
    ),
    (
        "python-dependencies-consistent",
        |it| with(it, "botocore", "1.0", &["urllib3<2", "six"]),
        "botocore 1.0 requires `urllib3<2`, and 2.6.3 is there",
    ),
    (
        "python-dependencies-consistent",
        |it| with(it, "botocore", "1.0", &["six (>=1.5)"]),
        "botocore 1.0 requires `six>=1.5`, which is not there",
    ),
    (
        "reference-without-owner",
        |it| Example { name: "python:3.13", ..it },
        "a pipeline refuses the name `python:3.13`",
    ),
    (
        "reference-not-in-registry",
        |it| Example { name: "localhost:5000/team/image:1", ..it },
        "`localhost:5000` is this machine",
    ),
    (
        "reference-not-in-registry",
        |it| Example { answer: RegistryAnswer::Missing("no manifest".to_owned()), ..it },
        "the registry has no such image: no manifest",
    ),
    (
        "reference-needs-secret",
        |it| Example { answer: RegistryAnswer::Refused("401".to_owned()), ..it },
        "cannot be pulled without credentials, and no pull secret is named",
    ),
    (
        "reference-names-another-image",
        |it| {
            let answer = RegistryAnswer::Has {
                manifest: Digest::of(b"another"),
                is_public: Some(true),
                platforms: Vec::new(),
            };
            Example { answer, ..it }
        },
        "was checked",
    ),
    ("runs-as-root", |it| it.container(|it| it.user.clear()), "run as root"),
];

fn profile(name: &str) -> Profile {
    Profile::named(name).unwrap()
}

#[test]
fn every_rule_has_an_image_that_it_finds_wrong() {
    hold(&profile("elyra"), &right(), &CASES, &[]);
}

#[test]
fn what_makes_up_for_something_missing_counts() {
    let managed = |it: Example| it.files(|it| it.file("usr/local/lib/python3.13/EXTERNALLY-MANAGED", "x"));
    let all = ["packaging", "minio", "papermill", "nbconvert", "nbformat", "jupyter_client", "ipykernel"];
    let fitted = all.iter().fold(nothing_installed(right()), |it, name| with(it, name, "99", &[]));
    let fine: [(&str, Example); 12] = [
        ("pip is let", managed(right()).variable("PIP_BREAK_SYSTEM_PACKAGES", "1")),
        (
            "pip is let by a file",
            managed(right()).files(|it| it.file("etc/pip.conf", "[global]\nbreak-system-packages = true\n")),
        ),
        ("all is there", fitted.clone()),
        ("all is there, in an old Python", fitted.files(|it| it.program("usr/local/bin/python3.13"))),
        (
            "busybox brings its own",
            without(right(), "usr/bin/gzip")
                .files(|it| it.program("usr/bin/busybox").link("usr/bin/tar", "busybox")),
        ),
        (
            "certificates are named",
            without(right(), "etc/ssl/certs/ca-certificates.crt")
                .files(|it| it.file("opt/ca.pem", "x"))
                .variable("SSL_CERT_FILE", "/opt/ca.pem"),
        ),
        (
            "a secret is named",
            Example {
                answer: RegistryAnswer::Refused("401".to_owned()),
                pull_secret: Some("team".to_owned()),
                ..right()
            },
        ),
        ("equal by another name", with(right(), "Jinja2", "3.1.6", &[])),
        ("newer by the same name", with(right(), "tornado", "7.0", &[])),
        (
            "from an address",
            with(right(), "tornado", "6.0", &[])
                .files(|it| it.file(&format!("{SITE}/tornado-6.0.dist-info/direct_url.json"), "{}")),
        ),
        ("no version at all", with(right(), "tornado", "master", &[])),
        (
            "a marker that does not hold",
            with(right(), "x", "1", &["y; python_version < '3.13'", "z; sys_platform == 'win32'"]),
        ),
    ];
    for (what, example) in fine {
        let report = example.ask(&profile("elyra"));
        assert!(report.findings.is_empty(), "{what}\n{}", told(&report));
    }
}

#[test]
fn an_image_of_which_python_cannot_be_seen_is_not_judged() {
    let example =
        right().files(|it| it.script("usr/local/bin/python3", "#!/bin/sh\nexec pyenv exec python3 \"$@\"\n"));
    let report = example.ask(&profile("elyra"));
    assert_eq!(report.verdict, Verdict::CannotTell, "{}", told(&report));
    assert!(
        report.unanswered.iter().any(|it| it.rule == "python-version" && it.reason.contains("is a script"))
    );
    let unknown = Example { answer: RegistryAnswer::Unreachable("refused".to_owned()), ..right() };
    let report = unknown.ask(&profile("elyra"));
    assert_eq!((report.verdict, report.unanswered.len()), (Verdict::CannotTell, 1), "{}", told(&report));
}

#[test]
fn releases_differ() {
    let old =
        right().files(|it| it.program("usr/local/bin/python3.9").link("usr/local/bin/python3", "python3.9"));
    assert!(levels(&old.ask(&profile("elyra@4.1")), "python-version") == [Level::Error]);
    let report = old.ask(&profile("elyra@4.0"));
    assert!(levels(&report, "python-version").is_empty());
    assert!(report.unanswered.iter().any(|it| it.rule == "packages-replaced"), "{}", told(&report));
    let clients = with(right(), "jupyter_client", "8.9.1", &[]);
    assert_eq!(levels(&clients.ask(&profile("elyra@4.1")), "packages-replaced"), [Level::Warning]);
    let on_main = told(&clients.ask(&profile("elyra@main")));
    assert!(on_main.contains("`urllib3` 2.6.3") && !on_main.contains("jupyter_client"), "{on_main}");
    assert_eq!(profile("elyra@4.1.1").pins(), Some("requirements-elyra.txt of Elyra 4.1.1"));
    for (name, expected) in
        [("elyra@9", "nothing is known of release `9` of `elyra`"), ("elira", "there is no profile `elira`")]
    {
        assert_eq!(Profile::named(name).unwrap_err().to_string(), expected);
    }
}

#[test]
fn where_there_is_no_index_everything_must_be_there() {
    let text = "name = \"closed\"\nextends = \"elyra\"\nnetwork = false\nrequirements = \"own.txt\"\n";
    let file = crate::ProfileFile::parse("closed.toml", text).unwrap();
    let closed = file.profile(Some("requests==2.33.0\nurllib3==2.6.3\nminio==7.1.15\n")).unwrap();
    let report = right().ask(&closed);
    assert_eq!(levels(&report, "pipeline-packages-missing"), [Level::Error], "{}", told(&report));
    assert!(
        told(&report).contains("Elyra would install minio==7.1.15, packaging (by own.txt)"),
        "{}",
        told(&report)
    );
    let fitted = with(with(right(), "minio", "7.2", &[]), "packaging", "25.0", &[]);
    assert_eq!(fitted.ask(&closed).verdict, Verdict::Runs);
}
