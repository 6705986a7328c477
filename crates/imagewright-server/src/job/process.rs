//! The server's side: starts a process, hears what it says, ends it.

use std::process::Stdio;
use std::time::Duration;

use imagewright_model::ErrorKind;
use imagewright_service::{Service, WorkingFolder};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::{Job, JobFailure, Said};
use crate::{Server, ServerError};

/// How long one that says nothing more may take to end.
const LAST_MOMENT: Duration = Duration::from_secs(5);
/// How long one that is done may go on with what it does beside.
const LET_GO: Duration = Duration::from_secs(60);
/// As much of what a process complains about is told.
const COMPLAINTS: u64 = 4096;

/// A process that does a job. Dropped, it is killed.
pub(crate) struct Process {
    child: Child,
    group: Pid,
    said: Lines<BufReader<ChildStdout>>,
    complaints: tokio::task::JoinHandle<String>,
    /// Held open: the process ends when it closes.
    _input: ChildStdin,
    /// Where it works, until it is done.
    folder: Option<WorkingFolder>,
}

/// What comes from a process.
pub(crate) enum Line {
    /// It says something.
    Said(Said),
    /// It says nothing more: [`Process::gone`] tells why.
    Gone,
}

impl Process {
    pub(crate) async fn start(server: &Server, job: &Job) -> Result<Self, ServerError> {
        let program = server.builds.settings.program.as_ref().ok_or(ServerError::NoProgram)?;
        // In the store, so that it goes where this process is killed.
        let folder = server.blocking(Service::working_folder).await??;
        let mut child = Command::new(&program.program)
            .args(&program.arguments)
            .arg(folder.path())
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Signals for the server are not meant for it, and whatever it starts is ended with it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(ServerError::Process)?;
        let number = child.id().and_then(|id| i32::try_from(id).ok()).expect("it has just been started");
        let mut input = child.stdin.take().expect("it is piped");
        let output = child.stdout.take().expect("it is piped");
        let mut errors = child.stderr.take().expect("it is piped");
        let complaints = tokio::spawn(async move {
            let mut kept = Vec::new();
            let _ = (&mut errors).take(COMPLAINTS).read_to_end(&mut kept).await;
            // The rest is read, so that nothing ever waits for us.
            let _ = tokio::io::copy(&mut errors, &mut tokio::io::sink()).await;
            String::from_utf8_lossy(&kept).trim().to_owned()
        });
        let mut line = serde_json::to_vec(job).expect("a job is plain data");
        line.push(b'\n');
        // Where it is gone already, that is found out by listening to it.
        let _ = input.write_all(&line).await;
        let _ = input.flush().await;
        let said = BufReader::new(output).lines();
        Ok(Self {
            child,
            group: Pid::from_raw(number),
            said,
            complaints,
            _input: input,
            folder: Some(folder),
        })
    }

    /// Waits for the next thing it says. May be given up and asked again without loss.
    pub(crate) async fn next(&mut self) -> Line {
        match self.said.next_line().await {
            Ok(Some(line)) => {
                let said = serde_json::from_str(&line).map_or(Line::Gone, Line::Said);
                if !matches!(said, Line::Said(Said::Event(_))) {
                    // What it may still do beside is in the store.
                    self.folder = None;
                }
                said
            }
            Ok(None) | Err(_) => Line::Gone,
        }
    }

    /// Ends what is left of it, and tells how it ended.
    pub(crate) async fn gone(mut self) -> JobFailure {
        // One that has closed its output is about to end; how it does is worth a moment.
        let _ = tokio::time::timeout(LAST_MOMENT, self.child.wait()).await;
        self.kill();
        let status = self.child.wait().await;
        let complaints = tokio::time::timeout(LAST_MOMENT, &mut self.complaints).await;
        let complaints = complaints.ok().and_then(Result::ok).unwrap_or_default();
        let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        let text = match complaints.lines().find(|line| !line.is_empty()) {
            Some(complaint) => format!("the process that built ended ({how}): {complaint}"),
            None => format!("the process that built ended ({how})"),
        };
        JobFailure { kind: ErrorKind::Internal, text, hint: None }
    }

    /// Lets one that has said all there is to say end by itself.
    pub(crate) fn let_go(mut self) {
        tokio::spawn(async move { drop(tokio::time::timeout(LET_GO, self.child.wait()).await) });
    }

    /// Asks it to stop.
    pub(crate) fn stop(&self) {
        let _ = kill(self.group, Signal::SIGTERM);
    }

    /// Ends it and what it started.
    pub(crate) fn kill(&self) {
        // Until it is waited for, its number belongs to nobody else.
        if self.child.id().is_some() {
            let _ = killpg(self.group, Signal::SIGKILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
