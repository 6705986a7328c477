//! Whether a notebook server serves, in a pod of Kubeflow's: `server-does-not-answer`, `server-not-for-any-user`,
//! `kernel-list-missing`, `framing-forbidden`, `volume-changes-lost`, `server-not-behind-rewrite`, `init-failure-survived`.

use serde_json::Value;

use super::tried;
use crate::profile::ProfileSubject;
use crate::rule::{Level, Outcome, Rule};
use crate::trial::{HttpAnswer, Question, Ran, RanEnd, Trial, TrialCommand, TrialUser, TrialVolume, Trials};

const SOURCES: &[&str] = &["Kubeflow, \"Notebook container images\", section \"Image requirements\""];

pub(crate) static SERVER_DOES_NOT_ANSWER: Rule = Rule {
    name: "server-does-not-answer",
    summary: "The server answers below its prefix, with an empty volume as its home.",
    why: "A pod of a notebook has an empty volume over its home, runs as user 1000 in group 100, and is told by `NB_PREFIX` below which \
          address it is asked for. A server that needs something of its home, or answers at another address, is never ready.",
    mend: "Take the address from the variable, and copy what the home needs when the container starts:\n\n\
           ```dockerfile\nCMD [\"sh\", \"-c\", \"exec jupyter lab --ip=0.0.0.0 --port=8888 --ServerApp.base_url=${NB_PREFIX} \
           --ServerApp.token= --ServerApp.password= --ServerApp.allow_origin='*'\"]\n```",
    sources: SOURCES,
    on_run: Some(server_does_not_answer),
    ..Rule::OF_PLATFORMS
};

pub(crate) static SERVER_NOT_FOR_ANY_USER: Rule = Rule {
    name: "server-not-for-any-user",
    summary: "The server answers under a user id that the platform makes up.",
    why: "Clusters that do not let images choose run them under a high user id in group 0, without capabilities and without gaining any. \
          A start script that wants `sudo`, or folders that only user 1000 may write to, fail there.",
    mend: "Give group 0 the rights of the user, and start without `sudo`:\n\n\
           ```dockerfile\nRUN chgrp -R 0 /opt/conda /home/jovyan && chmod -R g=u /opt/conda /home/jovyan\n```",
    sources: &[
        "OpenShift, \"Creating images\", section \"Support arbitrary user ids\"",
        "kubeflow/kubeflow issues 5808 and 7622",
    ],
    on_run: Some(server_not_for_any_user),
    ..Rule::OF_PLATFORMS
};

pub(crate) static KERNEL_LIST_MISSING: Rule = Rule {
    name: "kernel-list-missing",
    summary: "Whoever asks for the list of running kernels gets it, without logging in.",
    why: "Idle notebooks are found by asking `NB_PREFIX/api/kernels` in plain HTTP, without credentials. Where the answer is no list, a \
          notebook is never stopped, or stopped while it works.",
    mend: "```dockerfile\nCMD [\"sh\", \"-c\", \"exec jupyter lab --ip=0.0.0.0 --ServerApp.base_url=${NB_PREFIX} --ServerApp.token= \
           --ServerApp.password=\"]\n```",
    sources: &["Kubeflow's notebook controller, idle culling"],
    on_run: Some(kernel_list_missing),
    ..Rule::OF_PLATFORMS
};

pub(crate) static FRAMING_FORBIDDEN: Rule = Rule {
    name: "framing-forbidden",
    summary: "Pages of the server may be shown within the dashboard.",
    why: "The dashboard shows notebooks in a frame and asks them from its own address. `X-Frame-Options`, or `frame-ancestors` in the \
          `Content-Security-Policy`, keep the browser from showing them; without `Access-Control-Allow-Origin: *` its questions fail.",
    mend: "```dockerfile\nRUN printf '%s\\n' 'c.ServerApp.allow_origin = \"*\"' \\\n    \
           'c.ServerApp.tornado_settings = {\"headers\": {\"Content-Security-Policy\": \"frame-ancestors *\"}}' \\\n    \
           >> /etc/jupyter/jupyter_server_config.py\n```",
    sources: SOURCES,
    on_run: Some(framing_forbidden),
    ..Rule::OF_PLATFORMS
};

pub(crate) static VOLUME_CHANGES_LOST: Rule = Rule {
    name: "volume-changes-lost",
    summary: "What users changed in their home is there after a restart.",
    why: "The home is a volume that outlives the container. A start script that copies its files there every time overwrites what users \
          changed, each time the notebook starts.",
    mend: "Copy what is not there yet, and nothing else:\n\n```sh\ncp -rn /tmp_home/jovyan/. \"$HOME\"/\n```",
    sources: &["Kubeflow's example notebook servers: the template of the home"],
    on_run: Some(volume_changes_lost),
    ..Rule::OF_PLATFORMS
};

