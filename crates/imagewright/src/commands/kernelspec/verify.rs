//! `imagewright kernelspec verify`

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use imagewright_model::{ErrorKind, Secret};
use imagewright_service::Cancel;
use imagewright_service::gateway::{
    Cell, GatewayAccess, Outcome, Report, StepReport, VerifyRequest, verify_kernelspec,
};
use serde::Serialize;

use crate::cli::Global;
use crate::failure::Failure;
use crate::render::output;
use crate::settings::{self, Settings};
use crate::signals::{Interrupt, cancel_on_signals};

/// The token of the gateway.
const TOKEN_VARIABLE: &str = "IMAGEWRIGHT_GATEWAY_TOKEN";
/// Longer tokens there are not.
const LONGEST_TOKEN: u64 = 64 * 1024;
/// In whose name kernels are started where the user has no name, or one that gateways refuse.
const NOBODY: &str = "imagewright";
/// Variables that have an option of their own, or are none of the user's.
const OWN_VARIABLES: [(&str, &str); 3] = [
    ("KERNEL_USERNAME", "use --user"),
    ("KERNEL_LAUNCH_TIMEOUT", "use --launch-timeout"),
    ("KERNEL_ID", "each kernel gets a new one"),
];

const EXAMPLES: &str = "\
Examples:
  imagewright kernelspec verify team-py --gateway http://localhost:8888
  imagewright kernelspec verify team-r --gateway https://gateway.example --token-file token --launch-timeout 180
  imagewright kernelspec verify julia --gateway http://localhost:8888 --code 'print(6 * 7)' --expect 42

Exit codes: 0 it works, 1 a kernel does not do what it must, 3 there is no such kernelspec, 4 what answers is no gateway,
5 the gateway runs as many kernels as it may, 6 it cannot be reached, 7 it does not let you; others as for builds";

/// Start a kernel through a gateway, and see that it works
///
/// The kernelspec is looked for in the gateway's list; its kernel is started, executes a cell, has a long cell interrupted, is
/// restarted and stopped. Each step is told with the time it took, and the last line is the verdict: where something does not work,
/// why and what to do. Whatever fails, the kernel is stopped.
///
/// If the gateway wants a token, it is read from --token-file or taken from IMAGEWRIGHT_GATEWAY_TOKEN.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct VerifyArguments {
    /// Name of the kernelspec
    #[arg(value_name = "NAME")]
    kernelspec: String,
    /// Address of the gateway
    #[arg(long, value_name = "URL", env = "IMAGEWRIGHT_GATEWAY")]
    gateway: String,
    /// File with the token that the gateway wants
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// In whose name the kernel is started [default: your name, `imagewright` where you are root]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Variable for the kernel: KERNEL_… or one that the gateway lets through; may be given several times
    #[arg(long = "env", short, value_name = "NAME=VALUE", value_parser = variable)]
    environment: Vec<(String, String)>,
    /// How long the gateway waits for the kernel; pulling its image counts
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86400))]
    launch_timeout: u64,
    /// How long a cell, or an interrupt, may take
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86400))]
    timeout: u64,
    /// Code to execute [default: a sum, in Python, R and Scala]
    #[arg(long)]
    code: Option<String>,
    /// What the code must print [default: it must not fail]
    #[arg(long, value_name = "TEXT", requires = "code")]
    expect: Option<String>,
    /// Do not interrupt a long cell
    #[arg(long)]
    no_interrupt: bool,
    /// Do not restart the kernel
    #[arg(long)]
    no_restart: bool,
    /// PEM file of certificate authorities to trust
    #[arg(long, value_name = "FILE")]
    ca_bundle: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// The report, with its verdict.
#[derive(Serialize)]
struct ReportJson<'a> {
    works: bool,
    verdict: String,
    #[serde(flatten)]
    report: &'a Report,
}

