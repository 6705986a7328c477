//! `imagewright kernelspec`: kernelspecs of Enterprise Gateway, from making one to seeing that it works.

mod create;
mod deploy;
mod list;
#[cfg(target_os = "linux")]
mod publish;
mod remove;
mod update;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use imagewright_service::kernelspec::{AllowedKernels, KernelsFolder, KernelspecName};

use crate::cli::Global;
use crate::failure::Failure;

/// Make kernelspecs for kernel images, and bring them to Enterprise Gateway
///
/// A kernelspec is a folder that tells Jupyter Enterprise Gateway how to start a kernel image: a kernel.json, scripts, a logo. They lie
/// side by side in a folder that the gateway reads, as `kernels` here or /usr/local/share/jupyter/kernels there.
#[derive(Debug, Subcommand)]
pub(crate) enum KernelspecCommand {
    Create(Box<create::CreateArguments>),
    #[command(visible_alias = "ls")]
    List(list::ListArguments),
    Update(update::UpdateArguments),
    #[command(visible_alias = "rm")]
    Remove(remove::RemoveArguments),
    #[cfg(target_os = "linux")]
    Publish(Box<publish::PublishArguments>),
    Deploy(Box<deploy::DeployArguments>),
    Verify(Box<verify::VerifyArguments>),
}

/// Where kernelspecs are.
#[derive(Debug, Args)]
pub(crate) struct FolderFlags {
    /// The folder that holds kernelspecs, each in a folder of its own
    #[arg(long, short = 'f', value_name = "DIR", default_value = "kernels", env = "IMAGEWRIGHT_KERNELS")]
    folder: PathBuf,
}

impl FolderFlags {
    fn folder(&self) -> KernelsFolder {
        KernelsFolder::at(&self.folder)
    }
}

/// Whether a command builds on images.
#[cfg(target_os = "linux")]
pub(crate) fn changes_images(command: &KernelspecCommand) -> bool {
    matches!(command, KernelspecCommand::Publish(arguments) if arguments.changes_images())
}

pub(crate) fn run(global: &Global, command: KernelspecCommand) -> Result<ExitCode, Failure> {
    match command {
        KernelspecCommand::Create(arguments) => create::run(global, *arguments),
        KernelspecCommand::List(arguments) => list::run(&arguments),
        KernelspecCommand::Update(arguments) => update::run(global, &arguments),
        KernelspecCommand::Remove(arguments) => remove::run(global, &arguments),
        #[cfg(target_os = "linux")]
        KernelspecCommand::Publish(arguments) => publish::run(global, *arguments),
        KernelspecCommand::Deploy(arguments) => deploy::run(global, *arguments),
        KernelspecCommand::Verify(arguments) => verify::run(global, *arguments),
    }
}

/// What people at the gateway have to do now.
fn tell_allowed(global: &Global, allowed: &AllowedKernels) {
    match allowed {
        AllowedKernels::All => {
            global.say("the gateway shows all kernelspecs: this one at once, without a restart");
        }
        AllowedKernels::Only(_) => {
            let lines = [
                "a gateway without a list of allowed kernels shows it at once; one that has a list must be started again with".to_owned(),
                format!("  EG_ALLOWED_KERNELS=\"{allowed}\"    (EG_KERNEL_WHITELIST before version 3)"),
            ];
            lines.iter().for_each(|line| global.say(line));
        }
    }
}

/// The same as values.
fn allowed_json(allowed: &AllowedKernels) -> serde_json::Value {
    serde_json::json!({
        "allowed_kernels": allowed.to_string(),
        "restart": match allowed {
            AllowedKernels::All => "never",
            AllowedKernels::Only(_) => "if-the-gateway-has-a-list",
        },
    })
}

fn names(all: &[KernelspecName]) -> String {
    all.iter().map(KernelspecName::as_str).collect::<Vec<_>>().join(", ")
}
