//! `imagewright base`

use std::process::ExitCode;

use clap::{Args, Subcommand};
use imagewright_layer::Compression;
use imagewright_model::ErrorKind;
use imagewright_model::spec::Distribution;
use imagewright_oci::{Platform, Reference};
use imagewright_service::{BaseImageRequest, Cancel};

use crate::cli::Global;
use crate::commands::build::SourceFlags;
use crate::context;
use crate::failure::Failure;
use crate::render::progress::ProgressArguments;
use crate::render::report;
use crate::signals::{Interrupt, cancel_on_signals};

/// Make base images
#[derive(Debug, Subcommand)]
pub(crate) enum BaseCommand {
    Bootstrap(Box<BootstrapArguments>),
}

/// Make a base image from the packages of Debian or Ubuntu
///
/// The archive's signature and the checksum of every package are verified. The mirror is, unless named, the one in
/// the machine's own apt sources. The same packages give the same image, to the bit.
///
/// Example: imagewright base bootstrap debian --suite trixie --include python3,curl -t base/debian:trixie
#[derive(Debug, Args)]
pub(crate) struct BootstrapArguments {
    /// debian or ubuntu [default: this machine's own]
    distribution: Option<Distribution>,
    /// Release, as trixie or noble [default: the newest the machine's apt sources and keyring offer]
    #[arg(long, value_name = "SUITE")]
    suite: Option<String>,
    /// Packages beyond the essential ones and apt, separated by commas
    #[arg(long, value_name = "PACKAGES", value_delimiter = ',')]
    include: Vec<String>,
    /// Name of the result, as NAME[:TAG]; may be given several times
    #[arg(long, short, value_name = "NAME")]
    tag: Vec<Reference>,
    /// Platform of the image [default: this machine's]
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<Platform>,
    /// Compression of the layer: gzip[:1-12], zstd[:1-22] or none
    #[arg(long, value_name = "METHOD", default_value_t)]
    compression: Compression,
    /// Ask the archive again for newer packages
    #[arg(long)]
    upgrade: bool,
    /// Make the image again though it is there
    #[arg(long)]
    no_cache: bool,
    /// The latest date anything in the image carries, in seconds since 1970 [default: that of the newest file]
    #[arg(long, value_name = "SECONDS", env = "SOURCE_DATE_EPOCH", value_parser = clap::value_parser!(i64).range(1..))]
    source_date_epoch: Option<i64>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sources: SourceFlags,
    #[command(flatten)]
    progress: ProgressArguments,
}

pub(crate) fn run(global: &Global, command: BaseCommand) -> Result<ExitCode, Failure> {
    let BaseCommand::Bootstrap(arguments) = command;
    if arguments.suite.is_some() && arguments.distribution.is_none() {
        return Err(Failure::new(ErrorKind::Usage, "--suite needs a distribution")
            .with_hint("write `imagewright base bootstrap debian --suite …`"));
    }
    let cancel = Cancel::new();
    cancel_on_signals(&cancel, Interrupt::Ours)?;
    let service = context::open(global, arguments.sources.into_settings())?;
    let events = arguments.progress.renderer(global.quiet);
    let request = BaseImageRequest {
        distribution: arguments.distribution,
        suite: arguments.suite,
        include: arguments.include,
        names: arguments.tag,
        platform: arguments.platform,
        compression: arguments.compression,
        upgrade: arguments.upgrade,
        no_cache: arguments.no_cache,
        source_date_epoch: arguments.source_date_epoch,
    };
    let built = service.bootstrap_base(&request, &*events, &cancel)?;
    report::build(&built, None, arguments.json)?;
    Ok(ExitCode::SUCCESS)
}
