//! ipykernel, through `jupyter_client`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::{kernels, script};
use crate::gateway::{Gateway, Launched, say, try_to_say};

/// A kernel that was started for a gateway, and how to talk to it.
pub(crate) struct Kernel {
    gateway: Gateway,
    launched: Launched,
    reply: Value,
    file: PathBuf,
}

impl Kernel {
    pub(crate) fn start(more: &[(&str, &str)]) -> Self {
        let gateway = Gateway::new();
        let path = format!("{}:/usr/bin:/bin", kernels().join("python/bin").display());
        let home = gateway.folder.path().to_str().unwrap().to_owned();
        let variables = [
            ("PATH", path.as_str()),
            ("HOME", &home),
            ("KERNEL_LANGUAGE", "python"),
            ("KERNEL_LAUNCH_TIMEOUT", "60"),
        ];
        let launched = gateway.launch(&[&variables, more].concat());
        Self::of(gateway, launched)
    }

    /// A kernel that has just been started.
    pub(crate) fn of(gateway: Gateway, launched: Launched) -> Self {
        let reply = gateway.reply();
        let file = gateway.folder.path().join("client.json");
        let mut connection = reply.clone();
        connection["ip"] = json!("127.0.0.1");
        fs::write(&file, connection.to_string()).unwrap();
        Self { gateway, launched, reply, file }
    }

    /// Begins to say something to the kernel.
    fn begin(&self, words: &[&str]) -> (Child, BufReader<std::process::ChildStdout>) {
        let mut command = Command::new(kernels().join("python/bin/python"));
        command.arg(script("client.py")).arg(&self.file).args(words).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        (child, output)
    }

    fn result((mut child, output): (Child, BufReader<std::process::ChildStdout>)) -> Value {
        let last = output.lines().map_while(Result::ok).last();
        assert!(child.wait().unwrap().success());
        serde_json::from_str(&last.unwrap()).unwrap()
    }

    pub(crate) fn execute(&self, code: &str) -> Value {
        Self::result(self.begin(&["execute", code]))
    }

    /// Executes code, and interrupts it as a gateway does.
    pub(crate) fn execute_and_interrupt(&self, code: &str) -> Value {
        let (child, mut output) = self.begin(&["execute", code]);
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "busy\n");
        thread::sleep(Duration::from_secs(1));
        say(&self.reply, r#"{"signum": 2}"#);
        Self::result((child, output))
    }

    /// Says something to its launcher.
    pub(crate) fn say(&self, message: &str) {
        say(&self.reply, message);
    }

    /// Waits for its end. Exit code, and what was printed.
    pub(crate) fn end(self) -> (i32, String) {
        self.launched.end()
    }

    /// Sends its launcher a signal.
    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(self.launched.pid(), signal).unwrap();
    }

    /// Stops it as a gateway does. Exit code, and what was printed.
    pub(crate) fn stop(self) -> (i32, String) {
        Self::result(self.begin(&["shutdown"]));
        // A kernel that is faster has taken the launcher with it, which a gateway takes for an end as well.
        let _ = try_to_say(&self.reply, r#"{"shutdown": 1}"#);
        let ended = self.launched.end();
        assert_eq!(fs::read_dir(self.gateway.temporary()).unwrap().count(), 0, "files are gone");
        ended
    }
}

#[test]
#[ignore = "needs kernels"]
fn it_executes_is_interrupted_and_stops() {
    let kernel = Kernel::start(&[]);
    assert_eq!(kernel.execute("1+1"), json!({"status": "ok", "error": null, "output": "2"}));
    let interrupted = kernel.execute_and_interrupt("import time; time.sleep(60)");
    assert_eq!(interrupted["error"], "KeyboardInterrupt");
    assert_eq!(kernel.execute("6*7")["output"], "42");

    let seen = kernel.execute(
        "import os; print('PUBLIC_KEY' in os.environ, os.environ['JPY_PARENT_PID'] == str(os.getppid()))",
    );
    assert_eq!(seen["output"], "False True\n");
    let (code, output) = kernel.stop();
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("the kernel listens, and the gateway was told"), "{output}");
    assert!(output.contains("with exit code 0"), "{output}");
}

#[test]
#[ignore = "needs kernels"]
fn its_class_is_the_one_that_was_asked_for() {
    let packages = tempfile::tempdir().unwrap();
    let text =
        "from ipykernel.ipkernel import IPythonKernel\nclass Loud(IPythonKernel):\n    banner = 'LOUD'\n";
    fs::write(packages.path().join("loud.py"), text).unwrap();
    let path = packages.path().to_str().unwrap();
    let kernel = Kernel::start(&[("KERNEL_CLASS_NAME", "loud.Loud"), ("PYTHONPATH", path)]);
    assert_eq!(kernel.execute("print(get_ipython().kernel.banner)")["output"], "LOUD\n");
    assert_eq!(kernel.stop().0, 0);
}

#[test]
#[ignore = "needs kernels"]
fn a_kernel_that_dies_is_no_success() {
    let kernel = Kernel::start(&[]);
    let (mut client, _output) =
        kernel.begin(&["execute", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"]);
    let (code, output) = kernel.launched.end();
    client.kill().unwrap();
    client.wait().unwrap();
    assert_eq!(code, 139, "{output}");
    assert!(output.contains("was ended by SIGSEGV"), "{output}");
}
