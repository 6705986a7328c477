//! The sandbox's helper as a program of its own, for tests. With `run FILE` it is a caller instead: it runs the
//! [`SandboxSpec`] in that JSON file on its own streams.

use std::fs::File;
use std::path::Path;
use std::process::ExitCode;

use imagewright_sandbox::{Exit, Helper, SandboxSpec, Stdio, helper_main, spawn};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match arguments.as_slice() {
        [verb, file] if verb == "run" => run(Path::new(file)).unwrap_or(ExitCode::FAILURE),
        _ => helper_main(),
    }
}

fn run(file: &Path) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let spec: SandboxSpec = serde_json::from_reader(File::open(file)?)?;
    let helper = Helper { program: std::env::current_exe()?, arguments: Vec::new() };
    match spawn(&helper, &spec, Stdio::Inherit)?.wait()?.exit {
        Exit::Code(code) => Ok(ExitCode::from(u8::try_from(code)?)),
        _ => Ok(ExitCode::FAILURE),
    }
}
