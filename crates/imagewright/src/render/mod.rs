//! How results look: tables and JSON on standard output, progress on standard error.

pub(crate) mod age;
pub(crate) mod findings;
pub(crate) mod json;
pub(crate) mod output;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod sarif;
pub(crate) mod size;
pub(crate) mod table;