pub(super) fn run(global: &Global, arguments: VerifyArguments) -> Result<ExitCode, Failure> {
    let mut overrides = Settings::default();
    overrides.trust.ca_bundle = arguments.ca_bundle;
    let trust = settings::load(global.config.as_deref(), overrides)?.trust;
    let token = token(arguments.token_file.as_deref())?;
    let request = VerifyRequest {
        kernelspec: arguments.kernelspec,
        user: arguments.user.unwrap_or_else(own_name),
        environment: arguments.environment.into_iter().collect::<BTreeMap<_, _>>(),
        launch_timeout: Duration::from_secs(arguments.launch_timeout),
        timeout: Duration::from_secs(arguments.timeout),
        cell: arguments.code.map(|code| Cell { code, expected: arguments.expect }),
        interrupt: !arguments.no_interrupt,
        restart: !arguments.no_restart,
    };
    let cancel = Cancel::new();
    cancel_on_signals(&cancel, Interrupt::Ours)?;
    let access = GatewayAccess { address: &arguments.gateway, token, trust: &trust };
    let mut unseen: io::Result<()> = Ok(());
    let report = verify_kernelspec(access, &request, &cancel, &mut |step| {
        // Whether anybody looks or not, the kernel is stopped in the end.
        if !arguments.json && unseen.is_ok() {
            unseen = output::lines([line(step)]);
        }
    });
    let report = report.map_err(|error| Failure::new(error.kind(), error))?;
    unseen?;
    if arguments.json {
        let verdict = report.to_string();
        output::json(&ReportJson { works: report.works(), verdict, report: &report })?;
    } else {
        output::lines(report.notes.iter().map(|note| format!("note: {note}")))?;
        output::lines([report.to_string()])?;
    }
    let code = report.problem.as_ref().map_or(0, |problem| problem.kind.exit_code());
    Ok(ExitCode::from(code))
}

fn line(step: &StepReport) -> String {
    let name = step.step.name();
    let seconds = step.time.as_secs_f64();
    match step.outcome {
        Outcome::Done => format!("{name:<12} {seconds:>6.1} s  {}", step.detail),
        // Why stands in the last line.
        Outcome::Failed => format!("{name:<12} {seconds:>6.1} s  failed"),
        Outcome::LeftOut => format!("{name:<12}        -  {}", step.detail),
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(is_name) {
        return Err(format!("`{name}` is not the name of a variable"));
    }
    match OWN_VARIABLES.iter().find(|(own, _)| *own == name) {
        Some((own, instead)) => Err(format!("{own} cannot be given: {instead}")),
        None => Ok((name.to_owned(), value.to_owned())),
    }
}

/// The name of whoever calls us, if a gateway takes it.
fn own_name() -> String {
    let named = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    let is_taken = |name: &String| {
        // It becomes a part of names of containers and pods.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        name != "root" && name.len() <= 32 && name.bytes().all(is_plain) && !name.is_empty()
    };
    named.filter(is_taken).unwrap_or_else(|| NOBODY.to_owned())
}

fn token(file: Option<&Path>) -> Result<Option<Secret>, Failure> {
    let Some(path) = file else {
        let token = std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty());
        return Ok(token.map(Secret::new));
    };
    let wrong = |error: io::Error| {
        let text = format!("the token in `{}` cannot be read: {error}", path.display());
        Failure::new(ErrorKind::of_io(&error), text)
    };
    let mut text = String::new();
    let file = File::open(path).map_err(wrong)?;
    file.take(LONGEST_TOKEN).read_to_string(&mut text).map_err(wrong)?;
    match text.trim() {
        "" => Err(Failure::new(ErrorKind::Invalid, format!("there is no token in `{}`", path.display()))),
        token => Ok(Some(Secret::new(token))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_with_options_of_their_own_are_refused() {
        assert_eq!(variable("KERNEL_UID=5=1").unwrap(), ("KERNEL_UID".to_owned(), "5=1".to_owned()));
        for wrong in ["KERNEL_UID", "=1", "A B=1", "KERNEL_USERNAME=root", "KERNEL_ID=1"] {
            variable(wrong).unwrap_err();
        }
    }
}
