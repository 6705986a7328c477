//! Dockerfiles from their text to their steps.

#![expect(clippy::unwrap_used, reason = "a test that panics fails")]

mod corpus;
mod never_panics;
mod stages;

use imagewright_dockerfile::{BuildPlan, Dockerfile, DockerfileError, PlanRequest};
use imagewright_oci::Platform;

fn request(target: Option<&str>, arguments: &[(&str, &str)]) -> PlanRequest {
    PlanRequest {
        target: target.map(str::to_owned),
        arguments: arguments.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        contexts: Vec::new(),
        platform: Platform::linux("amd64"),
        build_platform: Platform::linux("arm64"),
    }
}

fn plan(text: &str, target: Option<&str>, arguments: &[(&str, &str)]) -> Result<BuildPlan, DockerfileError> {
    Dockerfile::parse("Dockerfile", text)?.plan(&request(target, arguments))
}
