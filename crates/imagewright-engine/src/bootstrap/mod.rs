//! A Debian or Ubuntu root from nothing: verified package lists, the smallest set of packages that is a
//! system with apt, their files in a folder, and the command that configures them.
//!
//! Everything up to the extracted tree happens on the host, and nothing of a package is run there. The
//! command of [`configure_command`] is for the caller to run in the sandbox; what it leaves behind that
//! depends on the run is named by [`junk`].

mod choose;
mod closure;
mod configure;
mod deb;
mod distribution;
mod download;
mod error;
mod extract;
mod packages;
mod release;
mod signature;
mod solve;
mod sources;
mod stanza;
mod tree;
mod version;

pub(crate) use choose::redirect;
pub use choose::{Machine, choose};
pub use configure::{ConfigureCommand, configure_command, junk};
pub(crate) use deb::{control_tar, copy_with_plain_files};
pub use download::download;
pub use error::BootstrapError;
pub use extract::{Extracted, extract};
pub use signature::SignatureError;
pub(crate) use solve::names;
pub use solve::{BootstrapPackage, BootstrapRequest, Solution, solve};
pub(crate) use sources::to_deb822;
pub use sources::{AptSource, ArchiveSources, SourcesError, apt_source_files, parse_sources};
pub use tree::TreeError;

use imagewright_model::Progress;

/// What is told while something takes its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Another part of the work begins.
    Status(String),
    /// Bytes have moved.
    Progress {
        /// What is moving.
        message: String,
        /// How far it has come.
        progress: Progress,
    },
    /// Something the user should know that stops nothing.
    Warning(String),
}
