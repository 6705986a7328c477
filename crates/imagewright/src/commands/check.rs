//! `imagewright check`

use std::path::PathBuf;
use std::process::ExitCode;

use anstream::eprintln;
use clap::{Args, ValueEnum};
use imagewright_model::ErrorKind;
use imagewright_oci::{Platform, Reference};
use imagewright_service::check::{CheckCommand, Checked, Level, Selection, Verdict, profiles, rule, rules};
use imagewright_service::{Cancel, ServiceError};

use crate::cli::Global;
use crate::commands::dockerfile::{argument, named};
use crate::context;
use crate::failure::Failure;
use crate::render::progress::{ProgressArguments, TransferProgress};
use crate::render::{findings, json, output, sarif, table};
use crate::settings::Settings;
use crate::signals::{Interrupt, cancel_on_signals};

/// Look for what is known to go wrong with a Dockerfile or an image
///
/// SUBJECT is a Dockerfile, a folder with one, or an image in the store. Of a Dockerfile the stages count that its target
/// needs; of an image its configuration, its history and the files in its layers. Nothing is built or unpacked.
///
/// With --for, the image is asked whether it runs somewhere; it may then be in a registry alone, and its layers are read there
/// once and not kept.
///
/// A comment `# imagewright: ignore=RULE` before an instruction says that it is meant to be so, and
/// `# imagewright: global ignore=RULE` for the whole file.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct CheckArguments {
    /// Dockerfile, folder with one, or image in the store
    #[arg(required_unless_present_any = ["list", "explain"])]
    subject: Option<String>,
    /// Ask this rule alone; may be given several times
    #[arg(long, value_name = "RULE")]
    rule: Vec<String>,
    /// Do not ask this rule; may be given several times
    #[arg(long, value_name = "RULE")]
    ignore: Vec<String>,
    /// Whether the image runs there: elyra[@RELEASE], enterprise-gateway, kubeflow-notebook, docker-stacks, jupyterhub, or the
    /// file of a profile of your own; several with commas
    #[arg(long = "for", value_name = "PROFILE", value_delimiter = ',', conflicts_with_all = ["list", "explain"])]
    profiles: Vec<String>,
    /// Platform of the image that is meant [default: this machine's]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<Platform>,
    /// With --for enterprise-gateway: the folder of a kernelspec that is to start the image
    #[arg(long, value_name = "FOLDER", requires = "profiles")]
    kernelspec: Option<PathBuf>,
    /// With --for: name of the secret that the image is pulled with there
    #[arg(long, value_name = "NAME", requires = "profiles")]
    pull_secret: Option<String>,
    /// Run the image as well, as the platform would, in the sandbox: its command, its Python, a notebook. Without it nothing of an
    /// image is run
    #[arg(long, requires = "profiles")]
    run: bool,
    /// Whether the image has what this notebook imports, and a kernel for it; may be given several times
    #[arg(long = "notebook", value_name = "FILE", conflicts_with_all = ["list", "explain"])]
    notebooks: Vec<PathBuf>,
    /// Add what is missing: packages, settings, rights, as layers and settings on top; then look again
    #[arg(long, conflicts_with_all = ["list", "explain", "format"])]
    fix: bool,
    /// With --fix: what the mended image is called [default: as the image is called]
    #[arg(long, short = 't', value_name = "NAME", requires = "fix")]
    tag: Vec<Reference>,
    /// The least that makes the exit code 1 [default: warning; with --for: error]
    #[arg(long, value_enum, value_name = "LEVEL")]
    fail_on: Option<FailOn>,
    /// How findings are printed
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    format: Format,
    /// Print as JSON: the same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// List the rules
    #[arg(long, conflicts_with_all = ["subject", "explain"])]
    list: bool,
    /// Print what a rule wants, why, and how to mend what it finds
    #[arg(long, value_name = "RULE", conflicts_with = "subject")]
    explain: Option<String>,
    #[command(flatten)]
    dockerfile: DockerfileFlags,
    #[command(flatten)]
    progress: ProgressArguments,
}

/// What a Dockerfile is read with: as for a build.
#[derive(Debug, Args)]
#[command(next_help_heading = "Dockerfile")]
struct DockerfileFlags {
    /// Check this Dockerfile; SUBJECT is the folder that files are copied from
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Stage that is meant [default: the last]
    #[arg(long, value_name = "STAGE")]
    target: Option<String>,
    /// Value of an ARG; without =VALUE the one of the environment
    #[arg(long, value_name = "NAME[=VALUE]")]
    build_arg: Vec<String>,
    /// What a name in FROM or --from stands for: a folder, or an image as docker-image://IMAGE
    #[arg(long, value_name = "NAME=FOLDER")]
    build_context: Vec<String>,
}

#[cfg(target_os = "linux")]
mod fix;
#[cfg(not(target_os = "linux"))]
#[path = "../desktop/fix.rs"]
mod fix;

