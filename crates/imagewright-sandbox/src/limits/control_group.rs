//! One control group: made, entered, asked, removed. Its name tells whose it is, so that what a killed helper
//! left behind is found and removed by the next one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Limits;
use super::hierarchy::{Controller, Place, Version};

const PREFIX: &str = "imagewright-";

/// Microseconds over which the kernel measures processor time.
const CPU_PERIOD: u32 = 100_000;

/// The kernel takes a moment to let go of processes that have ended.
const LONGEST_REMOVAL: Duration = Duration::from_secs(2);

/// A control group of this process's own, empty at first.
pub(super) struct ControlGroup {
    directory: PathBuf,
    version: Version,
    /// Takes the processes, also from where this file cannot be named any more.
    entrance: File,
}

impl ControlGroup {
    /// Makes a group in `place` that keeps the limits it can control.
    pub(super) fn create(place: &Place, limits: &Limits) -> io::Result<Self> {
        sweep(&place.directory);
        let owner = std::process::id();
        let start = start_time(owner).ok_or(io::ErrorKind::NotFound)?;
        let directory = place.directory.join(format!("{PREFIX}{owner}-{start}"));
        fs::create_dir(&directory)?;
        match furnish(&directory, place, limits) {
            Ok(entrance) => Ok(Self { directory, version: place.version, entrance }),
            Err(error) => {
                let _ = fs::remove_dir(&directory);
                Err(error)
            }
        }
    }

    /// Moves this process into the group.
    pub(super) fn enter(&self) -> io::Result<()> {
        (&self.entrance).write_all(b"0")
    }

    /// Whether the kernel killed processes of the group because there was no memory for them.
    pub(super) fn has_killed(&self) -> bool {
        let name = match self.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        fs::read_to_string(self.directory.join(name)).is_ok_and(|events| parse_kills(&events) > 0)
    }

