//! Runtime image records as Elyra keeps them, so that both programs work on the same files.
//!
//! A record is a small JSON file that names a container image in which nodes of pipelines run. This crate knows its format
//! ([`Record`], [`schema`]), where records lie and which one counts ([`Folders`], [`Records`]), how they are written so that
//! neither a crash nor another writer harms them and a running Elyra notices (`write`), what is wrong with them in Elyra's
//! eyes ([`Problem`]) and in ours ([`Finding`]), how they travel ([`exchange`]), and Elyra's REST interface ([`rest`]).
//!
//! Error messages are Elyra's own where it has one: scripts read them.

mod change;
mod error;
mod findings;
mod folders;
mod hide;
mod name;
mod notes;
mod problem;
mod read;
mod record;
mod records;
mod repair;
mod system;
mod write;

pub mod exchange;
pub mod json;
pub mod rest;
pub mod schema;

pub use change::{Change, Strictness, Written};
pub use error::MetadataError;
pub use findings::{Finding, FindingKind, findings, findings_of};
pub use folders::{Folders, Surroundings};
pub use name::{generated_name, is_valid_name};
pub use notes::Note;
pub use problem::{ErrorClass, Problem};
pub use record::Record;
pub use records::{Entry, Leftover, Listing, Records, State, Update, Version};

/// The only schemaspace we know: Elyra's name for this kind of record.
pub const SCHEMASPACE: &str = "runtime-images";
/// Its id.
pub const SCHEMASPACE_ID: &str = "119c9740-d73f-48c6-a97a-599d3acaf41d";
/// The only schema in it.
pub const SCHEMA: &str = "runtime-image";
/// What stands for the schema of a record that names none.
pub const UNKNOWN_SCHEMA: &str = "{unknown}";
