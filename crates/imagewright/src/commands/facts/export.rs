//! `imagewright facts export`

use std::path::PathBuf;
use std::process::ExitCode;

use anstream::eprintln;
use clap::Args;
use imagewright_oci::Reference;
use imagewright_service::{Cancel, FactsExport};
use serde_json::json;

use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::render::progress::TransferProgress;
use crate::render::{output, size};
use crate::settings::Settings;
use crate::signals::{Interrupt, cancel_on_signals};

/// Write a bundle of facts
///
/// The same facts and key give the same file. It tells names, versions and files of packages, private ones included, and the
/// repositories of --with-layers-at.
///
/// Example: imagewright facts export --image team/analysis:1 --with-layers-at registry.example/team/analysis --key
/// imagewright.key -o analysis.facts
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// Take along what is known of the packages of this image: name, digest, or beginning of the id (may be repeated)
    #[arg(long = "image", value_name = "IMAGE", required_unless_present = "all", conflicts_with = "all")]
    images: Vec<String>,
    /// Take along what is known of all packages
    #[arg(long)]
    all: bool,
    /// Say that layers can be had from this repository, of those that it has when it is asked now (may be repeated)
    #[arg(long = "with-layers-at", value_name = "REGISTRY/REPOSITORY")]
    places: Vec<Reference>,
    /// Sign with the private key in this file
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// File to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, arguments: ExportArguments) -> Result<ExitCode, Failure> {
    let ExportArguments { images, all, places, key, output, json } = arguments;
    let service = context::open(global, Settings::default())?;
    let cancel = Cancel::new();
    cancel_on_signals(&cancel, Interrupt::Ours)?;
    let progress = TransferProgress::new(global.quiet);
    let show = |message: &str, done| progress.show(message, done);
    let export = FactsExport { images: (!all).then_some(images), places, key, output };
    let (exported, signer) = service.export_facts(&export, &cancel, &show)?;
    drop(progress);
    let (summary, path) = (&exported.summary, export.output.display());
    if !global.quiet && signer.is_none() {
        eprintln!("warning: the bundle is not signed: sign it with --key, or nobody should take it in");
    }
    if json {
        output::json(&json!({
            "file": path.to_string(),
            "facts": summary.facts,
            "layers": exported.layers,
            "layers_in_registries": summary.places,
            "size": summary.size,
            "digest": summary.digest,
            "signed_by": signer,
        }))?;
    } else if !global.quiet {
        let by = signer.map(|key| format!(", signed by {key}")).unwrap_or_default();
        eprintln!(
            "wrote {path}: {} of {}, {} of them in registries, {}{by}",
            size::count(summary.facts, "fact"),
            size::count(exported.layers, "layer"),
            summary.places,
            size::bytes(summary.size),
        );
    }
    Ok(ExitCode::SUCCESS)
}
