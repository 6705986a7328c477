//! What a daemon says of a build that failed, as an error of ours.

use bollard_buildkit_proto::google::rpc;
use bollard_buildkit_proto::pb::{Range, SourceInfo};
use imagewright_model::spec::Origin;
use prost::Message;

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

/// The error that ended a build. `file` is how the Dockerfile is called.
pub(crate) fn failure(status: &tonic::Status, trace: &Trace<'_>, file: &str) -> DockerError {
    let message = trace.hide(&plain(status.message()));
    let line = line_of(status.details());
    let origin = line.map(|line| Origin::line(file, line));
    let failed = trace.failed();
    let text = failed.map_or(message.as_str(), |failed| failed.error.as_str());
    if let Some(code) = exit_code(text).or_else(|| exit_code(&message)) {
        let tail = failed.map(|failed| failed.tail.clone()).unwrap_or_default();
        return DockerError::Command { origin: origin.unwrap_or_else(|| Origin::file(file)), code, tail };
    }
    if let Some((line, message)) = parse_error(&message) {
        return DockerError::Dockerfile { origin: Origin::line(file, line), message };
    }
    if status.code() == tonic::Code::Unavailable && failed.is_none() && line.is_none() {
        return DockerError::broken(status.clone());
    }
    if is_missing(&message) {
        return DockerError::NotFound { origin, message };
    }
    match origin {
        Some(origin) if failed.is_none() => DockerError::Dockerfile { origin, message },
        origin => DockerError::Failed { origin, message },
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

/// Whether something that was named is not there.
fn is_missing(message: &str) -> bool {
    message.ends_with(": not found") || message.contains("no such file or directory") || message.contains("does not exist")
}

/// The line that the details of a status name.
fn line_of(details: &[u8]) -> Option<u32> {
    let status = rpc::Status::decode(details).ok()?;
    let is_source = |url: &str| url.contains("errdefs.Source");
    let sources = status.details.iter().filter(|detail| is_source(&detail.type_url));
    let sources = sources.filter_map(|detail| Source::decode(detail.value.as_slice()).ok());
    let mut lines = sources.filter_map(|source| source.ranges.first()?.start.as_ref().map(|start| start.line));
    lines.find_map(|line| u32::try_from(line).ok().filter(|line| *line > 0))
}
