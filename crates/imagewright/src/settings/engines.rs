//! Where the daemons of this machine are that can build Dockerfiles, as their own programs are told.

use std::fs;
use std::path::{Path, PathBuf};

use imagewright_model::{BuildkitSettings, DockerSettings};
use imagewright_oci::Digest;
use serde::Deserialize;

use super::machine::{DOCKER_SOCKET, HOME, variable};

/// Where BuildKit listens unless told otherwise.
const BUILDKIT_SOCKET: &str = "/run/buildkit/buildkitd.sock";
/// Where Docker Desktop listens on Windows.
const DOCKER_PIPE: &str = "npipe:////./pipe/docker_engine";
/// The context of Docker that is none.
const DEFAULT_CONTEXT: &str = "default";

/// What Docker's configuration says of contexts.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Configuration {
    #[serde(rename = "currentContext")]
    current_context: String,
}

/// What a context says of the Docker Engine.
#[derive(Deserialize)]
struct Context {
    #[serde(rename = "Endpoints")]
    endpoints: Endpoints,
}

#[derive(Deserialize)]
struct Endpoints {
    docker: Endpoint,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(rename = "Host")]
    host: String,
}

/// What the machine's environment says.
struct Surroundings {
    host: Option<String>,
    context: Option<String>,
    folder: Option<PathBuf>,
    home: Option<PathBuf>,
    runtime: Option<PathBuf>,
}

/// The Docker Engine that `docker` would use.
pub(super) fn docker() -> DockerSettings {
    let path = |name| variable(&[name]).map(PathBuf::from);
    let home = path(HOME);
    let folder = path("DOCKER_CONFIG").or_else(|| Some(home.as_ref()?.join(".docker")));
    let verifies = variable(&["DOCKER_TLS_VERIFY"]).is_some();
    let certificates = verifies.then(|| path("DOCKER_CERT_PATH").or_else(|| folder.clone())).flatten();
    let (host, context) = (variable(&["DOCKER_HOST"]), variable(&["DOCKER_CONTEXT"]));
    let surroundings = Surroundings { host, context, folder, home, runtime: path("XDG_RUNTIME_DIR") };
    DockerSettings { host: Some(surroundings.docker_host()), certificates, import: None }
}

/// The BuildKit daemon that `buildctl` would use.
pub(super) fn buildkit() -> BuildkitSettings {
    let runtime = variable(&["XDG_RUNTIME_DIR"]).map(PathBuf::from);
    let rootless = runtime.map(|folder| folder.join("buildkit/buildkitd.sock"));
    let found = rootless.into_iter().chain([PathBuf::from(BUILDKIT_SOCKET)]).find(|socket| socket.exists());
    let host = variable(&["BUILDKIT_HOST"]).or_else(|| found.map(|socket| unix(&socket)));
    BuildkitSettings { host, certificates: None }
}

impl Surroundings {
    /// What is named goes first, then the context that is used, then the first socket there is.
    fn docker_host(&self) -> String {
        let named = self.host.clone().or_else(|| self.host_of_context());
        named.unwrap_or_else(|| {
            if cfg!(windows) {
                return DOCKER_PIPE.to_owned();
            }
            let found = self.sockets().into_iter().find(|socket| socket.exists());
            unix(&found.unwrap_or_else(|| PathBuf::from(DOCKER_SOCKET)))
        })
    }

    fn host_of_context(&self) -> Option<String> {
        let folder = self.folder.as_ref()?;
        let name = self.context.clone().or_else(|| {
            let text = fs::read_to_string(folder.join("config.json")).ok()?;
            Some(serde_json::from_str::<Configuration>(&text).ok()?.current_context)
        })?;
        if name.is_empty() || name == DEFAULT_CONTEXT {
            return None;
        }
        let place = Digest::of(name.as_bytes());
        let file = folder.join("contexts/meta").join(place.hex()).join("meta.json");
        let context: Context = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
        Some(context.endpoints.docker.host)
    }

    /// Sockets of Docker Engines: the system's, one without root, Docker Desktop's.
    fn sockets(&self) -> Vec<PathBuf> {
        let below = |folder: &Option<PathBuf>, path: &str| folder.as_ref().map(|folder| folder.join(path));
        let others = [
            below(&self.runtime, "docker.sock"),
            below(&self.home, ".docker/run/docker.sock"),
            below(&self.home, ".docker/desktop/docker.sock"),
        ];
        [PathBuf::from(DOCKER_SOCKET)].into_iter().chain(others.into_iter().flatten()).collect()
    }
}

fn unix(socket: &Path) -> String {
    format!("unix://{}", socket.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_that_docker_uses_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let file = folder.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        let context = format!("contexts/meta/{}/meta.json", Digest::of(b"desktop").hex());
        write(
            &context,
            r#"{"Name":"desktop","Endpoints":{"docker":{"Host":"unix:///desktop.sock","SkipTLSVerify":false}}}"#,
        );
        let folder = Some(folder.path().to_path_buf());
        let here =
            || Surroundings { host: None, context: None, folder: folder.clone(), home: None, runtime: None };
        assert_eq!(here().host_of_context(), None);
        write("config.json", r#"{"currentContext":"desktop"}"#);
        assert_eq!(here().docker_host(), "unix:///desktop.sock");
        let with_default = Surroundings { context: Some(DEFAULT_CONTEXT.to_owned()), ..here() };
        assert_eq!(with_default.host_of_context(), None);
        let named = Surroundings { host: Some("tcp://docker.example:1".to_owned()), ..here() };
        assert_eq!(named.docker_host(), "tcp://docker.example:1");
    }

    #[test]
    fn sockets_of_users_are_found() {
        let home = tempfile::tempdir().unwrap();
        let socket = home.path().join(".docker/desktop/docker.sock");
        fs::create_dir_all(socket.parent().unwrap()).unwrap();
        fs::write(&socket, "").unwrap();
        let home = Some(home.path().to_path_buf());
        let surroundings = Surroundings { host: None, context: None, folder: None, home, runtime: None };
        assert!(surroundings.sockets().contains(&socket));
        if !Path::new(DOCKER_SOCKET).exists() {
            assert_eq!(surroundings.docker_host(), unix(&socket));
        }
    }
}
