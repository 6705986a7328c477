//! What a daemon says of a build that failed, as an error of ours.

use bollard_buildkit_proto::google::rpc;
use bollard_buildkit_proto::pb::{Range, SourceInfo};
use imagewright_model::ErrorKind;
use imagewright_model::spec::Origin;
use prost::Message;
use serde::Deserialize;

use crate::error::DockerError;
use crate::trace::Trace;

/// A place in the Dockerfile, as BuildKit attaches it to errors.
#[derive(Clone, PartialEq, Message)]
struct Source {
    #[prost(message, optional, tag = "1")]
    info: Option<SourceInfo>,
    #[prost(message, repeated, tag = "2")]
    ranges: Vec<Range>,
}

/// The same as JSON, which is how most versions write it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct SourceJson {
    ranges: Vec<RangeJson>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RangeJson {
    start: PositionJson,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PositionJson {
    line: u32,
}

/// Words that BuildKit and its front end put before what matters.
const PREFIXES: [&str; 5] = [
    "failed to solve with frontend dockerfile.v0: ",
    "failed to solve with frontend gateway.v0: ",
    "failed to build LLB: ",
    "failed to create LLB definition: ",
    "failed to solve: ",
];
/// How an error of the Dockerfile's text begins.
const PARSE_ERROR: [&str; 2] = ["dockerfile parse error line ", "dockerfile parse error on line "];
/// What stands before the exit code of a command.
const EXIT_CODE: &str = "exit code: ";

/// The error that ended a build. `file` is how the Dockerfile is called, and `text` what is in it.
pub(crate) fn failure(status: &tonic::Status, trace: &Trace<'_>, file: &str, text: &str) -> DockerError {
    let message = trace.hide(&plain(status.message()));
    let failed = trace.failed();
    // Before Docker 23 the daemon does not say where.
    let line = line_of(status.details()).or_else(|| line_of_instruction(text, &failed?.title));
    let origin = line.map(|line| Origin::line(file, line));
    let said = failed.map_or(message.as_str(), |failed| failed.error.as_str());
    if let Some(code) = exit_code(said).or_else(|| exit_code(&message)) {
        let tail = failed.map(|failed| failed.tail.clone()).unwrap_or_default();
        return DockerError::Command { origin: origin.unwrap_or_else(|| Origin::file(file)), code, tail };
    }
    if let Some((line, message)) = parse_error(&message) {
        return DockerError::Dockerfile { origin: Origin::line(file, line), message };
    }
    if status.code() == tonic::Code::Unavailable && failed.is_none() && line.is_none() {
        return DockerError::broken(status.clone());
    }
    if let Some(path) = absent_path(&message) {
        let message = format!("there is no `{path}` in what is copied from");
        return DockerError::NotFound { origin, message };
    }
    match kind_of(&message) {
        Some(ErrorKind::NotFound) => DockerError::NotFound { origin, message },
        Some(kind) => DockerError::Failed { origin, message, kind },
        None => match origin {
            Some(origin) if failed.is_none() => DockerError::Dockerfile { origin, message },
            origin => DockerError::Failed { origin, message, kind: ErrorKind::Failed },
        },
    }
}

/// A message without what is said in each.
fn plain(message: &str) -> String {
    let mut rest = message;
    while let Some(shorter) = PREFIXES.iter().find_map(|prefix| rest.strip_prefix(prefix)) {
        rest = shorter;
    }
    rest.trim_start_matches("rpc error: code = Unknown desc = ").to_owned()
}

fn exit_code(message: &str) -> Option<i32> {
    let is_command =
        message.contains("did not complete successfully") || message.contains("executor failed running");
    let (_, code) = message.rsplit_once(EXIT_CODE).filter(|_| is_command)?;
    let digits = code.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// The line and the rest of a message about the Dockerfile's text.
fn parse_error(message: &str) -> Option<(u32, String)> {
    let rest = PARSE_ERROR.iter().find_map(|prefix| message.strip_prefix(prefix))?;
    let (line, text) = rest.split_once(": ")?;
    Some((line.parse().ok()?, text.to_owned()))
}

/// The line in a Dockerfile of an instruction as BuildKit shows it, where there is one such instruction.
fn line_of_instruction(text: &str, title: &str) -> Option<u32> {
    let title =
        title.strip_prefix('[').and_then(|rest| rest.split_once("] ")).map_or(title, |(_, rest)| rest);
    let packed = |text: &str| text.split_whitespace().collect::<String>();
    let wanted = packed(title);
    let lines: Vec<&str> = text.lines().collect();
    let begins = |start: &usize| {
        let mut instruction = String::new();
        for line in &lines[*start..] {
            let line = line.trim_end();
            instruction.push_str(&packed(line.trim_end_matches('\\')));
            if !line.ends_with('\\') {
                break;
            }
        }
        instruction == wanted
    };
    let mut found = (0..lines.len()).filter(begins);
    let first = found.next().filter(|_| found.next().is_none())?;
    u32::try_from(first + 1).ok()
}

/// The path that is to be copied and is not there.
fn absent_path(message: &str) -> Option<&str> {
    let rest =
        message.strip_prefix("failed to compute cache key: ").filter(|rest| rest.ends_with("not found"))?;
    let (_, path) = rest.split_once("\"/")?;
    let (path, _) = path.split_once('"')?;
    rest.find("\"/").map(|start| &rest[start + 1..start + 2 + path.len()])
}

/// What words of BuildKit and of registries amount to, where that is more than a failure.
fn kind_of(message: &str) -> Option<ErrorKind> {
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if says(&["dial tcp", "no such host", "connection refused", "i/o timeout", "TLS handshake"]) {
        Some(ErrorKind::Unavailable)
    } else if says(&["pull access denied", "authorization failed", "401 Unauthorized", "403 Forbidden"]) {
        Some(ErrorKind::Denied)
    } else if message.ends_with("not found")
        || says(&["no such file or directory", "does not exist", "NotFound: "])
    {
        Some(ErrorKind::NotFound)
    } else {
        None
    }
}

/// The line that the details of a status name.
fn line_of(details: &[u8]) -> Option<u32> {
    let status = rpc::Status::decode(details).ok()?;
    let sources = status.details.iter().filter(|detail| detail.type_url.contains("errdefs.Source"));
    sources.filter_map(|detail| line_of_source(&detail.value)).find(|line| *line > 0)
}

fn line_of_source(value: &[u8]) -> Option<u32> {
    if let Ok(source) = serde_json::from_slice::<SourceJson>(value) {
        return source.ranges.first().map(|range| range.start.line);
    }
    let source = Source::decode(value).ok()?;
    u32::try_from(source.ranges.first()?.start.as_ref()?.line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_other_failures() {
        for (message, code) in [
            ("process \"/bin/sh -c exit 7\" did not complete successfully: exit code: 7", Some(7)),
            (
                "executor failed running [/bin/sh -c echo exit code: 3 && exit 12]: exit code: 12: cause",
                Some(12),
            ),
            ("exit code: 7", None),
            ("process \"x\" did not complete successfully: context canceled", None),
        ] {
            assert_eq!(exit_code(message), code, "{message}");
        }
        let message = plain(
            "failed to solve: failed to create LLB definition: dockerfile parse error line 2: unknown instruction: A",
        );
        assert_eq!(parse_error(&message), Some((2, "unknown instruction: A".to_owned())));
    }

    #[test]
    fn what_is_missing_and_who_does_not_answer_is_told_from_other_failures() {
        for (message, path) in [
            ("failed to compute cache key: \"/absent\" not found: not found", Some("/absent")),
            (
                "failed to compute cache key: failed to calculate checksum of ref a::b: \"/a b/c\": not found",
                Some("/a b/c"),
            ),
            ("secret no: not found", None),
        ] {
            assert_eq!(absent_path(message), path, "{message}");
        }
        for (message, kind) in [
            ("secret no: not found", Some(ErrorKind::NotFound)),
            (
                "failed to do request: Head: dial tcp: lookup registry.example: no such host",
                Some(ErrorKind::Unavailable),
            ),
            (
                "pull access denied, repository does not exist or may require authorization",
                Some(ErrorKind::Denied),
            ),
            ("failed to process", None),
        ] {
            assert_eq!(kind_of(message), kind, "{message}");
        }
    }

    #[test]
    fn lines_are_found_in_both_forms_of_details_and_in_the_text() {
        let range =
            Range { start: Some(bollard_buildkit_proto::pb::Position { line: 3, character: 0 }), end: None };
        let binary = Source { info: None, ranges: vec![range] }.encode_to_vec();
        let json = br#"{"info":{"filename":"Dockerfile"},"ranges":[{"start":{"line":3},"end":{"line":4}}]}"#
            .to_vec();
        for value in [binary, json] {
            let type_url = "github.com/moby/buildkit/errdefs.Source+json".to_owned();
            let detail = bollard_buildkit_proto::google::protobuf::Any { type_url, value };
            let other = bollard_buildkit_proto::google::protobuf::Any::default();
            let status = rpc::Status { code: 2, message: String::new(), details: vec![other, detail] };
            assert_eq!(line_of(&status.encode_to_vec()), Some(3));
        }
        let text = "FROM base\nRUN one \\\n  two\nRUN same\nRUN same\n";
        assert_eq!(line_of_instruction(text, "[stage] RUN one   two"), Some(2));
        assert_eq!(line_of_instruction(text, "RUN same"), None);
    }
}
