//! `imagewright builds`: the builds of a server.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use anstream::eprintln;
use clap::{Args, Subcommand};
use imagewright_model::{BuildEvent, ErrorKind, EventSink};
use serde_json::Value;

use crate::cli::Global;
use crate::client::{Client, Path, ServerFlags, in_address};
use crate::failure::Failure;
use crate::render::json_fields::text;
use crate::render::progress::ProgressArguments;
use crate::render::{json_fields, output, table};

/// Look at the builds of a server, stop and repeat them
#[derive(Debug, Subcommand)]
pub(crate) enum BuildsCommand {
    /// List builds, the newest first
    #[command(visible_alias = "ls")]
    List(ListArguments),
    /// Show a build
    Show(ShowArguments),
    /// Print the log of a build
    Logs(LogsArguments),
    /// Stop a build
    Cancel(OneArguments),
    /// Queue a build that is over once more
    Retry(OneArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Only builds of this image
    image: Option<String>,
    /// Only builds in this state: queued, running, succeeded, failed, cancelled or interrupted
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Only builds that you asked for
    #[arg(long)]
    mine: bool,
    /// How many at most
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The build, as IMAGE:NUMBER, IMAGE (its last one) or identity
    build: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

#[derive(Debug, Args)]
pub(crate) struct LogsArguments {
    /// The build, as IMAGE:NUMBER, IMAGE (its last one) or identity
    build: String,
    /// Go on until the build is over, and exit as it ended
    #[arg(long, short)]
    follow: bool,
    /// Print only so many lines from the end
    #[arg(long, value_name = "COUNT", conflicts_with = "follow")]
    tail: Option<usize>,
    #[command(flatten)]
    server: ServerFlags,
    #[command(flatten)]
    progress: ProgressArguments,
}

#[derive(Debug, Args)]
pub(crate) struct OneArguments {
    /// The build, as IMAGE:NUMBER, IMAGE (its last one) or identity
    build: String,
    #[command(flatten)]
    server: ServerFlags,
}

pub(crate) fn run(global: &Global, command: BuildsCommand) -> Result<ExitCode, Failure> {
    match command {
        BuildsCommand::List(arguments) => list(global, &arguments),
        BuildsCommand::Show(arguments) => show(global, &arguments),
        BuildsCommand::Logs(arguments) => logs(global, &arguments),
        BuildsCommand::Cancel(arguments) => post(global, &arguments, "cancel"),
        BuildsCommand::Retry(arguments) => post(global, &arguments, "retry"),
    }
}

fn list(global: &Global, arguments: &ListArguments) -> Result<ExitCode, Failure> {
    let client = Client::open(global, &arguments.server)?;
    let path = Path::new("/builds")
        .with("limit", Some(&arguments.limit.to_string()))
        .with("image", arguments.image.as_deref())
        .with("state", arguments.state.as_deref())
        .when("mine", arguments.mine);
    let found = client.get(path.as_str())?;
    if arguments.json {
        output::json(&found["items"])?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = found["items"].as_array().into_iter().flatten().map(|build| {
        let time = |name: &str| json_fields::time(&build["timings"][name]);
        let digest = text(&build["digest"]).trim_start_matches("sha256:").chars().take(12).collect();
        vec![
            label(build),
            text(&build["state"]),
            text(&build["requested_by_name"]),
            time("queued_at"),
            time("finished_at"),
            digest,
        ]
    });
    output::text(&table::draw(&["BUILD", "STATE", "BY", "QUEUED", "ENDED", "DIGEST"], rows.collect()))?;
    Ok(ExitCode::SUCCESS)
}

fn show(global: &Global, arguments: &ShowArguments) -> Result<ExitCode, Failure> {
    let client = Client::open(global, &arguments.server)?;
    let build = find(&client, &arguments.build)?;
    if arguments.json {
        output::json(&build)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = [
        ("Build", label(&build)),
        ("Identity", text(&build["id"])),
        ("State", text(&build["state"])),
        ("Asked for by", text(&build["requested_by_name"])),
        ("Queued", text(&build["timings"]["queued_at"])),
        ("Started", text(&build["timings"]["started_at"])),
        ("Ended", text(&build["timings"]["finished_at"])),
        ("Attempts", build["attempts"].to_string()),
        ("Digest", text(&build["digest"])),
        ("Error", text(&build["error"])),
    ];
    output::lines(json_fields::page(&rows))?;
    output::text(&format!("\nSpec\n{:#}\n", build["spec"]))?;
    Ok(ExitCode::SUCCESS)
}

fn logs(global: &Global, arguments: &LogsArguments) -> Result<ExitCode, Failure> {
    let client = Client::open(global, &arguments.server)?;
    let build = find(&client, &arguments.build)?;
    let id = text(&build["id"]);
    if arguments.follow {
        let ended = follow(&client, &id, &*arguments.progress.renderer(global.quiet))?;
        return exit_code(&ended);
    }
    let tail = arguments.tail.map(|tail| format!("?tail={tail}")).unwrap_or_default();
    let mut log = client.stream(&format!("/builds/{id}/log{tail}"))?;
    let mut buffer = [0; 64 * 1024];
    let mut out = anstream::stdout().lock();
    loop {
        match log.read(&mut buffer)? {
            0 => break,
            count => out.write_all(&buffer[..count])?,
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn post(global: &Global, arguments: &OneArguments, action: &str) -> Result<ExitCode, Failure> {
    let client = Client::open(global, &arguments.server)?;
    let build = find(&client, &arguments.build)?;
    let after = client.post(&format!("/builds/{}/{action}", text(&build["id"])), &Value::Null)?;
    if !global.quiet {
        match (action, after["state"].as_str()) {
            ("cancel", Some("running")) => eprintln!("{} is being stopped", label(&after)),
            _ => eprintln!("{} is {}", label(&after), text(&after["state"])),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Follows a build to its end, and gives it as it is then.
pub(super) fn follow(client: &Client, id: &str, events: &dyn EventSink) -> Result<Value, Failure> {
    let path = |last: i64| format!("/builds/{id}/events?format=jsonl&after={last}");
    let of_build = format!("/builds/{id}");
    let is_over = || {
        let build = client.get(&of_build)?;
        Ok(!matches!(build["state"].as_str(), Some("queued" | "running")))
    };
    let line = |line: &str| {
        // An event that this version does not know is passed over.
        if let Ok(event) = serde_json::from_str::<BuildEvent>(line) {
            events.emit(event);
        }
    };
    client.follow(path, line, is_over)?;
    client.get(&of_build)
}

/// The exit code for how a build ended, as a build here would have it; else its error.
pub(super) fn exit_code(build: &Value) -> Result<ExitCode, Failure> {
    let error = |otherwise: &str| match text(&build["error"]) {
        error if error.is_empty() => otherwise.to_owned(),
        error => error,
    };
    match build["state"].as_str() {
        Some("succeeded") => Ok(ExitCode::SUCCESS),
        Some("cancelled") => Err(Failure::new(ErrorKind::Cancelled, error("the build was cancelled"))),
        _ => Err(Failure::new(ErrorKind::Failed, error("the build failed"))),
    }
}

/// The build that somebody means.
fn find(client: &Client, named: &str) -> Result<Value, Failure> {
    let not_found = || Failure::new(ErrorKind::NotFound, format!("there is no build `{named}`"));
    let (image, number) = match named.split_once(':') {
        Some((image, number)) => (image, Some(number.parse::<i64>().map_err(|_| not_found())?)),
        None => (named, None),
    };
    if number.is_none()
        && let Some(build) = client.find(&format!("/builds/{}", in_address(named)))?
    {
        return Ok(build);
    }
    let mut cursor = String::new();
    loop {
        let path = format!("/builds?image={}&limit=500{cursor}", in_address(image));
        let Some(found) = client.find(&path)? else { return Err(not_found()) };
        let builds = found["items"].as_array().cloned().unwrap_or_default();
        let is_meant = |build: &Value| number.is_none_or(|number| build["number"] == number);
        if let Some(build) = builds.into_iter().find(is_meant) {
            return Ok(build);
        }
        match found["next"].as_str() {
            Some(next) => cursor = format!("&cursor={}", in_address(next)),
            None => return Err(not_found()),
        }
    }
}

/// A build as people name it.
pub(super) fn label(build: &Value) -> String {
    format!("{}:{}", text(&build["image_name"]), build["number"])
}
