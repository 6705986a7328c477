//! The commands and the options they share. What each command takes stands with the command.

use std::path::PathBuf;

use anstream::{ColorChoice, eprintln};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::{
    build, builds, catalog, check, completions, config, groups, kernelspec, login, metadata, own, people,
    secrets, server, tokens,
};

/// Container images for notebooks and pipelines: build them from package lists, without Docker.
///
/// An image is made of a base and of apt, conda and pip packages, named on the command line, in an image.yaml, or in the
/// files a folder has anyway (apt.txt, requirements.txt, pyproject.toml). It is kept in the content store, an OCI
/// image layout on disk, from where it can be run and exported.
#[derive(Debug, Parser)]
#[command(name = "imagewright", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

// The commands. Those for Linux alone stand apart; the numbers are their places in the help.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(display_order = 0)]
    Build(Box<build::BuildArguments>),
    #[command(flatten)]
    Own(own::OwnCommand),
    #[command(display_order = 4)]
    Check(Box<check::CheckArguments>),
    #[command(display_order = 7)]
    Login(login::LoginArguments),
    #[command(display_order = 8)]
    Logout(login::LogoutArguments),
    #[command(display_order = 9)]
    Metadata(metadata::MetadataArguments),
    #[command(subcommand, display_order = 10)]
    Kernelspec(kernelspec::KernelspecCommand),
    #[command(subcommand, display_order = 11)]
    Server(server::ServerCommand),
    #[command(subcommand, display_order = 12)]
    Catalog(catalog::CatalogCommand),
    #[command(subcommand, display_order = 13)]
    Builds(builds::BuildsCommand),
    #[command(subcommand, display_order = 14)]
    Groups(groups::GroupsCommand),
    #[command(subcommand, display_order = 15)]
    People(people::PeopleCommand),
    #[command(subcommand, display_order = 16)]
    Secrets(secrets::SecretsCommand),
    #[command(subcommand, display_order = 17)]
    Tokens(tokens::TokensCommand),
    #[command(subcommand, display_order = 29)]
    Config(config::ConfigCommand),
    #[command(display_order = 30)]
    Completions(completions::CompletionsArguments),
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Folder of the content store [default: $XDG_DATA_HOME/imagewright or ~/.local/share/imagewright]
    #[arg(long, global = true, value_name = "DIR", env = "IMAGEWRIGHT_ROOT")]
    pub(crate) root: Option<PathBuf>,

    /// Configuration file, read over /etc/imagewright/config.toml and instead of the user's
    #[arg(long, global = true, value_name = "FILE", env = "IMAGEWRIGHT_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// Say nothing but results and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,

    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    color: Colour,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Colour {
    Auto,
    Always,
    Never,
}

impl Global {
    pub(crate) fn colour(&self) -> ColorChoice {
        match self.color {
            Colour::Auto => ColorChoice::Auto,
            Colour::Always => ColorChoice::Always,
            Colour::Never => ColorChoice::Never,
        }
    }

    /// Tells whoever looks on what was done.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            eprintln!("{text}");
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
