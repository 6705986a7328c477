//! Looks for what must not be left: processes and mounts, of whoever on this machine.

use std::fs;
use std::path::Path;
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

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").expect("there is /proc").filter_map(Result::ok);
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}
