//! `imagewright image tag`

use std::process::ExitCode;

use clap::Args;

use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::settings::Settings;

/// Give an image one more name
///
/// A name that another image has moves to this one.
#[derive(Debug, Args)]
pub(crate) struct TagArguments {
    /// Name, digest, or beginning of the id
    image: String,
    /// The new name, as NAME[:TAG]
    name: String,
}

pub(crate) fn run(global: &Global, arguments: &TagArguments) -> Result<ExitCode, Failure> {
    let service = context::open(global, Settings::default())?;
    service.tag_image(&arguments.image, &arguments.name)?;
    Ok(ExitCode::SUCCESS)
}
