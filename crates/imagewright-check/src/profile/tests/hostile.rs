//! Images made to do harm, and images made at random: whatever they hold, profiles come to an end and say something.

use proptest::prelude::*;

use super::*;
use crate::index::{IndexEntry, IndexKind, Indexer, LayerIndex};

/// Files that rules read, or look for.
const PATHS: [&str; 26] = [
    "etc/passwd",
    "etc/group",
    "etc/pip.conf",
    "etc/os-release",
    "usr/bin/python3",
    "usr/bin/python",
    "usr/bin/python3.12",
    "usr/lib/python3.12/os.py",
    "usr/lib/python3.12/site-packages/x-1.dist-info/METADATA",
    "usr/lib/python3.12/site-packages/y.egg-info",
    "usr/lib/python3/dist-packages/z-2.dist-info/METADATA",
    "opt/conda/bin/python3.13",
    "opt/conda/conda-meta/pinned",
    "opt/conda/conda-meta/python-3.13.1-h.json",
    "opt/conda/.condarc",
    "opt/venv/pyvenv.cfg",
    "opt/venv/bin/python3",
    "usr/share/jupyter/kernels/x/kernel.json",
    "etc/services.d/x/run",
    "etc/cont-init.d/01-x",
    "etc/jupyter/jupyter_server_config.py",
    "usr/local/bin/bootstrap-kernel.sh",
    "usr/local/bin/kernel-launchers/R/scripts/launch_IRkernel.R",
    "usr/local/bin/start.sh",
    "home/jovyan/x",
    "tmp_home/jovyan/x",
];

const TEXTS: [&str; 16] = [
    "root:x:0:0::/root:/bin/sh\njovyan:x:1000:100::/home/jovyan:/bin/bash\n",
    "jovyan:x:99999999999:1:::\n:::::::\n\u{0}",
    "Name: jupyter_client\nVersion: 8.10\nRequires-Dist: x (>=1; python_version < '3')\nRequires-Dist: ((((\n",
    "Name: \nVersion: ?\nRequires-Dist: y[z]>=1,<1 ; extra == \"é\"\n continued\n",
    "#!/bin/sh\r\nexec \"$@\"\r\n",
    "#!",
    "#! \n",
    "#!/usr/bin/env -S\nexec ",
    "exec /opt/conda/bin/python3.13 \"$@\"\n",
    "home = /usr/bin\nversion = 3.é.1\ninclude-system-site-packages = true\n",
    "{\"argv\": [[]], \"language\": 1}",
    "{\"argv\": [\"/home/jovyan/x\"]}",
    "ServerApp.token='\nip=\"é\nc.ServerApp.password =\nNB_PREFIX=\n\"token\":",
    "channels:\n- é\n  -\nauto_update_conda\n",
    "VERSION_ID=\"\n",
    "python 3.*.*\npython\n",
];

fn kind(number: u8, text: &str) -> IndexKind {
    match number % 8 {
        0..4 => IndexKind::File(text.len() as u64),
        4 => IndexKind::Directory,
        5 => IndexKind::Symlink(format!("/{}", PATHS[usize::from(number) % PATHS.len()])),
        6 => IndexKind::HardLink(PATHS[usize::from(number) % PATHS.len()].to_owned()),
        _ => IndexKind::Symlink("../../../..".to_owned()),
    }
}

fn index(files: &[(usize, u8, u32, usize)]) -> LayerIndex {
    let mut indexer = Indexer::default();
    for (path, number, mode, text) in files {
        let text = TEXTS[text % TEXTS.len()];
        let entry = IndexEntry { kind: kind(*number, text), mode: *mode, uid: mode % 3, gid: mode % 2 * 100 };
        indexer.add(PATHS[path % PATHS.len()].as_bytes(), entry, &mut text.as_bytes()).unwrap();
    }
    indexer.finish()
}

