//! Whether an image runs where it is wanted: found out by a process like one that builds, with the logins of whoever offers it and no others.

use imagewright_catalog::{Action, FieldProblem, Image, Invalid, Name, Principal};
use imagewright_oci::{Digest, Reference};
use imagewright_service::check::{Finding, Profile, Report, Unanswered};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::job::{Job, Line, Process, Said, Task};
use crate::{Server, ServerError};

/// Whether an image runs on a platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageCheck {
    /// The profile, with the release that is meant: `elyra@4.1`.
    pub profile: String,
    /// The platform, as people call it.
    pub title: String,
    /// What it comes to: `runs`, `runs-with-doubts`, `cannot-tell` or `does-not-run`.
    pub verdict: String,
    /// What was found.
    pub findings: Vec<CheckFinding>,
    /// What could not be told.
    pub unanswered: Vec<CheckFinding>,
}

/// Something that speaks against an image, or that could not be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckFinding {
    /// The rule.
    pub rule: String,
    /// `note`, `warning` or `error`.
    pub level: String,
    /// What is the matter.
    pub message: String,
    /// What to write, where that can be said.
    pub mend: Option<String>,
}

/// What a process is to look at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CheckTask {
    /// The image, if it is in the store.
    pub(crate) digest: Option<Digest>,
    /// The image in its registry.
    pub(crate) reference: Reference,
    /// What it is called where it runs.
    pub(crate) called: String,
    /// The profiles, by name.
    pub(crate) profiles: Vec<String>,
    /// The secret with which it is pulled there.
    pub(crate) pull_secret: Option<String>,
}

impl Server {
    /// Says whether the image of an entry runs where these profiles are for; where none is named, of all that are known. Layers are read
    /// once; afterwards what is in them is known.
    pub async fn check_image(
        &self,
        principal: &Principal,
        name: &Name,
        profiles: &[String],
    ) -> Result<Vec<ImageCheck>, ServerError> {
        let image = self.seen(principal, name, Action::See, None).await?.image;
        let task = task(&image, &known(profiles)?)?;
        // Where the secret cannot be had, the image may be readable without.
        let pull = self.pull_logins(image.pull_secret.as_ref()).await?.unwrap_or_default();
        let job = Job { pull, ..self.job(Task::Check(task), &Value::Null) };
        let _turn = self.builds.planning.acquire().await.expect("it is never closed");
        let mut process = Process::start(self, &job).await?;
        loop {
            let failure = match process.next().await {
                Line::Said(Said::Event(_)) => continue,
                Line::Said(Said::Checked(checks)) => return Ok(checks),
                Line::Said(Said::Failed(failure)) => failure,
                Line::Said(Said::Planned { .. } | Said::Built(_)) => unreachable!("a check was asked for"),
                Line::Gone => process.gone().await,
            };
            return Err(ServerError::Unplanned {
                kind: failure.kind,
                text: failure.text,
                hint: failure.hint,
            });
        }
    }
}

/// The names of profiles, where there are such.
fn known(names: &[String]) -> Result<Vec<String>, ServerError> {
    if names.is_empty() {
        return Ok(Profile::names().map(str::to_owned).collect());
    }
    let named = |name: &String| {
        Profile::named(name).map(|profile| profile.name).map_err(|error| {
            let hint = error.hint().map(|hint| format!(": {hint}")).unwrap_or_default();
            Invalid(vec![FieldProblem::new("/for", format!("{error}{hint}"))]).into()
        })
    };
    names.iter().map(named).collect()
}

fn task(image: &Image, profiles: &[String]) -> Result<CheckTask, ServerError> {
    let nothing = || ServerError::Conflict {
        what: format!("there is no image of `{}` to look at", image.name),
        hint: Some("it is there when its first build has succeeded".to_owned()),
    };
    let called = image.reference.clone().ok_or_else(nothing)?;
    let reference: Reference = called.parse().map_err(|_| nothing())?;
    let digest = image.pin.as_ref().map(|pin| pin.digest.clone());
    Ok(CheckTask {
        reference: digest.clone().map_or(reference.clone(), |digest| reference.with_digest(digest)),
        digest,
        called,
        profiles: profiles.to_vec(),
        pull_secret: image.pull_secret.as_ref().map(ToString::to_string),
    })
}

impl From<&Report> for ImageCheck {
    fn from(report: &Report) -> Self {
        let verdict = serde_json::to_value(report.verdict).ok();
        Self {
            profile: report.profile.clone(),
            title: report.title.clone(),
            verdict: verdict.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default(),
            findings: report.findings.iter().map(CheckFinding::from).collect(),
            unanswered: report.unanswered.iter().map(CheckFinding::from).collect(),
        }
    }
}

impl From<&Finding> for CheckFinding {
    fn from(finding: &Finding) -> Self {
        Self {
            rule: finding.rule.to_owned(),
            level: finding.level.to_string(),
            message: finding.message.clone(),
            mend: finding.mend.clone(),
        }
    }
}

impl From<&Unanswered> for CheckFinding {
    fn from(open: &Unanswered) -> Self {
        Self {
            rule: open.rule.to_owned(),
            level: open.level.to_string(),
            message: open.reason.clone(),
            mend: None,
        }
    }
}
