//! The catalogue in the forms of other systems, and entries read from theirs. Text in, text out.

mod elyra;
mod jupyterhub;
mod kubernetes;
mod primehub;
mod starter;

use serde::Serialize;

pub use elyra::elyra;
pub use jupyterhub::{GpuResource, jupyterhub};
pub use kubernetes::{PullSecret, pull_secret};
pub use primehub::{ImportError, Imported, import_primehub, primehub};
pub use starter::{STARTERS, Starter};

/// A document for another system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The document: YAML, or JSON where the other system reads nothing else.
    pub text: String,
    /// What is not in it, and why.
    pub notes: Vec<String>,
}

/// A YAML document, below its notes as comments.
fn yaml(value: &impl Serialize, notes: Vec<String>) -> Exported {
    let body = serde_saphyr::to_string(value).expect("text, numbers and maps have a form in YAML");
    let comments: String = notes.iter().map(|note| format!("# {}\n", note.replace('\n', " "))).collect();
    Exported { text: format!("{comments}{body}"), notes }
}
