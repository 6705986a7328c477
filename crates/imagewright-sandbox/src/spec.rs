//! What to run and in which surroundings: plain data, handed to the helper as it is.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Limits, Privileges, SandboxError};

/// Layers the kernel accepts below one overlay.
const MOST_LOWER_DIRECTORIES: usize = 500;

/// Longest host name the kernel accepts.
const LONGEST_HOST_NAME: usize = 64;

/// Says what to run and in which surroundings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SandboxSpec {
    /// Root file system.
    pub root: Root,
    /// Program and its arguments. A program without a slash is looked up on the `PATH` of `environment`.
    pub command: Vec<String>,
    /// The command's whole environment: nothing is inherited.
    pub environment: Vec<(String, String)>,
    /// Absolute; must exist in the root file system.
    pub working_directory: PathBuf,
    /// Whom the command runs as.
    pub user: User,
    /// Mounted in this order, after `/proc`, `/sys` and `/dev`.
    pub mounts: Vec<Mount>,
    /// Network the command sees.
    pub network: Network,
    /// Host name the command sees.
    pub hostname: String,
    /// What the command may do to the machine.
    pub privileges: Privileges,
    /// The command and all it started are killed after this time.
    pub time_limit: Option<Duration>,
    /// What the command and all it started may use together.
    #[serde(default)]
    pub limits: Limits,
}

/// Root file system of a sandbox.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Root {
    /// Layers with a writable directory on top.
    Overlay {
        /// Absolute directory at which the names in `lower` start.
        base: PathBuf,
        /// Layers, top first. May be empty.
        lower: Vec<PathBuf>,
        /// Absolute directory that receives what the command changes. One directory may serve several commands one after another.
        upper: PathBuf,
        /// The kernel's scratch directory: absolute, on the file system of `upper`, and of no other overlay.
        work: PathBuf,
    },
}

/// Numeric identity of the command. The default is root.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

/// Something of the host that the command sees.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mount {
    /// Absolute path inside. Links in it are followed inside the root file system. What is missing is created;
    /// below `/dev`, which is private, that leaves no trace, elsewhere [`Outcome::stubs`](crate::Outcome) tells.
    pub target: PathBuf,
    /// What is seen there.
    pub source: MountSource,
}

/// What a [`Mount`] shows. Device nodes in it cannot be opened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum MountSource {
    /// A directory of the host; of what is mounted below it only what the kernel does not let a user namespace
    /// leave out.
    Directory {
        /// Absolute path on the host.
        path: PathBuf,
        /// Whether the command cannot change it.
        read_only: bool,
    },
    /// A file of the host.
    File {
        /// Absolute path on the host.
        path: PathBuf,
        /// Whether the command cannot change it.
        read_only: bool,
    },
    /// A file with these bytes, private to this sandbox. What is written to it is lost.
    Contents {
        /// The bytes.
        bytes: Vec<u8>,
        /// Permission bits.
        mode: u32,
        /// User and group it belongs to.
        owner: (u32, u32),
    },
    /// An empty directory in memory, writable for everyone.
    Tmpfs {
        /// Most bytes it holds.
        size: u64,
    },
}

/// Network of a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// The host's.
    Host,
    /// A loopback interface and nothing else.
    None,
    /// That of a [`PrivateNetwork`](crate::PrivateNetwork), which says what to put here.
    Joined {
        /// The process that holds it.
        process: u32,
        /// The number under which that process has it open.
        descriptor: i32,
    },
}

