//! What is set of a server: how it is reached, where its secrets are, where people log in.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use imagewright_model::{ErrorKind, Secret};
use imagewright_server::{ClaimSettings, KeySource, Provider, VARIABLE_PREFIX, Vault};
use imagewright_web::Access;
use serde::Deserialize;

use crate::failure::Failure;

/// Where secrets are mounted for containers.
const SECRETS_FOLDER: &str = "/run/secrets";

/// The file with the key of sealed secrets, in the folder of the server.
const OWN_KEY: &str = "secrets.key";

/// What is asked for beside `openid` where nothing is said.
const SCOPES: [&str; 2] = ["profile", "email"];

/// What is set of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ServerSettings {
    /// The address that people know it by.
    public_url: Option<String>,
    /// Whether a proxy is before it.
    behind_proxy: Option<bool>,
    /// Where the key of sealed secrets is: `file:PATH` or `environment:NAME`.
    secrets_key: Option<String>,
    /// Folders with files of secrets.
    secrets_folders: Vec<PathBuf>,
    /// Where people log in.
    oidc: OidcSettings,
}

/// A provider of OpenID Connect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct OidcSettings {
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

impl ServerSettings {
    /// Lays this over `lower`, setting by setting.
    pub(super) fn over(self, lower: Self) -> Self {
        let (upper_oidc, lower_oidc) = (self.oidc, lower.oidc);
        let admin_groups = match upper_oidc.admin_groups.is_empty() {
            true => lower_oidc.admin_groups,
            false => upper_oidc.admin_groups,
        };
        Self {
            public_url: self.public_url.or(lower.public_url),
            behind_proxy: self.behind_proxy.or(lower.behind_proxy),
            secrets_key: self.secrets_key.or(lower.secrets_key),
            secrets_folders: super::first_filled(self.secrets_folders, lower.secrets_folders),
            oidc: OidcSettings {
                issuer: upper_oidc.issuer.or(lower_oidc.issuer),
                client_id: upper_oidc.client_id.or(lower_oidc.client_id),
                client_secret: upper_oidc.client_secret.or(lower_oidc.client_secret),
                scopes: super::first_filled(upper_oidc.scopes, lower_oidc.scopes),
                name_claim: upper_oidc.name_claim.or(lower_oidc.name_claim),
                groups_claim: upper_oidc.groups_claim.or(lower_oidc.groups_claim),
                admin_groups,
                group_admin_suffix: upper_oidc.group_admin_suffix.or(lower_oidc.group_admin_suffix),
                create_groups: upper_oidc.create_groups.or(lower_oidc.create_groups),
            },
        }
    }

    /// How the server is reached.
    pub(crate) fn access(&self) -> Result<Access, Failure> {
        let public_url = self.public_url.as_ref().map(|url| url.trim_end_matches('/').to_owned());
        let is_address = |url: &String| {
            let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            rest.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']))
        };
        if !public_url.as_ref().is_none_or(is_address) {
            let text =
                "`server.public-url` is no address: write it as `https://images.example`, without a path";
            return Err(Failure::new(ErrorKind::Usage, text));
        }
        Ok(Access { public_url, behind_proxy: self.behind_proxy.unwrap_or_default() })
    }

    /// Where secrets are kept. `folder` is that of the server.
    pub(crate) fn vault(&self, folder: &Path) -> Result<Vault, Failure> {
        let keys = match self.secrets_key.as_deref() {
            None => KeySource::Own(folder.join(OWN_KEY)),
            Some(place) => match Place::parse("server.secrets-key", place)? {
                Place::File(path) => KeySource::File(path),
                Place::Variable(name) => KeySource::Given(variable(&name)?),
            },
        };
        let folders = super::first_filled(self.secrets_folders.clone(), vec![SECRETS_FOLDER.into()]);
        Ok(Vault::new(keys).with_folders(folders).with_environment(|name| {
            let value = std::env::var(name).ok()?;
            name.starts_with(VARIABLE_PREFIX).then(|| Secret::new(value))
        }))
    }

    /// Where people log in, if that is set.
    pub(crate) fn provider(&self) -> Result<Option<Provider>, Failure> {
        let oidc = &self.oidc;
        let Some(issuer) = oidc.issuer.clone() else {
            if *oidc == OidcSettings::default() {
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
            scopes: super::first_filled(oidc.scopes.clone(), SCOPES.map(str::to_owned).to_vec()),
            claims,
        }))
    }
}

/// Where something secret is that a setting names and does not hold.
enum Place {
    File(PathBuf),
    Variable(String),
}

impl Place {
    fn parse(setting: &str, text: &str) -> Result<Self, Failure> {
        match text.split_once(':') {
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            Some(("environment", name)) if !name.is_empty() => Ok(Self::Variable(name.to_owned())),
            // What stands there may be the secret itself, so it is not shown.
            _ => {
                let text = format!("`{setting}` says where the secret is: `file:PATH` or `environment:NAME`");
                Err(Failure::new(ErrorKind::Usage, text))
            }
        }
    }
}

fn variable(name: &str) -> Result<Secret, Failure> {
    let missing = || Failure::new(ErrorKind::NotFound, format!("the variable `{name}` is not set"));
    std::env::var(name).map(Secret::new).map_err(|_| missing())
}

fn missing(setting: &str) -> Failure {
    Failure::new(ErrorKind::Usage, format!("`{setting}` is not set, but other settings of `server.oidc` are"))
}
