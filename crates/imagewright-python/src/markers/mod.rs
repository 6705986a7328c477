//! Where a package is wanted, and what the interpreter is that it is wanted for.
//!
//! Markers are those of PEP 508, which `pep508_rs` reads, with what PEP 751 added for lock files: membership in
//! `extras` and `dependency_groups`.

mod expression;
pub(crate) mod report;

pub use expression::{Marker, MarkerError, Wanted};
pub use report::{InterpreterReport, ReportError, Scheme};
