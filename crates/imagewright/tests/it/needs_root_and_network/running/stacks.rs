//! Start scripts like that of docker-stacks.

use super::super::seed::{PYTHON, context};
use super::{build, finds, run};

const RULES: [&str; 5] = [
    "root-start-ignored",
    "other-users-not-prepared",
    "start-hooks-not-run",
    "start-variables-ignored",
    "start-logs-misplaced",
];

#[test]
#[ignore = "needs root and network"]
fn a_start_script_does_what_it_says() {
    let context = context();
    let dockerfile = format!(
        "FROM {PYTHON}\nRUN useradd --create-home --uid 1000 --gid 100 jovyan && chmod g+w /etc/passwd \\\n\
         \x20   && mkdir -p /usr/local/bin/before-notebook.d\nCOPY --chmod=755 start.sh /usr/local/bin/start.sh\n\
         COPY server.py /srv/server.py\nCOPY --chmod=755 start-notebook.sh /usr/local/bin/start-notebook.sh\n\
         ENV NB_USER=jovyan NB_UID=1000 NB_GID=100 HOME=/home/jovyan\nUSER 1000\n\
         ENTRYPOINT [\"/usr/local/bin/start.sh\"]\nCMD [\"start-notebook.sh\"]\n"
    );
    let notebook = "#!/bin/bash\n[ \"$MODE\" = stubborn ] && NOTEBOOK_ARGS=\n\
                    export NB_PREFIX=\"${NOTEBOOK_ARGS#--ServerApp.base_url=}\"\nmkdir -p /tmp/home\n\
                    exec python3 /srv/server.py\n";
    let server = include_str!("images/server.py")
        .replace("/home/jovyan", "/tmp/home")
        .replace("/tmp_home/.bashrc", "/etc/passwd");
    let files = [
        ("start.sh", include_str!("images/start.sh")),
        ("server.py", &server),
        ("start-notebook.sh", notebook),
    ];
    build(&context, "team/stack:1", &dockerfile, &files);
    assert_eq!(run(&context, "team/stack:1", "docker-stacks", &RULES), Default::default());
    for (mode, rule, expected) in [
        ("root", RULES[0], "it runs as root 0 0"),
        ("homeless", RULES[0], "the home cannot be written to"),
        ("picky", RULES[1], "as user 4711 it does not start"),
        ("nameless", RULES[1], "gets no entry in `/etc/passwd`"),
        ("twice", RULES[1], "that `NB_UID` takes root is warned of 2 times"),
        ("hookless", RULES[2], "variables that a script"),
        ("strict", RULES[2], "keeps it from starting"),
        ("telling", RULES[3], "`JUPYTER_ENV_VARS_TO_UNSET` takes no variable away"),
        ("stubborn", RULES[3], "nothing answers at `/of-check/api`"),
        ("stdout", RULES[4], "on standard output"),
        ("loud", RULES[4], "informs nevertheless"),
        ("mute", RULES[4], "warnings are gone"),
    ] {
        let name = format!("team/{mode}:1");
        build(&context, &name, &format!("FROM team/stack:1\nENV MODE={mode}\n"), &[]);
        finds(&run(&context, &name, "docker-stacks", &[rule]), rule, "warning", expected);
    }
    context.assert_nothing_unfinished();
}
