//! A Jupyter Enterprise Gateway for one test, from the environment that `scripts/fetch-kernels` makes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::docker::DockerDaemon;
use crate::processes::{in_network, wait_until};
use crate::shared;

/// The token that it wants.
pub const TOKEN: &str = "the-token-of-the-gateway";
/// Nothing else is in its network that would want this port.
const PORT: u16 = 8888;

/// The gateway; it ends with this value.
pub struct EnterpriseGateway {
    process: Child,
    folder: TempDir,
    network: PathBuf,
}

impl EnterpriseGateway {
    /// Starts it in a network namespace, for containers of a daemon, and waits until it answers. Kernels tell it at `address` where they listen.
    ///
    /// # Panics
    ///
    /// When it was not fetched, or does not start.
    pub fn start(daemon: &DockerDaemon, network: &Path, address: &str, variables: &[(&str, &str)]) -> Self {
        let environment = shared::folder().join("kernel/gateway");
        let python = environment.join("bin/python");
        assert!(python.is_file(), "no gateway in `{}`: scripts/test puts it there", environment.display());
        let folder = TempDir::with_prefix("gateway-").expect("a temporary folder can be made");
        let log = File::create(folder.path().join("log")).expect("the folder is ours");
        let mut command = Command::new(python);
        command.args(["-m", "enterprise_gateway", "--ip=127.0.0.1", "--log-level=DEBUG"]);
        command.arg(format!("--port={PORT}")).current_dir(folder.path());
        let search_path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", environment.join("bin").display());
        command
            .env("PATH", search_path)
            .env("HOME", folder.path())
            .env("DOCKER_HOST", daemon.host())
            .env("JUPYTER_PATH", folder.path())
            .env("JUPYTER_RUNTIME_DIR", folder.path().join("runtime"))
            .env("EG_AUTH_TOKEN", TOKEN)
            .env("EG_RESPONSE_IP", address)
            .env("EG_INHERITED_ENVS", "PATH,DOCKER_HOST")
            .env("EG_LIST_KERNELS", "True")
            // Where it is not set, a fault masks every variable in the log.
            .env("EG_SENSITIVE_ENV_KEYS", "NOTHING")
            .env("EG_KERNEL_LOG_DIR", folder.path())
            .envs(variables.iter().copied());
        let process = in_network(network, &command)
            .stdout(log.try_clone().expect("it is a file"))
            .stderr(log)
            .spawn()
            .expect("nsenter is installed");
        let mut gateway = Self { process, folder, network: network.to_owned() };
        fs::create_dir(gateway.kernels()).expect("the folder is ours");
        wait_until("the gateway answers", || {
            let ended = gateway.process.try_wait().expect("it is a child");
            assert!(ended.is_none(), "the gateway ended: {}", gateway.log());
            gateway.log().contains("is available at")
        });
        gateway
    }

    /// Its address, inside its network.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{PORT}")
    }

    /// The folder that it reads kernelspecs from.
    pub fn kernels(&self) -> PathBuf {
        self.folder.path().join("kernels")
    }

    /// What it has told so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// A command that speaks to it: in its network, and with its address and token in the environment.
    pub fn client(&self, inner: &Command) -> Command {
        let mut command = in_network(&self.network, inner);
        command
            .env("IMAGEWRIGHT_GATEWAY", self.url())
            .env("IMAGEWRIGHT_GATEWAY_TOKEN", TOKEN)
            .stdin(Stdio::null());
        command
    }
}

impl Drop for EnterpriseGateway {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
