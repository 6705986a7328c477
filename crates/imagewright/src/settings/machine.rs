//! What other tools of this machine are set to.

use std::path::{Path, PathBuf};

use imagewright_model::SecretUrl;
use imagewright_service::CredentialFiles;

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

/// The variable that names the home folder.
pub(super) const HOME: &str = if cfg!(windows) { "USERPROFILE" } else { "HOME" };

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

/// Where users keep settings.
pub(crate) fn configuration_folder() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))
}

/// Where logins of Docker and Podman are kept, and ours with them.
pub(crate) fn credential_files() -> CredentialFiles {
    let named = variable(&["REGISTRY_AUTH_FILE"]).map(PathBuf::from);
    let runtime =
        variable(&["XDG_RUNTIME_DIR"]).map(|folder| Path::new(&folder).join("containers/auth.json"));
    let home = variable(&[HOME]).map(PathBuf::from);
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

pub(super) fn on_search_path(name: &str) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&path).map(|folder| folder.join(&file)).filter(|file| file.is_file()).collect()
}

/// The first of these variables that is set to something.
pub(super) fn variable(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| std::env::var(name).ok()).filter(|value| !value.is_empty())
}
