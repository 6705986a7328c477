//! What the processes of a sandbox tell each other, and how failures keep their meaning on the way.

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Exit, LimitHit};

/// Names the descriptor of the control socket in the helper's environment.
pub(crate) const CONTROL_VARIABLE: &str = "IMAGEWRIGHT_SANDBOX_CONTROL";

/// What the helper tells the caller at the end.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) result: Result<Exit, Failure>,
    pub(crate) stubs: Vec<PathBuf>,
    pub(crate) limited: Option<LimitHit>,
    pub(crate) notes: Vec<String>,
}

impl Report {
    pub(crate) fn failed(failure: Failure) -> Self {
        Self { result: Err(failure), stubs: Vec::new(), limited: None, notes: Vec::new() }
    }
}

/// What the first process and the command tell the helper, one after another in one pipe.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Record {
    /// A mount point that did not exist, relative to the root; parents come first.
    Stub(PathBuf),
    /// The command never ran.
    Failed(Failure),
    /// The command ended.
    Ended(Exit),
}

/// A failed operation: which, on what, and the kernel's reason.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Failure {
    Setup { action: Cow<'static, str>, path: Option<PathBuf>, errno: i32 },
    WorkingDirectory { path: PathBuf, errno: i32 },
    Exec { program: String, errno: i32 },
    BrokenOff { status: String },
}

/// Turns a system call's error into a [`Failure`] that says what was tried.
pub(crate) trait Attempt<T> {
    fn attempt(self, action: &'static str) -> Result<T, Failure>;
    fn attempt_on(self, action: &'static str, path: impl AsRef<Path>) -> Result<T, Failure>;
}

impl<T, E: Into<io::Error>> Attempt<T> for Result<T, E> {
    fn attempt(self, action: &'static str) -> Result<T, Failure> {
        self.map_err(|error| Failure::Setup { action: action.into(), path: None, errno: errno_of(error) })
    }

    fn attempt_on(self, action: &'static str, path: impl AsRef<Path>) -> Result<T, Failure> {
        self.map_err(|error| Failure::Setup {
            action: action.into(),
            path: Some(path.as_ref().to_owned()),
            errno: errno_of(error),
        })
    }
}

/// The kernel's number of an error; what std refused by itself was an invalid argument.
pub(crate) fn errno_of(error: impl Into<io::Error>) -> i32 {
    error.into().raw_os_error().unwrap_or(libc::EINVAL)
}

/// Writes `message`, already JSON, as one frame: its length, then itself.
pub(crate) fn send_frame(mut stream: impl Write, message: &[u8]) -> io::Result<()> {
    let length = u32::try_from(message.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
    stream.write_all(&length.to_le_bytes())?;
    stream.write_all(message)
}

/// Reads one frame.
pub(crate) fn receive_frame<T: DeserializeOwned>(mut stream: impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; u32::from_le_bytes(length) as usize];
    stream.read_exact(&mut message)?;
    Ok(serde_json::from_slice(&message)?)
}

/// Writes one record.
pub(crate) fn send_record(mut pipe: impl Write, record: &Record) -> io::Result<()> {
    pipe.write_all(&serde_json::to_vec(record)?)
}

/// Reads the records in `bytes`. The last may be cut short, for its writer may have been killed.
pub(crate) fn parse_records(bytes: &[u8]) -> Vec<Record> {
    serde_json::Deserializer::from_slice(bytes).into_iter().map_while(Result::ok).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_cut_short_is_left_out() {
        let mut bytes = Vec::new();
        send_record(&mut bytes, &Record::Stub("etc/resolv.conf".into())).unwrap();
        let first = bytes.len();
        send_record(&mut bytes, &Record::Ended(Exit::Code(0))).unwrap();
        for end in 0..=bytes.len() {
            let expected = usize::from(end >= first) + usize::from(end == bytes.len());
            assert_eq!(parse_records(&bytes[..end]).len(), expected, "{end} bytes");
        }
    }

    #[test]
    fn frames_follow_each_other() {
        let mut stream = Vec::new();
        send_frame(&mut stream, b"[1,2]").unwrap();
        send_frame(&mut stream, b"\"x\"").unwrap();
        let mut stream = stream.as_slice();
        assert_eq!(receive_frame::<Vec<u8>>(&mut stream).unwrap(), [1, 2]);
        assert_eq!(receive_frame::<String>(&mut stream).unwrap(), "x");
        assert!(receive_frame::<String>(&mut stream).is_err());
    }
}
