//! Kernels for Enterprise Gateway: a launcher that really answers, and a kernel that really listens.

use super::super::seed::{PYTHON, context};
use super::{build, finds, run};

const RULES: [&str; 2] = ["launcher-no-reply", "launcher-no-reply-for-others"];

#[test]
#[ignore = "needs root and network"]
fn a_kernel_answers_the_gateway() {
    let context = context();
    let packages = ["--pip", "pycryptodomex", "--pip", "ipykernel", "--pip", "jupyter_client"];
    let words = [&["build", "--base", PYTHON][..], &packages, &["-t", "team/packages:1"]].concat();
    drop(context.run(words).success());
    let dockerfile = "FROM team/packages:1\nCOPY launcher.py /usr/local/bin/launcher.py\n\
        RUN ln -s \"$(command -v python3)\" /usr/local/bin/python3 && mkdir -p /home/jovyan\n\
        ENV KERNEL_LANGUAGE=python\nUSER 1000:100\nCMD [\"python3\", \"/usr/local/bin/launcher.py\"]\n";
    // A link to a Python of a virtual environment would be another Python, so a script stands in for it.
    let dockerfile = dockerfile.replace(
        "ln -s \"$(command -v python3)\" /usr/local/bin/python3",
        "printf '#!/bin/sh\\nexec %s \"$@\"\\n' \"$(command -v python3)\" > /usr/local/bin/python3 && chmod 755 /usr/local/bin/python3",
    );
    build(&context, "team/kernel:1", &dockerfile, &[("launcher.py", include_str!("images/launcher.py"))]);
    assert_eq!(run(&context, "team/kernel:1", "enterprise-gateway", &RULES), Default::default());
    for (mode, rule, level, expected) in [
        (
            "silent",
            RULES[0],
            "error",
            "the launcher sends nothing: it ended with 1, and last said `cannot say anything`",
        ),
        ("old", RULES[0], "error", "it has version 0, and the gateway takes 1"),
        ("portless", RULES[0], "error", "the launcher says no `stdin_port`"),
        ("deaf", RULES[0], "error", "nobody listens at port"),
        ("user", RULES[1], "warning", "only user 1000 may do this"),
    ] {
        let name = format!("team/{mode}:1");
        build(&context, &name, &format!("FROM team/kernel:1\nENV MODE={mode}\n"), &[]);
        finds(&run(&context, &name, "enterprise-gateway", &[rule]), rule, level, expected);
    }
    // Debian's own Python is left there, which has none of the packages.
    let path = "FROM team/kernel:1\nUSER root\nRUN rm /usr/local/bin/python3\nUSER 1000:100\n";
    build(&context, "team/path:1", path, &[]);
    let found = run(&context, "team/path:1", "enterprise-gateway", &[RULES[1]]);
    finds(&found, RULES[1], "warning", "on Kubernetes' search path");
    context.assert_nothing_unfinished();
}
