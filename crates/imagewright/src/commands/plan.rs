//! `imagewright plan`

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use imagewright_service::{BuildCommand, Cancel};

use crate::cli::Global;
use crate::commands::build::{ImageFlags, SourceFlags, VersionFlags};
use crate::commands::limits::LimitFlags;
use crate::context;
use crate::failure::Failure;
use crate::render::progress::ProgressArguments;
use crate::render::{output, plan};
use crate::signals::{Interrupt, cancel_on_signals};

/// Say what a build would install, change and remove, without building
///
/// Takes what `imagewright build` takes. Says what has to be fetched, how large the image becomes and what of it is
/// there already, or why the packages do not go together. apt is asked inside the base, which is pulled or made where
/// it is missing; where Python comes with the apt packages, the apt step is done. No image is made.
#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    /// Folder or image.yaml that describes the image
    source: Option<PathBuf>,

    #[command(flatten)]
    image: ImageFlags,
    #[command(flatten)]
    versions: VersionFlags,
    #[command(flatten)]
    process: PlanFlags,
    #[command(flatten)]
    limits: LimitFlags,
    #[command(flatten)]
    sources: SourceFlags,
    #[command(flatten)]
    progress: ProgressArguments,
}

/// How it is planned.
#[derive(Debug, Args)]
#[command(next_help_heading = "Plan")]
struct PlanFlags {
    /// Plan as if every step had to be run again
    #[arg(long)]
    no_cache: bool,
    /// How long one program may run, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    time_limit: Option<u64>,
    /// The latest date anything in the image carries, in seconds since 1970 [default: the date of the base]
    #[arg(long, value_name = "SECONDS", env = "SOURCE_DATE_EPOCH", value_parser = clap::value_parser!(i64).range(1..))]
    source_date_epoch: Option<i64>,
    /// Print the plan as JSON (docs/plan.md)
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(global: &Global, arguments: PlanArguments) -> Result<ExitCode, Failure> {
    let command = arguments.versions.into_command(arguments.source)?;
    let cancel = Cancel::new();
    cancel_on_signals(&cancel, Interrupt::Ours)?;
    let service = context::open(global, arguments.sources.into_settings())?;
    let events = arguments.progress.renderer(global.quiet);
    let process = arguments.process;
    let command = BuildCommand {
        flags: arguments.image.into(),
        no_cache: process.no_cache,
        time_limit: process.time_limit.map(Duration::from_secs),
        limits: arguments.limits.into(),
        source_date_epoch: process.source_date_epoch,
        ..command
    };
    let report = service.plan(&command, &*events, &cancel)?;
    if process.json {
        output::json(&report.plan)?;
    } else {
        output::text(&plan::draw(&report.plan))?;
    }
    match report.conflict {
        Some(conflict) => Err(conflict.into()),
        None => Ok(ExitCode::SUCCESS),
    }
}