impl SandboxSpec {
    /// Refuses what the kernel would refuse late or cut short silently.
    pub(crate) fn check(&self) -> Result<(), SandboxError> {
        let Root::Overlay { base, lower, upper, work } = &self.root;
        for path in [base, upper, work] {
            check(path.is_absolute(), &format!("`{}` is not an absolute path", path.display()))?;
        }
        if lower.len() > MOST_LOWER_DIRECTORIES {
            return Err(SandboxError::TooManyLayers { count: lower.len(), limit: MOST_LOWER_DIRECTORIES });
        }
        check(!self.command.is_empty() && !self.command[0].is_empty(), "there is no command")?;
        check(!self.command.iter().any(|word| word.contains('\0')), "the command holds a NUL byte")?;
        for (name, value) in &self.environment {
            let valid = !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0');
            check(valid, &format!("environment variable `{}` cannot be set", name.escape_default()))?;
        }
        check(is_plain_absolute(&self.working_directory), "the working directory is not an absolute path")?;
        for Mount { target, .. } in &self.mounts {
            let valid = is_plain_absolute(target) && target != Path::new("/");
            check(valid, &format!("mount target `{}` is not an absolute path below `/`", target.display()))?;
        }
        check(self.hostname.len() <= LONGEST_HOST_NAME, "the host name is longer than 64 bytes")?;
        self.limits.check().map_err(|reason| SandboxError::Invalid { reason })
    }
}

fn check(valid: bool, reason: &str) -> Result<(), SandboxError> {
    if valid { Ok(()) } else { Err(SandboxError::Invalid { reason: reason.to_owned() }) }
}

/// Whether `path` is absolute and free of `..`.
fn is_plain_absolute(path: &Path) -> bool {
    path.is_absolute()
        && path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> SandboxSpec {
        SandboxSpec {
            root: Root::Overlay {
                base: "/layers".into(),
                lower: vec!["a".into()],
                upper: "/upper".into(),
                work: "/work".into(),
            },
            command: vec!["true".to_owned()],
            environment: Vec::new(),
            working_directory: "/".into(),
            user: User::default(),
            mounts: Vec::new(),
            network: Network::None,
            hostname: "sandbox".to_owned(),
            privileges: Privileges::default(),
            time_limit: None,
            limits: Limits::default(),
        }
    }

    fn mount_at(target: &str) -> Mount {
        Mount { target: target.into(), source: MountSource::Tmpfs { size: 1 } }
    }

    #[test]
    fn accepts_a_plain_spec() {
        spec().check().unwrap();
    }

    #[test]
    fn refuses_what_the_kernel_would_refuse_late() {
        type Spoil = fn(&mut SandboxSpec);
        let cases: [(&str, Spoil); 13] = [
            ("no command", |spec| spec.command.clear()),
            ("no command", |spec| spec.command = vec![String::new()]),
            ("NUL", |spec| spec.command.push("a\0b".to_owned())),
            ("variable ``", |spec| spec.environment.push((String::new(), String::new()))),
            ("variable `A=B`", |spec| spec.environment.push(("A=B".to_owned(), String::new()))),
            ("variable `A`", |spec| spec.environment.push(("A".to_owned(), "\0".to_owned()))),
            ("working directory", |spec| spec.working_directory = "srv".into()),
            ("`etc/hosts`", |spec| spec.mounts.push(mount_at("etc/hosts"))),
            ("`/etc/../x`", |spec| spec.mounts.push(mount_at("/etc/../x"))),
            ("`/`", |spec| spec.mounts.push(mount_at("/"))),
            ("64 bytes", |spec| spec.hostname = "x".repeat(65)),
            ("`upper`", |spec| {
                let Root::Overlay { upper, .. } = &mut spec.root;
                *upper = "upper".into();
            }),
            ("501", |spec| {
                let Root::Overlay { lower, .. } = &mut spec.root;
                *lower = vec!["a".into(); 501];
            }),
        ];
        for (expected, spoil) in cases {
            let mut spec = spec();
            spoil(&mut spec);
            let message = spec.check().unwrap_err().to_string();
            assert!(message.contains(expected), "`{message}` lacks `{expected}`");
        }
    }

    #[test]
    fn survives_the_way_to_the_helper() {
        let mut spec = spec();
        spec.time_limit = Some(Duration::from_millis(1500));
        spec.mounts.push(Mount {
            target: "/etc/hosts".into(),
            source: MountSource::Contents { bytes: vec![0, 255, 10], mode: 0o644, owner: (0, 0) },
        });
        let text = serde_json::to_string(&spec).unwrap();
        let back: SandboxSpec = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), text);
    }
}
