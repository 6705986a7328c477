//! An ordinary user with subordinate ids, known to the processes of one test only: in their mount namespace
//! other lists of users lie over the machine's.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use imagewright_sandbox::{Limits, Mount, MountSource, Network, Privileges, Root, SandboxSpec, User};
use tempfile::TempDir;

use crate::harness::helper;

/// The user's id, and the group's.
pub(crate) const ID: u32 = 700_000;

/// The first of the ids that belong to the user.
pub(crate) const SUBORDINATE: u32 = 2_000_000_000;

/// A layer that holds the machine's root file system, for the user's processes.
pub(crate) const MACHINE: &str = "/srv";

/// Mounts what the user is to see. Arguments: the user's folder, the helper, this test program, and how to go on.
const SURROUNDINGS: &str = "set -e
    for list in passwd subuid subgid; do mount --bind \"$1/$list\" \"/etc/$list\"; done
    mount --bind / /srv
    mount --bind \"$1\" /mnt
    mount --bind \"$2\" /mnt/helper
    mount --bind \"$3\" /mnt/tests
    cd /mnt
    shift 3
    exec \"$@\"";

/// The user, and a folder that the user sees as `/mnt`.
pub(crate) struct Ordinary {
    folder: TempDir,
    /// Runs on a small layer and the machine's programs.
    pub(crate) spec: SandboxSpec,
    /// Supplementary groups, as `setpriv` takes them.
    pub(crate) groups: &'static str,
}

impl Ordinary {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        let users = fs::read_to_string("/etc/passwd").unwrap();
        fs::write(path.join("passwd"), format!("{users}somebody:x:{ID}:{ID}::/mnt:/bin/sh\n")).unwrap();
        for name in ["helper", "tests"] {
            fs::write(path.join(name), "").unwrap();
        }
        for name in ["upper", "work", "layer", "layer/etc", "layer/opt", "layer/tmp", "layer/old"] {
            fs::create_dir(path.join(name)).unwrap();
        }
        fs::write(path.join("layer/old/file"), "old").unwrap();
        for name in ["bin", "lib", "lib64", "sbin"].map(Path::new) {
            if Path::new("/").join(name).is_symlink() {
                symlink(Path::new("usr").join(name), path.join("layer").join(name)).unwrap();
            }
        }
        let owner = format!("{ID}:{ID}");
        assert!(Command::new("chown").args(["-hR", &owner]).arg(path).status().unwrap().success());
        let this = Self { spec: spec(), groups: "--clear-groups", folder };
        this.assign(&format!("somebody:{SUBORDINATE}:65536\n"));
        this
    }

    /// Says which subordinate ids there are, of users and of groups.
    pub(crate) fn assign(&self, lines: &str) {
        for list in ["subuid", "subgid"] {
            fs::write(self.path(list), lines).unwrap();
        }
    }

    /// A file of the user's folder, as the test sees it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The helper program with these arguments, run by the user. It becomes the process that is started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_through(&[], arguments)
    }

    /// The same, started by way of another program.
    pub(crate) fn command_through(&self, way: &[&str], arguments: &[&str]) -> Command {
        let id = ID.to_string();
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", SURROUNDINGS, "sh"]);
        command.arg(self.folder.path()).arg(helper().program).arg(std::env::current_exe().unwrap());
        command.args(["setpriv", "--reuid", &id, "--regid", &id, self.groups]);
        command.args(way).arg("/mnt/helper").args(arguments);
        command
    }

    /// The caller of a sandbox in a user namespace, with `script` as the command.
    pub(crate) fn sandbox(&mut self, script: &str) -> Command {
        self.spec.command = ["/bin/sh", "-c", script].map(str::to_owned).into();
        fs::write(self.path("spec.json"), serde_json::to_vec(&self.spec).unwrap()).unwrap();
        self.command(&["inside", "outcome", "/mnt/spec.json"])
    }

    /// Runs a script in a sandbox. The last line of its errors says what became of it.
    pub(crate) fn run(&mut self, script: &str) -> Finished {
        Finished::of(self.sandbox(script).output().unwrap())
    }

    /// Runs a script that succeeds, and returns what it wrote.
    pub(crate) fn output(&mut self, script: &str) -> String {
        self.run(script).success()
    }
}

/// What came of a program.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    pub(crate) fn success(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }
}

fn spec() -> SandboxSpec {
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    SandboxSpec {
        root: Root::Overlay {
            base: "/mnt".into(),
            lower: vec!["layer".into()],
            upper: "/mnt/upper".into(),
            work: "/mnt/work".into(),
        },
        command: Vec::new(),
        environment: vec![("PATH".to_owned(), path.to_owned())],
        working_directory: "/".into(),
        user: User::default(),
        mounts: vec![Mount {
            target: "/usr".into(),
            source: MountSource::Directory { path: "/usr".into(), read_only: true },
        }],
        network: Network::None,
        hostname: "sandbox".to_owned(),
        privileges: Privileges::default(),
        time_limit: None,
        limits: Limits::default(),
    }
}
