//! What the processes of a sandbox use. All of them are below its first one: those that lose their parent get
//! it as their new one.

use std::fs;
use std::path::Path;

use nix::unistd::Pid;

use super::LimitHit;

/// What processes may use when somebody looks, or nothing to look after.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bounds {
    pub(crate) memory: Option<u64>,
    pub(crate) processes: Option<u64>,
}

impl Bounds {
    /// Whether there is nothing to look after.
    pub(crate) fn are_none(&self) -> bool {
        self.memory.is_none() && self.processes.is_none()
    }

    /// Looks at the processes below `first`.
    pub(crate) fn exceeded_below(&self, first: Pid) -> Option<LimitHit> {
        if self.are_none() {
            return None;
        }
        let most = self.processes.unwrap_or(u64::MAX);
        let Some(processes) = below(first.as_raw(), most) else {
            return Some(LimitHit::TooManyProcesses { limit: most });
        };
        let limit = self.memory.filter(|limit| have_more(&processes, *limit))?;
        Some(LimitHit::OutOfMemory { limit })
    }
}

/// Whether the kernel tells which processes are below another.
pub(super) fn is_measurable() -> bool {
    Path::new("/proc/thread-self/children").exists()
}

/// The processes below `top`, unless they and their threads are more than `most`.
fn below(top: i32, most: u64) -> Option<Vec<i32>> {
    let mut processes = children_of(top, tasks_of(top));
    let (mut next, mut count) = (0, 0);
    while let Some(process) = processes.get(next).copied() {
        let tasks = tasks_of(process);
        count += tasks.len() as u64;
        if count > most {
            return None;
        }
        processes.extend(children_of(process, tasks));
        next += 1;
    }
    Some(processes)
}

fn tasks_of(process: i32) -> Vec<String> {
    let Ok(entries) = fs::read_dir(format!("/proc/{process}/task")) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

fn children_of(process: i32, tasks: Vec<String>) -> Vec<i32> {
    let children = tasks.into_iter().map(|task| read(&format!("/proc/{process}/task/{task}/children")));
    let children: Vec<_> = children.collect();
    let numbers = children.iter().flat_map(|children| children.split_ascii_whitespace());
    numbers.filter_map(|number| number.parse().ok()).collect()
}

/// Whether processes have more than `limit` bytes of memory together.
fn have_more(processes: &[i32], limit: u64) -> bool {
    // Cheap, and too high: what several processes share it counts for each, and files it counts as well.
    let resident: u64 = processes.iter().map(|process| resident(*process)).sum();
    resident > limit && processes.iter().map(|process| own_memory(*process)).sum::<u64>() > limit
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
    use std::io::{BufRead, BufReader};
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
    fn sees_all_below() {
        // Three below the outer shell. They end when this process closes their input.
        let script = "(cat <&3 & cat <&3 & echo ready; wait) 3<&0; exit 0";
        let mut top = Command::new("sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        BufReader::new(top.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
        let first = Pid::from_raw(top.id().try_into().unwrap());
        for (memory, processes, expected) in [
            (None, Some(3), None),
            (None, Some(2), Some(LimitHit::TooManyProcesses { limit: 2 })),
            (Some(1000), Some(3), Some(LimitHit::OutOfMemory { limit: 1000 })),
            (Some(1 << 40), None, None),
        ] {
            let bounds = Bounds { memory, processes };
            assert_eq!(bounds.exceeded_below(first), expected, "{bounds:?}");
        }
        drop(top.stdin.take());
        top.wait().unwrap();
    }
}
