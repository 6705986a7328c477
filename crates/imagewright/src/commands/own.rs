//! The commands that need our own engine or the store, and the powers that commands need.

use std::process::ExitCode;

use clap::Subcommand;

use super::{
    admin, base, build_process, doctor, facts, fsck, gc, image, kernelspec, plan, pull, push, serve,
};
use crate::cli::{Command, Global};
use crate::failure::Failure;

/// How a server starts this program as a process that builds.
pub(crate) use build_process::NAME as BUILD_PROCESS;

/// Commands that there are on Linux alone.
#[derive(Debug, Subcommand)]
pub(crate) enum OwnCommand {
    #[command(display_order = 1)]
    Plan(Box<plan::PlanArguments>),
    #[command(subcommand, display_order = 2)]
    Image(image::ImageCommand),
    #[command(subcommand, display_order = 3)]
    Base(base::BaseCommand),
    #[command(display_order = 5)]
    Pull(pull::PullArguments),
    #[command(display_order = 6)]
    Push(push::PushArguments),
    #[command(display_order = 10)]
    Serve(serve::ServeArguments),
    #[command(display_order = 18)]
    Admin(admin::AdminArguments),
    #[command(subcommand, display_order = 20)]
    Facts(facts::FactsCommand),
    #[command(display_order = 21)]
    Gc(gc::GcArguments),
    #[command(display_order = 22)]
    Fsck(fsck::FsckArguments),
    #[command(display_order = 23)]
    Doctor(doctor::DoctorArguments),
    #[command(name = build_process::NAME, hide = true)]
    BuildProcess(build_process::BuildProcessArguments),
}

/// Whether a command must be root, at least of its own namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Powers {
    /// It unpacks, builds or runs images.
    Needed,
    /// It sees more with them, and does without.
    Welcome,
    /// It only moves files.
    Unneeded,
}

/// Which powers a command needs.
pub(crate) fn powers(command: &Command) -> Powers {
    match command {
        // A server builds then, and this only looks on.
        Command::Build(arguments) if arguments.is_remote() => Powers::Unneeded,
        Command::Build(_) => Powers::Needed,
        Command::Own(command) => command.powers(),
        Command::Check(arguments) if arguments.mends() => Powers::Needed,
        Command::Kernelspec(command) if kernelspec::changes_images(command) => Powers::Needed,
        // Without them it says what it cannot tell.
        Command::Check(arguments) if arguments.runs() => Powers::Welcome,
        Command::Check(_)
        | Command::Login(_)
        | Command::Logout(_)
        | Command::Metadata(_)
        | Command::Kernelspec(_)
        | Command::Server(_)
        | Command::Catalog(_)
        | Command::Builds(_)
        | Command::Groups(_)
        | Command::People(_)
        | Command::Secrets(_)
        | Command::Tokens(_)
        | Command::Config(_)
        | Command::Completions(_) => Powers::Unneeded,
    }
}

impl OwnCommand {
    fn powers(&self) -> Powers {
        match self {
            Self::Plan(_) | Self::Base(_) | Self::Gc(_) | Self::BuildProcess(_) => Powers::Needed,
            Self::Image(command) if image::runs_images(command) => Powers::Needed,
            Self::Doctor(_) => Powers::Welcome,
            // Builds are processes of their own, which get the powers they need.
            Self::Serve(_) | Self::Admin(_) => Powers::Unneeded,
            Self::Image(_) | Self::Pull(_) | Self::Push(_) | Self::Facts(_) | Self::Fsck(_) => {
                Powers::Unneeded
            }
        }
    }

    pub(super) fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        match self {
            Self::Plan(arguments) => plan::run(global, *arguments),
            Self::Image(command) => image::run(global, command),
            Self::Base(command) => base::run(global, command),
            Self::Pull(arguments) => pull::run(global, &arguments),
            Self::Push(arguments) => push::run(global, &arguments),
            Self::Serve(arguments) => serve::run(global, &arguments),
            Self::Admin(arguments) => admin::run(global, &arguments),
            Self::Facts(command) => facts::run(global, command),
            Self::Gc(arguments) => gc::run(global, &arguments),
            Self::Fsck(arguments) => fsck::run(global, &arguments),
            Self::Doctor(arguments) => doctor::run(global, &arguments),
            Self::BuildProcess(arguments) => build_process::run(global, &arguments),
        }
    }
}
