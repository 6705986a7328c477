//! A Docker daemon for one test, with its own socket and folders. Needs root, and the distribution's Docker or that of
//! a Debian system in a folder (`scripts/fetch-docker`).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use imagewright_oci::Hasher;
use tempfile::TempDir;

use crate::context::Outcome;
use crate::processes::wait_until;

/// The distribution's client: another one, earlier on the search path, may lack what the daemon speaks.
const CLIENT: &str = "/usr/bin/docker";

/// Makes `$1` the root of this mount namespace, with the folder `$2` in it where it is outside, and becomes the rest.
const ENTER: &str = r#"
set -e
root=$1 state=$2
shift 2
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs run
mkdir -p "$root$state"
mount --bind "$state" "$root$state"
pivot_root . .
umount -l .
exec "$@"
"#;

/// Becomes the rest in a network namespace that has, beside the loopback, an address that a swarm can be told of ([`OUTSIDE`]).
const APART: &str = r#"
set -e
ip link set lo up
ip link add outside type bridge
ip address add "$1/24" dev outside
ip link set outside up
shift
exec "$@"
"#;

/// The address that a daemon has whose network is its own.
pub const OUTSIDE: &str = "10.213.255.1";

/// Where a daemon runs.
#[derive(Clone, Copy)]
enum Place<'a> {
    /// Here.
    Here,
    /// Here, but in a network of its own.
    Apart,
    /// In a Debian system.
    Within(&'a Path),
}

/// The daemon; it ends with this value.
pub struct DockerDaemon {
    process: Child,
    folder: TempDir,
    /// Whether it is the first process of namespaces that go with it.
    is_enclosed: bool,
}

