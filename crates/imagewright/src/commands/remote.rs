//! `imagewright build --remote`: a server builds, and its log is shown as that of a build here.

use std::path::Path;
use std::process::ExitCode;
use std::thread;

use anstream::eprintln;
use imagewright_model::spec::ImageSpec;
use imagewright_model::{BuildEvent, ErrorKind, EventSink};
use imagewright_oci::Reference;
use imagewright_service::{BuildCommand, Upgrade, dockerfile_of, read_spec};
use serde_json::{Value, json};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::Global;
use crate::client::{Client, in_address};
use crate::commands::build::BuildArguments;
use crate::commands::builds::{exit_code, follow, label};
use crate::failure::Failure;
use crate::render::json_fields::text;
use crate::render::output;

pub(super) fn run(global: &Global, arguments: BuildArguments) -> Result<ExitCode, Failure> {
    if arguments.dockerfile.is_meant(arguments.source.as_deref()) {
        return Err(is_dockerfile());
    }
    refuse_other_flags(&arguments)?;
    let events = arguments.progress.renderer(global.quiet);
    let command = arguments.versions.into_command(arguments.source)?;
    let upgrade = command.upgrade == Upgrade::Everything;
    let command = BuildCommand { flags: arguments.image.into(), ..command };
    let spec = read_spec(&command, &*events)?;
    let image = entry(&spec.tags)?;
    let spec = sent(&spec)?;
    let client = Client::open(global, &arguments.remote.server)?;
    let build = request(&client, &image, &spec, arguments.remote.pull_secret.as_deref(), upgrade)?;
    let id = text(&build["id"]);
    if arguments.remote.detach {
        output::text(&format!("{id}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    if !global.quiet {
        eprintln!("{} is queued at {}", label(&build), client.address());
    }
    tell_on_interrupt(&label(&build))?;
    let ended = follow(&client, &id, &*events)?;
    let code = exit_code(&ended)?;
    if arguments.process.json {
        output::json(&ended)?;
    } else {
        output::text(&format!("{}\n", text(&ended["digest"])))?;
    }
    Ok(code)
}

/// The spec that a folder or file describes, as a server takes it.
pub(super) fn document(global: &Global, source: &Path) -> Result<Value, Failure> {
    if dockerfile_of(source).is_some() {
        return Err(is_dockerfile());
    }
    let command = BuildCommand { source: Some(source.to_owned()), ..BuildCommand::default() };
    sent(&read_spec(&command, &Warnings { global })?)
}

fn is_dockerfile() -> Failure {
    let text = "a server builds from packages, and this is a Dockerfile";
    Failure::new(ErrorKind::Usage, text).with_hint("build it here, and push it")
}

fn sent(spec: &ImageSpec) -> Result<Value, Failure> {
    spec.to_document().map_err(|error| {
        Failure::new(ErrorKind::Invalid, error).with_hint("build it here, or ask for the packages by name")
    })
}

/// Prints the warnings about a spec.
struct Warnings<'a> {
    global: &'a Global,
}

impl EventSink for Warnings<'_> {
    fn emit(&self, event: BuildEvent) {
        if let BuildEvent::Warning { message } = event {
            self.global.say(&format!("warning: {message}"));
        }
    }
}

/// The name of the entry that the result is for.
fn entry(tags: &[Reference]) -> Result<String, Failure> {
    let usage = |text: &str| {
        Failure::new(ErrorKind::Usage, text.to_owned())
            .with_hint("write `--tag NAME`, as the image is called in the server's catalogue")
    };
    let [tag] = tags else { return Err(usage("a build by a server is for one image, which --tag names")) };
    let name = tag.familiar_repository();
    if name.contains('/') || tag.tag().is_some_and(|tag| tag.as_str() != "latest") {
        return Err(usage(&format!("`{tag}` is no name of the catalogue: the server numbers builds itself")));
    }
    Ok(name)
}

/// Asks for the build; for the first one, where there is no such image.
fn request(
    client: &Client,
    image: &str,
    spec: &Value,
    secret: Option<&str>,
    upgrade: bool,
) -> Result<Value, Failure> {
    let name = in_address(image);
    if client.find(&format!("/images/{name}"))?.is_some() {
        let new = json!({"spec": spec, "pull_secret": secret, "upgrade": upgrade});
        return client.post(&format!("/images/{name}/builds"), &new);
    }
    let new = json!({"display_name": image, "name": image, "spec": spec, "base_pull_secret": secret});
    client.post("/images", &new)?;
    let builds = client.get(&format!("/images/{name}/builds?limit=1"))?;
    Ok(builds["items"][0].clone())
}

/// Flags that are about a build here.
fn refuse_other_flags(arguments: &BuildArguments) -> Result<(), Failure> {
    let process = &arguments.process;
    let versions = &arguments.versions;
    let given = [
        ("--no-cache", process.no_cache),
        ("--time-limit", process.time_limit.is_some()),
        ("--source-date-epoch", process.source_date_epoch.is_some()),
        ("--digest-file", process.digest_file.is_some()),
        ("--push", process.push),
        ("--locked", versions.locked),
        ("--offline", versions.offline),
        ("--pylock", versions.pylock.is_some()),
        ("--upgrade PACKAGE", versions.upgrade.iter().any(|package| !package.is_empty())),
    ];
    let given: Vec<&str> = given.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    if given.is_empty() {
        return Ok(());
    }
    let text =
        format!("a server builds by settings of its own, so these flags do not apply: {}", given.join(", "));
    Err(Failure::new(ErrorKind::Usage, text))
}

/// Ctrl-C ends the looking on and not the build, and says how to come back.
fn tell_on_interrupt(build: &str) -> Result<(), Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let build = build.to_owned();
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            eprintln!("\n{build} goes on at the server");
            eprintln!("  to look on again: imagewright builds logs --follow {build}");
            eprintln!("  to stop it:       imagewright builds cancel {build}");
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}
