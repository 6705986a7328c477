//! Secrets by which the nodes of a Kubernetes cluster pull from here.

use imagewright_catalog::exchange::{PullSecret, pull_secret};
use imagewright_catalog::{Name, Principal, TokenScope};
use imagewright_model::Secret;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{NewToken, Server, ServerError};

/// Characters of the longest name that is made for a token: one has 100, and a number may follow.
const LONGEST: usize = 90;

/// A secret of Kubernetes that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPullSecret {
    /// What it is called in the cluster.
    pub name: Name,
    /// The namespace it is for; without one, the one it is applied to.
    #[serde(default)]
    pub namespace: Option<Name>,
    /// When the access token in it shall end to work.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

impl Server {
    /// Makes an access token for whoever asks that is good for pulling alone, and the manifest of a secret with it by which nodes pull what they may. The
    /// token is not shown again; its name says what it is for, so that it is found to be revoked.
    pub async fn kubernetes_pull_secret(
        &self,
        principal: &Principal,
        new: NewPullSecret,
    ) -> Result<Secret, ServerError> {
        let NewPullSecret { name, namespace, expires_at } = new;
        // Namespaces are labels of DNS (RFC 1123).
        if let Some(namespace) = namespace.as_ref().filter(|it| it.as_str().contains('.')) {
            let detail = format!("`{namespace}` is no namespace: lower case letters, digits and `-` are");
            return Err(ServerError::field("/namespace", detail));
        }
        let token_name = self.free_token_name(principal, namespace.as_ref(), &name).await?;
        let issued = self
            .issue_token(principal, NewToken { name: token_name, scope: TokenScope::Pull, expires_at })
            .await?;
        Ok(pull_secret(&PullSecret {
            name: &name,
            namespace: namespace.as_ref(),
            host: self.registry_host(),
            username: &principal.name,
            password: &issued.secret,
            note: &format!(
                "It holds the access token {} of {}: whoever reads it can pull what they may.",
                issued.token.id, principal.name
            ),
        }))
    }

    /// A name for the token. Whoever makes a secret anew has the old one until the new one is in its place.
    async fn free_token_name(
        &self,
        principal: &Principal,
        namespace: Option<&Name>,
        name: &Name,
    ) -> Result<String, ServerError> {
        let place = namespace.map(|namespace| format!("{namespace}/")).unwrap_or_default();
        let wanted: String = format!("pull secret {place}{name}").chars().take(LONGEST).collect();
        let tokens = self.tokens(principal).await?;
        let numbered = (2_usize..).map(|number| format!("{wanted} {number}"));
        let mut candidates = std::iter::once(wanted.clone()).chain(numbered);
        let is_free = |candidate: &String| tokens.iter().all(|token| token.name != *candidate);
        Ok(candidates.find(is_free).expect("numbers do not end"))
    }
}
