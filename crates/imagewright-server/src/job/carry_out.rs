//! The process's own side.

use std::error::Error;
use std::fs;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use imagewright_model::{BuildOutcome, ErrorKind};
use imagewright_oci::{Platform, Reference};
use imagewright_service::check::{CheckCommand, profiles};
use imagewright_service::{BuildCommand, BuildReport, Cancel, Limits, Service, ServiceError, Upgrade};

use super::sink::Lines;
use super::{Job, JobFailure, JobReport, SPEC, Said, Task, spec_text};
use crate::checks::{CheckTask, ImageCheck};

/// How long a process that is not wanted any more has to end by itself.
const LAST_MOMENTS: Duration = Duration::from_secs(10);

/// Does what standard input says, and tells standard output of it. `folder` is this process's, and it works in it. When `input`
/// ends, whoever started this is gone, and the process ends, too.
pub fn carry_out(
    service: Service,
    folder: &Path,
    cancel: &Cancel,
    mut input: impl BufRead + Send + 'static,
    output: impl Write + Send,
) -> ExitCode {
    let mut line = String::new();
    let job: Job = match input.read_line(&mut line).map(|_| serde_json::from_str(&line)) {
        Ok(Ok(job)) => job,
        // Nobody has said anything, so nobody listens.
        Ok(Err(_)) | Err(_) => return ExitCode::from(ErrorKind::Usage.exit_code()),
    };
    follow_to_the_end(input, cancel.clone());
    let lines = Lines::new(output, job.longest_log);
    let said = match work(service, &job, folder, cancel, &lines) {
        Ok(said) => said,
        Err(error) => Said::Failed(failure(&error)),
    };
    let outcome = match &said {
        Said::Built(report) => {
            BuildOutcome::Succeeded { digest: report.digest.clone(), size: report.size, layers: 0 }
        }
        Said::Failed(failure) if failure.kind == ErrorKind::Cancelled => BuildOutcome::Cancelled,
        Said::Failed(failure) => BuildOutcome::Failed { error: failure.text.clone() },
        Said::Planned { .. } | Said::Checked(_) | Said::Event(_) => BuildOutcome::Planned,
    };
    lines.end(outcome, &said);
    ExitCode::SUCCESS
}

/// Stops the build when nobody holds the other end of `input` any more.
fn follow_to_the_end(mut input: impl BufRead + Send + 'static, cancel: Cancel) {
    thread::spawn(move || {
        // Nothing more is ever said, so this waits for the end.
        let _ = std::io::copy(&mut input, &mut std::io::sink());
        cancel.cancel();
        thread::sleep(LAST_MOMENTS);
        std::process::exit(ErrorKind::Cancelled.exit_code().into());
    });
}

fn work<W: Write + Send>(
    service: Service,
    job: &Job,
    folder: &Path,
    cancel: &Cancel,
    lines: &Lines<W>,
) -> Result<Said, ServiceError> {
    let pull = job.pull.iter().cloned().map(Into::into).collect();
    let push = match &job.task {
        Task::Build { push: Some(login), .. } => vec![login.clone().into()],
        _ => Vec::new(),
    };
    let service = service.with_logins(pull, push)?;
    if let Task::Check(task) = &job.task {
        return Ok(Said::Checked(check(&service, task, cancel)?));
    }
    let command = command(job, folder)?;
    match &job.task {
        Task::Check(_) => unreachable!("it has just been done"),
        Task::Plan => {
            let report = service.plan(&command, lines, cancel)?;
            let conflict = report.conflict.as_ref().map(failure);
            Ok(Said::Planned { plan: Box::new(report.plan), conflict })
        }
        Task::Build { is_pushed, .. } => {
            let built = service.build(&command, lines, cancel)?;
            deliver(&service, &built, *is_pushed, cancel, lines)?;
            Ok(Said::Built(report(&service, built)?))
        }
    }
}

/// Asks profiles about an image: the one that is here, else the one in its registry.
fn check(service: &Service, task: &CheckTask, cancel: &Cancel) -> Result<Vec<ImageCheck>, ServiceError> {
    let here = task.digest.as_ref().map(ToString::to_string);
    let here = here.filter(|digest| service.show_image(digest).is_ok());
    let command = CheckCommand {
        subject: here.unwrap_or_else(|| task.reference.to_string()),
        called: Some(task.called.clone()),
        profiles: profiles(&task.profiles)?,
        pull_secret: task.pull_secret.clone(),
        ..CheckCommand::default()
    };
    let checked = service.check(&command, cancel, &mut |_, _| {})?;
    Ok(checked.reports.iter().map(ImageCheck::from).collect())
}

/// Sees that the image can be pulled from where its name says.
fn deliver<W: Write + Send>(
    service: &Service,
    built: &BuildReport,
    is_pushed: bool,
    cancel: &Cancel,
    lines: &Lines<W>,
) -> Result<(), ServiceError> {
    let image = built.digest.to_string();
    if is_pushed {
        for name in &built.names {
            lines.step(&format!("push {name}"), |progress| {
                service.push_image(&image, Some(name), cancel, progress)
            })?;
        }
    } else if service.show_image(&image)?.missing_layers > 0 {
        // Who may pull the result need not be able to pull its base.
        lines
            .step("bring the layers of the base", |progress| service.fetch_image(&image, cancel, progress))?;
    }
    Ok(())
}

fn report(service: &Service, built: BuildReport) -> Result<JobReport, ServiceError> {
    let details = service.show_image(&built.digest.to_string())?;
    let unreadable = |path: &Path| {
        let path = path.to_path_buf();
        move |source| ServiceError::Read { path, source }
    };
    let lock = built.lock.as_deref();
    let lock = lock.map(|path| fs::read_to_string(path).map_err(unreadable(path))).transpose()?;
    let platform: Platform = details.config.platform.clone();
    Ok(JobReport { digest: built.digest, size: built.size, lock, platform: platform.to_string() })
}

/// Writes spec and lock as `imagewright build` has them, and says what to make of them.
fn command(job: &Job, folder: &Path) -> Result<BuildCommand, ServiceError> {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|source| ServiceError::Write { path, source })
    };
    write(SPEC, &spec_text(&job.spec))?;
    if let Some(lock) = &job.lock {
        write("image.lock", lock)?;
    }
    let time_limit = Some(Duration::from_secs(job.time_limit));
    let limits = Limits { memory: job.memory, ..Limits::default() };
    let upgrade = if job.upgrade { Upgrade::Everything } else { Upgrade::Nothing };
    // The process works in the folder, so what is said about the spec names no place of the server.
    let source = Some(PathBuf::from(SPEC));
    let mut command = BuildCommand { source, time_limit, limits, upgrade, ..BuildCommand::default() };
    if let Task::Build { name, is_pushed, .. } = &job.task {
        let _: Reference = name.parse()?;
        command.flags.tag = vec![name.clone()];
        command.push = *is_pushed;
    }
    Ok(command)
}

fn failure(error: &ServiceError) -> JobFailure {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    JobFailure { kind: error.kind(), text, hint: error.hint() }
}
