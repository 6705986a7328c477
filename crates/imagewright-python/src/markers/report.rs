//! What uv finds out about an interpreter.
//!
//! uv runs a program of its own in the interpreter, which answers with one JSON object. Whoever stands between the two
//! has the answer too, and with it all that is needed to choose wheels without asking again.

use pep508_rs::MarkerEnvironment;
use serde::{Deserialize, Serialize};

use crate::tags::{Implementation, Platform, Tags};

/// An interpreter as uv 0.13 sees it. What is not needed for choosing and installing wheels is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterpreterReport {
    /// Values of the environment markers.
    pub markers: MarkerEnvironment,
    /// The interpreter's own path.
    pub sys_executable: String,
    /// Where its environment begins.
    pub sys_prefix: String,
    /// Where the interpreter that the environment was made from begins; `sys_prefix` outside of environments.
    pub sys_base_prefix: String,
    /// Where its standard library lies.
    pub stdlib: String,
    /// Folders that it imports packages from.
    pub site_packages: Vec<String>,
    /// Where packages go that are installed into it.
    pub scheme: Scheme,
    /// Where packages go in an environment made from it, as seen from the environment's folder.
    pub virtualenv: Scheme,
    /// Suffixes of extension modules, the most special first.
    pub extension_suffixes: Vec<String>,
    /// Whether it is one that can be moved (a build of python-build-standalone).
    pub standalone: bool,
    /// Whether it was built without the global interpreter lock.
    pub gil_disabled: bool,
    /// Whether it was built for debugging.
    pub debug_enabled: bool,
    /// Whether it says that wheels made for manylinux run on it.
    pub manylinux_compatible: bool,
    pointer_size: String,
    os: OperatingSystem,
    arch: String,
}

/// Folders that the parts of a package go to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheme {
    /// Modules that are the same everywhere.
    pub purelib: String,
    /// Modules for one platform.
    pub platlib: String,
    /// Headers.
    pub include: String,
    /// Programs.
    pub scripts: String,
    /// Everything else.
    pub data: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct OperatingSystem {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    major: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    minor: Option<u32>,
}

/// Why an answer does not describe an interpreter that packages can be installed for.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// It is not the JSON that it must be.
    #[error("the interpreter's answer is not what uv's question leads to")]
    Malformed(#[source] serde_json::Error),
    /// The interpreter cannot be used.
    #[error("the interpreter cannot be used: {}", .0.replace('_', " "))]
    Refused(String),
    /// The interpreter does not run on Linux.
    #[error("the interpreter is one for `{0}`, not for linux")]
    NotLinux(String),
}

impl ReportError {
    /// What may be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Malformed(_) => {
                Some("run `scripts/fetch-uv`: another version of uv may be in use".to_owned())
            }
            Self::Refused(_) => Some("name another interpreter, one of Python 3.7 or later".to_owned()),
            Self::NotLinux(_) => None,
        }
    }
}

/// Every answer says first whether it is one.
#[derive(Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
enum Answer {
    Success(Box<InterpreterReport>),
    Error { kind: String },
}

impl InterpreterReport {
    /// Reads the answer to uv's question.
    ///
    /// # Errors
    /// Refuses other texts, and interpreters that are not for Linux.
    pub fn parse(text: &str) -> Result<Self, ReportError> {
        match serde_json::from_str(text).map_err(ReportError::Malformed)? {
            Answer::Error { kind } => Err(ReportError::Refused(kind)),
            Answer::Success(report) if matches!(&*report.os.name, "manylinux" | "musllinux") => Ok(*report),
            Answer::Success(report) => Err(ReportError::NotLinux(report.os.name)),
        }
    }

    /// Version of the language (major, minor).
    pub fn version(&self) -> (u32, u32) {
        let release = self.markers.python_version().release();
        let part = |index: usize| release.get(index).and_then(|part| u32::try_from(*part).ok()).unwrap_or(0);
        (part(0), part(1))
    }

    /// What it loads as an extension module.
    pub fn implementation(&self) -> Implementation {
        match self.markers.implementation_name() {
            "cpython" => {
                Implementation::CPython { free_threaded: self.gil_disabled, debug: self.debug_enabled }
            }
            other => {
                let suffix = self.extension_suffixes.first().map(String::as_str).unwrap_or_default();
                Implementation::from_extension_suffix(other, suffix)
            }
        }
    }

