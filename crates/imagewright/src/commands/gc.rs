//! `imagewright gc`

use std::process::ExitCode;
use std::time::Duration;

use anstream::eprintln;
use clap::Args;
use imagewright_service::{Collected, CollectionRules, Tally};

use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::render::{output, size, table};
use crate::settings::Settings;

const DAY: u64 = 86_400;

/// Free space in the content store
///
/// Layers that no listed image has, unpacked layers, remembered results of steps and downloads go when nobody has
/// used them for a while, or when the store is larger than it may be; the least recently used goes first. Listed
/// images always stay: see `imagewright image remove`. Waits for builds to end.
#[derive(Debug, Args)]
pub(crate) struct GcArguments {
    /// Keep what was used in the last days
    #[arg(long, value_name = "DAYS", default_value_t = 14)]
    keep_days: u64,
    /// The most the store may hold, as 500MB or 20GB
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    max_size: Option<u64>,
    /// Only tell what would go
    #[arg(long, short = 'n')]
    dry_run: bool,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(global: &Global, arguments: &GcArguments) -> Result<ExitCode, Failure> {
    let service = context::open(global, Settings::default())?;
    let rules = CollectionRules {
        unused_for: Duration::from_secs(arguments.keep_days.saturating_mul(DAY)),
        size_budget: arguments.max_size,
        dry_run: arguments.dry_run,
    };
    let collected = service.collect(&rules, || {
        if !global.quiet {
            eprintln!("waiting for builds to end");
        }
    })?;
    if arguments.json {
        output::json(&collected)?;
    } else if !global.quiet {
        output::text(&draw(&collected, arguments.dry_run))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn draw(collected: &Collected, dry_run: bool) -> String {
    let row =
        |what: &str, tally: Tally| vec![what.to_owned(), tally.count.to_string(), size::bytes(tally.bytes)];
    let rows = vec![
        row("blobs", collected.blobs),
        row("unpacked layers", collected.snapshots),
        row("remembered steps", collected.facts),
        row("downloads", collected.downloads),
    ];
    let table = table::draw(&["WHAT", "COUNT", "SIZE"], rows);
    let (freed, remaining) = (size::bytes(collected.freed()), size::bytes(collected.remaining));
    let verb = if dry_run { "would free" } else { "freed" };
    format!("{table}{verb} {freed}, {remaining} remain\n")
}
