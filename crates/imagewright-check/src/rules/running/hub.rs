//! Whether JupyterHub's server for one user serves: `singleuser-does-not-start`, `singleuser-does-not-answer`.

use serde_json::json;

use super::tried;
use crate::profile::ProfileSubject;
use crate::rule::{Outcome, Rule};
use crate::trial::{Played, Question, Trial, TrialCommand, TrialVolume, Trials};

pub(crate) static SINGLEUSER_DOES_NOT_START: Rule = Rule {
    name: "singleuser-does-not-start",
    summary: "`jupyterhub-singleuser` starts, and says which version it is.",
    why: "The hub starts this program in the image. A script that is there and whose Python has moved, or lacks the package, ends at once.",
    mend: "```dockerfile\nRUN pip install --no-cache-dir jupyterhub jupyterlab\n```",
    sources: &["JupyterHub, \"Spawners\", section \"Spawner.cmd\""],
    on_run: Some(singleuser_does_not_start),
    ..Rule::OF_PLATFORMS
};

pub(crate) static SINGLEUSER_DOES_NOT_ANSWER: Rule = Rule {
    name: "singleuser-does-not-answer",
    summary: "Started as the hub starts it, the server answers below the address of its user.",
    why: "The hub tells the server by variables where it is, who its user is, and below which address it is asked for. Where it does not \
          answer there in time the hub says that the spawn failed, and ends it. Here a hub is played that says who it is and nothing more.",
    mend: "Have the entry point start what it is given, and nothing of the server hang on the home:\n\n\
           ```dockerfile\nENTRYPOINT [\"tini\", \"-g\", \"--\"]\nCMD [\"jupyterhub-singleuser\"]\n```",
    sources: &[
        "JupyterHub, \"Starting your server\"",
        "JupyterHub, \"Spawners\", section \"Environment variables\"",
    ],
    on_run: Some(singleuser_does_not_answer),
    ..Rule::OF_PLATFORMS
};

const PROGRAM: &str = "jupyterhub-singleuser";
const PORT: u16 = 8888;
const HUB: u16 = 8081;

fn singleuser_does_not_start(subject: &ProfileSubject<'_>, trials: &Trials<'_>) -> Outcome {
    if !subject.has_program(PROGRAM) {
        return Outcome::fine();
    }
    tried(trials, &Trial::of([PROGRAM, "--version"]), |ran| {
        let says = ran.stdout.lines().chain(ran.stderr.lines());
        let mut says = says.filter(|line| line.trim().starts_with(|letter: char| letter.is_ascii_digit()));
        if ran.succeeded() && says.next().is_some() {
            return Outcome::fine();
        }
        subject.found(format!("`{PROGRAM} --version` says no version: {}", ran.told())).into()
    })
}

fn singleuser_does_not_answer(subject: &ProfileSubject<'_>, trials: &Trials<'_>) -> Outcome {
    // What does not start does not answer, which the rule before says.
    let starts = trials.run(&Trial::of([PROGRAM, "--version"])).is_ok_and(|ran| ran.succeeded());
    if !subject.has_program(PROGRAM) || !starts {
        return Outcome::fine();
    }
    let trial = spawned(subject);
    tried(trials, &trial, |ran| {
        let text = match ran.answers.first().and_then(Option::as_ref) {
            Some(answer) if answer.status == 200 => return Outcome::fine(),
            Some(answer) => format!("`/user/check/api` is answered with {}", answer.status),
            None => format!("nothing answers at `/user/check/api`: {}", ran.told()),
        };
        subject.found(text).into()
    })
}

/// What a hub starts for a user `check`, with an empty volume as the home.
fn spawned(subject: &ProfileSubject<'_>) -> Trial {
    let user = subject.user();
    let home = user.map_or_else(|| "/home/jovyan".to_owned(), |user| subject.home_of(&user));
    let hub = format!("http://127.0.0.1:{HUB}/hub/api");
    let documents = vec![
        ("/hub/api/users/check/activity".to_owned(), json!({})),
        ("/hub/api/user".to_owned(), json!({"name": "check", "kind": "user", "groups": [], "scopes": []})),
        ("/hub/api".to_owned(), json!({"version": "5.3.0"})),
    ];
    let trial = Trial {
        command: TrialCommand::Arguments(vec![PROGRAM.to_owned()]),
        volume: (home != "/").then_some(TrialVolume { path: home, name: "home-of-hub", group: 100 }),
        played: Played::Service { port: HUB, documents },
        questions: vec![Question { port: PORT, path: "/user/check/api".to_owned(), headers: Vec::new() }],
        ..Trial::of_image()
    };
    let scopes = "[\"access:servers!server=check/\", \"access:servers!user=check\"]";
    [
        ("JUPYTERHUB_API_URL", hub.as_str()),
        ("JUPYTERHUB_ACTIVITY_URL", &format!("{hub}/users/check/activity")),
        ("JUPYTERHUB_API_TOKEN", "of-check"),
        ("JPY_API_TOKEN", "of-check"),
        ("JUPYTERHUB_CLIENT_ID", "jupyterhub-user-check"),
        ("JUPYTERHUB_HOST", ""),
        ("JUPYTERHUB_BASE_URL", "/"),
        ("JUPYTERHUB_USER", "check"),
        ("JUPYTERHUB_SERVER_NAME", ""),
        ("JUPYTERHUB_SERVICE_PREFIX", "/user/check/"),
        ("JUPYTERHUB_SERVICE_URL", &format!("http://0.0.0.0:{PORT}/user/check/")),
        ("JUPYTERHUB_OAUTH_CALLBACK_URL", "/user/check/oauth_callback"),
        ("JUPYTERHUB_OAUTH_SCOPES", scopes),
        ("JUPYTERHUB_OAUTH_ACCESS_SCOPES", scopes),
        ("JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES", "[]"),
    ]
    .into_iter()
    .fold(trial, |trial, (name, value)| trial.with(name, value))
}
