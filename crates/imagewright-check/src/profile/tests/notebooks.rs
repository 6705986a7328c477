//! Images of notebook servers: like docker-stacks, for JupyterHub; what they have in common with those for Kubeflow.

use super::*;

pub(super) const SITE: &str = "opt/conda/lib/python3.12/site-packages";
pub(super) const HOME: &str = "home/jovyan";

/// What notebook images have in common.
pub(super) fn base(passwd: &str) -> Files {
    let mut files = Files::default()
        .file("etc/passwd", passwd)
        .file("etc/group", "root:x:0:\nusers:x:100:jovyan\n")
        .file("etc/os-release", "VERSION_ID=\"24.04\"\n")
        .program("usr/bin/bash")
        .link("usr/bin/sh", "bash")
        .link("bin", "usr/bin")
        .program("usr/bin/tini")
        .owned(HOME, 0o2775, (1000, 100))
        .owned("opt/conda", 0o2775, (1000, 100))
        .owned("opt/conda/bin", 0o2775, (1000, 100))
        .group_program("opt/conda/bin/python3.12")
        .link("opt/conda/bin/python3", "python3.12")
        .link("opt/conda/bin/python", "python3.12")
        .group_program("opt/conda/bin/jupyterhub-singleuser");
    for folder in ["opt/conda/lib", "opt/conda/lib/python3.12", SITE, "opt/conda/conda-meta"] {
        files = files.owned(folder, 0o2775, (1000, 100));
    }
    for (name, version) in [("jupyterlab", "4.4.1"), ("jupyterhub", "5.3.0")] {
        let folder = format!("{SITE}/{name}-{version}.dist-info");
        files = files.owned(&folder, 0o2775, (1000, 100));
        let text = format!("Name: {name}\nVersion: {version}\n");
        files = files.group_file(&format!("{folder}/METADATA"), &text);
    }
    files
        .group_file("opt/conda/conda-meta/python-3.12.9-h1_0.json", "{}")
        .group_file("opt/conda/conda-meta/pinned", "python 3.12.*\n")
        .group_file("opt/conda/.condarc", "auto_update_conda: false\nchannels:\n  - conda-forge\n")
}

impl Files {
    pub(super) fn group_file(self, path: &str, text: &str) -> Self {
        self.entry(path, crate::IndexKind::File(text.len() as u64), 0o664, (1000, 100), text)
    }

    pub(super) fn group_program(self, path: &str) -> Self {
        self.entry(path, crate::IndexKind::File(4), 0o775, (1000, 100), "\u{7f}ELF")
    }
}

pub(super) fn container(entrypoint: &[&str], command: &[&str]) -> ContainerConfig {
    let variables = [
        "PATH=/opt/conda/bin:/usr/local/bin:/usr/bin:/bin",
        "HOME=/home/jovyan",
        "NB_USER=jovyan",
        "NB_UID=1000",
        "NB_GID=100",
        "SHELL=/bin/bash",
        "LANG=C.UTF-8",
        "CONDA_DIR=/opt/conda",
        "JUPYTER_PORT=8888",
    ];
    ContainerConfig {
        user: "1000".to_owned(),
        env: variables.map(str::to_owned).to_vec(),
        entrypoint: Some(entrypoint.iter().map(|word| (*word).to_owned()).collect())
            .filter(|words: &Vec<String>| !words.is_empty()),
        cmd: Some(command.iter().map(|word| (*word).to_owned()).collect())
            .filter(|words: &Vec<String>| !words.is_empty()),
        working_dir: "/home/jovyan".to_owned(),
        exposed_ports: Some([("8888/tcp".to_owned(), serde_json::json!({}))].into()),
        ..ContainerConfig::default()
    }
}

const PASSWD: &str = "root:x:0:0::/root:/bin/sh\njovyan:x:1000:100::/home/jovyan:/bin/bash\n";

