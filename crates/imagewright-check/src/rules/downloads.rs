//! `download-without-pipefail`

use imagewright_dockerfile::{Action, RunAction};

use crate::dockerfile::DockerfileSubject;
use crate::rule::{Found, Level, Rule};
use crate::run::commands_of;
use crate::shell::{End, ShellCommand};

pub(super) static DOWNLOAD_WITHOUT_PIPEFAIL: Rule = Rule {
    name: "download-without-pipefail",
    level: Level::Warning,
    summary: "A download that fails stops the build, also in front of a pipe.",
    why: "A pipe succeeds when its last command does. Where `curl` fails, `bash` reads nothing, has nothing to do and succeeds; the \
          image is built without what was to be installed, and the layer is remembered.\n\n\
          Programs that fail on empty input by themselves (`tar`, `gunzip`, `apt-key`) are no matter.",
    mend: "Let the shell look at every command of a pipe, or download to a file first:\n\n\
           ```dockerfile\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN curl -fsSL https://server.example/install.sh | bash\n```",
    sources: &["hadolint DL4006", "Docker, \"Building best practices\": using pipes"],
    on_dockerfile: Some(on_dockerfile),
    on_image: None,
    on_platform: None,
    on_run: None,
    is_for_notebooks: false,
};

/// Programs that succeed when they are given nothing.
const CONTENT: [&str; 9] = ["sh", "bash", "dash", "zsh", "python", "python3", "node", "perl", "tee"];

fn on_dockerfile(subject: &DockerfileSubject<'_>) -> Vec<Found> {
    let steps = subject.stages().flat_map(|stage| &stage.lowered.steps);
    let runs = steps.filter_map(|step| match &step.action {
        Action::Run(run) => Some((step, run)),
        _ => None,
    });
    let found = runs.filter_map(|(step, run)| {
        let (from, to) = unseen(run, &commands_of(run))?;
        let message = format!("should `{from}` fail, `{to}` behind the pipe succeeds all the same");
        Some(Found::new(&step.origin, message))
    });
    found.collect()
}

/// The first download whose failure nobody sees, and what it is piped to.
fn unseen(run: &RunAction, commands: &[ShellCommand]) -> Option<(String, String)> {
    if run.command.iter().take(run.command.len().saturating_sub(1)).any(|word| word.contains("pipefail")) {
        return None;
    }
    let sets = commands.iter().position(|command| command.program() == "set" && command.has("pipefail"));
    commands[..sets.unwrap_or(commands.len())].windows(2).find_map(|pair| {
        let [from, to] = pair else { return None };
        let is_unseen = from.end == End::Pipe
            && ["curl", "wget"].contains(&from.program())
            && CONTENT.contains(&to.program());
        is_unseen.then(|| (from.program().to_owned(), to.program().to_owned()))
    })
}
