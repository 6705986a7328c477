//! How starting a kernel goes wrong, and the exit codes that say so.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::ports::PortRange;

/// Why no kernel was started, or none was offered.
#[derive(Debug, thiserror::Error)]
pub enum LauncherError {
    /// What must be said was not said.
    #[error("{} not given: {}", if names.len() == 1 { "this is" } else { "these are" }, names.join(", "))]
    Missing {
        /// Variables and options that would say it.
        names: Vec<String>,
    },
    /// An option that nobody knows, or one without its value.
    #[error("{what}")]
    Option {
        /// The whole sentence.
        what: String,
    },
    /// A value that means nothing.
    #[error("`{name}` is `{value}`, and must be {expected}")]
    Malformed {
        /// The variable or option.
        name: &'static str,
        /// What it holds.
        value: String,
        /// What it should hold.
        expected: String,
    },
    /// The key is none that can encrypt.
    #[error("`PUBLIC_KEY` is no RSA public key: {reason}")]
    PublicKey {
        /// What is wrong with it.
        reason: String,
    },
    /// There is no kernelspec of that name.
    #[error("there is no kernelspec `{name}`; there are: {}", listed(known))]
    UnknownKernelspec {
        /// The name that was asked for.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// No kernel of the image speaks the language.
    #[error("no kernel for the language `{language}` is installed; kernelspecs: {}", listed(known))]
    UnknownLanguage {
        /// The language.
        language: String,
        /// The kernelspecs that there are.
        known: Vec<String>,
    },
    /// Several kernels speak it.
    #[error("several kernelspecs are for the language `{language}`: {}", listed(names))]
    Ambiguous {
        /// The language.
        language: String,
        /// Their names.
        names: Vec<String>,
    },
    /// A kernelspec cannot be read.
    #[error("`{}` cannot be used: {reason}", file.display())]
    Kernelspec {
        /// Its `kernel.json`.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The kernel needs something that is not in the image.
    #[error("{what}")]
    Lacking {
        /// The whole sentence.
        what: String,
    },
    /// A setting that only some kernels have.
    #[error("`KERNEL_CLASS_NAME` is `{class}`, and `{kernel}` is not ipykernel")]
    ClassName {
        /// The class.
        class: String,
        /// The kernel that was chosen.
        kernel: String,
    },
    /// Too few ports of the range are free.
    #[error("fewer than six ports of the range `{range}` are free")]
    NoPorts {
        /// The range.
        range: PortRange,
    },
    /// The system gave no socket, thread or signal.
    #[error("the system did not let us {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// No folder takes files.
    #[error("no folder takes the connection file; tried: {}", listed(&tried.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>()))]
    NoFolder {
        /// Where it was tried.
        tried: Vec<PathBuf>,
    },
    /// A file could not be written.
    #[error("a file for the kernel could not be written")]
    File(#[source] io::Error),
    /// The program of the kernel does not start.
    #[error("`{program}` could not be started")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// Nobody listens where the reply should go.
    #[error("the reply could not be sent to `{address}`")]
    Reply {
        /// The response address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

impl LauncherError {
    /// The exit code; those of `sysexits.h`, so that they are not taken for a kernel's.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Missing { .. } | Self::Option { .. } | Self::Malformed { .. } | Self::PublicKey { .. } => {
                64
            }
            Self::UnknownKernelspec { .. }
            | Self::UnknownLanguage { .. }
            | Self::Ambiguous { .. }
            | Self::Kernelspec { .. }
            | Self::Lacking { .. }
            | Self::ClassName { .. } => 66,
            Self::Reply { .. } => 69,
            Self::System { .. } | Self::Start { .. } => 71,
            Self::NoFolder { .. } | Self::File(_) => 73,
            Self::NoPorts { .. } => 75,
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Missing { .. } => {
                Some("Enterprise Gateway sets them; outside of it, `docs/kernel-launcher.md` lists them")
            }
            Self::UnknownLanguage { .. } | Self::UnknownKernelspec { .. } => Some(
                "install the kernel with its kernelspec in a data folder of Jupyter, or name the folder in `JUPYTER_PATH`",
            ),
            Self::Ambiguous { .. } => {
                Some("choose one with `IMAGEWRIGHT_KERNELSPEC` in the image or the kernelspec's `env`")
            }
            Self::NoFolder { .. } => Some("make `/tmp` writable for every user, or set `TMPDIR`"),
            Self::NoPorts { .. } => {
                Some("set a larger `port_range` in the kernelspec, or `0..0` for any ports")
            }
            Self::Reply { .. } => Some(
                "the container must reach the gateway: look at `EG_RESPONSE_IP`, `EG_PROHIBITED_LOCAL_IPS` and the container's network",
            ),
            _ => None,
        }
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_exit_code() {
        let page = include_str!("../../../docs/kernel-launcher.md");
        let system = || io::Error::other("nothing");
        let errors = [
            LauncherError::Missing { names: Vec::new() },
            LauncherError::Lacking { what: String::new() },
            LauncherError::Reply { address: ([127, 0, 0, 1], 1).into(), source: system() },
            LauncherError::System { what: "listen", source: system() },
            LauncherError::File(system()),
            LauncherError::NoPorts { range: PortRange::ANY },
        ];
        let codes: Vec<u8> = errors.iter().map(LauncherError::exit_code).collect();
        assert_eq!(codes, [64, 66, 69, 71, 73, 75]);
        for code in codes {
            assert!(page.contains(&format!("\n| {code} | ")), "{code}");
        }
    }
}