/// What docker-stacks are like.
pub(super) fn docker_stacks() -> Example {
    let bin = "usr/local/bin";
    let mut files = base(PASSWD)
        .entry("etc/passwd", crate::IndexKind::File(PASSWD.len() as u64), 0o664, (0, 0), PASSWD)
        .group_file(&format!("{HOME}/.bashrc"), "")
        .owned("etc/jupyter", 0o2775, (0, 100))
        .folder(&format!("{bin}/start-notebook.d"))
        .script(
            &format!("{bin}/before-notebook.d/10activate-conda-env.sh"),
            "#!/bin/bash\neval \"$(conda shell.bash hook)\"\n",
        );
    for script in ["start.sh", "run-hooks.sh", "fix-permissions", "start-notebook.py"] {
        files = files.script(&format!("{bin}/{script}"), "#!/bin/bash\nexec \"$@\"\n");
    }
    let container = container(&["tini", "-g", "--", "start.sh"], &["start-notebook.py"]);
    Example::new(files, container).container(|container| {
        let second = 1_000_000_000_u64;
        let check = serde_json::json!({
            "Test": ["CMD-SHELL", "/etc/jupyter/docker_healthcheck.py || exit 1"],
            "Interval": 3 * second, "Timeout": second, "StartPeriod": 3 * second, "Retries": 3,
        });
        container.extra.insert("Healthcheck".to_owned(), check);
    })
}

pub(super) fn without(example: Example, path: &str) -> Example {
    example.files(|files| files.taken_away(path))
}

pub(super) fn passwd(example: Example, line: &str) -> Example {
    example.files(|files| files.file("etc/passwd", &format!("root:x:0:0::/root:/bin/sh\n{line}\n")))
}

/// Asked of images for Elyra, with images of their own there.
pub(super) const ELSEWHERE: [&str; 4] = [
    "python-dependencies-consistent",
    "reference-not-in-registry",
    "reference-needs-secret",
    "reference-names-another-image",
];

pub(super) fn profile(name: &str) -> Profile {
    Profile::named(name).unwrap()
}

