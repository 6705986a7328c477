//! What kernel and gateway must agree on, and the folder with the file that tells the kernel.

use std::fs::{OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::TempDir;

use crate::LauncherError;
use crate::payload::message_key;
use crate::ports::KERNEL_PORTS;
use crate::request::Environment;
use crate::spark::StartFile;

/// Where files may go when nobody says where.
const PLACES: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// The connection of a kernel; the members are those of Jupyter's connection file.
#[derive(Clone, Serialize)]
pub struct Connection {
    shell_port: u16,
    iopub_port: u16,
    stdin_port: u16,
    hb_port: u16,
    control_port: u16,
    ip: &'static str,
    /// The secret that messages are signed with. It is in the file and in the sealed reply, and nowhere else.
    key: String,
    transport: &'static str,
    signature_scheme: &'static str,
    kernel_name: String,
}

/// What a gateway is told beside that.
#[derive(Serialize)]
struct Reply<'a> {
    #[serde(flatten)]
    connection: &'a Connection,
    kernel_id: &'a str,
    comm_port: u16,
    pid: i32,
    pgid: i32,
}

impl Connection {
    /// A connection over these ports, with a new key.
    pub fn new(ports: [u16; KERNEL_PORTS], kernel_name: &str) -> Self {
        let [shell_port, iopub_port, stdin_port, hb_port, control_port] = ports;
        Self {
            shell_port,
            iopub_port,
            stdin_port,
            hb_port,
            control_port,
            ip: "0.0.0.0",
            key: message_key(),
            transport: "tcp",
            signature_scheme: "hmac-sha256",
            kernel_name: kernel_name.to_owned(),
        }
    }

    /// The text for a gateway. The kernel is the first of its process group.
    pub fn reply(&self, kernel_id: &str, comm_port: u16, kernel: i32) -> Vec<u8> {
        let reply = Reply { connection: self, kernel_id, comm_port, pid: kernel, pgid: kernel };
        // Numbers and texts always become JSON.
        serde_json::to_vec(&reply).unwrap_or_default()
    }
}

/// A folder that only this user can look into. It goes away with this value.
pub struct Files(TempDir);

impl Files {
    /// Makes it where files can be made; the user may be one that nobody foresaw.
    pub fn create(environment: &Environment) -> Result<Self, LauncherError> {
        let asked = environment.get("TMPDIR").map(PathBuf::from).filter(|folder| folder.is_absolute());
        let home = environment.get("HOME").map(PathBuf::from);
        let places: Vec<PathBuf> = asked.into_iter().chain(PLACES.map(PathBuf::from)).chain(home).collect();
        let mut builder = tempfile::Builder::new();
        builder.prefix("kernel-").permissions(Permissions::from_mode(0o700));
        let folder = places.iter().find_map(|place| builder.tempdir_in(place).ok());
        folder.map(Self).ok_or(LauncherError::NoFolder { tried: places })
    }

    /// Writes the connection file.
    pub fn connection(&self, kernel_id: &str, connection: &Connection) -> Result<PathBuf, LauncherError> {
        let text = serde_json::to_vec_pretty(connection).unwrap_or_default();
        self.write(&format!("kernel-{kernel_id}.json"), &text)
    }

    /// Writes a start-up file.
    pub fn start_file(&self, file: StartFile) -> Result<PathBuf, LauncherError> {
        self.write(file.name, file.text.as_bytes())
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &[u8]) -> Result<PathBuf, LauncherError> {
        let path = self.0.path().join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(text)).map_err(LauncherError::File)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_file_is_for_its_user_and_goes_away() {
        let place = tempfile::tempdir().unwrap();
        let environment = Environment([("TMPDIR".into(), place.path().into())].into());
        let files = Files::create(&environment).unwrap();
        let connection = Connection::new([1, 2, 3, 4, 5], "python3");
        let path = files.connection("one", &connection).unwrap();
        assert!(path.starts_with(place.path()));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::metadata(files.folder()).unwrap().permissions().mode() & 0o7777, 0o700);
        let json: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!((&json["shell_port"], &json["control_port"]), (&1.into(), &5.into()));
        assert_eq!(json["key"].as_str().unwrap().len(), 64);
        drop(files);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn another_place_is_found_where_the_first_takes_nothing() {
        let environment = Environment([("TMPDIR".into(), "/proc/nothing".into())].into());
        let files = Files::create(&environment).unwrap();
        assert!(!files.folder().starts_with("/proc"));
    }

    #[test]
    fn a_gateway_is_told_more_than_the_kernel() {
        let reply = Connection::new([1, 2, 3, 4, 5], "python3").reply("one", 6, 77);
        let json: serde_json::Value = serde_json::from_slice(&reply).unwrap();
        for (name, value) in [
            ("iopub_port", 2),
            ("stdin_port", 3),
            ("hb_port", 4),
            ("comm_port", 6),
            ("pid", 77),
            ("pgid", 77),
        ] {
            assert_eq!(json[name], value, "{name}");
        }
        assert_eq!((&json["kernel_id"], &json["signature_scheme"]), (&"one".into(), &"hmac-sha256".into()));
    }
}