pub(crate) static SERVER_NOT_BEHIND_REWRITE: Rule = Rule {
    name: "server-not-behind-rewrite",
    summary: "code-server and RStudio answer at the root, where the platform rewrites addresses to.",
    why: "For code-server and RStudio the platform takes the prefix away before it passes a request on; RStudio is told of it by the header \
          `X-RStudio-Root-Path`. A server that expects the prefix, or does not know the header, sends people nowhere.",
    mend: "Start them without a prefix:\n\n```dockerfile\nCMD [\"code-server\", \"--bind-addr\", \"0.0.0.0:8888\", \"--auth\", \"none\"]\n```",
    sources: SOURCES,
    on_run: Some(server_not_behind_rewrite),
    ..Rule::OF_PLATFORMS
};

pub(crate) static INIT_FAILURE_SURVIVED: Rule = Rule {
    name: "init-failure-survived",
    level: Level::Warning,
    summary: "A start script that fails ends the container.",
    why: "A notebook whose preparation failed and that starts nevertheless looks well and is not: the home is not seeded, a setting is \
          missing. A container that ends is started again, and says why in its log.",
    mend: "```dockerfile\nENV S6_BEHAVIOUR_IF_STAGE2_FAILS=2\n```",
    sources: &["Kubeflow's example notebook servers", "s6-overlay, \"Customizing s6 behaviour\""],
    on_run: Some(init_failure_survived),
    ..Rule::OF_PLATFORMS
};

const PREFIX: &str = "/notebook/team/check";
const HOME: &str = "/home/jovyan";
const PORT: u16 = 8888;

/// What serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Jupyter,
    CodeServer,
    RStudio,
}

fn kind(subject: &ProfileSubject<'_>) -> Kind {
    let starts = subject.command().join(" ");
    let has = |name: &str| starts.contains(name) || subject.has_program(name);
    match () {
        () if starts.contains("jupyter") || subject.has_program("jupyter") => Kind::Jupyter,
        () if has("code-server") => Kind::CodeServer,
        () if has("rserver") || has("rstudio-server") => Kind::RStudio,
        () => Kind::Jupyter,
    }
}

/// The port that the platform sends requests to.
fn port(subject: &ProfileSubject<'_>) -> u16 {
    let ports = subject.container.exposed_ports.iter().flatten();
    let mut ports = ports.filter_map(|(port, _)| port.split('/').next()?.parse().ok());
    let first = ports.next();
    if first == Some(PORT) || ports.any(|port| port == PORT) { PORT } else { first.unwrap_or(PORT) }
}

fn ask(subject: &ProfileSubject<'_>, path: &str) -> Question {
    Question { port: port(subject), path: path.to_owned(), headers: Vec::new() }
}

/// A pod, as it is started the first time.
fn pod(subject: &ProfileSubject<'_>, volume: &'static str) -> Trial {
    let questions = match kind(subject) {
        Kind::Jupyter => vec![
            ask(subject, &format!("{PREFIX}/api")),
            ask(subject, &format!("{PREFIX}/api/kernels")),
            ask(subject, &format!("{PREFIX}/lab")),
        ],
        Kind::CodeServer => vec![ask(subject, "/")],
        Kind::RStudio => {
            vec![Question { headers: vec![("X-RStudio-Root-Path", PREFIX.to_owned())], ..ask(subject, "/") }]
        }
    };
    let home = subject.container.working_dir.clone();
    Trial {
        user: TrialUser::Numbers { uid: 1000, gid: primary_group(subject), groups: vec![100] },
        volume: Some(TrialVolume { path: HOME.to_owned(), name: volume, group: 100 }),
        folder: home.is_empty().then(|| HOME.to_owned()),
        questions,
        ..Trial::of_image()
    }
    .with("NB_PREFIX", PREFIX)
}

/// The group that the image gives its user.
fn primary_group(subject: &ProfileSubject<'_>) -> u32 {
    subject.user().filter(|user| user.uid == 1000).map_or(100, |user| user.gid)
}

/// Judges the first answer: whether the server is there.
fn answers(subject: &ProfileSubject<'_>, trial: &Trial, ran: &Ran) -> Outcome {
    let question = &trial.questions[0];
    let place = format!("`{}` on port {}", question.path, question.port);
    let text = match ran.answers.first().and_then(Option::as_ref) {
        Some(answer) if answer.status == 200 => return Outcome::fine(),
        Some(answer) => {
            format!("as {}, {place} is answered with {}", trial.user.told(), answer.status)
        }
        None => format!("as {}, nothing answers at {place}: {}", trial.user.told(), ran.told()),
    };
    subject.found(text).into()
}

