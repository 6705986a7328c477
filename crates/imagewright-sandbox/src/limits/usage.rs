//! What a process and all below it use. All of a sandbox's processes are below its first one: those that lose
//! their parent get it as their new one.

use std::fs;
use std::path::Path;

use nix::unistd::Pid;

/// Whether the kernel tells which processes are below another.
pub(super) fn is_measurable() -> bool {
    Path::new("/proc/thread-self/children").exists()
}

/// Processes and threads, from `top` on.
pub(super) fn tasks_below(top: Pid) -> u64 {
    from(top).into_iter().map(|process| tasks(process).len() as u64).sum()
}

/// Whether the processes from `top` on have more than `limit` bytes of memory together.
pub(super) fn exceeds(top: Pid, limit: u64) -> bool {
    let processes = from(top);
    // Cheap, and too high: what several processes share it counts for each, and files it counts as well.
    let resident: u64 = processes.iter().map(|process| resident(*process)).sum();
    resident > limit && processes.iter().map(|process| own_memory(*process)).sum::<u64>() > limit
}

fn from(top: Pid) -> Vec<i32> {
    let mut processes = vec![top.as_raw()];
    let mut next = 0;
    while let Some(process) = processes.get(next).copied() {
        for task in tasks(process) {
            let children = read(&format!("/proc/{process}/task/{task}/children"));
            processes
                .extend(children.split_ascii_whitespace().filter_map(|number| number.parse::<i32>().ok()));
        }
        next += 1;
    }
    processes
}

fn tasks(process: i32) -> Vec<String> {
    let Ok(entries) = fs::read_dir(format!("/proc/{process}/task")) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

fn resident(process: i32) -> u64 {
    let pages = read(&format!("/proc/{process}/statm"));
    let pages: u64 = pages.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * page_size()
}

fn page_size() -> u64 {
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten();
    size.and_then(|size| size.try_into().ok()).unwrap_or(4096)
}

fn own_memory(process: i32) -> u64 {
    parse_own_memory(&read(&format!("/proc/{process}/smaps_rollup")))
}

/// Memory that is no copy of a file's, of which each of those who share it counts its part.
fn parse_own_memory(rollup: &str) -> u64 {
    let kibibytes = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let counts = matches!(name, "Pss_Anon" | "Pss_Shmem");
        counts.then(|| value.trim().strip_suffix(" kB")?.parse::<u64>().ok()).flatten()
    };
    rollup.lines().filter_map(kibibytes).sum::<u64>() * 1024
}

/// A file of a process that may have ended by now: then it is empty.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn counts_memory_that_is_not_a_files() {
        let rollup = "55d0-7ffc ---p 00000000 00:00 0 [rollup]\nRss: 900 kB\nPss: 500 kB\nPss_Dirty: 7 kB\n\
                      Pss_Anon:      100 kB\nPss_File:      300 kB\nPss_Shmem:      20 kB\n";
        assert_eq!(parse_own_memory(rollup), 120 * 1024);
        assert_eq!(parse_own_memory(""), 0);
    }

    #[test]
    fn measures_processes_below_processes() {
        let mut child = Command::new("sh")
            .args(["-c", "(sleep 1000 & wait) & sleep 1000"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let top = Pid::from_raw(child.id().try_into().unwrap());
        let start = std::time::Instant::now();
        while tasks_below(top) < 4 {
            assert!(start.elapsed().as_secs() < 10, "{} tasks", tasks_below(top));
        }
        assert!(exceeds(top, 1000));
        assert!(!exceeds(top, 1 << 40));
        for process in from(top).into_iter().rev() {
            let _ = nix::sys::signal::kill(Pid::from_raw(process), nix::sys::signal::Signal::SIGKILL);
        }
        child.wait().unwrap();
    }
}
