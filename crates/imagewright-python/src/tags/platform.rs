//! Tags of the machine that an interpreter runs on.

/// What a binary must be made for to run: the C library and the processor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Platform {
    /// Linux with the GNU C library.
    Manylinux {
        /// Version of the library (major, minor).
        glibc: (u32, u32),
        /// The processor, as `x86_64` or `aarch64`.
        architecture: String,
    },
    /// Linux with musl.
    Musllinux {
        /// Version of the library (major, minor).
        musl: (u32, u32),
        /// The processor.
        architecture: String,
    },
    /// A Linux that says it takes no wheels made for others.
    Linux {
        /// The processor.
        architecture: String,
    },
}

/// The names that were in use before tags named the version of the C library (PEP 600).
const LEGACY: [((u32, u32), &str); 3] =
    [((2, 17), "manylinux2014"), ((2, 12), "manylinux2010"), ((2, 5), "manylinux1")];

/// Processors for which there are wheels in the sense of PEP 600.
const MANYLINUX_ARCHITECTURES: [&str; 9] =
    ["x86_64", "i686", "aarch64", "armv7l", "ppc64", "ppc64le", "s390x", "loongarch64", "riscv64"];

/// The minor version taken as the last one of a major version of glibc that is over.
const LAST_GLIBC_MINOR: u32 = 50;

impl Platform {
    /// The processor.
    pub fn architecture(&self) -> &str {
        match self {
            Self::Manylinux { architecture, .. }
            | Self::Musllinux { architecture, .. }
            | Self::Linux { architecture } => architecture,
        }
    }

    /// Tags of everything that runs here, the best first.
    pub(super) fn tags(&self) -> Vec<String> {
        let architectures = match self.architecture() {
            "armv8l" => vec!["armv8l", "armv7l"],
            one => vec![one],
        };
        let mut tags = Vec::new();
        for architecture in &architectures {
            match self {
                Self::Manylinux { glibc, .. } => tags.extend(manylinux(*glibc, architecture, &architectures)),
                Self::Musllinux { musl: (major, minor), .. } => tags.extend(
                    (0..=*minor).rev().map(|minor| format!("musllinux_{major}_{minor}_{architecture}")),
                ),
                Self::Linux { .. } => {}
            }
        }
        tags.extend(architectures.iter().map(|architecture| format!("linux_{architecture}")));
        tags
    }
}

fn manylinux(glibc: (u32, u32), architecture: &str, all: &[&str]) -> Vec<String> {
    if !all.iter().any(|architecture| MANYLINUX_ARCHITECTURES.contains(architecture)) {
        return Vec::new();
    }
    // What wheels for other processors ask for was never older than CentOS 7.
    let oldest = if matches!(architecture, "x86_64" | "i686") { (2, 5) } else { (2, 17) };
    let earlier = (2..glibc.0).rev().map(|major| (major, LAST_GLIBC_MINOR));
    let versions = [glibc].into_iter().chain(earlier);
    let versions = versions.flat_map(|(major, last)| (0..=last).rev().map(move |minor| (major, minor)));
    let named = |version: (u32, u32)| {
        let legacy = LEGACY.iter().find(|(of, _)| *of == version);
        let legacy = legacy.map(|(_, name)| format!("{name}_{architecture}"));
        [format!("manylinux_{}_{}_{architecture}", version.0, version.1)].into_iter().chain(legacy)
    };
    versions.take_while(|version| *version >= oldest).flat_map(named).collect()
}
