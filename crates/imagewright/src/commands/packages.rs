//! `imagewright build` of a spec: a base and packages.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anstream::eprintln;
use imagewright_model::ErrorKind;
use imagewright_service::{BuildCommand, BuildReport, Cancel, Service, Upgrade};

use crate::cli::Global;
use crate::commands::build::{BuildArguments, VersionFlags};
use crate::commands::publish::Publishing;
use crate::context;
use crate::failure::Failure;
use crate::render::progress::TransferProgress;
use crate::render::report;
use crate::settings::Settings;
use crate::signals::{Interrupt, cancel_on_signals};

impl VersionFlags {
    /// The command for these flags; others are to be added.
    pub(crate) fn into_command(self, source: Option<PathBuf>) -> Result<BuildCommand, Failure> {
        // `build --upgrade FOLDER` means the folder, and clap takes it for the package.
        if let (None, [word]) = (&source, &self.upgrade[..])
            && !word.is_empty()
            && (word.contains('/') || Path::new(word).exists())
        {
            let text = format!("--upgrade takes the name of a package, and `{word}` is a file or folder");
            return Err(Failure::new(ErrorKind::Usage, text)
                .with_hint(format!("put --upgrade behind it: `{word} --upgrade`")));
        }
        let upgrade = match &self.upgrade[..] {
            [] => Upgrade::Nothing,
            names if names.iter().any(String::is_empty) => Upgrade::Everything,
            names => Upgrade::Packages(names.iter().cloned().collect()),
        };
        let Self { locked, offline, pylock, .. } = self;
        Ok(BuildCommand { source, upgrade, locked, offline, pylock, ..BuildCommand::default() })
    }
}

pub(super) fn run(global: &Global, arguments: BuildArguments) -> Result<ExitCode, Failure> {
    let command = arguments.versions.into_command(arguments.source)?;
    let publishing = Publishing::prepare(arguments.publishing)?;
    let cancel = Cancel::new();
    cancel_on_signals(&cancel, Interrupt::Ours)?;
    let engine = arguments.dockerfile.engine();
    let service = context::open(global, Settings { engine, ..arguments.sources.into_settings() })?;
    let events = arguments.progress.renderer(global.quiet);
    let process = arguments.process;
    // A record of an image that nobody can pull is of no use.
    let push = process.push || publishing.is_some();
    let command = BuildCommand {
        flags: arguments.image.into(),
        no_cache: process.no_cache,
        push,
        time_limit: process.time_limit.map(Duration::from_secs),
        limits: arguments.limits.into(),
        source_date_epoch: process.source_date_epoch,
        digest_file: process.digest_file,
        gate: arguments.gate.into_gate()?,
        ..command
    };
    let built = service.build(&command, &*events, &cancel)?;
    if !global.quiet {
        built.notes.iter().for_each(|note| eprintln!("warning: {note}"));
    }
    if push {
        self::push(global, &service, &built, &cancel)?;
    }
    let published = publishing.map(|publishing| publishing.publish(global, &service, &built)).transpose()?;
    report::build(&built, published.as_ref(), process.json)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn push(
    global: &Global,
    service: &Service,
    built: &BuildReport,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let progress = TransferProgress::new(global.quiet);
    let show = |message: &str, done| progress.show(message, done);
    for name in &built.names {
        service.push_image(&built.digest.to_string(), Some(name), cancel, &show)?;
    }
    Ok(())
}
