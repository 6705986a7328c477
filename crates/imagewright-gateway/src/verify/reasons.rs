//! What is the matter, and what to do: a sentence for each way in which gateways and kernels fail.

use std::time::Duration;

use imagewright_model::{ErrorKind, in_one_line};

use super::{Cell, Problem, Step, VerifyRequest};
use crate::gateway::short;
use crate::{Execution, GatewayError, KernelId};

/// Names that are told as similar are at least so much alike.
const SIMILAR: f64 = 0.75;

fn problem(step: Step, kind: ErrorKind, reason: impl Into<String>, remedy: impl Into<String>) -> Problem {
    let remedy = Some(remedy.into()).filter(|remedy| !remedy.is_empty());
    Problem { step, kind, reason: reason.into(), remedy }
}

/// The problem that an error is.
pub(super) fn of(step: Step, error: &GatewayError, request: &VerifyRequest, image: Option<&str>) -> Problem {
    let kind = error.kind();
    match error {
        GatewayError::Refused { status: 401, .. } | GatewayError::NoChannel { status: 401 } => problem(
            step,
            ErrorKind::Denied,
            "the gateway wants a token, and was given none or another",
            "give its token in IMAGEWRIGHT_GATEWAY_TOKEN, or a file that holds it with --token-file",
        ),
        GatewayError::Refused { status, reason } if step == Step::Started => {
            start(*status, reason, request, image)
        }
        GatewayError::Refused { reason, .. } if step == Step::Restarted => {
            let (reason, remedy) = (format!("the kernel did not restart: {reason}"), HAS_LOG);
            problem(step, ErrorKind::Failed, reason, remedy)
        }
        GatewayError::Refused { status: 404, .. } if step == Step::Listed => problem(
            step,
            ErrorKind::Invalid,
            "there are no kernelspecs below this address: what answers is no gateway, or it is at another path",
            "check the address, and EG_BASE_URL of the gateway",
        ),
        GatewayError::Refused { status: 404, .. } | GatewayError::NoChannel { status: 404 } => problem(
            step,
            ErrorKind::Failed,
            "the gateway has the kernel no more: it ended by itself",
            see_image(image),
        ),
        GatewayError::Refused { status: 405, reason } => problem(
            step,
            kind,
            format!("the gateway, or a proxy in front of it, does not allow this request: {reason}"),
            "let GET, POST and DELETE below `/api` through",
        ),
        GatewayError::NoChannel { status } => problem(
            step,
            ErrorKind::Failed,
            format!("no WebSocket to the kernel comes about: the answer is {status}"),
            "let WebSockets through wherever a proxy stands in front of the gateway",
        ),
        GatewayError::KernelSilent { seconds } => problem(
            step,
            ErrorKind::Failed,
            format!("the kernel was started, but does not answer within {seconds} s"),
            silent_remedy(step, image),
        ),
        GatewayError::KernelDied => {
            problem(step, ErrorKind::Failed, "the kernel ended while it was at work", see_image(image))
        }
        GatewayError::Unreachable { .. } => {
            problem(step, kind, in_one_line(error), "check the address, and that the gateway runs")
        }
        GatewayError::Untrusted { .. } => problem(
            step,
            kind,
            in_one_line(error),
            "name the authority that it is from with --ca-bundle, and the gateway as its certificate does",
        ),
        GatewayError::Plain { .. } => problem(step, kind, error.to_string(), "write `http://`"),
        GatewayError::Silent { .. } => problem(step, kind, error.to_string(), HAS_LOG),
        GatewayError::NoGateway { .. } => problem(step, kind, error.to_string(), "check the address"),
        error => problem(step, kind, in_one_line(error), ""),
    }
}

const HAS_LOG: &str = "the gateway's log has the details";

/// What to look at where a kernel ended: containers are removed, and their logs with them.
fn see_image(image: Option<&str>) -> String {
    let keep = "EG_REMOVE_CONTAINER=False of the gateway keeps its container with its log";
    match image {
        Some(image) => {
            format!("`imagewright check {image} --for enterprise-gateway --run` looks at the image; {keep}")
        }
        None => keep.to_owned(),
    }
}

fn silent_remedy(step: Step, image: Option<&str>) -> String {
    match step {
        Step::Executed | Step::Restarted => format!(
            "the gateway must reach the kernel's ports (no `host` network for its containers), and the image must have the kernel itself: {}",
            see_image(image)
        ),
        _ => see_image(image),
    }
}

