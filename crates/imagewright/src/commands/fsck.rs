//! `imagewright fsck`

use std::process::ExitCode;

use clap::Args;
use imagewright_model::ErrorKind;
use imagewright_service::CheckReport;

use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::render::progress::TransferProgress;
use crate::render::{output, size};
use crate::settings::Settings;

/// Prove that the content store is whole
///
/// Reads every blob and compares it with its digest, and looks whether each image has all it names. The exit code is
/// 4 when something is wrong and was not repaired.
#[derive(Debug, Args)]
pub(crate) struct FsckArguments {
    /// Remove what is damaged, so that it is made or fetched again
    #[arg(long)]
    repair: bool,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(global: &Global, arguments: &FsckArguments) -> Result<ExitCode, Failure> {
    let service = context::open(global, Settings::default())?;
    let progress = TransferProgress::new(global.quiet);
    let report = service.check_store(arguments.repair, &mut |message, done| progress.show(message, done))?;
    drop(progress);
    if arguments.json {
        output::json(&report)?;
    } else if !global.quiet {
        output::lines(lines(&report))?;
    }
    let code = if report.is_sound() { 0 } else { ErrorKind::Invalid.exit_code() };
    Ok(ExitCode::from(code))
}

fn lines(report: &CheckReport) -> Vec<String> {
    let damage = report.damages.iter().map(|damage| {
        let repaired = if damage.repaired { " (removed)" } else { "" };
        format!("{}: {}{repaired}", damage.path.display(), damage.what)
    });
    let partial = match report.partial_images {
        0 => String::new(),
        number => format!(" ({number} partial)"),
    };
    let [blobs, images, facts] = [(report.blobs, "blob"), (report.images, "image"), (report.facts, "fact")]
        .map(|(number, noun)| size::count(number, noun));
    let verdict = match report.damages.len() {
        0 => "all is well".to_owned(),
        number => size::count(number as u64, "damage"),
    };
    damage.chain([format!("read {blobs}, {images}{partial}, {facts}: {verdict}")]).collect()
}
