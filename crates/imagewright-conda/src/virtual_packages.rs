//! What an image is like, in the words of conda: packages that nobody installs and others depend on.

use rattler_conda_types::{GenericVirtualPackage, PackageName, Version};
use serde::{Deserialize, Serialize};

/// The Linux that packages may count on, whatever runs here: who builds an image does not know where it will run. It is what
/// conda-lock and pixi take.
const LINUX: &str = "5.10";

/// What an image is like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VirtualPackages {
    /// The version of the GNU C library; none where there is another.
    pub glibc: Option<String>,
    /// The name that conda has for the least processor of the architecture.
    pub processor: Option<String>,
    /// The version of CUDA that the machine will have where the image runs.
    pub cuda: Option<String>,
}

impl VirtualPackages {
    /// Those of an architecture as images name it.
    pub fn of(architecture: &str, glibc: Option<String>, cuda: Option<String>) -> Self {
        let processor = match architecture {
            "amd64" => Some("x86_64".to_owned()),
            "arm64" => Some("aarch64".to_owned()),
            "ppc64le" => Some("ppc64le".to_owned()),
            _ => None,
        };
        Self { glibc, processor, cuda }
    }

    pub(crate) fn packages(&self) -> Vec<GenericVirtualPackage> {
        let package = |name: &str, version: &str, build: &str| {
            let version: Version = version.parse().ok()?;
            let name = PackageName::new_unchecked(name);
            Some(GenericVirtualPackage { name, version, build_string: build.parse().ok()? })
        };
        let known = [
            package("__unix", "0", "0"),
            package("__linux", LINUX, "0"),
            self.glibc.as_deref().and_then(|version| package("__glibc", version, "0")),
            self.processor.as_deref().and_then(|name| package("__archspec", "1", name)),
            self.cuda.as_deref().and_then(|version| package("__cuda", version, "0")),
        ];
        known.into_iter().flatten().collect()
    }
}

/// The folder of channels that has packages for an architecture as images name it.
pub fn subdir_of(architecture: &str) -> Option<&'static str> {
    Some(match architecture {
        "amd64" => "linux-64",
        "386" => "linux-32",
        "arm64" => "linux-aarch64",
        "ppc64le" => "linux-ppc64le",
        "s390x" => "linux-s390x",
        "riscv64" => "linux-riscv64",
        _ => return None,
    })
}
