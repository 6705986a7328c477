//! Images of notebook servers for Kubeflow.

use super::notebooks::{ELSEWHERE, HOME, SITE, base, container, docker_stacks, passwd, profile, without};
use super::*;

const RUN: &str = "etc/services.d/jupyterlab/run";
const SERVICE: &str = "#!/command/with-contenv bash\ncd \"${HOME}\"\nexec /opt/conda/bin/jupyter lab --ip=0.0.0.0 --port=8888 \
     --ServerApp.token=\"\" --ServerApp.password=\"\" --ServerApp.allow_origin=\"*\" --ServerApp.allow_remote_access=True \
     --ServerApp.base_url=\"${NB_PREFIX}\"\n";
const COPY: &str = "etc/cont-init.d/01-copy-tmp-home";

/// What Kubeflow's own images are like.
fn kubeflow() -> Example {
    let files = base("root:x:0:0::/root:/bin/sh\njovyan:x:1000:0::/home/jovyan:/bin/bash\n")
        .script("init", "#!/bin/sh -e\nexec /package/admin/s6-overlay/sbin/init \"$@\"\n")
        .script(RUN, SERVICE)
        .script(
            COPY,
            "#!/command/with-contenv bash\numask 0002\ncp -n -r --no-preserve=mode /tmp_home/. /home\n",
        )
        .owned("tmp_home/jovyan", 0o775, (1000, 0))
        .owned("tmp_home", 0o775, (1000, 0))
        .file(&format!("{HOME}/.bashrc"), "")
        .owned("run", 0o775, (0, 0));
    let example = Example::new(files, container(&["/init"], &[]));
    let variables = [
        ("JUPYTER_RUNTIME_DIR", "/tmp/jupyter_runtime"),
        ("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2"),
        ("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", "300000"),
    ];
    variables.into_iter().fold(example, |example, (name, value)| example.variable(name, value))
}

fn torch(example: Example, version: &str) -> Example {
    example.files(|files| package(files, SITE, "torch", version, &[]))
}