fn ask_all(indexes: &[Option<LayerIndex>], container: ContainerConfig, name: &str) {
    let manifest = Example::manifest();
    let mut config = ImageConfig::empty(Platform::linux("amd64"));
    config.config = Some(container);
    for profile in Profile::names() {
        let subject = ImageSubject::new(name, &manifest, &config, indexes).with_base(Some(1)).with_reference(
            ReferenceState {
                reference: name.parse().ok(),
                answer: RegistryAnswer::Unreachable(String::new()),
                pull_secret: None,
            },
        );
        let report = Profile::named(profile).unwrap().ask(&subject, &Selection::default());
        assert!(report.asked > 10 && report.verdict != Verdict::Runs);
        let _ = crate::check_image(&subject, &Selection::default());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_image_is_too_much(
        layers in proptest::collection::vec(
            proptest::collection::vec((0..PATHS.len(), any::<u8>(), 0_u32..0o10000, 0..TEXTS.len()), 0..12), 1..3),
        variables in proptest::collection::vec(
            ("PATH|HOME|SHELL|KERNEL_LANGUAGE|ELYRA_INSTALL_PACKAGES|JUPYTER_PATH|NVIDIA_REQUIRE_CUDA|CUDA_VERSION|XDG_RUNTIME_DIR|PYTHON_VERSION|PYTHONPATH",
             "(/opt/conda/bin:|/opt/venv/bin:|/usr/bin:|/home/jovyan|R|scala|false|3\\.1|é|=|:){0,4}"), 0..6),
        command in proptest::collection::vec("/init|tini|--|-g|start.sh|/usr/local/bin/start.sh|sh|-c|exec x|\\$X|é||python3|bootstrap-kernel.sh", 0..4),
        (user, folder) in ("(jovyan|1000|root|9{12}|é)?(:|:100|:é)?", "(/|/home/jovyan|x|\\.\\./\\.\\.|/é)?"),
        name in "(localhost:1/|a/b|x|sha256:0|é){1}(:python-3\\.|:lab-é|:1)?",
    ) {
        let indexes: Vec<_> = layers.iter().map(|files| Some(index(files))).collect();
        let half = command.len() / 2;
        let container = ContainerConfig {
            user,
            env: variables.iter().map(|(name, value)| format!("{name}={value}")).collect(),
            entrypoint: Some(command[..half].to_vec()),
            cmd: Some(command[half..].to_vec()),
            working_dir: folder,
            ..ContainerConfig::default()
        };
        ask_all(&indexes, container, &name);
    }
}

#[test]
fn a_huge_image_is_judged_in_bounded_time() {
    let mut indexer = Indexer::default();
    let site = "opt/conda/lib/python3.12/site-packages";
    let metadata =
        format!("Name: x\nVersion: 1\n{}\n", "Requires-Dist: y>=1; python_version >= '3'\n".repeat(100_000));
    let file = |size: usize| IndexEntry { kind: IndexKind::File(size as u64), mode: 0o644, uid: 0, gid: 0 };
    for number in 0..100 {
        let path = format!("{site}/x{number}-1.dist-info/METADATA");
        indexer.add(path.as_bytes(), file(metadata.len()), &mut metadata.as_bytes()).unwrap();
    }
    for number in 0..100_000 {
        let path = format!("home/jovyan/{}/{number}", number % 100);
        indexer.add(path.as_bytes(), file(1), &mut &b"\xff"[..]).unwrap();
    }
    let program = IndexEntry { kind: IndexKind::File(4), mode: 0o755, uid: 0, gid: 0 };
    indexer.add(b"opt/conda/bin/python3.12", program, &mut &b"\x7fELF"[..]).unwrap();
    let python =
        IndexEntry { kind: IndexKind::Symlink("python3.12".to_owned()), mode: 0o777, uid: 0, gid: 0 };
    indexer.add(b"opt/conda/bin/python3", python, &mut std::io::empty()).unwrap();
    let index = indexer.finish();
    let kept: usize = index.texts().values().map(String::len).sum();
    assert!(kept < 25 << 20, "{kept}");
    let started = std::time::Instant::now();
    let container =
        ContainerConfig { env: vec!["PATH=/opt/conda/bin".to_owned()], ..ContainerConfig::default() };
    ask_all(&[Some(index)], container, "team/x:1");
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}
