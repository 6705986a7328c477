//! `imagewright doctor`

use std::path::Path;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use clap::Args;
use imagewright_model::ErrorKind;
use imagewright_sandbox::user_namespace::{self, Finding};
use nix::sys::statvfs::statvfs;
use serde::Serialize;

use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::render::{output, size};
use crate::settings::{self, Settings};

/// Less free space than this is little for an image of notebooks.
const LITTLE_SPACE: u64 = 5_000_000_000;
/// No clock of today shows an earlier time: certificates and signatures would seem to come from the future.
const EARLIEST_TIME: i64 = 1_750_000_000;

/// Check whether this machine can build and run images
///
/// Looks at namespaces, overlays, subordinate ids, control groups, disk, uv, certificate authorities, credentials and the clock, and
/// says what to do about what is missing. The exit code is 8 when something is.
#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// One thing that was looked at.
#[derive(Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Check {
    fn new(name: &'static str, ok: bool, detail: impl Into<String>, hint: &str) -> Self {
        Self { name, ok, detail: detail.into(), hint: (!ok).then(|| hint.to_owned()) }
    }
}

impl From<Finding> for Check {
    fn from(finding: Finding) -> Self {
        let Finding { name, ok, detail, hint, .. } = finding;
        Self { name, ok, detail, hint }
    }
}

pub(crate) fn run(global: &Global, arguments: &DoctorArguments) -> Result<ExitCode, Failure> {
    let settings = settings::load(global.config.as_deref(), Settings::default())?;
    let root = context::store_root(global, &settings)?;
    // Opening makes what is missing, so that what is looked at is there.
    context::open(global, Settings::default())?;
    let mut checks: Vec<Check> = user_namespace::checks(&root).into_iter().map(Check::from).collect();
    checks.extend([disk(&root), uv(&root, &settings), authorities(&settings), credentials(), clock()]);
    if arguments.json {
        output::json(&checks)?;
    } else {
        output::text(&draw(&checks))?;
    }
    let all_well = checks.iter().all(|check| check.ok);
    Ok(ExitCode::from(if all_well { 0 } else { ErrorKind::Machine.exit_code() }))
}

fn disk(root: &Path) -> Check {
    match statvfs(root) {
        Ok(found) => {
            let free = found.blocks_available().saturating_mul(found.fragment_size());
            let detail = format!("{} free for {}", size::bytes(free), root.display());
            Check::new(
                "disk",
                free >= LITTLE_SPACE,
                detail,
                "free some, run `imagewright gc`, or move the store with --root",
            )
        }
        Err(error) => Check::new("disk", false, error.to_string(), "name another store with --root"),
    }
}

fn uv(root: &Path, settings: &Settings) -> Check {
    let configured = settings.python.uv.iter().cloned();
    let places =
        configured.chain([root.join("tools/uv")]).chain(settings::own_machine::gather().uv_candidates);
    match places.into_iter().find(|path| path.is_file()) {
        Some(path) => Check::new("uv", true, path.display().to_string(), ""),
        None => Check::new(
            "uv",
            false,
            "not found",
            "run scripts/setup; without it no Python packages can be installed",
        ),
    }
}

fn authorities(settings: &Settings) -> Check {
    let hint = "install ca-certificates, or name a PEM file with `trust.ca-bundle`";
    match &settings.trust.ca_bundle {
        Some(path) if path.is_file() => {
            Check::new("certificate authorities", true, path.display().to_string(), hint)
        }
        Some(path) => Check::new("certificate authorities", false, format!("no `{}`", path.display()), hint),
        None => Check::new("certificate authorities", false, "none found", hint),
    }
}

fn credentials() -> Check {
    let files = settings::machine::credential_files();
    let kept = files.podman.iter().chain(&files.docker).filter(|path| path.is_file());
    let kept: Vec<String> = kept.map(|path| path.display().to_string()).collect();
    let detail = if kept.is_empty() { "no logins to registries".to_owned() } else { kept.join(", ") };
    Check::new("credentials", true, detail, "")
}

fn clock() -> Check {
    let now = jiff::Timestamp::now();
    let hint = "set the clock: signatures and certificates are not valid yet at this time";
    Check::new("clock", now.as_second() > EARLIEST_TIME, now.strftime("%F %T UTC").to_string(), hint)
}

fn draw(checks: &[Check]) -> String {
    let style = |colour: AnsiColor| Style::new().bold().fg_color(Some(colour.into()));
    let (green, red) = (style(AnsiColor::Green), style(AnsiColor::Red));
    let mut text = String::new();
    for check in checks {
        let mark = if check.ok { format!("{green}ok{green:#}     ") } else { format!("{red}missing{red:#}") };
        text.push_str(&format!("{mark} {:<24} {}\n", check.name, check.detail));
        if let Some(hint) = &check.hint {
            text.push_str(&format!("        hint: {hint}\n"));
        }
    }
    text
}
