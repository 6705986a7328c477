//! The image spec: what a user asks for, however it was written.
//!
//! A spec is put together from up to three sources, each a [`PartialSpec`]: the command line
//! ([`PartialSpec::from_flags`]) over `image.yaml` ([`PartialSpec::from_yaml`]) over the other files of a folder
//! ([`read_folder`] does the last two). [`PartialSpec::finish`] makes the complete [`ImageSpec`] of it.
//!
//! Nothing a user wrote is dropped silently: what cannot be honoured is a [`SpecError`] that names its file and
//! line, what is honoured otherwise than one might expect is a [`Note`]. Whether packages exist, what a moving
//! name means today and what the base holds is for others to find out; each package keeps its [`Origin`], so
//! that they can say where it was asked for.

mod address;
mod apt;
mod base;
mod compression;
mod conda;
mod container;
mod document;
mod error;
mod flags;
mod folder;
mod kernel;
mod kernel_packages;
mod key;
mod local_path;
mod lock_check;
mod origin;
mod partial;
mod pip;
mod pylock;
mod pyproject;
mod python;
mod requirement;
mod requirement_error;
mod requirements_file;
pub(crate) mod toml_text;
mod yaml;
mod yaml_error;
mod yaml_schema;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use imagewright_oci::{Platform, Reference};
use serde::{Deserialize, Serialize};

pub use apt::{AptChoice, AptPackage, AptPackageError, AptSpec};
pub use base::{BaseError, BaseSource, Distribution};
pub use compression::{CompressionError, LayerCompression};
pub use conda::{
    ChannelPriority, CondaChannel, CondaList, CondaPackage, CondaSpec, CondaSpecError, LinkScripts,
    ListedPackages, LockPart, LockPartChoice, NamedFile, ReadLock,
};
pub use container::{Account, ContainerError, Port, User};
pub use document::NotInDocument;
pub use error::{Problem, SpecError};
pub use flags::SpecFlags;
pub use folder::{SpecFiles, read_folder};
pub use kernel::{
    ArchiveAddress, KernelChoice, KernelChoiceError, KernelUser, Launcher, LauncherArchive, PartialKernel,
};
pub use local_path::{LocalPath, join as joined};
pub use origin::Origin;
pub use partial::PartialSpec;
pub use pip::{PipOptions, PipSpec, RequiresPython};
pub use pylock::{LockedPackage, LockedPip};
pub use python::{Bytecode, PythonChoice, PythonEnvironment, PythonError};
pub use requirement::PipRequirement;
pub use requirement_error::RequirementError;

/// What a user asks for. Every value in it is valid; whether it can be had is another question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageSpec {
    /// Where the base image comes from.
    pub base: BaseSource,
    /// The platform of the image; default: the base's, else the machine's.
    pub platform: Option<Platform>,
    /// Debian packages, installed first.
    pub apt: AptSpec,
    /// conda packages, installed after the Debian packages.
    #[serde(default)]
    pub conda: CondaSpec,
    /// Python packages, installed last.
    pub pip: PipSpec,
    /// Which Python gets the packages, where the default is not right.
    pub python: Option<PythonChoice>,
    /// The kernel that the image is for, where it is for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<KernelChoice>,
    /// Environment of the container, in order, each name once.
    pub environment: Vec<(String, String)>,
    /// Who runs the container.
    pub user: Option<User>,
    /// Where the container starts: an absolute path.
    pub working_directory: Option<String>,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// What the container runs; an empty list takes away the base's.
    pub entrypoint: Option<Vec<String>>,
    /// Arguments to the entry point, or what is run where there is none.
    pub command: Option<Vec<String>>,
    /// Ports the program listens on.
    pub ports: BTreeSet<Port>,
    /// Folders that hold data of the container: absolute paths.
    pub volumes: BTreeSet<String>,
    /// The signal that asks the program to stop.
    pub stop_signal: Option<String>,
    /// How layers are compressed.
    pub compression: Option<LayerCompression>,
    /// Names of the result.
    pub tags: Vec<Reference>,
}

/// Something the user should know about how a spec was read, which is no error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What it is about.
    pub origin: Origin,
    /// The sentence, without a full stop.
    pub text: String,
}

impl Note {
    fn new(origin: Origin, text: &str) -> Self {
        Self { origin, text: text.to_owned() }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.text)
    }
}

/// The name most like `text`, where one is like it at all.
fn nearest<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let text = text.to_lowercase();
    let scored = names.map(|name| (strsim::jaro_winkler(&text, &name.to_lowercase()), name));
    scored.filter(|(score, _)| *score > 0.75).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

/// A line as a message can show it: without the blanks around it, without control characters, not too long.
fn excerpt(line: &str) -> String {
    const LONGEST: usize = 80;
    let visible = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    let line = line.trim();
    let mut shown: String = line.chars().take(LONGEST).map(visible).collect();
    if line.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}
