//! What would mend a finding, in a form that a program can carry out.

use serde::Serialize;

/// What would mend an image. The sentence beside it is for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Remedy {
    /// Packages of Debian and Ubuntu.
    AptPackages {
        /// Their names.
        packages: Vec<String>,
    },
    /// Python packages, for the Python that the search path leads to.
    PipPackages {
        /// Requirements, as in a spec.
        packages: Vec<String>,
    },
    /// R packages.
    RPackages {
        /// Their names.
        packages: Vec<String>,
    },
    /// A variable of the container.
    Environment {
        /// Its name.
        name: String,
        /// Its value; none where it has to go.
        value: Option<String>,
    },
    /// The user that containers run as.
    User {
        /// As a configuration has it.
        user: String,
    },
    /// An entry of `/etc/passwd`, with its home.
    Account {
        /// Its name.
        name: String,
        /// Its number.
        uid: u32,
        /// Its group.
        gid: u32,
        /// Other groups.
        groups: Vec<u32>,
        /// Its home.
        home: String,
    },
    /// Where programs start.
    WorkingDirectory {
        /// The folder.
        path: String,
    },
    /// A link.
    PathLink {
        /// Where it lies.
        path: String,
        /// What it leads to.
        target: String,
    },
    /// A script that runs a program: where a link would not do, as for the Python of a virtual environment.
    Wrapper {
        /// Where it lies.
        path: String,
        /// What it runs.
        program: String,
    },
    /// Owner and rights of files that are there.
    Permissions {
        /// The file or folder.
        path: String,
        /// Whether all below counts as well.
        recursive: bool,
        /// Owner; none leaves it.
        uid: Option<u32>,
        /// Group; none leaves it.
        gid: Option<u32>,
        /// Rights that are added to files, and to folders.
        file_mode: u32,
        /// Rights that are added to folders.
        folder_mode: u32,
    },
    /// A port that the container listens on.
    Port {
        /// As a configuration has it.
        port: String,
    },
    /// No health check.
    NoHealthCheck,
    /// What Enterprise Gateway's launchers are: its bootstrap and the launcher of a language, and `CMD`.
    KernelLauncher {
        /// `python`, `R` or `scala`.
        language: String,
    },
    /// Line ends as Unix has them.
    UnixLineEnds {
        /// The file.
        path: String,
    },
}

impl Remedy {
    pub(crate) fn apt<const N: usize>(packages: [&str; N]) -> Self {
        Self::AptPackages { packages: packages.map(str::to_owned).to_vec() }
    }

    pub(crate) fn pip<const N: usize>(packages: [&str; N]) -> Self {
        Self::PipPackages { packages: packages.map(str::to_owned).to_vec() }
    }

    pub(crate) fn variable(name: &str, value: &str) -> Self {
        Self::Environment { name: name.to_owned(), value: Some(value.to_owned()) }
    }

    /// Rights of a group on a folder, and on what is in it.
    pub(crate) fn group_may_write(path: &str, gid: u32, recursive: bool) -> Self {
        let (file_mode, folder_mode) = (0o060, 0o2070);
        Self::Permissions {
            path: path.to_owned(),
            recursive,
            uid: None,
            gid: Some(gid),
            file_mode,
            folder_mode,
        }
    }
}
