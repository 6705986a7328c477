//! What other tools of this machine are set to, and what the engine must know of the machine.

use std::fs;
use std::path::{Path, PathBuf};

use imagewright_model::SecretUrl;
use imagewright_service::{CredentialFiles, Machine};

use super::{Settings, engines, python_indexes};

/// Where distributions keep the certificate authorities everyone trusts.
const CA_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Where a Docker Engine listens unless told otherwise.
pub(super) const DOCKER_SOCKET: &str = "/var/run/docker.sock";

/// Settings that the machine's own configuration gives.
pub(super) fn settings() -> Settings {
    let mut settings = Settings::default();
    let proxy = |names: &[&str]| variable(names).map(SecretUrl::new);
    settings.trust.http_proxy = proxy(&["http_proxy"]);
    settings.trust.https_proxy = proxy(&["https_proxy", "HTTPS_PROXY"]);
    settings.trust.no_proxy = variable(&["no_proxy", "NO_PROXY"]);
    settings.trust.ca_bundle = ca_bundle();
    settings.python = python_indexes::of_machine();
    settings.docker = engines::docker();
    settings.buildkit = engines::buildkit();
    settings
}

/// Facts about the machine.
pub(crate) fn gather() -> Machine {
    Machine {
        apt_sources: apt_sources(Path::new("/etc/apt")),
        os_release: ["/etc/os-release", "/usr/lib/os-release"]
            .iter()
            .find_map(|path| fs::read_to_string(path).ok())
            .unwrap_or_default(),
        keyrings: PathBuf::from("/usr/share/keyrings"),
        docker_socket: PathBuf::from(DOCKER_SOCKET),
        uv_candidates: on_search_path("uv"),
    }
}

/// Where logins of Docker and Podman are kept, and ours with them.
pub(crate) fn credential_files() -> CredentialFiles {
    let named = variable(&["REGISTRY_AUTH_FILE"]).map(PathBuf::from);
    let runtime =
        variable(&["XDG_RUNTIME_DIR"]).map(|folder| Path::new(&folder).join("containers/auth.json"));
    let home = variable(&["HOME"]).map(PathBuf::from);
    let docker = variable(&["DOCKER_CONFIG"]).map(PathBuf::from);
    CredentialFiles {
        write_podman: named.is_some(),
        podman: named.into_iter().chain(runtime).collect(),
        docker: docker.or_else(|| Some(home?.join(".docker"))).map(|folder| folder.join("config.json")),
        helper_path: None,
    }
}

fn ca_bundle() -> Option<PathBuf> {
    let named = variable(&["SSL_CERT_FILE"]).map(PathBuf::from);
    named.into_iter().chain(CA_BUNDLES.map(PathBuf::from)).find(|path| path.is_file())
}

fn apt_sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut files = vec![folder.join("sources.list")];
    let parts = fs::read_dir(folder.join("sources.list.d")).into_iter().flatten().flatten();
    let is_source = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "list" || extension == "sources")
    };
    files.extend(parts.map(|entry| entry.path()).filter(is_source));
    files.sort();
    files.into_iter().filter_map(|path| Some((path.clone(), fs::read_to_string(path).ok()?))).collect()
}

pub(super) fn on_search_path(name: &str) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).filter(|file| file.is_file()).collect()
}

/// The first of these variables that is set to something.
pub(super) fn variable(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| std::env::var(name).ok()).filter(|value| !value.is_empty())
}
