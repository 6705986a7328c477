//! How results look: tables and JSON on standard output, progress on standard error.

pub(crate) mod findings;
pub(crate) mod json;
pub(crate) mod json_fields;
pub(crate) mod output;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod sarif;
pub(crate) mod size;
pub(crate) mod table;

#[cfg(target_os = "linux")]
pub(crate) mod age;
#[cfg(target_os = "linux")]
pub(crate) mod image_json;
#[cfg(target_os = "linux")]
pub(crate) mod plan;
