//! Whether a kernel starts for Enterprise Gateway: `launcher-no-reply`, `launcher-no-reply-for-others`.
//!
//! The machine plays the gateway: it has a key, listens for what the launcher sends, reads it as the gateway would, and looks whether
//! somebody listens at the kernel's ports, and has the kernel compute.

use super::tried;
use crate::profile::ProfileSubject;
use crate::rule::{Level, Outcome, Rule};
use crate::rules::platform::commands::language;
use crate::rules::platform::python_command::CLUSTER_PATH;
use crate::trial::{Played, Ran, Reply, Trial, TrialUser, Trials};

const SOURCES: &[&str] = &[
    "Enterprise Gateway, \"System architecture\", section \"Remote kernel launchers\"",
    "Enterprise Gateway 3.3.0 as observed",
];

pub(crate) static LAUNCHER_NO_REPLY: Rule = Rule {
    name: "launcher-no-reply",
    summary: "Started as Enterprise Gateway starts it, the image answers, and its kernel computes.",
    why: "The gateway gives the container an address and a key, and waits for what the launcher sends: where the kernel listens, encrypted. \
          Whatever goes wrong before that is told as \"Waited too long to get connection file\", and the container is gone by then. Here \
          the reply is waited for and read, the ports are tried, and the kernel is asked for `1+1`.",
    mend: "What the program last said names the cause. The launcher imports these:\n\n\
           ```dockerfile\nRUN pip install --no-cache-dir pycryptodomex jupyter_client ipykernel\n```",
    sources: SOURCES,
    on_run: Some(launcher_no_reply),
    ..Rule::OF_PLATFORMS
};

pub(crate) static LAUNCHER_NO_REPLY_FOR_OTHERS: Rule = Rule {
    name: "launcher-no-reply-for-others",
    level: Level::Warning,
    summary: "The image answers on Kubernetes' search path as well, and under any user id.",
    why: "On Kubernetes a kernel gets the `PATH` of the gateway and not its image's, and runs as `KERNEL_UID`, whoever that is. What is \
          found on the image's `PATH` alone, or written to where only one user may, fails there.",
    mend: "Have `python` where that path leads, and a temporary folder for all:\n\n\
           ```dockerfile\nRUN ln -s /opt/venv/bin/python /usr/local/bin/python && chmod 1777 /tmp\n```",
    sources: SOURCES,
    on_run: Some(launcher_no_reply_for_others),
    ..Rule::OF_PLATFORMS
};

const KERNEL: &str = "5f0c2f4e-3c1b-4d7a-9a55-1d2f6b7c8e90";
/// What must be in a reply beside the kernel's id and key.
const PORTS: [&str; 5] = ["shell_port", "iopub_port", "stdin_port", "hb_port", "control_port"];

fn kernel(subject: &ProfileSubject<'_>, user: TrialUser) -> Trial {
    let (uid, gid) = match &user {
        TrialUser::Numbers { uid, .. } => (uid.to_string(), "100".to_owned()),
        _ => ("1000660000".to_owned(), "0".to_owned()),
    };
    let trial = Trial { user, played: Played::Gateway, ..Trial::of_image() };
    [
        ("KERNEL_ID", KERNEL),
        ("PORT_RANGE", "0..0"),
        ("EG_PORT_RANGE", "0..0"),
        ("KERNEL_SPARK_CONTEXT_INIT_MODE", "none"),
        ("KERNEL_LANGUAGE", &language(subject)),
        ("KERNEL_USERNAME", "check"),
        ("KERNEL_UID", &uid),
        ("KERNEL_GID", &gid),
        ("EG_MIN_PORT_RANGE_SIZE", "1000"),
        ("EG_MAX_PORT_RANGE_RETRIES", "5"),
        ("EG_IMPERSONATION_ENABLED", "False"),
        ("KERNEL_GATEWAY", "1"),
        // A process of the gateway's machine, and nobody here.
        ("JPY_PARENT_PID", "31337"),
    ]
    .into_iter()
    .fold(trial, |trial, (name, value)| trial.with(name, value))
}

/// What is wrong with what came; none where a gateway would go on.
fn wrong(ran: &Ran) -> Option<String> {
    let (connection, closed, computes) = match &ran.reply {
        Reply::None => return Some(format!("the launcher sends nothing: {}", ran.told())),
        Reply::Unreadable(why) => return Some(format!("what the launcher sends cannot be read: {why}")),
        Reply::Read { connection, closed, computes } => (connection, closed, computes),
    };
    if connection["kernel_id"] != KERNEL {
        return Some(format!("the launcher names the kernel `{}`", connection["kernel_id"]));
    }
    if let Some(port) = PORTS.iter().find(|port| !connection[**port].is_u64()) {
        return Some(format!("the launcher says no `{port}`"));
    }
    if !connection["key"].is_string() {
        return Some("the launcher says no `key`".to_owned());
    }
    let ports = closed.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if !closed.is_empty() {
        return Some(format!("the launcher answers, and nobody listens at port {ports}: {}", ran.told()));
    }
    let why = computes.as_ref().err()?;
    Some(format!("the kernel listens, and does not compute `1+1`: {why}: {}", ran.told()))
}

fn launcher_no_reply(subject: &ProfileSubject<'_>, trials: &Trials<'_>) -> Outcome {
    if subject.command().is_empty() {
        return Outcome::fine();
    }
    tried(trials, &kernel(subject, TrialUser::jovyan()), |ran| {
        wrong(ran).map(|text| subject.found(text)).into()
    })
}

fn launcher_no_reply_for_others(subject: &ProfileSubject<'_>, trials: &Trials<'_>) -> Outcome {
    // Where nobody is answered, that is one matter.
    if subject.command().is_empty()
        || trials.run(&kernel(subject, TrialUser::jovyan())).is_ok_and(|ran| wrong(&ran).is_some())
    {
        return Outcome::fine();
    }
    let trial = kernel(subject, TrialUser::MadeUp).by_anybody().with("PATH", CLUSTER_PATH);
    tried(trials, &trial, |ran| {
        let of_others = |text| format!("on Kubernetes' search path, under a user id that is made up, {text}");
        wrong(ran).map(|text| subject.found(of_others(text))).into()
    })
}
