//! The provider of OpenID Connect where people log in.

use std::collections::BTreeSet;

use serde::Deserialize;

#[cfg(target_os = "linux")]
use {
    super::ServerSettings,
    super::place::{Place, variable},
    crate::failure::Failure,
    imagewright_model::{ErrorKind, Secret},
    imagewright_server::{ClaimSettings, Provider},
};

use crate::settings::first_filled;

/// What is asked for beside `openid` where nothing is said.
#[cfg(target_os = "linux")]
const SCOPES: [&str; 2] = ["profile", "email"];

/// A provider of OpenID Connect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ProviderSettings {
    /// Its address.
    issuer: Option<String>,
    /// What we are called there.
    client_id: Option<String>,
    /// Where what proves that it is us is: `file:PATH` or `environment:NAME`.
    client_secret: Option<String>,
    /// What is asked for beside `openid`.
    scopes: Vec<String>,
    /// The claim with the name to log in with.
    name_claim: Option<String>,
    /// The claim with the groups.
    groups_claim: Option<String>,
    /// Groups of administrators.
    admin_groups: BTreeSet<String>,
    /// Ends the names of groups of administrators of groups.
    group_admin_suffix: Option<String>,
    /// Whether groups are made.
    create_groups: Option<bool>,
}

impl ProviderSettings {
    /// Lays this over `lower`, setting by setting.
    pub(super) fn over(self, lower: Self) -> Self {
        let admin_groups = if self.admin_groups.is_empty() { lower.admin_groups } else { self.admin_groups };
        Self {
            issuer: self.issuer.or(lower.issuer),
            client_id: self.client_id.or(lower.client_id),
            client_secret: self.client_secret.or(lower.client_secret),
            scopes: first_filled(self.scopes, lower.scopes),
            name_claim: self.name_claim.or(lower.name_claim),
            groups_claim: self.groups_claim.or(lower.groups_claim),
            admin_groups,
            group_admin_suffix: self.group_admin_suffix.or(lower.group_admin_suffix),
            create_groups: self.create_groups.or(lower.create_groups),
        }
    }
}

#[cfg(target_os = "linux")]
impl ServerSettings {
    /// Where people log in, if that is set.
    pub(crate) fn provider(&self) -> Result<Option<Provider>, Failure> {
        let oidc = &self.oidc;
        let Some(issuer) = oidc.issuer.clone() else {
            if *oidc == ProviderSettings::default() {
                return Ok(None);
            }
            return Err(missing("server.oidc.issuer"));
        };
        let is_near =
            ["http://127.", "http://localhost", "http://[::1]"].iter().any(|it| issuer.starts_with(it));
        if !issuer.starts_with("https://") && !is_near {
            let text = "`server.oidc.issuer` begins with `https://`: what it says decides who comes in";
            return Err(Failure::new(ErrorKind::Usage, text));
        }
        let client_secret = match &oidc.client_secret {
            None => None,
            Some(place) => Some(match Place::parse("server.oidc.client-secret", place)? {
                Place::File(path) => Secret::new(std::fs::read_to_string(path)?.trim_end()),
                Place::Variable(name) => variable(&name)?,
            }),
        };
        let usual = ClaimSettings::default();
        let claims = ClaimSettings {
            name: oidc.name_claim.clone().unwrap_or(usual.name),
            groups: oidc.groups_claim.clone().unwrap_or(usual.groups),
            admin_groups: oidc.admin_groups.clone(),
            group_admin_suffix: oidc.group_admin_suffix.clone(),
            create_groups: oidc.create_groups.unwrap_or_default(),
        };
        Ok(Some(Provider {
            issuer,
            client_id: oidc.client_id.clone().ok_or_else(|| missing("server.oidc.client-id"))?,
            client_secret,
            scopes: first_filled(oidc.scopes.clone(), SCOPES.map(str::to_owned).to_vec()),
            claims,
        }))
    }
}

#[cfg(target_os = "linux")]
fn missing(setting: &str) -> Failure {
    Failure::new(ErrorKind::Usage, format!("`{setting}` is not set, but other settings of `server.oidc` are"))
}
