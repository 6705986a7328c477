//! The gateway's side of the protocol, and a launcher that was started for it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use aes::cipher::{BlockDecrypt, KeyInit};
use aes::{Aes128, Block};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs8::EncodePublicKey;
use rsa::rand_core::OsRng;
use rsa::{Pkcs1v15Encrypt, RsaPrivateKey};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const KERNEL_ID: &str = "0f0e0d0c-0000-4000-8000-00000000beef";
static KEY: LazyLock<RsaPrivateKey> = LazyLock::new(|| RsaPrivateKey::new(&mut OsRng, 1024).unwrap());

/// Waits for replies, as Enterprise Gateway does.
pub(crate) struct Gateway {
    listener: TcpListener,
    /// Kernelspecs of the "image", its temporary folder.
    pub(crate) folder: TempDir,
}

impl Gateway {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tmp")).unwrap();
        Self { listener: TcpListener::bind("127.0.0.1:0").unwrap(), folder }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub(crate) fn public_key() -> String {
        STANDARD.encode(KEY.to_public_key().to_public_key_der().unwrap().as_bytes())
    }

    /// Where the launcher puts its files.
    pub(crate) fn temporary(&self) -> std::path::PathBuf {
        self.folder.path().join("tmp")
    }

    /// Installs a kernel that is a shell script; `$1` is the connection file.
    pub(crate) fn install(&self, script: &str, more: &str) {
        let folder = self.folder.path().join("kernels/scripted");
        fs::create_dir_all(&folder).unwrap();
        let argv = serde_json::json!(["/bin/sh", "-c", script, "kernel", "{connection_file}"]);
        let json = format!(r#"{{"argv": {argv}, "language": "script", "display_name": "x"{more}}}"#);
        fs::write(folder.join("kernel.json"), json).unwrap();
    }

    /// What a gateway gives to a container.
    pub(crate) fn variables(&self) -> BTreeMap<String, String> {
        let (path, temporary) = (self.folder.path().to_string_lossy(), self.temporary());
        let variables = [
            ("PATH", "/usr/bin:/bin"),
            ("HOME", "/nonexistent"),
            ("JUPYTER_PATH", &path),
            ("TMPDIR", &temporary.to_string_lossy()),
            ("KERNEL_ID", KERNEL_ID),
            ("KERNEL_USERNAME", "bob"),
            ("KERNEL_LANGUAGE", "script"),
            ("RESPONSE_ADDRESS", &self.address().to_string()),
            ("PUBLIC_KEY", &Self::public_key()),
            ("PORT_RANGE", "0..0"),
            ("JPY_PARENT_PID", "4711"),
            // Kernels here listen at nothing.
            ("KERNEL_LAUNCH_TIMEOUT", "2"),
        ];
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    pub(crate) fn launch(&self, more: &[(&str, &str)]) -> Launched {
        let mut variables = self.variables();
        variables.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let mut command = Command::new(env!("CARGO_BIN_EXE_imagewright-kernel-launcher"));
        command.env_clear().envs(variables);
        Launched::start(command)
    }

    /// Takes the next reply, and opens it.
    pub(crate) fn reply(&self) -> Value {
        let (mut stream, _) = self.listener.accept().unwrap();
        let mut payload = String::new();
        stream.read_to_string(&mut payload).unwrap();
        let payload: Value = serde_json::from_slice(&STANDARD.decode(payload.trim()).unwrap()).unwrap();
        assert_eq!(payload["version"], 1);
        let bytes = |name: &str| STANDARD.decode(payload[name].as_str().unwrap()).unwrap();
        let key = KEY.decrypt(Pkcs1v15Encrypt, &bytes("key")).unwrap();
        let cipher = Aes128::new_from_slice(&key).unwrap();
        let mut text = bytes("conn_info");
        for block in text.as_chunks_mut::<16>().0 {
            let mut decrypted = Block::from(*block);
            cipher.decrypt_block(&mut decrypted);
            *block = decrypted.into();
        }
        text.truncate(text.len() - usize::from(*text.last().unwrap()));
        serde_json::from_slice(&text).unwrap()
    }
}

/// Says something to a kernel's launcher, in one go.
pub(crate) fn say(reply: &Value, message: &str) {
    try_to_say(reply, message).unwrap();
}

/// Likewise; the launcher may have ended.
pub(crate) fn try_to_say(reply: &Value, message: &str) -> std::io::Result<()> {
    let port = u16::try_from(reply["comm_port"].as_u64().unwrap()).unwrap();
    TcpStream::connect(("127.0.0.1", port))?.write_all(message.as_bytes())
}

/// A running launcher. It does not outlive the test.
pub(crate) struct Launched {
    pub(crate) child: Child,
    output: Option<thread::JoinHandle<String>>,
}

impl Launched {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let output = thread::spawn(move || {
            let errors = thread::spawn(move || {
                let mut text = String::new();
                stderr.read_to_string(&mut text).unwrap();
                text
            });
            let mut text = String::new();
            stdout.read_to_string(&mut text).unwrap();
            text + &errors.join().unwrap()
        });
        Self { child, output: Some(output) }
    }

    pub(crate) fn pid(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    /// Waits for its end, which must come soon. Exit code, and all that was printed.
    pub(crate) fn end(mut self) -> (i32, String) {
        let status = self.status(Duration::from_secs(30));
        let output = self.output.take().unwrap().join().unwrap();
        (status.code().unwrap_or(-1), output)
    }

    fn status(&mut self, patience: Duration) -> ExitStatus {
        let end = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "the launcher still runs");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !so() {
        assert!(Instant::now() < end, "{what} did not come about");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a process runs; one that ended and waits to be asked for does not.
pub(crate) fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.trim()).join("stat"));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim_start().starts_with('Z'))
}
