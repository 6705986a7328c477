//! `imagewright facts import`

use std::path::PathBuf;
use std::process::ExitCode;

use anstream::eprintln;
use clap::Args;
use imagewright_service::{Cancel, ImportRules, read_public_key};
use serde_json::json;

use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::render::{output, size};
use crate::settings::{self, Settings};
use crate::signals::{Interrupt, cancel_on_signals};

/// Take in a bundle of facts
///
/// It must be signed by a key that --trust or `facts.trusted-keys` in the configuration names. All of it is checked before
/// any of it counts; where it contradicts what is known here, nothing is taken in.
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// The bundle
    file: PathBuf,
    /// Trust this public key, too: `ed25519:…` or a file (may be repeated)
    #[arg(long, value_name = "KEY")]
    trust: Vec<String>,
    /// Take it in whoever signed it, or nobody: whoever made it decides what images hold
    #[arg(long)]
    insecure: bool,
    /// Where it contradicts what is known here, leave that as it is and take in the rest
    #[arg(long)]
    keep_existing: bool,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, arguments: &ImportArguments) -> Result<ExitCode, Failure> {
    let configured = settings::load(global.config.as_deref(), Settings::default())?.facts.trusted_keys;
    let keys = arguments.trust.iter().chain(&configured);
    let trusted = keys.map(|key| Ok(read_public_key(key)?)).collect::<Result<_, Failure>>()?;
    let rules = ImportRules { trusted, insecure: arguments.insecure, keep_existing: arguments.keep_existing };
    let service = context::open(global, Settings::default())?;
    let cancel = Cancel::new();
    cancel_on_signals(&cancel, Interrupt::Ours)?;
    let imported = service.import_facts(&arguments.file, &rules, &cancel)?;
    if !global.quiet && imported.conflicts > 0 {
        let (number, first) = (imported.conflicts, imported.first_conflicts.join(", "));
        eprintln!(
            "warning: {} contradict what is known here, which was kept: {first}",
            size::count(number, "fact")
        );
    }
    if arguments.json {
        output::json(&json!({
            "signed_by": imported.signer,
            "new": imported.new,
            "known": imported.known,
            "conflicts": imported.conflicts,
            "first_conflicts": imported.first_conflicts,
            "layers_in_registries": imported.places,
        }))?;
    } else if !global.quiet {
        let by = imported.signer.map_or_else(|| "nobody".to_owned(), |key| key.to_string());
        eprintln!(
            "took in {}, knew {}, {} in registries; signed by {by}",
            size::count(imported.new, "fact"),
            imported.known,
            size::count(imported.places, "layer"),
        );
    }
    Ok(ExitCode::SUCCESS)
}
