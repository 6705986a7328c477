//! Whatever the text, there is an answer.

use imagewright_dockerfile::{Dockerfile, IgnoreRules};
use imagewright_oci::ContainerConfig;
use proptest::prelude::*;

use crate::request;

/// Pieces of which Dockerfiles are made, and some of which they are broken.
const PIECES: [&str; 44] = [
    "FROM ",
    "a",
    " AS b",
    "\n",
    "RUN ",
    "COPY ",
    "ADD ",
    "ENV ",
    "ARG ",
    "LABEL ",
    "X=",
    "$X",
    "${X",
    "}",
    ":-",
    "#",
    "##",
    "%",
    "/",
    "<<EOF",
    "<<-'E'",
    "EOF",
    "\\",
    "`",
    "\\\n",
    "# escape=`\n",
    "\"",
    "'",
    "[",
    "]",
    "\"x\",",
    " ",
    "--mount=",
    "type=cache,target=",
    "--from=",
    "--chown",
    "--",
    "ONBUILD ",
    "HEALTHCHECK ",
    "--interval=1s ",
    "CMD ",
    "WORKDIR ",
    "EXPOSE 1-",
    "é\u{0}",
];

fn pieces() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40).prop_map(|pieces| pieces.concat())
}

fn all_the_way(text: &str) {
    let Ok(dockerfile) = Dockerfile::parse("Dockerfile", text) else { return };
    let Ok(plan) = dockerfile.plan(&request(None, &[("X", "value")])) else { return };
    for stage in &plan.stages {
        drop(stage.lower(&ContainerConfig::default()));
    }
}

proptest! {
    #[test]
    fn pieces_of_dockerfiles(text in pieces()) {
        all_the_way(&text);
        all_the_way(&format!("FROM scratch\n{text}"));
        drop(IgnoreRules::parse(".dockerignore", &text));
    }

    #[test]
    fn any_text(text in "\\PC{0,80}") {
        all_the_way(&format!("FROM scratch\nRUN {text}\nENV A={text}\nCOPY {text} /x"));
    }
}
