//! What JupyterHub's spawners expect: `singleuser-missing`, `notebook-server-missing`.

use crate::profile::ProfileSubject;
use crate::remedy::Remedy;
use crate::rule::{Outcome, PlatformCheck, Rule};

pub(crate) static SINGLEUSER_MISSING: Rule = Rule {
    name: "singleuser-missing",
    summary: "`jupyterhub-singleuser` is on `PATH`.",
    why: "A spawner starts `jupyterhub-singleuser`, or start scripts that end in it. It asks the hub who may enter. Without it the server \
          starts without the hub knowing, or not at all, and the hub gives up after its time limit.",
    mend: "Take the version of the hub, or one that goes with it:\n\n\
           ```dockerfile\nRUN pip install --no-cache-dir jupyterhub==5.3.0 jupyterlab\n```",
    sources: &[
        "JupyterHub, \"Spawners\"",
        "Zero to JupyterHub, \"Customizing the user environment\", section \"Choose and use an existing Docker image\"",
    ],
    on_platform: Some(PlatformCheck::Files(singleuser_missing)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static NOTEBOOK_SERVER_MISSING: Rule = Rule {
    name: "notebook-server-missing",
    summary: "There is a notebook server for `jupyterhub-singleuser` to start.",
    why: "`jupyterhub-singleuser` is a shell around Jupyter's server; jupyterlab or notebook brings it and the pages.",
    mend: "```dockerfile\nRUN pip install --no-cache-dir jupyterlab\n```",
    sources: &["JupyterHub, \"The single-user server\""],
    on_platform: Some(PlatformCheck::Files(notebook_server_missing)),
    ..Rule::OF_PLATFORMS
};

fn singleuser_missing(subject: &ProfileSubject<'_>) -> Outcome {
    if subject.has_program("jupyterhub-singleuser") {
        return Outcome::fine();
    }
    let has_package = subject.installed().is_some_and(|installed| installed.has("jupyterhub"));
    let text = match has_package {
        true => "jupyterhub is installed, and `jupyterhub-singleuser` is not on `PATH`",
        false => "there is no `jupyterhub-singleuser` on `PATH`, and no package jupyterhub",
    };
    subject.found(text).with_remedy(Remedy::pip(["jupyterhub", "jupyterlab"])).into()
}

fn notebook_server_missing(subject: &ProfileSubject<'_>) -> Outcome {
    let Some(installed) = subject.installed() else { return Outcome::fine() };
    let servers = ["jupyterlab", "notebook", "nbclassic", "jupyter_server"];
    match servers.iter().any(|name| installed.has(name)) {
        true => Outcome::fine(),
        false => subject
            .found("none of jupyterlab, notebook and jupyter_server is installed")
            .with_remedy(Remedy::pip(["jupyterlab"]))
            .into(),
    }
}
