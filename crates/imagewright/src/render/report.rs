//! What a build prints on standard output: its digest, or all of it as JSON.

use std::io;

use imagewright_service::BuildReport;
use imagewright_service::metadata::Published;

use crate::render::{json, output};

/// The digest alone, so that scripts can take it; the summary for people is part of the progress.
pub(crate) fn build(report: &BuildReport, published: Option<&Published>, as_json: bool) -> io::Result<()> {
    if as_json {
        output::json(&json::build(report, published))
    } else {
        output::text(&format!("{}\n", report.digest))
    }
}
