//! `imagewright kernelspec update`

use std::process::ExitCode;

use clap::{ArgAction, Args};
use imagewright_model::ErrorKind;
use imagewright_service::kernelspec::{KernelspecName, UpdateKernelspec, UpdatedKernelspec};
use serde_json::json;

use super::FolderFlags;
use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::render::{output, table};
use crate::settings::Settings;

/// Have kernelspecs start what is behind their images' names now, or another image
///
/// A kernelspec that names a digest gets the digest of today. One that names a tag alone follows it anyway; with --pin it names the
/// digest, too. All else stays.
#[derive(Debug, Args)]
pub(crate) struct UpdateArguments {
    /// Which [default: all in the folder]
    names: Vec<KernelspecName>,
    #[command(flatten)]
    folder: FolderFlags,
    /// Start this image
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// What people choose it by
    #[arg(long, short, value_name = "TEXT")]
    display_name: Option<String>,
    /// Name the digest as well
    #[arg(long, overrides_with = "no_pin")]
    pin: bool,
    /// Name no digest
    #[arg(long, action = ArgAction::SetTrue)]
    no_pin: bool,
    /// Say what would be changed
    #[arg(long)]
    dry_run: bool,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, arguments: &UpdateArguments) -> Result<ExitCode, Failure> {
    if arguments.names.len() != 1 && (arguments.image.is_some() || arguments.display_name.is_some()) {
        let text = "--image and --display-name are for one kernelspec";
        return Err(Failure::new(ErrorKind::Usage, text).with_hint("name the one that is meant"));
    }
    let service = context::open(global, Settings::default())?;
    let mut done = Vec::new();
    let mut code = ExitCode::SUCCESS;
    for name in names(arguments)? {
        let command = UpdateKernelspec {
            folder: arguments.folder.folder.clone(),
            name: name.clone(),
            image: arguments.image.clone(),
            pin: (arguments.pin || arguments.no_pin).then_some(arguments.pin),
            display_name: arguments.display_name.clone(),
            dry_run: arguments.dry_run,
        };
        match service.update_kernelspec(&command) {
            Ok(updated) => done.push(updated),
            // One that cannot be followed keeps nobody from the others.
            Err(error) => code = Failure::from(error).report(),
        }
    }
    if arguments.json {
        output::json(&done.iter().map(document).collect::<Vec<_>>())?;
    } else {
        output::text(&draw(&done, arguments.dry_run))?;
    }
    Ok(code)
}

fn names(arguments: &UpdateArguments) -> Result<Vec<KernelspecName>, Failure> {
    if !arguments.names.is_empty() {
        return Ok(arguments.names.clone());
    }
    let listed = arguments.folder.folder().list()?;
    Ok(listed.into_iter().filter_map(|listed| listed.name.parse().ok()).collect())
}

fn draw(done: &[UpdatedKernelspec], dry_run: bool) -> String {
    let rows = done.iter().map(|updated| {
        let what = match (updated.is_changed, dry_run) {
            (false, _) => "as before",
            (true, false) => "updated",
            (true, true) => "would be updated",
        };
        vec![updated.name.to_string(), what.to_owned(), updated.after.clone()]
    });
    table::draw(&["NAME", "", "IMAGE"], rows.collect())
}

fn document(updated: &UpdatedKernelspec) -> serde_json::Value {
    json!({
        "name": updated.name.as_str(),
        "path": updated.path,
        "before": updated.before,
        "image": updated.after,
        "digest": updated.digest,
        "changed": updated.is_changed,
    })
}