    /// Removes the group, whose processes have ended.
    pub(super) fn remove(self) {
        let start = Instant::now();
        while fs::remove_dir(&self.directory).is_err_and(|error| error.kind() == io::ErrorKind::ResourceBusy)
            && start.elapsed() < LONGEST_REMOVAL
        {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Sets the limits of a new group and opens it for processes.
fn furnish(directory: &Path, place: &Place, limits: &Limits) -> io::Result<File> {
    takes_processes(directory)?;
    for controller in &place.controllers {
        set(directory, place.version, *controller, limits)?;
    }
    File::options().write(true).open(directory.join("cgroup.procs"))
}

/// Refuses a group below one of threads, which takes no processes.
fn takes_processes(directory: &Path) -> io::Result<()> {
    match fs::read_to_string(directory.join("cgroup.type")) {
        Ok(kind) if kind.trim() != "domain" => Err(io::ErrorKind::Unsupported.into()),
        // The first version knows only one kind.
        _ => Ok(()),
    }
}

/// Has the kernel keep the limit that `controller` is for.
fn set(directory: &Path, version: Version, controller: Controller, limits: &Limits) -> io::Result<()> {
    let Settings { needed, helpful } = settings(version, controller, limits);
    for (name, value) in needed {
        fs::write(directory.join(name), value)?;
    }
    for (name, value) in helpful {
        // Not every kernel has these, and the limit is kept without them.
        let _ = fs::write(directory.join(name), value);
    }
    Ok(())
}

/// Files of a group and what to write into them, in this order.
#[derive(Debug, PartialEq, Eq)]
struct Settings {
    needed: Vec<(&'static str, String)>,
    helpful: Vec<(&'static str, String)>,
}

fn settings(version: Version, controller: Controller, limits: &Limits) -> Settings {
    let memory = limits.memory.unwrap_or(u64::MAX).to_string();
    let processes = limits.processes.map_or_else(|| "max".to_owned(), |count| count.to_string());
    // Saturates.
    let quota = (limits.cpu.unwrap_or(f64::INFINITY) * f64::from(CPU_PERIOD)) as i64;
    let only = |needed| Settings { needed, helpful: Vec::new() };
    match (version, controller) {
        (Version::One, Controller::Memory) => Settings {
            needed: vec![("memory.limit_in_bytes", memory.clone())],
            // Memory and swap space together.
            helpful: vec![("memory.memsw.limit_in_bytes", memory)],
        },
        (Version::Two, Controller::Memory) => Settings {
            needed: vec![("memory.max", memory)],
            // No swap space; and when there is not enough memory for one process, all are killed.
            helpful: vec![("memory.swap.max", "0".to_owned()), ("memory.oom.group", "1".to_owned())],
        },
        (_, Controller::Processes) => only(vec![("pids.max", processes)]),
        (Version::One, Controller::Cpu) => {
            only(vec![("cpu.cfs_period_us", CPU_PERIOD.to_string()), ("cpu.cfs_quota_us", quota.to_string())])
        }
        (Version::Two, Controller::Cpu) => only(vec![("cpu.max", format!("{quota} {CPU_PERIOD}"))]),
    }
}

/// Removes groups whose owners were killed before they could do it. Those with processes in them stay.
fn sweep(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.filter_map(Result::ok) {
        let is_left = entry.file_name().to_str().and_then(parse_name).is_some_and(|owner| !owner.is_alive());
        if is_left {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// A process, told from a later one with the same number by its start.
#[derive(Debug, PartialEq, Eq)]
struct Owner {
    process: u32,
    start: u64,
}

impl Owner {
    fn is_alive(&self) -> bool {
        start_time(self.process) == Some(self.start)
    }
}

fn parse_name(name: &str) -> Option<Owner> {
    let (process, start) = name.strip_prefix(PREFIX)?.split_once('-')?;
    Some(Owner { process: process.parse().ok()?, start: start.parse().ok()? })
}

/// When a process started, in the kernel's ticks since the machine did.
fn start_time(process: u32) -> Option<u64> {
    parse_start_time(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

fn parse_start_time(stat: &str) -> Option<u64> {
    // The program's name, in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(19)?.parse().ok()
}

/// How often the kernel has killed, from a file of names and numbers.
fn parse_kills(events: &str) -> u64 {
    let kills = events.lines().find_map(|line| line.strip_prefix("oom_kill "));
    kills.and_then(|count| count.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_each_version_understands() {
        let limits = Limits { memory: Some(1 << 20), processes: Some(7), cpu: Some(1.5) };
        let needed = |version, controller| {
            let settings = settings(version, controller, &limits).needed;
            settings.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
        };
        for (version, controller, expected) in [
            (Version::One, Controller::Memory, "memory.limit_in_bytes=1048576"),
            (Version::One, Controller::Processes, "pids.max=7"),
            (Version::One, Controller::Cpu, "cpu.cfs_period_us=100000 cpu.cfs_quota_us=150000"),
            (Version::Two, Controller::Memory, "memory.max=1048576"),
            (Version::Two, Controller::Processes, "pids.max=7"),
            (Version::Two, Controller::Cpu, "cpu.max=150000 100000"),
        ] {
            assert_eq!(needed(version, controller), expected);
        }
    }

    #[test]
    fn reads_what_the_kernel_writes() {
        let stat = "42 (a b) c) S 1 42 42 0 -1 4194560 5 0 0 0 1 2 3 4 20 0 1 0 987654 8192 0 184 0";
        assert_eq!(parse_start_time(stat), Some(987_654));
        assert_eq!(parse_start_time(""), None);
        assert_eq!(parse_kills("oom_kill_disable 0\nunder_oom 1\noom_kill 3\n"), 3);
        assert_eq!(parse_kills("low 0\nmax 9\noom 1\noom_kill 0\noom_group_kill 1\n"), 0);
        assert_eq!(parse_kills(""), 0);
    }

    #[test]
    fn knows_its_own_names_only() {
        assert_eq!(parse_name("imagewright-12-345"), Some(Owner { process: 12, start: 345 }));
        for name in
            ["imagewright-12", "imagewright--1-2", "other-12-345", "imagewright-a-b", "imagewright-1-2-3"]
        {
            assert_eq!(parse_name(name), None, "{name}");
        }
        let this = std::process::id();
        let start = start_time(this).unwrap();
        assert!(Owner { process: this, start }.is_alive());
        assert!(!Owner { process: this, start: start + 1 }.is_alive());
    }
}
