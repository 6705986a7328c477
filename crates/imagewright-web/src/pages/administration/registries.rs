//! Registries: which this server has to do with, and whether they can be reached.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use imagewright_catalog::SecretKind;
use imagewright_server::{Registries, RegistryAnswer, RegistryOutcome, RegistrySecret, RegistryView};

use super::TABS;
use crate::App;
use crate::pages::failure::{PageFailure, Shown, page};
use crate::pages::frame::{Frame, Place};
use crate::pages::visitor::{Posted, Visitor};

pub(super) fn router() -> Router<App> {
    Router::new().route("/admin/registries", get(list).post(check))
}

#[derive(Template)]
#[template(path = "administration/registries.html")]
struct RegistriesPage {
    frame: Frame,
    found: Registries,
    /// What those said that were asked just now.
    answers: Vec<RegistryAnswer>,
}

impl RegistriesPage {
    async fn new(app: &App, visitor: &Visitor, answers: Vec<RegistryAnswer>) -> Result<Self, PageFailure> {
        let found = app.server.registries(&visitor.principal).await?;
        Ok(Self { frame: Frame::new("Registries", Place::Administration, visitor), found, answers })
    }

    // What follows is called by templates.

    fn answers_of(&self, registry: &RegistryView) -> Vec<&RegistryAnswer> {
        self.answers.iter().filter(|answer| answer.host == registry.host).collect()
    }

    /// What a server has to do with a registry.
    fn uses(registry: &RegistryView) -> Vec<String> {
        let images = match registry.images {
            0 => None,
            1 => Some("1 image".to_owned()),
            more => Some(format!("{more} images")),
        };
        let mirrors = registry.mirrors.iter().map(|mirror| format!("looked for first at {mirror}"));
        let mirror_of = registry.mirror_of.iter().map(|other| format!("mirror of {other}"));
        let flags = [
            (registry.is_own, "this server"),
            (registry.is_push_target, "results are pushed to it"),
            (registry.is_insecure, "may be spoken to over plain HTTP"),
        ];
        let flags = flags.into_iter().filter(|(is_so, _)| *is_so).map(|(_, text)| text.to_owned());
        images.into_iter().chain(mirrors).chain(mirror_of).chain(flags).collect()
    }

    fn kind(secret: &RegistrySecret) -> &'static str {
        if secret.kind == SecretKind::Push { "pushes" } else { "pulls" }
    }

    fn outcome(answer: &RegistryAnswer) -> (&'static str, &'static str) {
        match answer.outcome {
            RegistryOutcome::Known => ("good", "lets it in"),
            RegistryOutcome::Open => ("good", "asks for no login"),
            RegistryOutcome::Anonymous => ("good", "answers, also without a login"),
            // Without a secret that is how most registries are.
            RegistryOutcome::Refused if answer.secret.is_none() => ("good", "answers, and asks for a login"),
            RegistryOutcome::Refused => ("bad", "does not let it in"),
            RegistryOutcome::Unreachable => ("bad", "does not answer"),
            RegistryOutcome::Unusable => ("warn", "cannot be used here"),
        }
    }
}

async fn list(State(app): State<App>, visitor: Visitor) -> Shown {
    Ok(page(StatusCode::OK, &RegistriesPage::new(&app, &visitor, Vec::new()).await?))
}

async fn check(State(app): State<App>, Posted { visitor, fields }: Posted) -> Shown {
    let host = fields.filled("host");
    let answers = app.server.check_registries(&visitor.principal, host.as_deref()).await?;
    Ok(page(StatusCode::OK, &RegistriesPage::new(&app, &visitor, answers).await?))
}
