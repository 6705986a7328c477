//! Why there is no kernelspec.

use imagewright_model::ErrorKind;

use crate::KernelspecName;
use crate::proxy::Proxy;

/// Why a kernelspec cannot be made, read or changed.
#[derive(Debug, thiserror::Error)]
pub enum KernelspecError {
    /// Not a name.
    #[error(
        "`{name}` is not the name of a kernelspec: letters, digits, `.`, `-` and `_`, not beginning with a dot"
    )]
    Name {
        /// What was given.
        name: String,
        /// A name like it.
        like: Option<KernelspecName>,
    },
    /// No such process proxy.
    #[error("there is no process proxy `{name}`")]
    UnknownProxy {
        /// What was given.
        name: String,
        /// The one that may be meant.
        like: Option<Proxy>,
    },
    /// `kernel.json` is no JSON, or no kernelspec.
    #[error("`{name}/kernel.json` is no kernelspec: {reason}")]
    Malformed {
        /// The kernelspec.
        name: String,
        /// What is wrong, with line and column where it is no JSON.
        reason: String,
    },
    /// The kernel that should be started is of another language than that of the kernelspec to start from.
    #[error("kernelspec `{name}` is for {spec}, and the image's kernel is for {image}")]
    Language {
        /// The kernelspec.
        name: String,
        /// Its language.
        spec: String,
        /// That of the image.
        image: String,
    },
    /// The kernelspec to start from is for another process proxy.
    #[error("kernelspec `{name}` is for {}, and --proxy says `{wanted}`", .known.as_deref().unwrap_or("no process proxy"))]
    Proxy {
        /// The kernelspec.
        name: String,
        /// Its own.
        known: Option<String>,
        /// What was asked for.
        wanted: Proxy,
    },
    /// A value that is not possible for a process proxy.
    #[error("`{option}` means nothing for process proxy `{proxy}`")]
    NotForProxy {
        /// The option.
        option: &'static str,
        /// The process proxy.
        proxy: Proxy,
    },
    /// A value that a process proxy needs.
    #[error("process proxy `{proxy}` needs `{option}`: {why}")]
    Missing {
        /// The option.
        option: &'static str,
        /// The process proxy.
        proxy: Proxy,
        /// What for.
        why: &'static str,
    },
    /// Not a range of ports.
    #[error("`{range}` is not a range of ports: {reason}")]
    PortRange {
        /// What was given.
        range: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// Not a variable that a kernelspec can set.
    #[error("`{name}` is not the name of a variable for kernels: {reason}")]
    Variable {
        /// The name.
        name: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// An empty value.
    #[error("the {what} of the kernelspec is empty")]
    Empty {
        /// Of what.
        what: &'static str,
    },
    /// Not a name that Kubernetes takes.
    #[error("`{name}` is no name in a Kubernetes cluster")]
    ClusterName {
        /// What was given.
        name: String,
    },
    /// Not a name that Docker takes.
    #[error("`{name}` is no name of a network or volume of Docker")]
    DockerName {
        /// What was given.
        name: String,
    },
    /// Not a path on a host.
    #[error("`{path}` is no path from the root of a host")]
    HostPath {
        /// What was given.
        path: String,
    },
    /// Not addresses that a network of our own could have.
    #[error("`{text}` is no range of private addresses")]
    Subnet {
        /// What was given.
        text: String,
    },
    /// Not a list of allowed kernels.
    #[error("`{list}` is not a list of allowed kernels: {reason}")]
    Allowed {
        /// What was given.
        list: String,
        /// What is wrong.
        reason: String,
    },
}

impl KernelspecError {
    /// What decides the exit code.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Malformed { .. } => ErrorKind::Invalid,
            Self::Language { .. } | Self::Proxy { .. } => ErrorKind::Conflict,
            _ => ErrorKind::Usage,
        }
    }

    /// What would put it right.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Name { like, .. } => like.as_ref().map(|name| format!("did you mean `{name}`?")),
            Self::UnknownProxy { like: Some(proxy), .. } => Some(format!("did you mean `{proxy}`?")),
            Self::UnknownProxy { like: None, .. } => {
                let names: Vec<_> = Proxy::ALL.iter().map(Proxy::to_string).collect();
                Some(format!("there are {}", names.join(", ")))
            }
            Self::Language { image, .. } => Some(format!(
                "make another kernelspec for {image}: `imagewright kernelspec create`, without --from"
            )),
            Self::Proxy { .. } => Some("leave --proxy out, or start from a kernelspec for it".to_owned()),
            Self::NotForProxy { option, .. } => Some(format!("leave `{option}` out")),
            Self::PortRange { .. } => Some("write it as `40000..41000`".to_owned()),
            Self::ClusterName { .. } => {
                Some("use lower-case letters, digits and `-`, at most 63 of them".to_owned())
            }
            Self::DockerName { .. } => {
                Some("use letters, digits, `-`, `_` and `.`, beginning with one of the first two".to_owned())
            }
            Self::HostPath { .. } => Some("write it from `/`, and without a colon".to_owned()),
            Self::Subnet { .. } => {
                Some("write it as `10.213.0.0/16`; what follows the slash is 8, 16 or 24".to_owned())
            }
            Self::Allowed { .. } => {
                Some("write it as `'python_docker','r_docker'`, or `null` for all".to_owned())
            }
            _ => None,
        }
    }
}
