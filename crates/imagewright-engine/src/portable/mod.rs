//! Facts that hold in every store: taken out of one as a signed bundle, and into another.
//!
//! Layers of packages follow from the packages, so what one store found out about them is true in all: with the facts of
//! another machine, a build names the layers it would have made, before a package is fetched. [`kinds`] says which facts
//! are of this sort, and of what shape each must be; `imagewright-facts` knows the form of bundles and their signatures.
//! What happens to a layer that is named and not here is the business of [`reach`](crate::reach).

mod error;
mod export;
mod import;
mod kinds;
mod selection;
mod shape;

pub use error::FactsError;
pub use export::{ExportRequest, ExportedFacts};
pub use import::{ImportRules, ImportedFacts};
pub use kinds::{DependsOn, FactKind, KINDS};
