//! How a notebook image serves: `port-not-exposed`, `base-url-fixed`, `server-not-open`, `runtime-directory-on-volume`.

use super::starts::Starting;
use crate::profile::ProfileSubject;
use crate::remedy::Remedy;
use crate::rule::{Level, Outcome, PlatformCheck, Rule};

const SOURCES: &[&str] = &[
    "Kubeflow, \"Notebook container images\", section \"Custom images\"",
    "Kubeflow's example notebook servers",
];

pub(crate) static PORT_NOT_EXPOSED: Rule = Rule {
    name: "port-not-exposed",
    level: Level::Warning,
    summary: "The image says that it listens on port 8888.",
    why: "Whoever starts the image looks there for the port that a browser is led to. Platforms take 8888 where nothing is said; other \
          tools do not.",
    mend: "```dockerfile\nEXPOSE 8888\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Documents(port_not_exposed)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static BASE_URL_FIXED: Rule = Rule {
    name: "base-url-fixed",
    summary: "The notebook server takes the beginning of its addresses from `NB_PREFIX`, when it starts.",
    why: "Each notebook of a cluster has its own beginning of addresses, `/notebook/<namespace>/<name>`, and is told it by `NB_PREFIX`. \
          A server that does not go by it answers every request with an error; one whose script sets the variable itself answers for \
          somebody else's address.",
    mend: "```sh\nexec jupyter lab --ServerApp.base_url=\"${NB_PREFIX}\" …\n```\n\nAn image that is made on docker-stacks takes it by a \
           script that is gone through when it starts:\n\n```dockerfile\nRUN echo 'export NOTEBOOK_ARGS=\"--ServerApp.base_url=${NB_PREFIX} \
           ${NOTEBOOK_ARGS}\"' > /usr/local/bin/before-notebook.d/20-prefix.sh\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(base_url_fixed)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static SERVER_NOT_OPEN: Rule = Rule {
    name: "server-not-open",
    summary: "The notebook server listens on all addresses, without a token or password, for pages of any origin.",
    why: "Kubeflow's gateway decides who gets to a notebook, and shows it within a page of its own. A server that asks for a token of \
          its own cannot be entered, one that listens on `localhost` is not reached, and one that allows no other origin has no \
          working terminals and kernels.",
    mend: "```sh\nexec jupyter lab --ip=0.0.0.0 --port=8888 --ServerApp.token=\"\" --ServerApp.password=\"\" \\\n  \
           --ServerApp.allow_origin=\"*\" --ServerApp.allow_remote_access=True --ServerApp.base_url=\"${NB_PREFIX}\"\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Files(server_not_open)),
    ..Rule::OF_PLATFORMS
};

pub(crate) static RUNTIME_DIRECTORY_ON_VOLUME: Rule = Rule {
    name: "runtime-directory-on-volume",
    level: Level::Warning,
    summary: "Files of running kernels do not lie on the volume.",
    why: "Jupyter writes connection files into its runtime folder, which lies below the home where nobody says otherwise. On a volume \
          they outlive the container, rights are too wide for what expects a private file, and slow volumes make slow kernels.",
    mend: "```dockerfile\nENV JUPYTER_RUNTIME_DIR=/tmp/jupyter_runtime XDG_RUNTIME_DIR=/tmp/jupyter_xdg_runtime\n```",
    sources: SOURCES,
    on_platform: Some(PlatformCheck::Documents(runtime_directory_on_volume)),
    ..Rule::OF_PLATFORMS
};

/// The kinds of servers that the platform knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Jupyter,
    /// code-server and RStudio, which are led to without their address.
    Other,
}

fn kind(subject: &ProfileSubject<'_>) -> Kind {
    match subject.has_program("code-server") || subject.has_program("rserver") {
        true => Kind::Other,
        false => Kind::Jupyter,
    }
}

fn port_not_exposed(subject: &ProfileSubject<'_>) -> Outcome {
    let ports = subject.container.exposed_ports.as_ref();
    if ports.is_some_and(|ports| ports.contains_key("8888/tcp") || ports.contains_key("8888")) {
        return Outcome::fine();
    }
    let port = "8888/tcp".to_owned();
    subject
        .found("port 8888 is not exposed")
        .with_mend("EXPOSE 8888")
        .with_remedy(Remedy::Port { port })
        .into()
}

fn base_url_fixed(subject: &ProfileSubject<'_>) -> Outcome {
    if kind(subject) == Kind::Other {
        return Outcome::fine();
    }
    let starting = Starting::of(subject);
    if let Some(place) = starting.assigns("NB_PREFIX") {
        return subject.found(format!("{place} sets `NB_PREFIX`, which the platform sets")).into();
    }
    match starting.has("NB_PREFIX") {
        true => Outcome::fine(),
        false => {
            subject.found("nothing that starts goes by `NB_PREFIX`: the server has the wrong address").into()
        }
    }
}

fn server_not_open(subject: &ProfileSubject<'_>) -> Outcome {
    if kind(subject) == Kind::Other {
        return Outcome::fine();
    }
    let starting = Starting::of(subject);
    let is = |name: &str, wanted: &[&str]| {
        starting.settings(name).iter().any(|value| wanted.contains(&value.to_ascii_lowercase().as_str()))
    };
    let wanted = [
        (is("ip", &["0.0.0.0", "*", ""]), "listens on all addresses (`ip`)"),
        (
            is("token", &[""]) || is("identity_provider_class", &["passwordidentityprovider"]),
            "asks for no token (`token`)",
        ),
        (is("password", &[""]), "asks for no password (`password`)"),
        (is("allow_origin", &["*"]), "allows any origin (`allow_origin`)"),
        (
            is("allow_remote_access", &["true", "1"]),
            "lets itself be called by any name (`allow_remote_access`)",
        ),
    ];
    let missing: Vec<_> = wanted.iter().filter(|(is_so, _)| !is_so).map(|(_, what)| *what).collect();
    match missing.is_empty() {
        true => Outcome::fine(),
        false => {
            let text = format!("nothing says that the server {}", missing.join(", "));
            subject.found(text).into()
        }
    }
}

fn runtime_directory_on_volume(subject: &ProfileSubject<'_>) -> Outcome {
    let home = subject.variable("HOME").unwrap_or_else(|| super::accounts::HOME.to_owned());
    let is_on_volume =
        |path: &str| path == home || path.starts_with(&format!("{}/", home.trim_end_matches('/')));
    let text = match subject.variable("JUPYTER_RUNTIME_DIR") {
        Some(path) if is_on_volume(&path) => format!("`JUPYTER_RUNTIME_DIR` is `{path}`, on the volume"),
        Some(_) => match subject.variable("XDG_RUNTIME_DIR").filter(|path| is_on_volume(path)) {
            Some(path) => format!("`XDG_RUNTIME_DIR` is `{path}`, on the volume"),
            None => return Outcome::fine(),
        },
        None => {
            format!("`JUPYTER_RUNTIME_DIR` is not set: the runtime folder lies in `{home}`, on the volume")
        }
    };
    subject
        .found(text)
        .with_mend("ENV JUPYTER_RUNTIME_DIR=/tmp/jupyter_runtime")
        .with_remedy(Remedy::variable("JUPYTER_RUNTIME_DIR", "/tmp/jupyter_runtime"))
        .into()
}