const EXAMPLES: &str = "\
Examples:
  imagewright check .
  imagewright check images/kernel.Dockerfile --ignore base-not-pinned
  imagewright check team/analysis:1 --fail-on error
  imagewright check . --format sarif > imagewright.sarif
  imagewright check --explain service-not-started
  imagewright check registry.example/team/analysis:1 --for elyra,jupyterhub
  imagewright check team/analysis:1 --for ./our-cluster.toml --json
  imagewright check team/analysis:1 --for elyra --run
  imagewright check team/analysis:1 --notebook report.ipynb
  imagewright check team/analysis:1 --for elyra --fix -t team/analysis:2

Exit codes: 0 nothing found that counts (see --fail-on), 1 something found, as hadolint and `docker build --check` have it;
with --for also 6, where it cannot be told; others as for builds";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// Whatever is found
    Note,
    /// Warnings and errors
    Warning,
    /// Errors
    Error,
    /// Nothing
    Never,
}

impl FailOn {
    fn counts(self, level: Level) -> bool {
        match self {
            Self::Note => true,
            Self::Warning => level >= Level::Warning,
            Self::Error => level >= Level::Error,
            Self::Never => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, a line for each finding
    Text,
    /// JSON
    Json,
    /// SARIF 2.1.0, for code hosts and editors
    Sarif,
}

#[cfg(target_os = "linux")]
impl CheckArguments {
    /// Whether it makes an image.
    pub(crate) fn mends(&self) -> bool {
        self.fix
    }

    /// Whether it runs one.
    pub(crate) fn runs(&self) -> bool {
        self.run
    }
}

pub(crate) fn run(global: &Global, arguments: CheckArguments) -> Result<ExitCode, Failure> {
    let format = if arguments.json { Format::Json } else { arguments.format };
    if let Some(name) = &arguments.explain {
        output::text(&rule(name).map_err(ServiceError::from)?.page())?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(subject) = arguments.subject else {
        list(format)?;
        return Ok(ExitCode::SUCCESS);
    };
    let DockerfileFlags { file, target, build_arg, build_context } = arguments.dockerfile;
    let fail_on = arguments.fail_on.unwrap_or(match arguments.profiles.is_empty() {
        true => FailOn::Warning,
        false => FailOn::Error,
    });
    let command = CheckCommand {
        profiles: profiles(&arguments.profiles)?,
        platform: arguments.platform,
        kernelspec: arguments.kernelspec,
        pull_secret: arguments.pull_secret,
        subject,
        file,
        target,
        arguments: build_arg.iter().filter_map(|text| argument(text)).collect(),
        contexts: build_context.iter().map(|text| named(text)).collect::<Result<_, _>>()?,
        selection: Selection::new(&arguments.rule, &arguments.ignore).map_err(ServiceError::from)?,
        called: None,
        run: arguments.run,
        notebooks: arguments.notebooks,
    };
    let cancel = Cancel::new();
    cancel_on_signals(&cancel, Interrupt::Ours)?;
    let service = context::open(global, Settings::default())?;
    if arguments.fix {
        let events = arguments.progress.renderer(global.quiet);
        let told = fix::Told { as_json: format == Format::Json, fail_on, events: &*events };
        return fix::run(global, &service, &command, &arguments.tag, &cancel, &told);
    }
    let progress = TransferProgress::new(global.quiet);
    let checked = service.check(&command, &cancel, &mut |message, done| progress.show(message, done))?;
    drop(progress);
    print(global, &checked, format)?;
    Ok(ended(&checked, fail_on))
}

/// The exit code that follows from what was found.
fn ended(checked: &Checked, fail_on: FailOn) -> ExitCode {
    let of_profiles = checked.reports.iter().flat_map(|report| &report.findings);
    if checked.findings.iter().chain(of_profiles).any(|finding| fail_on.counts(finding.level)) {
        return ExitCode::from(ErrorKind::Failed.exit_code());
    }
    let is_open = checked.reports.iter().any(|report| report.verdict == Verdict::CannotTell);
    match is_open && fail_on != FailOn::Never {
        true => ExitCode::from(ErrorKind::Unavailable.exit_code()),
        false => ExitCode::SUCCESS,
    }
}

fn print(global: &Global, checked: &Checked, format: Format) -> Result<(), Failure> {
    match format {
        Format::Text => output::text(&findings::draw(checked))?,
        Format::Json => output::json(&json::checked(checked))?,
        Format::Sarif => output::json(&sarif::log(checked))?,
    }
    if !global.quiet {
        checked.notes.iter().for_each(|note| eprintln!("warning: {note}"));
        if format == Format::Text {
            findings::summaries(checked).iter().for_each(|line| eprintln!("{line}"));
        }
    }
    Ok(())
}

fn list(format: Format) -> Result<(), Failure> {
    match format {
        Format::Text => {
            let rows = rules().map(|rule| {
                vec![
                    rule.name.to_owned(),
                    rule.level.to_string(),
                    rule.looks_at().to_owned(),
                    rule.summary.to_owned(),
                ]
            });
            output::text(&table::draw(&["RULE", "LEVEL", "LOOKS AT", "WANTS"], rows.collect()))?;
        }
        Format::Json => output::json(&rules().map(json::rule).collect::<Vec<_>>())?,
        Format::Sarif => {
            return Err(Failure::new(ErrorKind::Usage, "a list of rules is no SARIF log")
                .with_hint("--json prints it as JSON"));
        }
    }
    Ok(())
}