impl DockerDaemon {
    /// Starts the distribution's and waits until it answers.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start() -> Self {
        Self::run(Place::Here)
    }

    /// Starts the distribution's in a network namespace of its own, which is gone with it, and all networks of its containers too.
    /// Nothing there leads out.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start_apart() -> Self {
        Self::run(Place::Apart)
    }

    /// The network namespace that it is in, and containers on the network `host` with it.
    pub fn network(&self) -> PathBuf {
        format!("/proc/{}/ns/net", self.process.id()).into()
    }

    /// The network namespace of a running container.
    ///
    /// # Panics
    ///
    /// When there is no such container.
    pub fn network_of(&self, container: &str) -> PathBuf {
        let process = self.docker(["inspect", "--format", "{{.State.Pid}}", container]).success().stdout;
        format!("/proc/{}/ns/net", process.trim()).into()
    }

    /// Starts the one of the system that `scripts/fetch-docker` made in `shared` and waits until it answers. It and all
    /// that it started or mounted are gone when it ends.
    ///
    /// # Panics
    ///
    /// When there is none, or it does not start.
    pub fn start_newest(shared: &Path) -> Self {
        let root = shared.join("docker-trixie");
        assert!(
            root.join("usr/sbin/dockerd").is_file(),
            "no Docker in `{}`: scripts/test puts it there",
            root.display()
        );
        Self::run(Place::Within(&root))
    }

    fn run(place: Place<'_>) -> Self {
        // Short: BuildKit makes sockets far below, and their addresses are.
        let folder = TempDir::with_prefix("docker-").expect("a temporary folder can be made");
        let path = |name: &str| folder.path().join(name).into_os_string();
        let log = File::create(folder.path().join("log")).expect("the folder is ours");
        let mut command = match place {
            Place::Here => Command::new("dockerd"),
            Place::Apart => {
                let mut command = Command::new("unshare");
                command.args(["--net", "sh", "-c", APART, "apart", OUTSIDE, "dockerd"]);
                command
            }
            Place::Within(root) => {
                let mut command = Command::new("unshare");
                command.args(["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]);
                command.args(["sh", "-c", ENTER, "enter"]).args([root, folder.path()]);
                command.args(["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "/usr/sbin/dockerd"]);
                // Only with this store its BuildKit has layers that stand alone (`COPY --link`).
                let settings = r#"{"features": {"containerd-snapshotter": true}}"#;
                fs::write(folder.path().join("daemon.json"), settings).expect("the folder is ours");
                command.arg("--config-file").arg(path("daemon.json"));
                command
            }
        };
        let process = command
            .args(["--iptables=false", "--bridge=none", "--host"])
            .arg(format!("unix://{}", folder.path().join("socket").display()))
            .arg("--data-root")
            .arg(path("data"))
            .arg("--exec-root")
            .arg(path("exec"))
            .arg("--pidfile")
            .arg(path("pid"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("dockerd is installed");
        let daemon = Self { process, folder, is_enclosed: matches!(place, Place::Within(_)) };
        wait_until("the Docker daemon answers", || daemon.docker(["version"]).code == Some(0));
        daemon
    }

    /// What it has told of itself so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// What `DOCKER_HOST` must be to reach it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// The socket it listens on.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Runs the distribution's client; it builds with BuildKit.
    pub fn docker<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Outcome {
        Outcome::of(self.client().args(arguments))
    }

    fn client(&self) -> Command {
        let mut command = Command::new(CLIENT);
        // Debian's client is made of plugins that look for the user's configuration.
        command.env("DOCKER_HOST", self.host()).env("HOME", self.folder.path());
        command.env("DOCKER_BUILDKIT", "1");
        command
    }
}

impl DockerDaemon {
    /// All files of an image, as one line each: kind, mode, owner, contents or target, extended attributes. Not times, and
    /// not what an engine puts into each container.
    ///
    /// # Panics
    ///
    /// When there is no such image.
    pub fn files(&self, image: &str) -> BTreeMap<String, String> {
        // The command is never run.
        let container = self.docker(["create", "--entrypoint", "/none", image]).success().stdout;
        let mut export = self.client();
        let mut export = export
            .args(["export", container.trim()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("docker is there");
        let files = files_of(export.stdout.take().expect("it is piped"));
        assert!(export.wait().expect("it was started").success(), "the container is exported");
        drop(self.docker(["rm", container.trim()]).success());
        files
    }
}

/// What is not the image's.
const ENGINES_OWN: [&str; 6] =
    ["/.dockerenv", "/etc/hostname", "/etc/hosts", "/etc/mtab", "/etc/resolv.conf", "/dev/console"];

fn files_of(archive: impl Read) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries().expect("it is an archive") {
        let mut entry = entry.expect("it is an archive");
        let path = entry.path().expect("it has a path").to_string_lossy().into_owned();
        let path = format!("/{}", path.trim_matches('/'));
        let system = ["/dev/", "/proc/", "/sys/"];
        if ENGINES_OWN.contains(&path.as_str()) || system.iter().any(|folder| path.starts_with(folder)) {
            continue;
        }
        let mut attributes = Vec::new();
        for extension in entry.pax_extensions().expect("it is well formed").into_iter().flatten() {
            let extension = extension.expect("it is well formed");
            let key = extension.key().expect("it is text");
            if let Some(name) = key.strip_prefix("SCHILY.xattr.") {
                attributes.push(format!("{name}={:?}", extension.value_bytes()));
            }
        }
        let mut hasher = Hasher::default();
        std::io::copy(&mut entry, &mut hasher).expect("it can be read");
        let header = entry.header();
        let kind = header.entry_type();
        let mode = if kind.is_symlink() { 0 } else { header.mode().expect("it has a mode") & 0o7777 };
        let owner = (header.uid().expect("it has an owner"), header.gid().expect("it has a group"));
        let target = entry.link_name().expect("it is well formed");
        let contents = kind.is_file().then(|| hasher.finish().to_string());
        files.insert(path, format!("{kind:?} {mode:o} {owner:?} {target:?} {contents:?} {attributes:?}"));
    }
    files
}

impl Drop for DockerDaemon {
    fn drop(&mut self) {
        // By SIGTERM, so that it unmounts what it has mounted; what is enclosed loses its mounts with its namespace.
        let process = nix::unistd::Pid::from_raw(i32::try_from(self.process.id()).unwrap_or_default());
        let signal = nix::sys::signal::Signal::SIGTERM;
        if self.is_enclosed || nix::sys::signal::kill(process, signal).is_err() {
            drop(self.process.kill());
        }
        drop(self.process.wait());
    }
}
