//! `imagewright facts show`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use imagewright_service::FactsDetails;
use serde_json::{Map, Value, json};

use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::render::{output, size, table};
use crate::settings::Settings;

/// Show what a bundle of facts holds, and who signed it
///
/// That a bundle can be shown does not mean that it is trusted.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The bundle
    file: PathBuf,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, arguments: &ShowArguments) -> Result<ExitCode, Failure> {
    let details = context::open(global, Settings::default())?.show_facts(&arguments.file)?;
    match arguments.json {
        true => output::json(&as_json(&details))?,
        false => output::text(&draw(&details))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(details: &FactsDetails) -> Value {
    let FactsDetails { summary, signer, kinds, places } = details;
    let count = |(name, count): &(String, u64)| (name.clone(), Value::from(*count));
    let place = |(place, layers): &(_, u64)| json!({ "repository": place, "layers": layers });
    json!({
        "signed_by": signer,
        "facts": summary.facts,
        "kinds": kinds.iter().map(count).collect::<Map<_, _>>(),
        "places": places.iter().map(place).collect::<Vec<_>>(),
        "size": summary.size,
        "digest": summary.digest,
    })
}

fn draw(details: &FactsDetails) -> String {
    let FactsDetails { summary, signer, kinds, places } = details;
    let by = signer.map_or_else(|| "nobody".to_owned(), |key| key.to_string());
    let mut text = format!(
        "Signed by   {by}\nDigest      {}\nSize        {}\n",
        summary.digest,
        size::bytes(summary.size)
    );
    for (place, layers) in places {
        text += &format!("Layers at   {place} ({})\n", size::count(*layers, "layer"));
    }
    let rows = kinds.iter().map(|(kind, count)| vec![kind.clone(), count.to_string()]);
    text + "\n" + &table::draw(&["KIND", "FACTS"], rows.collect())
}