    /// What a binary must be made for to run with it.
    pub fn platform(&self) -> Platform {
        let architecture = match (self.arch.as_str(), self.pointer_size.as_str()) {
            // An interpreter of 32 bits on a kernel of 64.
            ("x86_64", "32") => "i686".to_owned(),
            ("aarch64", "32") => "armv8l".to_owned(),
            (other, _) => other.replace(['-', '.', ' '], "_"),
        };
        match (self.os.name.as_str(), self.os.major.zip(self.os.minor)) {
            ("manylinux", Some(glibc)) if self.manylinux_compatible => {
                Platform::Manylinux { glibc, architecture }
            }
            ("musllinux", Some(musl)) => Platform::Musllinux { musl, architecture },
            _ => Platform::Linux { architecture },
        }
    }

    /// The wheels that it takes.
    pub fn tags(&self) -> Tags {
        Tags::new(&self.implementation(), self.version(), &self.platform())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What Debian 12's Python answers to uv 0.13.8.
    const DEBIAN: &str = include_str!("../../tests/fixtures/interpreter-debian-12.json");

    pub(crate) fn debian() -> InterpreterReport {
        InterpreterReport::parse(DEBIAN).unwrap()
    }

    fn changed(from: &str, to: &str) -> Result<InterpreterReport, ReportError> {
        assert!(DEBIAN.contains(from), "{from}");
        InterpreterReport::parse(&DEBIAN.replace(from, to))
    }

    #[test]
    fn an_answer_is_read() {
        let report = debian();
        assert_eq!(report.version(), (3, 11));
        assert_eq!(report.sys_executable, "/usr/bin/python3");
        assert_eq!(report.scheme.purelib, "/usr/local/lib/python3.11/dist-packages");
        assert_eq!(report.virtualenv.scripts, "bin");
        assert_eq!(report.implementation(), Implementation::CPython { free_threaded: false, debug: false });
        let platform = Platform::Manylinux { glibc: (2, 36), architecture: "x86_64".into() };
        assert_eq!(report.platform(), platform);
        assert_eq!(report.tags().iter().len(), 914);
        let again = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<InterpreterReport>(&again).unwrap(), report);
    }

    #[test]
    fn other_interpreters_have_other_tags() {
        let musl = (
            "\"manylinux\",\n    \"major\": 2,\n    \"minor\": 36",
            "\"musllinux\", \"major\": 1, \"minor\": 2",
        );
        let cases = [
            (("\"gil_disabled\": false", "\"gil_disabled\": true"), "cp311-cp311-manylinux_2_36_x86_64"),
            (("\"debug_enabled\": false", "\"debug_enabled\": true"), "cp311-cp311d-manylinux_2_36_x86_64"),
            (("\"pointer_size\": \"64\"", "\"pointer_size\": \"32\""), "cp311-cp311-manylinux_2_36_i686"),
            (
                ("\"manylinux_compatible\": true", "\"manylinux_compatible\": false"),
                "cp311-cp311-linux_x86_64",
            ),
            (("\"arch\": \"x86_64\"", "\"arch\": \"aarch64\""), "cp311-cp311-manylinux_2_36_aarch64"),
            (
                ("\"python_version\": \"3.11\"", "\"python_version\": \"3.14\""),
                "cp314-cp314-manylinux_2_36_x86_64",
            ),
            (musl, "cp311-cp311-musllinux_1_2_x86_64"),
        ];
        for ((from, to), expected) in cases {
            assert_eq!(changed(from, to).unwrap().tags().iter().next(), Some(expected), "{to}");
        }
        let pypy = DEBIAN.replace("\"cpython\"", "\"pypy\"").replace(".cpython-311", ".pypy311-pp73");
        let tags = InterpreterReport::parse(&pypy).unwrap().tags();
        assert_eq!(tags.iter().next(), Some("pp311-pypy311_pp73-manylinux_2_36_x86_64"));
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        let mac = changed("\"manylinux\"", "\"macos\"").unwrap_err();
        assert_eq!(mac.to_string(), "the interpreter is one for `macos`, not for linux");
        let old = r#"{"result": "error", "kind": "unsupported_python_version", "python_version": "2.7.18"}"#;
        let old = InterpreterReport::parse(old).unwrap_err();
        assert_eq!(old.to_string(), "the interpreter cannot be used: unsupported python version");
        for text in ["", "{}", "[]", r#"{"result": "success"}"#] {
            assert!(matches!(InterpreterReport::parse(text), Err(ReportError::Malformed(_))), "{text}");
        }
    }
}
