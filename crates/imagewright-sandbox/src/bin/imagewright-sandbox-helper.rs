//! The sandbox's helper as a program of its own, for tests. With arguments it is a caller instead:
//!
//! - `run FILE` runs the [`SandboxSpec`] in that JSON file on its own streams and ends as the command does.
//! - `outcome FILE` does that too, through a pipe, and writes to standard error what became of the command.
//! - `inside ARGUMENTS` runs this program with these arguments in a user namespace.
//! - `in-user-namespace PROGRAM ARGUMENTS` runs any other program there.
//! - `checks DIRECTORY` writes what works here.

use std::error::Error;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use imagewright_sandbox::user_namespace::{self, UserNamespaceError};
use imagewright_sandbox::{Exit, Helper, Outcome, Running, SandboxSpec, Stdio, helper_main, spawn};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let Some((verb, arguments)) = arguments.split_first() else { return helper_main() };
    match caller(&verb.to_string_lossy(), arguments) {
        Ok(code) => code,
        Err(error) => tell(&*error),
    }
}

fn caller(verb: &str, arguments: &[OsString]) -> Result<ExitCode, Box<dyn Error>> {
    match (verb, arguments) {
        ("run", [file]) => code(&start(file, Stdio::Inherit)?.wait()?),
        ("outcome", [file]) => {
            let mut running = start(file, Stdio::Piped)?;
            let errors = running.take_stderr().map(|mut errors| {
                std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::stderr()))
            });
            if let Some(mut output) = running.take_stdout() {
                std::io::copy(&mut output, &mut std::io::stdout())?;
            }
            if let Some(errors) = errors {
                errors.join().map_err(|_| "the copier panicked")??;
            }
            let outcome = running.wait()?;
            writeln!(std::io::stderr(), "{outcome:?}")?;
            code(&outcome)
        }
        ("inside", arguments) => Ok(user_namespace::run_inside(&std::env::current_exe()?, arguments)?),
        ("in-user-namespace", [program, arguments @ ..]) => {
            Ok(user_namespace::run_inside(Path::new(program), arguments)?)
        }
        ("checks", [directory]) => {
            writeln!(std::io::stdout(), "{:?}", user_namespace::standing())?;
            for finding in user_namespace::checks(Path::new(directory)) {
                let (name, detail, hint) = (finding.name, finding.detail, finding.hint.unwrap_or_default());
                writeln!(std::io::stdout(), "{name}|{}|{detail}|{hint}", finding.ok)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(format!("`{verb}` is not understood").into()),
    }
}

fn start(file: &OsString, stdio: Stdio) -> Result<Running, Box<dyn Error>> {
    let spec: SandboxSpec = serde_json::from_reader(File::open(file)?)?;
    let helper = Helper { program: std::env::current_exe()?, arguments: Vec::new() };
    Ok(spawn(&helper, &spec, stdio)?)
}

fn code(outcome: &Outcome) -> Result<ExitCode, Box<dyn Error>> {
    match outcome.exit {
        Exit::Code(code) => Ok(ExitCode::from(u8::try_from(code)?)),
        _ => Ok(ExitCode::FAILURE),
    }
}

fn tell(error: &(dyn Error + 'static)) -> ExitCode {
    let hint = error.downcast_ref::<UserNamespaceError>().and_then(UserNamespaceError::hint);
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    // A test without an explanation still fails.
    let _ = writeln!(std::io::stderr(), "{text}\nhint: {}", hint.unwrap_or_default());
    ExitCode::from(125)
}
