//! `remote-without-checksum`

use imagewright_dockerfile::{Action, CopySource};

use crate::dockerfile::DockerfileSubject;
use crate::rule::{Found, Level, Rule};

pub(super) static REMOTE_WITHOUT_CHECKSUM: Rule = Rule {
    name: "remote-without-checksum",
    level: Level::Note,
    summary: "What `ADD` fetches has a checksum.",
    why: "What lies at an address today may be something else tomorrow, by an update or by somebody's hand. With its digest, a build \
          takes exactly what was meant or stops.",
    mend: "Add the digest of the file:\n\n\
           ```dockerfile\nADD --checksum=sha256:… https://server.example/tool-1.0.tar.gz /opt/\n```",
    sources: &["Docker, \"Dockerfile reference\": `ADD --checksum`"],
    on_dockerfile: Some(on_dockerfile),
    on_image: None,
    on_platform: None,
    on_run: None,
    is_for_notebooks: false,
};

fn on_dockerfile(subject: &DockerfileSubject<'_>) -> Vec<Found> {
    let steps = subject.stages().flat_map(|stage| &stage.lowered.steps);
    let open = steps.filter_map(|step| match &step.action {
        Action::Copy(copy) if copy.digest.is_none() => Some((step, copy)),
        _ => None,
    });
    open.flat_map(|(step, copy)| {
        let urls = copy.sources.iter().filter_map(|source| match source {
            CopySource::Url(url) => Some(url),
            _ => None,
        });
        urls.map(|url| Found::new(&step.origin, format!("`{url}` is fetched without a checksum")))
    })
    .collect()
}