const OF_KUBEFLOW: [Case; 36] = [
    ("default-command-broken", |it| without(it, "init"), "starts `/init`, which is not in the image"),
    ("user-not-1000", |it| it.container(|it| it.user = "root".to_owned()), "the image runs as root"),
    ("user-not-1000", |it| it.container(|it| it.user = "33".to_owned()), "runs as user 33, not 1000"),
    ("user-not-1000", |it| it.container(|it| it.user = "ada".to_owned()), "whom it does not know"),
    ("runs-as-root", |it| it.container(|it| it.user.clear()), "run as root"),
    (
        "account-not-jovyan",
        |it| passwd(it, "ada:x:1000:0::/home/jovyan:/bin/bash"),
        "user 1000 is called `ada`",
    ),
    (
        "account-not-jovyan",
        |it| passwd(it, "jovyan:x:1000:0::/srv:/bin/bash"),
        "the home of jovyan is `/srv`",
    ),
    ("account-not-jovyan", |it| passwd(it, ""), "has no entry in `/etc/passwd`"),
    (
        "groups-not-for-any-user",
        |it| passwd(it, "jovyan:x:1000:100::/home/jovyan:/bin/bash"),
        "the own group of jovyan is 100, not 0",
    ),
    (
        "groups-not-for-any-user",
        |it| it.files(|it| it.file("etc/group", "users:x:100:\n")),
        "jovyan is not in group 100",
    ),
    (
        "home-not-writable",
        |it| it.files(|it| it.owned(HOME, 0o755, (1000, 100))),
        "is 1000:100 with mode 0755",
    ),
    ("environment-disagrees", |it| it.variable("NB_UID", "1001"), "`NB_UID` is `1001`, not `1000`"),
    ("environment-disagrees", |it| it.variable("SHELL", ""), "`SHELL` is not set"),
    ("environment-disagrees", |it| it.variable("LANG", "POSIX"), "the locale is `POSIX`"),
    ("port-not-exposed", |it| it.container(|it| it.exposed_ports = None), "port 8888 is not exposed"),
    (
        "base-url-fixed",
        |it| it.files(|it| it.script(RUN, &SERVICE.replace("${NB_PREFIX}", "/"))),
        "nothing that starts goes by `NB_PREFIX`",
    ),
    (
        "base-url-fixed",
        |it| {
            it.files(|it| {
                it.script("etc/cont-init.d/02-prefix", "#!/bin/sh\nexport NB_PREFIX=/notebook/a/b\n")
            })
        },
        "/etc/cont-init.d/02-prefix sets `NB_PREFIX`",
    ),
    (
        "server-not-open",
        |it| {
            it.files(|it| {
                it.script(RUN, &SERVICE.replace("--ServerApp.token=\"\"", "").replace("0.0.0.0", "127.0.0.1"))
            })
        },
        "nothing says that the server listens on all addresses (`ip`), asks for no token (`token`)",
    ),
    (
        "home-not-seeded",
        |it| without(it, COPY).files(|it| it.file(&format!("{HOME}/work/guide.ipynb"), "{}")),
        "`/home/jovyan/work/guide.ipynb` lies in the home, which a volume hides",
    ),
    (
        "home-not-seeded",
        |it| without(without(it, "tmp_home/jovyan"), "tmp_home"),
        "copies `/tmp_home`, which is not in the image",
    ),
    (
        "home-not-seeded",
        |it| it.files(|it| it.file("tmp_home/jovyan/.bashrc", "")),
        "the group may do less with `/tmp_home/jovyan/.bashrc` than its owner",
    ),
    (
        "home-not-seeded",
        |it| it.files(|it| it.script(COPY, "#!/bin/sh\ncp -n -r /tmp_home/. /home\n")),
        "without `umask 0002`",
    ),
    (
        "init-not-executable",
        |it| it.files(|it| it.file(RUN, SERVICE)),
        "`/etc/services.d/jupyterlab/run` may not be executed (mode 0644)",
    ),
    (
        "init-not-executable",
        |it| it.files(|it| it.file("init", "#!/bin/sh\n")),
        "`/init` may not be executed",
    ),
    (
        "init-not-executable",
        |it| it.files(|it| it.owned("run", 0o755, (0, 0))),
        "group 0 may not write to `/run`",
    ),
    ("init-failures-ignored", |it| it.variable("S6_BEHAVIOUR_IF_STAGE2_FAILS", "1"), "is not 2"),
    (
        "init-failures-ignored",
        |it| it.variable("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", "5000"),
        "is below 300000",
    ),
    (
        "start-hidden-by-volume",
        |it| {
            it.files(|it| {
                it.program(&format!("{HOME}/env/bin/python3.12"))
                    .link(&format!("{HOME}/env/bin/python3"), "python3.12")
            })
            .variable("PATH", "/home/jovyan/env/bin:/usr/bin")
        },
        "`/home/jovyan/env/bin/python3` lies in `/home/jovyan`, which a volume hides",
    ),
    (
        "start-hidden-by-volume",
        |it| {
            it.files(|it| {
                it.file(
                    "usr/share/jupyter/kernels/x/kernel.json",
                    r#"{"argv": ["/home/jovyan/env/bin/python"]}"#,
                )
            })
        },
        "starts `/home/jovyan/env/bin/python`, which a volume hides",
    ),
    (
        "conda-not-writable",
        |it| it.files(|it| it.owned("opt/conda", 0o755, (1000, 100))),
        "`/opt/conda` is 1000:100 with mode 0755",
    ),
    ("runtime-directory-on-volume", |it| it.variable("JUPYTER_RUNTIME_DIR", ""), "is not set"),
    (
        "runtime-directory-on-volume",
        |it| it.variable("XDG_RUNTIME_DIR", "/home/jovyan/.run"),
        "`XDG_RUNTIME_DIR` is `/home/jovyan/.run`, on the volume",
    ),
    (
        "gpu-variables",
        |it| it.variable("CUDA_VERSION", "12.5"),
        "`NVIDIA_VISIBLE_DEVICES` is not set to `all`",
    ),
    ("gpu-variables", |it| torch(it, "2.9.0+cu130"), "`NVIDIA_REQUIRE_CUDA` is not set to `cuda>=13.0`"),
    (
        "gpu-variables",
        |it| torch(it.variable("NVIDIA_REQUIRE_CUDA", "cuda>=12.4"), "2.9.0+cu130"),
        "and PyTorch is made for CUDA 13.0",
    ),
    (
        "reference-not-in-registry",
        |it| Example { answer: RegistryAnswer::Missing("gone".to_owned()), ..it },
        "the registry has no such image",
    ),
];

