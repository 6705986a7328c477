//! A PostgreSQL server of a test's own, as Debian packages it. It listens on a socket in its folder alone, and ends with the test.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::unistd::{Uid, User};

/// A running server. It is stopped, and all it kept is removed, when this is dropped.
pub struct Postgres {
    server: Child,
    folder: tempfile::TempDir,
    programs: PathBuf,
}

impl Postgres {
    /// Makes a server and waits until it answers.
    ///
    /// # Panics
    ///
    /// When it cannot be started; the module of a test says that it needs PostgreSQL.
    pub fn start() -> Self {
        let folder =
            tempfile::Builder::new().prefix("pg-").tempdir().expect("a temporary folder can be made");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("the folder is ours");
        let programs = programs();
        let data = folder.path().join("data");
        fs::create_dir(&data).expect("the folder is empty");
        if let Some(user) = ordinary_user() {
            chown(&data, Some(user.uid.as_raw()), Some(user.gid.as_raw())).expect("root gives folders away");
        }
        let options =
            ["--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"];
        let made = as_ordinary_user(&programs.join("initdb"))
            .args(options)
            .arg("--pgdata")
            .arg(&data)
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut server = as_ordinary_user(&programs.join("postgres"));
        server.arg("-D").arg(&data).arg("-k").arg(&data).args(["-h", "", "-F", "-c", "max_connections=200"]);
        let server = server.stderr(Stdio::null()).stdout(Stdio::null()).spawn().expect("postgres runs");
        let postgres = Self { server, folder, programs };
        let begun = Instant::now();
        while !postgres.psql("postgres", "SELECT 1").status.success() {
            assert!(begun.elapsed() < Duration::from_secs(60), "postgres does not answer");
            sleep(Duration::from_millis(30));
        }
        postgres
    }

    /// The address of a database made for this call.
    ///
    /// # Panics
    ///
    /// When the server does not make it.
    pub fn database(&self, name: &str) -> String {
        let made = self.psql("postgres", &format!("CREATE DATABASE \"{name}\""));
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        self.url(name)
    }

    /// The address of a database.
    pub fn url(&self, name: &str) -> String {
        let socket = self.data().display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{socket}/{name}")
    }

    /// What the server says to a statement.
    ///
    /// # Panics
    ///
    /// When `psql` cannot be run.
    pub fn psql(&self, database: &str, statement: &str) -> std::process::Output {
        let mut command = Command::new(self.programs.join("psql"));
        command.args(["-X", "-A", "-t", "-U", "postgres", "-d", database, "-c", statement]);
        command.arg("-h").arg(self.data()).output().expect("psql runs")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

/// The folder of the newest version that is installed.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
    let versions = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let number = |path: &PathBuf| path.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
    let with_server = versions.filter(|path| path.join("initdb").is_file());
    with_server.max_by_key(number).expect("PostgreSQL's server is installed")
}

/// PostgreSQL refuses to run as root: its own user does it then.
fn ordinary_user() -> Option<User> {
    Uid::effective()
        .is_root()
        .then(|| User::from_name("postgres").ok().flatten().expect("there is a user `postgres`"))
}

fn as_ordinary_user(program: &Path) -> Command {
    // It dies with us, however we end.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if ordinary_user().is_some() {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups"]);
    }
    command.arg("--").arg(program).env_remove("PGHOST");
    command
}
