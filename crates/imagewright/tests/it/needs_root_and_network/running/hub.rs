//! Servers of single users: the real one of JupyterHub.

use super::super::seed::{PYTHON, context};
use super::{build, finds, run};

const RULES: [&str; 2] = ["singleuser-does-not-start", "singleuser-does-not-answer"];

#[test]
#[ignore = "needs root and network"]
fn the_server_of_jupyterhub_answers_a_hub() {
    let context = context();
    let packages = ["--pip", "jupyterhub", "--pip", "jupyter_server"];
    let words = [&["build", "--base", PYTHON][..], &packages, &["-t", "team/packages:1"]].concat();
    drop(context.run(words).success());
    let dockerfile = "FROM team/packages:1\nRUN useradd --create-home --uid 1000 --gid 100 jovyan\n\
                      ENV JUPYTERHUB_SINGLEUSER_APP=jupyter_server.serverapp.ServerApp\nUSER 1000\nWORKDIR /home/jovyan\n";
    build(&context, "team/hub:1", dockerfile, &[]);
    assert_eq!(run(&context, "team/hub:1", "jupyterhub", &RULES), Default::default());
    let swallows = "FROM team/hub:1\nENTRYPOINT [\"sh\", \"-c\", \"echo nothing else; exit 4\"]\n";
    build(&context, "team/swallows:1", swallows, &[]);
    let found = run(&context, "team/swallows:1", "jupyterhub", &RULES);
    finds(&found, RULES[1], "error", "it ended with 4, and last said `nothing else`");
    let broken =
        "FROM team/hub:1\nENV PYTHONPATH=/srv/broken\nCOPY jupyterhub.py /srv/broken/jupyterhub.py\n";
    build(
        &context,
        "team/broken:1",
        broken,
        &[("jupyterhub.py", "raise SystemExit('another jupyterhub')\n")],
    );
    let found = run(&context, "team/broken:1", "jupyterhub", &RULES);
    finds(&found, RULES[0], "error", "says no version: it ended with 1");
    context.assert_nothing_unfinished();
}
