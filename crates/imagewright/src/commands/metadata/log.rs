//! Log lines on standard error, in Elyra's form: `[W 2026-11-26 04:28:50,016.016] text`.

use anstream::eprintln;
use jiff::Timestamp;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Debug,
    Info,
    Warning,
    Error,
    Critical,
}

/// Where lines go.
#[derive(Debug)]
pub(super) struct Log {
    from: Level,
}

impl Log {
    pub(super) fn new(quiet: bool) -> Self {
        Self { from: if quiet { Level::Error } else { Level::Info } }
    }

    /// Sets the level by Python's name for it.
    pub(super) fn set_level(&mut self, name: &str) -> Result<(), ()> {
        self.from = match name {
            "DEBUG" | "10" => Level::Debug,
            "INFO" | "20" => Level::Info,
            "WARNING" | "WARN" | "30" => Level::Warning,
            "ERROR" | "40" => Level::Error,
            "CRITICAL" | "FATAL" | "50" => Level::Critical,
            _ => return Err(()),
        };
        Ok(())
    }

    pub(super) fn line(&self, level: Level, text: &str) {
        if level < self.from {
            return;
        }
        let letter = match level {
            Level::Debug => 'D',
            Level::Info => 'I',
            Level::Warning => 'W',
            Level::Error => 'E',
            Level::Critical => 'C',
        };
        let now = Timestamp::now();
        let milliseconds = now.subsec_millisecond();
        let time = now.strftime("%Y-%m-%d %H:%M:%S");
        eprintln!("[{letter} {time},{milliseconds:03}.{milliseconds:03}] {text}");
    }
}