/// Why no kernel was started.
fn start(status: u16, reason: &str, request: &VerifyRequest, image: Option<&str>) -> Problem {
    let step = Step::Started;
    let failed = |reason: &str, remedy: String| problem(step, ErrorKind::Failed, reason, remedy);
    let has = |words: &str| reason.to_lowercase().contains(&words.to_lowercase());
    let seconds = request.launch_timeout.as_secs();
    if has("waited too long") || has("failed to start within") {
        let remedy = format!("{}; pulling the image counts as starting (--launch-timeout)", see_image(image));
        return failed(&format!("no kernel told the gateway within {seconds} s where it listens"), remedy);
    }
    if has("error starting kernel container") {
        let said = reason.split("status:").nth(1).map(|it| it.trim_matches([' ', '\'', '.']));
        let said = said.filter(|it| !it.is_empty()).map(|it| format!(" ({it})")).unwrap_or_default();
        return failed(&format!("the container ended before a kernel was there{said}"), see_image(image));
    }
    if has("no kernel image could be determined") {
        let remedy = "name one in `metadata.process_proxy.config.image_name` of the kernelspec";
        return failed("the kernelspec names no image", remedy.to_owned());
    }
    if has("error occurred during launch") {
        return failed(
            "the command in `argv` of the kernelspec failed on the gateway's host",
            launch_remedy(image),
        );
    }
    if has("port range") {
        return failed(reason, "mend `port_range` in the kernelspec, or EG_PORT_RANGE".to_owned());
    }
    if status == 403 {
        return denied(reason, request);
    }
    if status == 404 || has("no such kernel") || has("nosuchkernel") {
        let reason = "the gateway lists the kernelspec, and cannot start it: its folder is gone, or has no `kernel.json`";
        return problem(step, ErrorKind::NotFound, reason, HAS_LOG);
    }
    failed(&format!("the gateway did not start it: {status}, {reason}"), HAS_LOG.to_owned())
}

fn launch_remedy(image: Option<&str>) -> String {
    let has_port =
        image.is_some_and(|image| image.split_once('/').is_some_and(|(registry, _)| registry.contains(':')));
    let port = "Enterprise Gateway's launcher for Docker takes no registry with a port, ours does";
    let usual = "the image must be there or be pulled, its script be where `argv` has it, and EG_INHERITED_ENVS hold PATH (and DOCKER_HOST)";
    match has_port {
        true => format!("{port}; {usual}; {HAS_LOG}"),
        false => format!("{usual}; {HAS_LOG}"),
    }
}

fn denied(reason: &str, request: &VerifyRequest) -> Problem {
    let step = Step::Started;
    let lower = reason.to_lowercase();
    if lower.contains("resource limit") || lower.contains("max") {
        let remedy = "stop some, or raise EG_MAX_KERNELS or EG_MAX_KERNELS_PER_USER";
        return problem(step, ErrorKind::Conflict, "the gateway runs as many kernels as it may", remedy);
    }
    if lower.contains("ssh") {
        let remedy = "the gateway must get to its `remote_hosts` by ssh without a password";
        return problem(step, ErrorKind::Failed, short(reason), remedy);
    }
    if lower.contains("uid") || lower.contains("gid") {
        let remedy =
            "give KERNEL_UID and KERNEL_GID with --env, or change EG_PROHIBITED_UIDS and EG_PROHIBITED_GIDS";
        return problem(step, ErrorKind::Denied, short(reason), remedy);
    }
    let reason = format!("user `{}` may not start it: {reason}", request.user);
    let remedy = "name another with --user, or change `authorized_users` of the kernelspec, EG_AUTHORIZED_USERS or EG_UNAUTHORIZED_USERS";
    problem(step, ErrorKind::Denied, reason, remedy)
}

/// The gateway has the kernelspec, and does not list it.
pub(super) fn hidden(request: &VerifyRequest) -> Problem {
    let name = request.kernelspec.to_lowercase();
    problem(
        Step::Listed,
        ErrorKind::NotFound,
        "the gateway has it, but does not list it: it is not among the kernelspecs that are allowed",
        format!("add `{name}` to EG_ALLOWED_KERNELS, and start the gateway again"),
    )
}

