//! Trusted programs that run on the host and not in a sandbox, with an environment that the caller chooses.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use imagewright_sandbox::end_with_this_thread;

use crate::error::EngineError;
use crate::reporter::StepReporter;
use crate::workbench::{Finished, Site, read_output};

/// How often a running program is looked at.
const PATIENCE: Duration = Duration::from_millis(2);

/// Runs a program to its end, or to that of the build. Its standard output is kept, its errors are reported.
pub(crate) fn run(
    mut command: Command,
    site: Site<'_>,
    step: &StepReporter<'_>,
) -> Result<Finished, EngineError> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    end_with_this_thread(&mut command);
    let mut child = command.spawn().map_err(EngineError::io("run", &program))?;
    let (stdout, stderr, output) = (child.stdout.take(), child.stderr.take(), step.output());
    let redact = |line: &str| site.outside.redacted(line).into_owned();
    thread::scope(|scope| {
        let reader = scope.spawn(|| read_output(stdout, stderr, true, redact, output));
        let ended = wait(&mut child, &program, site, || false);
        let (output, tail) = reader.join().expect("reading output does not panic");
        Ok(Finished { code: ended?, output, tail })
    })
}

/// Runs a program whose output nobody wants, to its end, that of the build, or until it is `in_vain`.
pub(crate) fn run_unseen(
    mut command: Command,
    site: Site<'_>,
    in_vain: &AtomicBool,
) -> Result<(), EngineError> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    end_with_this_thread(&mut command);
    let mut child = command.spawn().map_err(EngineError::io("run", &program))?;
    wait(&mut child, &program, site, || in_vain.load(Ordering::Relaxed)).map(drop)
}

fn wait(
    child: &mut Child,
    program: &str,
    site: Site<'_>,
    is_in_vain: impl Fn() -> bool,
) -> Result<i32, EngineError> {
    let started = Instant::now();
    let stopped = loop {
        if let Some(status) = child.try_wait().map_err(EngineError::io("wait for", program))? {
            // Killed by somebody else's signal: as a shell would say it.
            return Ok(status.code().unwrap_or(128));
        }
        if site.cancel.is_cancelled() || is_in_vain() {
            break EngineError::Cancelled;
        }
        if let Some(limit) = site.time_limit.filter(|limit| started.elapsed() > *limit) {
            break EngineError::TimedOut { program: program.to_owned(), limit };
        }
        thread::sleep(PATIENCE);
    };
    // It fails only where the program has just ended by itself.
    let _ = child.kill();
    child.wait().map_err(EngineError::io("wait for", program))?;
    Err(stopped)
}