fn server_does_not_answer(subject: &ProfileSubject<'_>, trials: &Trials<'_>) -> Outcome {
    if kind(subject) != Kind::Jupyter {
        return Outcome::fine();
    }
    let trial = pod(subject, "home");
    tried(trials, &trial, |ran| answers(subject, &trial, ran))
}

fn server_not_behind_rewrite(subject: &ProfileSubject<'_>, trials: &Trials<'_>) -> Outcome {
    if kind(subject) == Kind::Jupyter {
        return Outcome::fine();
    }
    let trial = pod(subject, "home");
    tried(trials, &trial, |ran| followed(subject, &trial, ran))
}

/// A page, or a way to one that lies behind the rewrite.
fn followed(subject: &ProfileSubject<'_>, trial: &Trial, ran: &Ran) -> Outcome {
    let answer = ran.answers.first().and_then(Option::as_ref);
    let Some(answer) = answer.filter(|answer| (300..400).contains(&answer.status)) else {
        return answers(subject, trial, ran);
    };
    let to = answer.header("location").unwrap_or_default();
    let path = to.split_once("://").map_or(to, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
    let fits = match kind(subject) {
        Kind::RStudio => path.starts_with(PREFIX) || !path.starts_with('/'),
        _ => !path.starts_with(PREFIX),
    };
    if fits {
        return Outcome::fine();
    }
    subject.found(format!("`/` leads to `{to}`, which is not where the platform passes it on")).into()
}

fn server_not_for_any_user(subject: &ProfileSubject<'_>, trials: &Trials<'_>) -> Outcome {
    let trial = pod(subject, "home-of-anybody").by_anybody();
    tried(trials, &trial, |ran| match kind(subject) {
        Kind::Jupyter => answers(subject, &trial, ran),
        _ => followed(subject, &trial, ran),
    })
}

/// Judges an answer of a server that is there; where it is not, another rule says so.
fn of_answer(
    subject: &ProfileSubject<'_>,
    trials: &Trials<'_>,
    number: usize,
    judge: impl FnOnce(&Question, &HttpAnswer) -> Outcome,
) -> Outcome {
    if kind(subject) != Kind::Jupyter {
        return Outcome::fine();
    }
    let trial = pod(subject, "home");
    tried(trials, &trial, |ran| {
        let is_there =
            ran.answers.first().and_then(Option::as_ref).is_some_and(|answer| answer.status == 200);
        match ran.answers.get(number).and_then(Option::as_ref) {
            Some(answer) if is_there => judge(&trial.questions[number], answer),
            None if is_there => {
                subject.found(format!("`{}` is not answered", trial.questions[number].path)).into()
            }
            _ => Outcome::fine(),
        }
    })
}

fn kernel_list_missing(subject: &ProfileSubject<'_>, trials: &Trials<'_>) -> Outcome {
    of_answer(subject, trials, 1, |question, answer| {
        let is_list = serde_json::from_str::<Value>(&answer.body).is_ok_and(|value| value.is_array());
        let what = match answer.status {
            200 if is_list => return Outcome::fine(),
            200 => "something that is no list".to_owned(),
            status => status.to_string(),
        };
        subject.found(format!("`{}` is answered with {what}", question.path)).into()
    })
}

fn framing_forbidden(subject: &ProfileSubject<'_>, trials: &Trials<'_>) -> Outcome {
    let page = of_answer(subject, trials, 2, |question, answer| {
        let Some(why) = keeps_from_framing(answer) else { return Outcome::fine() };
        subject.found(format!("`{}` may not be shown in a frame: {why}", question.path)).into()
    });
    page.and(of_answer(subject, trials, 1, |question, answer| {
        if answer.header("access-control-allow-origin") == Some("*") || answer.status != 200 {
            return Outcome::fine();
        }
        let text = format!("`{}` is answered without `Access-Control-Allow-Origin: *`", question.path);
        subject.found(text).with_level(Level::Warning).into()
    }))
}

/// The header by which a browser shows the page in no frame of the dashboard.
fn keeps_from_framing(answer: &HttpAnswer) -> Option<String> {
    // With the policy the older header counts for nothing.
    let policy = answer.header("content-security-policy").unwrap_or_default();
    let ancestors = policy.split(';').find_map(|part| part.trim().strip_prefix("frame-ancestors "));
    match (ancestors, answer.header("x-frame-options")) {
        (Some(ancestors), _) if ancestors.split_whitespace().any(|one| one == "*" || one == "'self'") => None,
        (Some(ancestors), _) => Some(format!("`frame-ancestors {}`", ancestors.trim())),
        (None, Some(value)) if !value.eq_ignore_ascii_case("sameorigin") => {
            Some(format!("`X-Frame-Options: {value}`"))
        }
        (None, _) => None,
    }
}

/// Marks every file of the home that a user could have changed.
const CHANGE: &str = "cd \"$HOME_OF_CHECK\" && for file in * .[!.]*; do \
                      if [ -f \"$file\" ] && [ -w \"$file\" ]; then echo '# kept by a user' >> \"$file\"; fi; done; \
                      echo '# kept by a user' > mine-of-check; echo changed";
/// Says which of them lost the mark.
const LOOK: &str = "cd \"$HOME_OF_CHECK\" && for file in $CHANGED_OF_CHECK mine-of-check; do \
                    found=no; if [ -f \"$file\" ]; then while IFS= read -r line || [ -n \"$line\" ]; do \
                    case \"$line\" in *'# kept by a user'*) found=yes;; esac; done < \"$file\"; fi; \
                    [ $found = yes ] || echo \"lost: $file\"; done; echo looked";
/// Says which files the first start put there.
const LIST: &str = "cd \"$HOME_OF_CHECK\" && for file in * .[!.]*; do \
                    if [ -f \"$file\" ] && [ -w \"$file\" ]; then echo \"file: $file\"; fi; done";

fn volume_changes_lost(subject: &ProfileSubject<'_>, trials: &Trials<'_>) -> Outcome {
    let volume = "home-that-stays";
    let first = pod(subject, volume);
    let shell = |script: &str, round: u32| Trial {
        command: TrialCommand::Instead(["sh", "-c", script].map(str::to_owned).to_vec()),
        questions: Vec::new(),
        round,
        ..first.clone().with("HOME_OF_CHECK", HOME)
    };
    let steps = || -> Result<Option<String>, String> {
        let started = trials.run(&first)?;
        if !started.answers.first().is_some_and(Option::is_some) {
            return Ok(None);
        }
        let listed = trials.run(&shell(LIST, 0))?;
        // What a server writes for itself is not what a start script copies.
        let names = listed.stdout.lines().filter_map(|line| line.strip_prefix("file: "));
        let plain =
            |name: &&str| name.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter));
        let names: Vec<&str> = names.filter(plain).take(100).collect();
        if !trials.run(&shell(CHANGE, 0))?.stdout.contains("changed") {
            return Ok(Some("a shell cannot change files of the home".to_owned()));
        }
        trials.run(&Trial { round: 1, ..first.clone() })?;
        let looked = trials.run(&shell(LOOK, 0).with("CHANGED_OF_CHECK", names.join(" ")))?;
        let lost: Vec<&str> = looked.stdout.lines().filter_map(|line| line.strip_prefix("lost: ")).collect();
        Ok((!lost.is_empty()).then(|| {
            format!("after a restart on the same volume, what was changed in `{}` is gone", lost.join("`, `"))
        }))
    };
    match steps() {
        Ok(None) => Outcome::fine(),
        Ok(Some(text)) => subject.found(text).into(),
        Err(why) => Outcome::unknown(why),
    }
}

/// The folders of start scripts, whose failures count.
const INIT_FOLDERS: [&str; 2] = ["/etc/cont-init.d", "/usr/local/bin/before-notebook.d"];

fn init_failure_survived(subject: &ProfileSubject<'_>, trials: &Trials<'_>) -> Outcome {
    let is_folder = |path: &&&str| subject.view.find(path).is_some_and(|entry| entry.is_directory());
    let Some(folder) = INIT_FOLDERS.iter().find(is_folder) else { return Outcome::fine() };
    // A name without an end is executed by both kinds of start scripts; what ends in `.sh` is read by one of them.
    let script = format!("{folder}/99-fails-for-check");
    let trial = pod(subject, "home-of-failure").file(&script, "#!/bin/sh\nexit 7\n", 0o755);
    tried(trials, &trial, |ran| {
        let how = match &ran.end {
            RanEnd::Code(0) => "ends as if all were well",
            RanEnd::Stopped => "goes on",
            RanEnd::TimedOut => return Outcome::unknown("the container neither serves nor ends"),
            _ => return Outcome::fine(),
        };
        subject.found(format!("with a script in `{folder}` that fails, the container {how}")).into()
    })
}