const OF_DOCKER_STACKS: [Case; 33] = [
    ("default-command-broken", |it| without(it, "usr/bin/tini"), "starts `tini`, which is not in the image"),
    ("entrypoint-not-start-script", |it| it.container(|it| it.entrypoint = None), "there is no `ENTRYPOINT`"),
    (
        "entrypoint-not-start-script",
        |it| it.container(|it| it.entrypoint = words(&["tini", "--"])),
        "`ENTRYPOINT` is `tini --`",
    ),
    (
        "start-scripts-missing",
        |it| without(it, "usr/local/bin/fix-permissions"),
        "there is no `/usr/local/bin/fix-permissions`",
    ),
    (
        "start-scripts-missing",
        |it| {
            it.files(|it| {
                it.entry("usr/local/bin/run-hooks.sh", crate::IndexKind::File(1), 0o700, (0, 0), "")
            })
        },
        "not everybody may execute `/usr/local/bin/run-hooks.sh` (mode 0700)",
    ),
    (
        "start-hooks-missing",
        |it| without(it, "usr/local/bin/start-notebook.d"),
        "no folder `/usr/local/bin/start-notebook.d`",
    ),
    (
        "start-hooks-missing",
        |it| {
            without(it, "usr/local/bin/before-notebook.d/10activate-conda-env.sh")
                .files(|it| it.folder("usr/local/bin/before-notebook.d"))
        },
        "no script in `before-notebook.d` activates conda",
    ),
    ("user-not-1000", |it| it.container(|it| it.user = "1001".to_owned()), "runs as user 1001"),
    ("account-not-jovyan", |it| passwd(it, "ada:x:1000:100::/home/ada:/bin/bash"), "is called `ada`"),
    ("home-not-writable", |it| it.files(|it| it.owned(HOME, 0o775, (0, 0))), "is 0:0 with mode 0775"),
    ("home-not-writable", |it| without(without(it, HOME), "home/jovyan/.bashrc"), "is not in the image"),
    ("conda-not-first", |it| it.variable("CONDA_DIR", ""), "`CONDA_DIR` is not set"),
    ("conda-not-first", |it| it.variable("NB_GID", "0"), "`NB_GID` is `0`, not `100`"),
    (
        "conda-not-first",
        |it| it.variable("PATH", "/usr/bin:/opt/conda/bin:/usr/local/bin"),
        "`/opt/conda/bin` is not first on `PATH`",
    ),
    ("environment-disagrees", |it| it.variable("HOME", "/root"), "`HOME` is `/root`, not `/home/jovyan`"),
    (
        "group-rights-missing",
        |it| it.files(|it| it.file("opt/conda/lib/x.py", "")),
        "are not group 100's to use, such as `/opt/conda/lib/x.py` (0:0, mode 0644)",
    ),
    (
        "group-rights-missing",
        |it| it.files(|it| it.owned(&format!("{HOME}/.config"), 0o775, (1000, 100))),
        "such as `/home/jovyan/.config` (1000:100, mode 0775)",
    ),
    (
        "passwd-not-group-writable",
        |it| passwd(it, "jovyan:x:1000:100::/home/jovyan:/bin/bash"),
        "group 0 may not write to `/etc/passwd` (mode 0644, group 0)",
    ),
    ("python-not-pinned", |it| without(it, "opt/conda/conda-meta/pinned"), "does not keep Python 3.12"),
    (
        "python-not-pinned",
        |it| it.files(|it| it.group_file("opt/conda/conda-meta/pinned", "python 3.11.*\n")),
        "says `python 3.11.*`, and Python 3.12 is installed",
    ),
    (
        "python-not-pinned",
        |it| it.files(|it| it.group_file("opt/conda/.condarc", "channels:\n  - defaults\n  - conda-forge\n")),
        "conda takes packages from defaults, conda-forge",
    ),
    ("python-not-pinned", |it| without(it, "opt/conda/.condarc"), "conda updates itself"),
    ("notebook-command", |it| it.container(|it| it.cmd = words(&["bash"])), "the command is `bash`"),
    ("notebook-command", |it| it.variable("JUPYTER_PORT", ""), "`JUPYTER_PORT` is not 8888"),
    (
        "notebook-command",
        |it| {
            it.container(|it| {
                it.extra.insert("Healthcheck".to_owned(), serde_json::json!({"Test": ["NONE"]}));
            })
        },
        "the health check is not every 3 s",
    ),
    ("port-not-exposed", |it| it.container(|it| it.exposed_ports = None), "is not exposed"),
    (
        "working-directory-not-home",
        |it| it.container(|it| it.working_dir = "/srv".to_owned()),
        "start in `/srv`",
    ),
    (
        "emulator-leftovers",
        |it| {
            it.files(|it| {
                it.owned(&format!("{HOME}/.cache/rosetta"), 0o2775, (1000, 100)).owned(
                    &format!("{HOME}/.cache"),
                    0o2775,
                    (1000, 100),
                )
            })
        },
        "`/home/jovyan/.cache/rosetta` is of an emulator",
    ),
    (
        "tag-contradicts-contents",
        |it| Example { name: "registry.example/team/x:python-3.13", ..it },
        "the tag says python 3.13, and the image has 3.12.9",
    ),
    (
        "tag-contradicts-contents",
        |it| Example { name: "registry.example/team/x:x86_64-ubuntu-22.04", ..it },
        "the tag says ubuntu 22.04, and the image has 24.04",
    ),
    (
        "tag-contradicts-contents",
        |it| Example { name: "registry.example/team/x:lab-4.4.2", ..it },
        "the tag says lab 4.4.2, and the image has 4.4.1",
    ),
    (
        "packages-not-installable",
        |it| it.files(|it| it.owned(SITE, 0o755, (0, 0)).owned(HOME, 0o755, (0, 0))),
        "user 1000 may write neither to",
    ),
    (
        "python-dependencies-consistent",
        |it| it.files(|it| package(it, SITE, "pandas", "2.2", &["numpy>=1.26"])),
        "pandas 2.2 requires `numpy>=1.26`, which is not there",
    ),
];

