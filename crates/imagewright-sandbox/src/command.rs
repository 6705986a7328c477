//! The command's process until it becomes the command: gives up privileges, finds the program, executes it.

use std::convert::Infallible;
use std::ffi::CString;
use std::fs::File;
use std::io;

use nix::errno::Errno;
use nix::sys::signal::SigSet;
use nix::unistd::Uid;

use crate::limits::Enforcement;
use crate::protocol::{self, Attempt, Failure, Record, errno_of};
use crate::{SandboxSpec, Stdio, privileges, sys};

/// Where programs are looked up when the environment has no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Becomes the command. Why it could not is told as a record.
pub(crate) fn main(spec: &SandboxSpec, stdio: Stdio, limits: &Enforcement, records: &File) -> ! {
    let Err(failure) = become_command(spec, stdio, limits);
    // If this fails too, the exit code is all there is.
    let _ = protocol::send_record(records, &Record::Failed(failure));
    std::process::exit(127)
}

fn become_command(spec: &SandboxSpec, stdio: Stdio, limits: &Enforcement) -> Result<Infallible, Failure> {
    limits.enter()?;
    if stdio == Stdio::Piped {
        nix::unistd::setsid().attempt("start a session")?;
        hand_over_streams(Uid::from_raw(spec.user.uid)).attempt("hand over standard output")?;
    }
    sys::default_signals().attempt("reset signals")?;
    SigSet::empty().thread_set_mask().attempt("unblock signals")?;
    nix::unistd::chdir(&spec.working_directory).map_err(|errno| Failure::WorkingDirectory {
        path: spec.working_directory.clone(),
        errno: errno as i32,
    })?;
    privileges::assume(&spec.user, &spec.privileges)?;
    execute(spec).map_err(|error| Failure::Exec { program: spec.command[0].clone(), errno: errno_of(error) })
}

/// Gives the pipes to the command's user: opening `/dev/stdout` is opening the pipe anew.
fn hand_over_streams(user: Uid) -> nix::Result<()> {
    nix::unistd::fchown(io::stdout(), Some(user), None)?;
    nix::unistd::fchown(io::stderr(), Some(user), None)
}

/// Does what `execvpe` does, except for passing files the kernel does not know to a shell.
fn execute(spec: &SandboxSpec) -> io::Result<Infallible> {
    let arguments: Vec<CString> =
        spec.command.iter().map(|word| CString::new(word.as_str())).collect::<Result<_, _>>()?;
    let environment: Vec<CString> = spec
        .environment
        .iter()
        .map(|(name, value)| CString::new(format!("{name}={value}")))
        .collect::<Result<_, _>>()?;
    let mut reason = Errno::ENOENT;
    for candidate in candidates(&spec.command[0], &spec.environment) {
        let Err(errno) = nix::unistd::execve(&CString::new(candidate)?, &arguments, &environment);
        match errno {
            Errno::ENOENT | Errno::ENOTDIR => {}
            Errno::EACCES => reason = errno,
            _ => return Err(errno.into()),
        }
    }
    Err(reason.into())
}

fn candidates(program: &str, environment: &[(String, String)]) -> Vec<String> {
    if program.contains('/') {
        return vec![program.to_owned()];
    }
    let path = environment.iter().find(|(name, _)| name == "PATH").map_or(DEFAULT_PATH, |(_, value)| value);
    path.split(':')
        .map(|directory| if directory.is_empty() { "." } else { directory })
        .map(|directory| format!("{directory}/{program}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_looked_up_on_the_given_path() {
        let path = |value: &str| vec![("PATH".to_owned(), value.to_owned())];
        let cases = [
            ("/bin/sh", path("/usr/bin"), vec!["/bin/sh"]),
            ("./run", path("/usr/bin"), vec!["./run"]),
            ("sh", path("/a:/b"), vec!["/a/sh", "/b/sh"]),
            ("sh", path(":/b:"), vec!["./sh", "/b/sh", "./sh"]),
        ];
        for (program, environment, expected) in cases {
            assert_eq!(candidates(program, &environment), expected, "{program} in {environment:?}");
        }
        assert!(candidates("sh", &[]).contains(&"/bin/sh".to_owned()));
    }
}
