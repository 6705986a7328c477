//! `imagewright kernelspec remove`

use std::process::ExitCode;

use clap::Args;
use imagewright_service::kernelspec::{AllowedKernels, KernelspecName};
use serde_json::json;

use super::FolderFlags;
use crate::cli::Global;
use crate::failure::Failure;
use crate::render::output;

/// Remove kernelspecs
///
/// Kernels that run stay; the image does, too.
#[derive(Debug, Args)]
pub(crate) struct RemoveArguments {
    /// Which
    #[arg(required = true)]
    names: Vec<KernelspecName>,
    #[command(flatten)]
    folder: FolderFlags,
    /// What EG_ALLOWED_KERNELS of the gateway is now, to print it without them
    #[arg(long, value_name = "LIST")]
    allowed: Option<AllowedKernels>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, arguments: &RemoveArguments) -> Result<ExitCode, Failure> {
    let folder = arguments.folder.folder();
    // All of them or none.
    arguments.names.iter().try_for_each(|name| folder.check_there(name))?;
    let mut removed = Vec::new();
    for name in &arguments.names {
        removed.push(folder.remove(name)?);
    }
    let without = |allowed: AllowedKernels| arguments.names.iter().fold(allowed, AllowedKernels::without);
    let allowed = arguments.allowed.clone().map(without);
    if arguments.json {
        let allowed = allowed.as_ref().map(ToString::to_string);
        output::json(&json!({"removed": removed, "allowed_kernels": allowed}))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::lines(removed.iter().map(|path| path.display().to_string()))?;
    if let Some(allowed) = allowed {
        global.say(&format!("EG_ALLOWED_KERNELS=\"{allowed}\""));
    }
    Ok(ExitCode::SUCCESS)
}
