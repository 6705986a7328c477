//! Notebook servers in pods of Kubeflow's.

use imagewright_testkit::context::TestContext;

use super::super::seed::{PYTHON, context};
use super::{build, finds, run};

const RULES: [&str; 7] = [
    "server-does-not-answer",
    "server-not-for-any-user",
    "kernel-list-missing",
    "framing-forbidden",
    "volume-changes-lost",
    "server-not-behind-rewrite",
    "init-failure-survived",
];

/// A server that does all that is wanted.
fn right(context: &TestContext) {
    let dockerfile = format!(
        "FROM {PYTHON}\nRUN mkdir -p /home/jovyan /tmp_home /etc/cont-init.d && echo '# of the image' > /tmp_home/.bashrc\n\
         COPY server.py /srv/jupyter-server.py\nCOPY --chmod=755 start.sh /start.sh\nUSER 1000\nWORKDIR /home/jovyan\n\
         EXPOSE 8888\nCMD [\"/start.sh\"]\n"
    );
    let start = "#!/bin/sh\nfor script in /etc/cont-init.d/*; do\n    [ -x \"$script\" ] || continue\n    \"$script\" || \
                 [ \"$MODE\" = careless ] || exit 1\ndone\nexec python3 /srv/jupyter-server.py\n";
    let files = [("server.py", include_str!("images/server.py")), ("start.sh", start)];
    build(context, "team/server:1", &dockerfile, &files);
}

#[test]
#[ignore = "needs root and network"]
fn a_server_that_does_what_the_platform_wants() {
    let context = context();
    right(&context);
    assert_eq!(run(&context, "team/server:1", "kubeflow-notebook", &RULES), Default::default());
    context.assert_nothing_unfinished();
}

#[test]
#[ignore = "needs root and network"]
fn each_thing_that_may_be_wrong_is_found() {
    let context = context();
    right(&context);
    for (mode, rule, level, expected) in [
        ("fixed", "server-does-not-answer", "error", "is answered with 404"),
        ("home", "server-does-not-answer", "error", "last said `no config-of-mine in the home`"),
        ("sudo", "server-not-for-any-user", "error", "last said `sudo: not allowed`"),
        ("login", "kernel-list-missing", "error", "is answered with 403"),
        ("object", "kernel-list-missing", "error", "something that is no list"),
        ("frames", "framing-forbidden", "error", "`frame-ancestors 'none'`"),
        ("old-frames", "framing-forbidden", "error", "`X-Frame-Options: DENY`"),
        ("closed", "framing-forbidden", "warning", "without `Access-Control-Allow-Origin: *`"),
        ("copies", "volume-changes-lost", "error", "what was changed in `.bashrc` is gone"),
        ("careless", "init-failure-survived", "warning", "the container goes on"),
    ] {
        let name = format!("team/{mode}:1");
        build(&context, &name, &format!("FROM team/server:1\nENV MODE={mode}\n"), &[]);
        finds(&run(&context, &name, "kubeflow-notebook", &[rule]), rule, level, expected);
    }
}

#[test]
#[ignore = "needs root and network"]
fn servers_of_other_kinds_answer_at_the_root() {
    let context = context();
    right(&context);
    let rule = "server-not-behind-rewrite";
    let command = "CMD [\"/usr/local/bin/code-server\"]";
    let dockerfile = |mode: &str| {
        format!(
            "FROM team/server:1\nUSER root\nRUN printf '#!/bin/sh\\n{mode}exec python3 /srv/jupyter-server.py\\n' > /usr/local/bin/code-server \\\n\
             \x20   && chmod 755 /usr/local/bin/code-server\nUSER 1000\nENV MODE=rewrite\n{command}\n"
        )
    };
    build(&context, "team/code:1", &dockerfile("unset NB_PREFIX; "), &[]);
    assert_eq!(run(&context, "team/code:1", "kubeflow-notebook", &[rule]), Default::default());
    build(&context, "team/prefixed:1", &dockerfile(""), &[]);
    let found = run(&context, "team/prefixed:1", "kubeflow-notebook", &[rule]);
    finds(&found, rule, "error", "`/` on port 8888 is answered with 404");
}

#[test]
#[ignore = "needs root and network"]
fn a_real_jupyter_server() {
    let context = context();
    let build_base =
        ["build", "--base", PYTHON, "--pip", "jupyter_server", "--pip", "ipykernel", "-t", "team/jupyter:1"];
    drop(context.run(build_base).success());
    let dockerfile = "FROM team/jupyter:1\nRUN mkdir -p /home/jovyan\nUSER 1000\nWORKDIR /home/jovyan\nENV HOME=/home/jovyan\n\
        EXPOSE 8888\nCMD [\"sh\", \"-c\", \"exec jupyter server --ip=0.0.0.0 --port=8888 --ServerApp.base_url=${NB_PREFIX} \
        --IdentityProvider.token= --ServerApp.allow_origin='*'\"]\n";
    build(&context, "team/notebook:1", dockerfile, &[]);
    let rules =
        ["server-does-not-answer", "server-not-for-any-user", "kernel-list-missing", "volume-changes-lost"];
    assert_eq!(run(&context, "team/notebook:1", "kubeflow-notebook", &rules), Default::default());
    build(
        &context,
        "team/token:1",
        "FROM team/notebook:1\nCMD [\"sh\", \"-c\", \"exec jupyter server --ip=0.0.0.0 --port=8888\"]\n",
        &[],
    );
    let found = run(&context, "team/token:1", "kubeflow-notebook", &["server-does-not-answer"]);
    finds(&found, "server-does-not-answer", "error", "is answered with 404");
}