#[test]
fn every_rule_of_kubeflow_has_an_image_that_it_finds_wrong() {
    let elsewhere = [&ELSEWHERE[..], &["platform-missing"]].concat();
    hold(&profile("kubeflow-notebook"), &kubeflow(), &OF_KUBEFLOW, &elsewhere);
}

#[test]
fn a_hook_of_docker_stacks_may_take_the_prefix() {
    let hook = "export NOTEBOOK_ARGS=\"--ServerApp.base_url=${NB_PREFIX} ${NOTEBOOK_ARGS}\"\n";
    let example = docker_stacks().files(|it| it.file("usr/local/bin/before-notebook.d/20-prefix.sh", hook));
    let report = example.ask(&profile("kubeflow-notebook"));
    assert!(levels(&report, "base-url-fixed").is_empty(), "{}", told(&report));
}

#[test]
fn an_image_that_gives_root_up_by_itself_is_fine() {
    let service = SERVICE.replace("exec ", "exec s6-setuidgid jovyan ");
    let example = kubeflow().container(|it| it.user = "root".to_owned()).files(|it| it.script(RUN, &service));
    assert!(levels(&example.ask(&profile("kubeflow-notebook")), "user-not-1000").is_empty());
}

#[test]
fn a_site_says_which_platforms_there_must_be() {
    let text =
        "name = \"site\"\nextends = \"kubeflow-notebook\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n";
    let site = crate::ProfileFile::parse("site.toml", text).unwrap().profile(None).unwrap();
    let has = |platforms: &[&str]| {
        let platforms = platforms.iter().map(|name| Platform::linux(name)).collect();
        let manifest = Example::manifest().digest().clone();
        Example { answer: RegistryAnswer::Has { manifest, is_public: Some(true), platforms }, ..kubeflow() }
    };
    assert_eq!(has(&["amd64", "arm64", "s390x"]).ask(&site).verdict, Verdict::Runs);
    let report = has(&["amd64"]).ask(&site);
    assert!(told(&report).contains("no image for linux/arm64 (platform-missing)"), "{}", told(&report));
}

#[test]
fn another_first_process_and_other_servers_are_let_be() {
    let own = "#!/bin/bash\nexec jupyter lab --ip 0.0.0.0 --config=/etc/jupyter/jupyter_server_config.py\n";
    let settings = "import os\nc = get_config()\nc.ServerApp.ip = '0.0.0.0'\nc.IdentityProvider.token = ''\nc.ServerApp.password = ''\n\
                    c.ServerApp.allow_origin = '*'\nc.ServerApp.allow_remote_access = True\nc.ServerApp.base_url = os.environ['NB_PREFIX']\n";
    let example = without(without(without(kubeflow(), RUN), COPY), "home/jovyan/.bashrc")
        .files(|it| {
            it.script("usr/local/bin/serve", own).file("etc/jupyter/jupyter_server_config.py", settings)
        })
        .container(|it| it.entrypoint = words(&["tini", "--", "serve"]));
    let report = example.ask(&profile("kubeflow-notebook"));
    assert!(report.findings.is_empty(), "{}", told(&report));
    let editor = without(kubeflow(), RUN).files(|it| it.program("usr/bin/code-server"));
    let report = editor.ask(&profile("kubeflow-notebook"));
    assert!(report.findings.is_empty(), "{}", told(&report));
}

#[test]
fn docker_stacks_as_they_are_do_not_run_on_kubeflow() {
    let report = docker_stacks().ask(&profile("kubeflow-notebook"));
    let found: BTreeSet<_> = report.findings.iter().map(|finding| finding.rule).collect();
    // KF-03, KF-07, KF-08, KF-09 and KF-13.
    let expected = [
        "base-url-fixed",
        "groups-not-for-any-user",
        "home-not-seeded",
        "runtime-directory-on-volume",
        "server-not-open",
    ];
    assert_eq!(found, BTreeSet::from(expected), "{}", told(&report));
    assert_eq!(report.verdict, Verdict::DoesNotRun);
}
