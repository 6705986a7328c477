//! Plans: what a build would do, found out by a process like one that builds.

use std::time::Duration;

use imagewright_catalog::{Action, FieldProblem, Invalid, Name, Object, Principal, SecretKind, may};
use imagewright_model::ErrorKind;
use imagewright_model::plan::Plan;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::base::Places;
use super::spec::{placed, read};
use crate::job::{Job, JobFailure, JobLogin, Line, Process, Said, Task};
use crate::{Server, ServerError};

/// How long a plan may take: somebody waits for it.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// A spec that somebody wants a plan of.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanRequest {
    /// What would be built, as an `image.yaml` says it.
    #[schema(value_type = Object)]
    pub spec: Value,
    /// The secret with which the base is pulled.
    #[serde(default)]
    pub pull_secret: Option<Name>,
}

/// What a build would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Planned {
    /// The plan: what is installed, changed and removed, what is fetched, how large the image becomes (docs/plan.md).
    #[schema(value_type = Object)]
    pub plan: Plan,
    /// Why it cannot be built, and where in the spec that stands.
    pub conflict: Option<FieldProblem>,
    /// The secret that the base is pulled with.
    pub pull_secret: Option<Name>,
}

const PLACES: Places = Places { spec: "/spec", secret: "/pull_secret" };

impl Server {
    /// Says what a build of a spec would do.
    pub async fn plan(&self, principal: &Principal, request: &PlanRequest) -> Result<Planned, ServerError> {
        may(principal, Action::Build, Object::Server)?;
        let secret = request.pull_secret.as_ref();
        let pull_secret = self.checked(principal, &request.spec, secret, PLACES).await?;
        let (plan, conflict) = self.planned(&request.spec, pull_secret.as_ref(), PLACES).await?;
        Ok(Planned { plan, conflict, pull_secret })
    }

    /// Whether a spec can be taken for a build; gives the secret for its base.
    pub(crate) async fn checked(
        &self,
        principal: &Principal,
        spec: &Value,
        secret: Option<&Name>,
        places: Places,
    ) -> Result<Option<Name>, ServerError> {
        let read = read(spec, places.spec).map_err(Invalid)?;
        let found = self.base_secret(principal, &read, secret, places).await?;
        Ok(found.map_err(|problem| Invalid(vec![problem]))?)
    }

    /// The plan of a spec that was checked, and what is in the way of building it.
    pub(crate) async fn planned(
        &self,
        spec: &Value,
        pull_secret: Option<&Name>,
        places: Places,
    ) -> Result<(Plan, Option<FieldProblem>), ServerError> {
        let pull = match self.pull_logins(pull_secret).await? {
            Ok(pull) => pull,
            Err(trouble) => return Err(Invalid(vec![FieldProblem::new(places.secret, trouble)]).into()),
        };
        let job = Job { pull, ..self.job(Task::Plan, spec) };
        let _turn = self.builds.planning.acquire().await.expect("it is never closed");
        let mut stopping = self.builds.stopping();
        let planned = tokio::select! {
            planned = tokio::time::timeout(LONGEST, self.first_result(&job)) => planned,
            _ = async { drop(stopping.wait_for(|stopping| *stopping).await) } => {
                return Err(ServerError::Unplanned {
                    kind: ErrorKind::Unavailable,
                    text: "the server is being stopped".to_owned(),
                    hint: Some("ask again when it runs".to_owned()),
                });
            }
        };
        match planned {
            Ok(said) => match said? {
                Said::Planned { plan, conflict } => {
                    Ok((*plan, conflict.map(|failure| problem(&failure, spec, places))))
                }
                Said::Failed(failure) => Err(unplanned(failure, spec, places)),
                Said::Built(_) | Said::Checked(_) | Said::Event(_) => unreachable!("a plan was asked for"),
            },
            Err(_) => Err(ServerError::Unplanned {
                kind: ErrorKind::Cancelled,
                text: format!("planning took longer than {} minutes", LONGEST.as_secs() / 60),
                hint: Some("build without a plan (`plan=false`), which may take longer".to_owned()),
            }),
        }
    }

    async fn first_result(&self, job: &Job) -> Result<Said, ServerError> {
        let mut process = Process::start(self, job).await?;
        loop {
            match process.next().await {
                Line::Said(Said::Event(_)) => {}
                Line::Said(said) => return Ok(said),
                Line::Gone => return Ok(Said::Failed(process.gone().await)),
            }
        }
    }

    /// A job with what holds for all of them.
    pub(crate) fn job(&self, task: Task, spec: &Value) -> Job {
        let settings = &self.builds.settings;
        Job {
            task,
            spec: spec.clone(),
            lock: None,
            upgrade: false,
            pull: Vec::new(),
            time_limit: settings.time_limit.as_secs().max(1),
            memory: settings.memory,
            longest_log: settings.longest_log,
        }
    }

    pub(crate) async fn pull_logins(
        &self,
        secret: Option<&Name>,
    ) -> Result<Result<Vec<JobLogin>, String>, ServerError> {
        match secret {
            None => Ok(Ok(Vec::new())),
            Some(name) => Ok(self.login(name, SecretKind::Pull).await?.map(|login| vec![login])),
        }
    }
}

/// Why a spec cannot be built, as a problem of what was sent.
fn problem(failure: &JobFailure, spec: &Value, places: Places) -> FieldProblem {
    let (pointer, text) = placed(&failure.text, spec, places.spec);
    let hint = failure.hint.as_ref().map(|hint| format!(": {hint}")).unwrap_or_default();
    FieldProblem::new(&pointer, format!("{text}{hint}"))
}

fn unplanned(failure: JobFailure, spec: &Value, places: Places) -> ServerError {
    match failure.kind {
        ErrorKind::Failed
        | ErrorKind::Usage
        | ErrorKind::NotFound
        | ErrorKind::Invalid
        | ErrorKind::Conflict
        | ErrorKind::Denied => Invalid(vec![problem(&failure, spec, places)]).into(),
        ErrorKind::Unavailable | ErrorKind::Cancelled | ErrorKind::Machine | ErrorKind::Internal => {
            ServerError::Unplanned { kind: failure.kind, text: failure.text, hint: failure.hint }
        }
    }
}
