//! `imagewright facts keygen`

use std::path::PathBuf;
use std::process::ExitCode;

use anstream::eprintln;
use clap::Args;
use imagewright_service::make_facts_key;
use serde_json::json;

use crate::cli::Global;
use crate::failure::Failure;
use crate::render::output;

/// Make a pair of keys that bundles of facts are signed with
///
/// The private key is left in FILE, which only you may read; the public one beside it, with the ending `.pub`, and on standard
/// output in the short form that --trust and `facts.trusted-keys` take. Both files are those of openssl's Ed25519 keys (PEM);
/// neither may be there already.
#[derive(Debug, Args)]
pub(crate) struct KeygenArguments {
    /// File of the private key
    #[arg(default_value = "imagewright.key")]
    file: PathBuf,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, arguments: &KeygenArguments) -> Result<ExitCode, Failure> {
    let (public, public_file) = make_facts_key(&arguments.file)?;
    let (private, public_file) = (arguments.file.display().to_string(), public_file.display().to_string());
    if !global.quiet {
        eprintln!("wrote {private}, which nobody else should have, and {public_file}");
    }
    match arguments.json {
        true => output::json(
            &json!({ "public_key": public, "private_key_file": private, "public_key_file": public_file }),
        )?,
        false => output::text(&format!("{public}\n"))?,
    }
    Ok(ExitCode::SUCCESS)
}
