use std::collections::BTreeMap;

use super::super::Report;
use super::*;

fn request() -> VerifyRequest {
    VerifyRequest {
        kernelspec: "Team-Py".to_owned(),
        user: "bob".to_owned(),
        environment: BTreeMap::new(),
        launch_timeout: Duration::from_secs(60),
        timeout: Duration::from_secs(30),
        cell: None,
        interrupt: true,
        restart: true,
    }
}

fn sentence(problem: Problem) -> String {
    let report = Report {
        kernelspec: "team-py".to_owned(),
        gateway: "http://gateway.example".to_owned(),
        language: None,
        image: None,
        kernel: None,
        steps: Vec::new(),
        notes: Vec::new(),
        problem: Some(problem),
    };
    report.to_string()
}

/// What the gateway says at a start, and the kind and a part of the sentence that come of it.
#[test]
fn what_enterprise_gateway_says_is_understood() {
    let cases = [
        (
            500,
            "KernelID: '1' launch timeout due to: Waited too long (60s) to get connection file",
            ErrorKind::Failed,
            "no kernel told the gateway within 60 s where it listens; `imagewright check team/py:1 --for enterprise-gateway --run`",
        ),
        (
            500,
            "Error starting kernel container; status: 'exited'.",
            ErrorKind::Failed,
            "the container ended before a kernel was there (exited); ",
        ),
        (
            500,
            "Error occurred during launch of KernelID: 1.  Check Enterprise Gateway log for more information.",
            ErrorKind::Failed,
            "the command in `argv` of the kernelspec failed",
        ),
        (
            500,
            "No kernel image could be determined! Set the `image_name` in the process_proxy.config stanza",
            ErrorKind::Failed,
            "names no image; name one in `metadata",
        ),
        (
            403,
            "User 'root' is not authorized to start kernel 'Py'. Ensure KERNEL_USERNAME is set",
            ErrorKind::Denied,
            "user `bob` may not start it",
        ),
        (
            403,
            "Kernel's UID value of '0' has been denied via EG_PROHIBITED_UIDS!",
            ErrorKind::Denied,
            "give KERNEL_UID and KERNEL_GID with --env",
        ),
        (403, "Resource Limit", ErrorKind::Conflict, "as many kernels as it may; stop some"),
        (403, "Failed to authenticate SSHClient with password-less SSH", ErrorKind::Failed, "by ssh"),
        (404, "Not Found", ErrorKind::NotFound, "its folder is gone"),
        (500, "Invalid port range '1..2' specified.", ErrorKind::Failed, "mend `port_range`"),
        (500, "something new", ErrorKind::Failed, "did not start it: 500, something new"),
    ];
    for (status, reason, kind, part) in cases {
        let error = GatewayError::Refused { status, reason: reason.to_owned() };
        let found = of(Step::Started, &error, &request(), Some("team/py:1"));
        assert_eq!(found.kind, kind, "{reason}");
        let sentence = sentence(found);
        assert!(sentence.starts_with("`team-py` does not work: "), "{sentence}");
        assert!(sentence.contains(part), "{reason}: {sentence}");
    }
}

#[test]
fn a_registry_with_a_port_is_named_where_the_launch_fails() {
    let remedy = |image| {
        let error = GatewayError::Refused { status: 500, reason: "Error occurred during launch".to_owned() };
        of(Step::Started, &error, &request(), Some(image)).remedy.unwrap()
    };
    assert!(remedy("registry.example:5000/team/py:1").contains("takes no registry with a port"));
    assert!(!remedy("registry.example/team/py:1").contains("takes no registry with a port"));
    assert!(!remedy("py:1").contains("takes no registry with a port"));
}

#[test]
fn who_is_missing_is_told_with_similar_names() {
    let found = unknown(&request(), &["team-python", "r-here", "team-pi"]);
    assert_eq!(found.kind, ErrorKind::NotFound);
    let reason = "the gateway has no such kernelspec (similar names are `team-pi`, `team-python`)";
    assert_eq!(found.reason, reason);
    assert!(unknown(&request(), &["zzz"]).reason.ends_with("(there are `zzz`)"));
    assert!(unknown(&request(), &[]).reason.ends_with("(it lists none at all)"));
    let hidden = sentence(hidden(&request()));
    assert!(hidden.ends_with("add `team-py` to EG_ALLOWED_KERNELS, and start the gateway again"), "{hidden}");
}

#[test]
fn cells_that_go_wrong_are_told_by_how() {
    let cell = Cell { code: "print(1 + 1)".to_owned(), expected: Some("2".to_owned()) };
    let ended = |status: &str, error: Option<&str>, output: &str| Execution {
        status: status.to_owned(),
        error: error.map(str::to_owned),
        output: output.to_owned(),
    };
    let reason = |execution| wrong_output(Step::Executed, &cell, &execution).reason;
    assert_eq!(reason(ended("ok", None, "3\n")), "the cell `print(1 + 1)` printed `3` and not `2`");
    assert_eq!(
        reason(ended("error", Some("NameError: x"), "")),
        "the cell `print(1 + 1)` failed with NameError: x"
    );
    assert_eq!(reason(ended("aborted", None, "")), "the cell `print(1 + 1)` ended as `aborted`");
    let lost = wrong_output(Step::Executed, &cell, &ended("ok", None, ""));
    assert!(lost.remedy.unwrap().contains("second port"));
}
