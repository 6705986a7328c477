//! Why an image cannot be made one for a kernel.

use std::path::PathBuf;

use imagewright_model::ErrorKind;
use imagewright_model::spec::Origin;

/// Why there is no image for a kernel.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// Our launcher is not among the tools of the store.
    #[error("{origin}: there is no kernel launcher at `{}`", path.display())]
    NoLauncher {
        /// Where the kernel was asked for.
        origin: Origin,
        /// Where it should be.
        path: PathBuf,
    },
    /// An archive of kernel image files cannot be read.
    #[error("{origin}: the kernel image files `{}` cannot be read", path.display())]
    Unreadable {
        /// Where the kernel was asked for.
        origin: Origin,
        /// The archive.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// An archive has another hash.
    #[error("{origin}: the SHA-256 of `{}` is {found}, not {expected}", path.display())]
    OtherHash {
        /// Where the kernel was asked for.
        origin: Origin,
        /// The archive.
        path: PathBuf,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// An archive is not one of kernel image files.
    #[error("{origin}: `{name}` is no archive of Enterprise Gateway's kernel image files: {reason}")]
    NotImageFiles {
        /// Where the kernel was asked for.
        origin: Origin,
        /// The archive.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A kernelspec that was named is not in the image.
    #[error("{origin}: the image has no kernelspec `{name}`{}", others(.found))]
    NoKernelspec {
        /// Where the kernel was asked for.
        origin: Origin,
        /// Its name.
        name: String,
        /// Those that are there.
        found: Vec<String>,
    },
    /// Nothing in the image starts a kernel for the language.
    #[error("{origin}: nothing in the image starts a kernel for `{language}`{}", others(.found))]
    NoKernel {
        /// Where the kernel was asked for.
        origin: Origin,
        /// The language.
        language: String,
        /// Kernelspecs for other languages.
        found: Vec<String>,
    },
    /// Something that the launcher starts is not in the image.
    #[error("{origin}: {launcher} needs {what}, which the image does not have")]
    Needs {
        /// Where the kernel was asked for.
        origin: Origin,
        /// Which launcher.
        launcher: &'static str,
        /// What it needs.
        what: &'static str,
        /// What would put it right.
        hint: &'static str,
    },
}

fn others(found: &[String]) -> String {
    match found {
        [] => String::new(),
        found => format!(", but {}", found.join(", ")),
    }
}

impl KernelError {
    /// What a front end tells apart.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoLauncher { .. } => ErrorKind::Machine,
            Self::Unreadable { source, .. } => ErrorKind::of_io(source),
            Self::OtherHash { .. }
            | Self::NotImageFiles { .. }
            | Self::NoKernelspec { .. }
            | Self::NoKernel { .. }
            | Self::Needs { .. } => ErrorKind::Invalid,
        }
    }

    /// What would put it right.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoLauncher { path, .. } => {
                let store = path.parent().and_then(|tools| tools.parent()).unwrap_or(path);
                format!(
                    "`scripts/build-launcher {}` puts it there (docs/kernel-launcher.md)",
                    store.display()
                )
            }
            Self::Unreadable { source, .. } => return ErrorKind::io_hint(source),
            Self::OtherHash { .. } => {
                "do not change the hash unseen: find out first whether the file is the one that is meant"
                    .to_owned()
            }
            Self::NotImageFiles { .. } => {
                "take jupyter_enterprise_gateway_kernel_image_files-VERSION.tar.gz of a release".to_owned()
            }
            Self::NoKernelspec { found, .. } if !found.is_empty() => {
                "name one of those, or add the package that brings it".to_owned()
            }
            Self::NoKernelspec { .. } => {
                "add the package that brings it, or leave `kernelspec` out".to_owned()
            }
            Self::NoKernel { language, .. } => match language.as_str() {
                "r" => "add `r-cran-irkernel` to `apt`, or `r-irkernel` to `conda`".to_owned(),
                "scala" => "add `toree` and `pyspark` to `pip`, or take a base with Toree".to_owned(),
                _ => "add packages that bring a kernelspec for it, or check how the language is spelt"
                    .to_owned(),
            },
            Self::Needs { hint, .. } => (*hint).to_owned(),
        })
    }
}