/// The gateway has no such kernelspec.
pub(super) fn unknown(request: &VerifyRequest, names: &[&str]) -> Problem {
    let wanted = request.kernelspec.to_lowercase();
    let mut alike: Vec<(f64, &str)> = names
        .iter()
        .map(|name| (strsim::jaro_winkler(&wanted, &name.to_lowercase()), *name))
        .filter(|(likeness, _)| *likeness >= SIMILAR)
        .collect();
    alike.sort_by(|one, other| other.0.total_cmp(&one.0));
    let quoted = |names: &mut dyn Iterator<Item = &str>| {
        names.take(5).map(|name| format!("`{}`", short(name))).collect::<Vec<_>>().join(", ")
    };
    let known = match (alike.is_empty(), names.is_empty()) {
        (false, _) => format!("similar names are {}", quoted(&mut alike.iter().map(|(_, name)| *name))),
        (true, false) => format!("there are {}", quoted(&mut names.iter().copied())),
        (true, true) => "it lists none at all".to_owned(),
    };
    problem(
        Step::Listed,
        ErrorKind::NotFound,
        format!("the gateway has no such kernelspec ({known})"),
        "a gateway with EG_KERNELSPEC_CACHE_ENABLED sees a new one only if its folder is moved into place as a whole",
    )
}

/// Nothing is known that could be executed.
pub(super) fn no_code(language: &str) -> Problem {
    let reason = format!("nothing is known that could be executed in the language `{}`", short(language));
    problem(
        Step::Listed,
        ErrorKind::Usage,
        reason,
        "give a cell with --code, and what it prints with --expect",
    )
}

/// A cell did not do what it must.
pub(super) fn wrong_output(step: Step, cell: &Cell, execution: &Execution) -> Problem {
    let code = short(&cell.code);
    let reason = match &execution.error {
        Some(error) => format!("the cell `{code}` failed with {error}"),
        None if execution.status != "ok" => format!("the cell `{code}` ended as `{}`", execution.status),
        None => {
            let expected = cell.expected.as_deref().unwrap_or_default();
            let printed = short(&execution.output);
            format!("the cell `{code}` printed `{printed}` and not `{}`", short(expected))
        }
    };
    let remedy = match (&execution.error, execution.output.is_empty() && execution.status == "ok") {
        (None, true) => {
            "where a reply comes and no output, the gateway does not reach the kernel's second port"
        }
        _ => "",
    };
    problem(step, ErrorKind::Failed, reason, remedy)
}

/// A cell went on though it was interrupted.
pub(super) fn not_interrupted(limit: Duration) -> Problem {
    problem(
        Step::Interrupted,
        ErrorKind::Failed,
        format!("a long cell went on for {} s after it was interrupted", limit.as_secs()),
        "the gateway must reach the launcher's port (see EG_SOCKET_TIMEOUT and EG_PORT_RANGE), or the kernelspec say `\"interrupt_mode\": \"message\"`",
    )
}

/// A cell that was to be interrupted ended before.
pub(super) fn slept_not(execution: &Execution) -> Problem {
    let error = execution.error.as_deref().unwrap_or(&execution.status);
    let reason = format!("a long cell ended before it could be interrupted: {error}");
    problem(Step::Interrupted, ErrorKind::Failed, reason, "")
}

/// What was left before an interrupt is gone.
pub(super) fn lost_state(step: Step) -> Problem {
    let reason = "the interrupt ended the kernel: what was there before is gone";
    problem(
        step,
        ErrorKind::Failed,
        reason,
        "the launcher must pass SIGINT on to the kernel, and nothing else",
    )
}

/// What was left before a restart is still there.
pub(super) fn kept_state() -> Problem {
    let reason = "the restart did not start another kernel: what was there before is still there";
    problem(Step::Restarted, ErrorKind::Failed, reason, HAS_LOG)
}

/// The kernel was no more when it was to be stopped.
pub(super) fn was_gone() -> Problem {
    let reason = "the kernel was gone before it was stopped";
    problem(Step::Stopped, ErrorKind::Failed, reason, "see EG_CULL_IDLE_TIMEOUT, and the gateway's log")
}

/// The kernel is still there.
pub(super) fn stays(kernel: &KernelId) -> Problem {
    let reason = format!("the gateway still has the kernel {kernel} after it was stopped");
    problem(Step::Stopped, ErrorKind::Failed, reason, HAS_LOG)
}

#[cfg(test)]
mod tests;
