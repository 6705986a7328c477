//! `imagewright image remove`

use std::process::ExitCode;

use clap::Args;
use imagewright_service::Removed;

use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::render::output;
use crate::settings::Settings;

/// Remove names, or images with all their names
///
/// Called by name, an image loses that name, and with its last name it leaves the list. Called by digest or id, it
/// leaves the list with all its names. Layers stay in the store, where other images and later builds may use them.
#[derive(Debug, Args)]
pub(crate) struct RemoveArguments {
    /// Names, digests, or beginnings of ids
    #[arg(required = true)]
    images: Vec<String>,
}

pub(crate) fn run(global: &Global, arguments: &RemoveArguments) -> Result<ExitCode, Failure> {
    let service = context::open(global, Settings::default())?;
    for image in &arguments.images {
        let lines = match service.remove_image(image)? {
            Removed::Name(name) => vec![format!("untagged {name}")],
            Removed::Image(record) => {
                let names = record.names.iter().map(|name| format!("untagged {name}"));
                names.chain([format!("removed {}", record.id)]).collect()
            }
        };
        if !global.quiet {
            output::lines(lines)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
