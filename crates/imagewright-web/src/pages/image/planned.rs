//! What a build would do, beside the form that asks for it.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use imagewright_model::plan::{PackageChange, Plan, PlannedStep, StepKind};
use imagewright_server::{PlanRequest, Server, ServerError};

use super::form;
use crate::App;
use crate::pages::failure::{PageFailure, page};
use crate::pages::fields::Fields;
use crate::pages::show;
use crate::pages::visitor::{Posted, Visitor};

pub(super) fn router() -> Router<App> {
    Router::new().route("/images/plan", post(plan))
}

/// What a build would do, or what is in its way.
#[derive(Template)]
#[template(path = "image/planned.html")]
pub(super) struct PlannedPart {
    plan: Option<Plan>,
    /// What is wrong: where in the form, and what.
    problems: Vec<(String, String)>,
    trouble: Option<String>,
}

impl PlannedPart {
    /// Plans what a form says.
    pub(super) async fn find(
        server: &Server,
        visitor: &Visitor,
        fields: &Fields,
    ) -> Result<Self, PageFailure> {
        let mut part = Self { plan: None, problems: Vec::new(), trouble: None };
        let spec = match form::spec(fields) {
            Ok(spec) => spec,
            Err(detail) => {
                part.problems.push(("more".to_owned(), detail));
                return Ok(part);
            }
        };
        let pull_secret = fields.filled("base_pull_secret").and_then(|name| name.parse().ok());
        match server.plan(&visitor.principal, &PlanRequest { spec, pull_secret }).await {
            Ok(planned) => {
                part.problems
                    .extend(planned.conflict.map(|problem| (place(&problem.pointer), problem.detail)));
                part.plan = Some(planned.plan);
            }
            Err(ServerError::Invalid(invalid)) => {
                part.problems
                    .extend(invalid.0.into_iter().map(|problem| (place(&problem.pointer), problem.detail)));
            }
            Err(error @ (ServerError::Unplanned { .. } | ServerError::NoProgram)) => {
                part.trouble = Some(match error.hint() {
                    Some(hint) => format!("{error}. {hint}"),
                    None => error.to_string(),
                });
            }
            Err(error) => return Err(error.into()),
        }
        Ok(part)
    }

    // What follows is called by templates.

    fn what(step: &PlannedStep) -> &'static str {
        match step.kind {
            StepKind::Apt => "Debian packages",
            StepKind::Conda => "conda packages",
            StepKind::Pip => "Python packages",
            StepKind::Kernel => "Kernel",
        }
    }

    /// How many packages come in, change or go; those that stay are not told.
    fn changed(step: &PlannedStep) -> usize {
        step.packages.iter().filter(|package| package.change != PackageChange::Keep).count()
    }
}

/// What a pointer into a request means in the form.
fn place(pointer: &str) -> String {
    let mut parts = pointer.trim_start_matches('/').split('/').filter(|part| *part != "spec");
    match (parts.next(), parts.next().and_then(|line| line.parse::<usize>().ok())) {
        (Some(list), Some(line)) => format!("{list}, line {}", line + 1),
        (Some(list), None) => list.to_owned(),
        (None, _) => String::new(),
    }
}

async fn plan(State(app): State<App>, Posted { visitor, fields }: Posted) -> Result<Response, PageFailure> {
    Ok(page(StatusCode::OK, &PlannedPart::find(&app.server, &visitor, &fields).await?))
}
