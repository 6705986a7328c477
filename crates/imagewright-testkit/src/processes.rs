//! Looks for what must not be left: processes and mounts, of whoever on this machine.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether a process of the machine has exactly `word` among its arguments.
pub fn is_running(word: &str) -> bool {
    processes().any(|process| {
        let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes())
    })
}

/// Whether a process of the machine sees something mounted that lies below `path`, which has an unusual name.
pub fn is_mounted(path: &Path) -> bool {
    let name = path.file_name().expect("it has a name").to_string_lossy();
    processes().any(|process| {
        let mounts = fs::read_to_string(format!("/proc/{process}/mountinfo")).unwrap_or_default();
        mounts.contains(&*name)
    })
}

/// A process, told from a later one of the same number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    number: u32,
    start: String,
}

impl Process {
    /// Whether it is still there, and more than an exit code nobody has asked for.
    pub fn is_running(&self) -> bool {
        status(self.number).is_some_and(|status| status.process == *self && !status.is_over)
    }
}

/// A process and all that it started, and they started.
pub fn family_of(number: u32) -> Vec<Process> {
    let all: Vec<Status> = processes().filter_map(status).collect();
    let mut family: Vec<&Status> = all.iter().filter(|status| status.process.number == number).collect();
    let mut next = 0;
    while let Some(parent) = family.get(next).map(|status| status.process.number) {
        family.extend(all.iter().filter(|status| status.parent == parent));
        next += 1;
    }
    family.into_iter().map(|status| status.process.clone()).collect()
}

/// What `/proc/<number>/stat` tells.
struct Status {
    process: Process,
    parent: u32,
    is_over: bool,
}

fn status(number: u32) -> Option<Status> {
    let text = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let process = Process { number, start: (*fields.get(19)?).to_owned() };
    Some(Status { process, parent: fields.get(1)?.parse().ok()?, is_over: matches!(fields[0], "Z" | "X") })
}

/// The same command in another network namespace.
pub fn in_network(network: &Path, inner: &Command) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net={}", network.display())).arg("--").arg(inner.get_program());
    command.args(inner.get_args()).stdin(Stdio::null());
    if let Some(folder) = inner.get_current_dir() {
        command.current_dir(folder);
    }
    command.env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

/// Waits until `condition` holds, and tells how long that took.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
    start.elapsed()
}

/// Whether a process writes a file below `folder`, be it one without a name.
pub fn is_writing_below(process: u32, folder: &Path) -> bool {
    let entries = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    let is_writable = |number: &str| {
        let told = fs::read_to_string(format!("/proc/{process}/fdinfo/{number}")).unwrap_or_default();
        let flags = told.lines().find_map(|line| line.strip_prefix("flags:")).map(str::trim);
        flags.and_then(|flags| u32::from_str_radix(flags, 8).ok()).is_some_and(|flags| flags & 0o3 != 0)
    };
    entries.into_iter().any(|entry| {
        let is_below = fs::read_link(entry.path()).is_ok_and(|path| path.starts_with(folder));
        is_below && entry.file_name().to_str().is_some_and(is_writable)
    })
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").expect("there is /proc").filter_map(Result::ok);
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_found_and_its_end_is_seen() {
        let mut child = Command::new("sh").args(["-c", "sleep 60 & wait"]).spawn().expect("there is a shell");
        wait_until("it has a child", || family_of(child.id()).len() == 2);
        let family = family_of(child.id());
        assert!(family.iter().all(Process::is_running));
        let sleeper = i32::try_from(family[1].number).expect("it is a process number");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(sleeper), nix::sys::signal::Signal::SIGKILL)
            .expect("it is ours");
        child.wait().expect("it is a child");
        wait_until("both are gone", || !family.iter().any(Process::is_running));
    }
}