#[test]
fn every_rule_of_docker_stacks_has_an_image_that_it_finds_wrong() {
    let right = docker_stacks();
    hold(&profile("docker-stacks"), &right, &OF_DOCKER_STACKS, &[]);
}

#[test]
fn what_a_format_cannot_say_is_a_note() {
    let right = docker_stacks().container(|container| drop(container.extra.remove("Healthcheck")));
    let report = right.ask(&profile("docker-stacks"));
    let docker = Descriptor::new(MediaType::Other("x".into()), Digest::of(b"config"), 1);
    assert_ne!(docker.media_type, MediaType::Config);
    assert_eq!(levels(&report, "notebook-command").len(), 1, "{}", told(&report));
    for tag in [
        "python-3.12",
        "python-3.12.9",
        "x86_64-ubuntu-24.04",
        "lab-4",
        "latest",
        "hub-5.3.0",
        "2026-11-23",
        "spark-4.0",
    ] {
        let name: &'static str = format!("registry.example/team/x:{tag}").leak();
        let report = Example { name, ..docker_stacks() }.ask(&profile("docker-stacks"));
        assert!(levels(&report, "tag-contradicts-contents").is_empty(), "{tag} {}", told(&report));
    }
}

const OF_JUPYTERHUB: [Case; 11] = [
    ("singleuser-missing", |it| without(it, "opt/conda/bin/jupyterhub-singleuser"), "is not on `PATH`"),
    (
        "singleuser-missing",
        |it| {
            let it = without(it, "opt/conda/bin/jupyterhub-singleuser");
            without(it, &format!("{SITE}/jupyterhub-5.3.0.dist-info/METADATA"))
        },
        "and no package jupyterhub",
    ),
    (
        "notebook-server-missing",
        |it| without(it, &format!("{SITE}/jupyterlab-4.4.1.dist-info/METADATA")),
        "none of jupyterlab, notebook and jupyter_server",
    ),
    ("python-missing", |it| without(it, "opt/conda/bin/python3"), "no `python3` on `PATH`"),
    (
        "default-command-broken",
        |it| it.container(|it| it.cmd = words(&["nothing"])),
        "which is not in the image",
    ),
    ("runs-as-root", |it| it.container(|it| (it.user, it.entrypoint) = (String::new(), None)), "run as root"),
    ("user-not-1000", |it| it.container(|it| it.user = "1001".to_owned()), "runs as user 1001"),
    ("home-not-writable", |it| it.files(|it| it.owned(HOME, 0o700, (0, 0))), "is 0:0 with mode 0700"),
    (
        "start-hidden-by-volume",
        |it| {
            it.files(|it| it.script(&format!("{HOME}/start"), "#!/bin/sh\n"))
                .container(|it| it.cmd = words(&["/home/jovyan/start"]))
        },
        "the container starts `/home/jovyan/start`, which a volume over `/home/jovyan` hides",
    ),
    ("port-not-exposed", |it| it.container(|it| it.exposed_ports = None), "is not exposed"),
    (
        "packages-not-installable",
        |it| it.files(|it| it.owned(SITE, 0o755, (0, 0)).owned(HOME, 0o755, (0, 0))),
        "pip can install nothing",
    ),
];

#[test]
fn every_rule_of_jupyterhub_has_an_image_that_it_finds_wrong() {
    hold(&profile("jupyterhub"), &docker_stacks(), &OF_JUPYTERHUB, &ELSEWHERE);
}
