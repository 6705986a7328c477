//! `imagewright kernelspec publish`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use imagewright_oci::Reference;
use imagewright_service::Cancel;
use imagewright_service::kernelspec::{AllowedKernels, KernelsFolder, KernelspecName, PublishKernelspecs};
use serde_json::json;

use super::{FolderFlags, allowed_json, names, tell_allowed};
use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::render::output;
use crate::render::progress::{ProgressArguments, TransferProgress};
use crate::settings::Settings;
use crate::signals::{Interrupt, cancel_on_signals};

/// Where a gateway's image has its kernelspecs.
const OF_GATEWAYS: &str = "/usr/local/share/jupyter/kernels";
/// Where an image that brings kernelspecs has them: the helm chart of Enterprise Gateway copies them from there.
const OF_DATA_IMAGES: &str = "/kernels";

/// Bring kernelspecs to a gateway: into its folder, or into an image
///
/// With --to they go into a folder that the gateway reads, in such a way that a running one sees them, with its cache or without.
/// With --onto they become a layer on the gateway's image. With --data-image they go into an image of their own, from which the
/// gateway's helm chart (`kernelspecs.image`) or an init container copies them.
#[derive(Debug, Args)]
pub(crate) struct PublishArguments {
    /// Which [default: all in the folder]
    names: Vec<KernelspecName>,
    #[command(flatten)]
    folder: FolderFlags,
    #[command(flatten)]
    destination: DestinationFlags,
    /// The folder of the image that they go to [default: /usr/local/share/jupyter/kernels, in data images /kernels]
    #[arg(long, value_name = "PATH", conflicts_with = "to", value_parser = path_of_image)]
    at: Option<String>,
    /// What the image is called
    #[arg(long, short, value_name = "NAME", required_unless_present = "to", conflicts_with = "to")]
    tag: Vec<Reference>,
    /// Push the image to the registry that its name says
    #[arg(long, conflicts_with = "to")]
    push: bool,
    /// Replace kernelspecs of the same name in the folder
    #[arg(long, requires = "to")]
    replace: bool,
    /// What EG_ALLOWED_KERNELS of the gateway is now [default: what is in the folder]
    #[arg(long, value_name = "LIST")]
    allowed: Option<AllowedKernels>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    progress: ProgressArguments,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct DestinationFlags {
    /// The folder that the gateway reads
    #[arg(long, value_name = "DIR", conflicts_with_all = ["onto", "data_image"])]
    to: Option<PathBuf>,
    /// The image of the gateway
    #[arg(long, value_name = "IMAGE")]
    onto: Option<String>,
    /// An image of their own, on --onto or the machine's own distribution
    #[arg(long)]
    data_image: bool,
}

/// A folder of an image, from its root.
fn path_of_image(text: &str) -> Result<String, String> {
    let leads_out = text.split('/').any(|part| part == "..");
    match text.starts_with('/') && !leads_out {
        true => Ok(text.to_owned()),
        false => Err("it is not the path of a folder from the root of the image".to_owned()),
    }
}

impl PublishArguments {
    pub(super) fn changes_images(&self) -> bool {
        self.destination.to.is_none()
    }
}

pub(super) fn run(global: &Global, arguments: PublishArguments) -> Result<ExitCode, Failure> {
    match &arguments.destination.to {
        Some(to) => into_folder(global, &arguments, &KernelsFolder::at(to)),
        None => into_image(global, arguments),
    }
}

fn into_folder(
    global: &Global,
    arguments: &PublishArguments,
    to: &KernelsFolder,
) -> Result<ExitCode, Failure> {
    let service = context::open(global, Settings::default())?;
    let specs = service.kernelspecs(&arguments.folder.folder(), &arguments.names)?;
    if !arguments.replace {
        // All of them or none.
        specs.iter().try_for_each(|spec| to.check_free(&spec.name))?;
    }
    let mut paths = Vec::new();
    for spec in &specs {
        paths.push(to.put(spec, arguments.replace)?);
    }
    let published: Vec<_> = specs.into_iter().map(|spec| spec.name).collect();
    let allowed = allowed(arguments.allowed.as_ref(), &published, to)?;
    if arguments.json {
        output::json(&document(&published, &allowed, &json!({"paths": paths})))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::lines(paths.iter().map(|path| path.display().to_string()))?;
    tell_allowed(global, &allowed);
    Ok(ExitCode::SUCCESS)
}

fn into_image(global: &Global, arguments: PublishArguments) -> Result<ExitCode, Failure> {
    let cancel = Cancel::new();
    cancel_on_signals(&cancel, Interrupt::Ours)?;
    let service = context::open(global, Settings::default())?;
    let events = arguments.progress.renderer(global.quiet);
    let is_data_image = arguments.destination.data_image;
    let at = if is_data_image { OF_DATA_IMAGES } else { OF_GATEWAYS };
    let command = PublishKernelspecs {
        folder: arguments.folder.folder.clone(),
        names: arguments.names,
        onto: arguments.destination.onto.unwrap_or_else(|| "bootstrap".to_owned()),
        at: arguments.at.unwrap_or_else(|| at.to_owned()),
        tags: arguments.tag,
    };
    let published = service.publish_kernelspecs(&command, &*events, &cancel)?;
    drop(events);
    if arguments.push {
        let progress = TransferProgress::new(global.quiet);
        let show = |message: &str, done| progress.show(message, done);
        for name in &command.tags {
            service.push_image(&published.image.to_string(), Some(name), &cancel, &show)?;
        }
    }
    let allowed = allowed(arguments.allowed.as_ref(), &published.names, &arguments.folder.folder())?;
    if arguments.json {
        let names: Vec<_> = command.tags.iter().map(ToString::to_string).collect();
        let more = json!({"digest": published.image, "names": names, "at": command.at});
        output::json(&document(&published.names, &allowed, &more))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::text(&format!("{}\n", published.image))?;
    global.say(&format!("{} in {}", names(&published.names), command.at));
    tell_allowed(global, &allowed);
    Ok(ExitCode::SUCCESS)
}

fn allowed(
    said: Option<&AllowedKernels>,
    published: &[KernelspecName],
    folder: &KernelsFolder,
) -> Result<AllowedKernels, Failure> {
    let now = match said {
        Some(said) => said.clone(),
        None => {
            let names = folder.list()?.into_iter().filter_map(|listed| listed.name.parse().ok());
            AllowedKernels::Only(names.collect())
        }
    };
    Ok(published.iter().fold(now, AllowedKernels::with))
}

fn document(
    published: &[KernelspecName],
    allowed: &AllowedKernels,
    more: &serde_json::Value,
) -> serde_json::Value {
    let mut document =
        json!({"kernelspecs": published.iter().map(KernelspecName::as_str).collect::<Vec<_>>()});
    let object = document.as_object_mut().expect("it is one");
    for part in [more, &allowed_json(allowed)] {
        object.extend(part.as_object().cloned().unwrap_or_default());
    }
    document
}
