//! From what somebody comes in with to who it is.

use imagewright_catalog::{
    FieldProblem, Invalid, PersonId, Principal, Refusal, Subject, Token, TokenId, TokenScope,
};
use imagewright_model::Secret;
use imagewright_records::TokenHash;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::{Server, ServerError};

/// What our tokens begin with, so that people and scanners know what they see.
const TOKEN_PREFIX: &str = "iw_";

/// How long a token's last use may be behind: a write for each request would be too many.
const USE_NOTED_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// A token that somebody wants.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What its owner calls it.
    pub name: String,
    /// What it shall be good for.
    #[serde(default)]
    pub scope: TokenScope,
    /// When it shall end to work.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

impl NewToken {
    fn check(&self, now: Timestamp) -> Result<(), Invalid> {
        let mut problems = Vec::new();
        let length = self.name.trim().chars().count();
        if !(1..=100).contains(&length) || self.name.contains(char::is_control) {
            problems.push(FieldProblem::new(
                "/name",
                "a token is called something by which you know it: 1 to 100 characters in one line",
            ));
        }
        if self.expires_at.is_some_and(|expires_at| expires_at <= now) {
            problems.push(FieldProblem::new("/expires_at", "this time is over"));
        }
        Invalid::unless_empty(problems)
    }
}

/// A token, this once with what it hides.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// What is known of it.
    pub token: Token,
    /// The token itself. Nobody can see it again.
    pub secret: Secret,
}

impl Server {
    /// Who sends a token that is good for everything.
    pub async fn principal_of_token(&self, token: &Secret) -> Result<Principal, ServerError> {
        let (principal, token) = self.owner_of_token(token).await?;
        match token.scope {
            TokenScope::All => Ok(principal),
            TokenScope::Pull => Err(ServerError::OnlyPulls { name: token.name }),
        }
    }

    /// Who sends a token, whatever it is good for.
    pub(crate) async fn owner_of_token(&self, token: &Secret) -> Result<(Principal, Token), ServerError> {
        let hash = hash(token);
        let mut look = self.records.look().await?;
        let Some((person, token)) = look.token_owner(&hash, self.now()).await? else {
            return Err(Refusal::NotLoggedIn.into());
        };
        let principal = look.principal(&person).await?.ok_or(Refusal::NotLoggedIn)?;
        drop(look);
        self.note_use(&token).await?;
        Ok((principal, token))
    }

    async fn note_use(&self, token: &Token) -> Result<(), ServerError> {
        let now = self.now();
        let noted = token.last_used_at.and_then(|used| used.checked_add(USE_NOTED_EVERY).ok());
        if noted.is_some_and(|again| again > now) {
            return Ok(());
        }
        let mut work = self.records.begin().await?;
        work.touch_token(&token.id, now).await?;
        Ok(work.commit().await?)
    }

    /// Makes a token for whoever asks.
    pub async fn issue_token(
        &self,
        principal: &Principal,
        new: NewToken,
    ) -> Result<IssuedToken, ServerError> {
        let person = principal.person.clone().ok_or(Refusal::NotLoggedIn)?;
        self.issue_token_to(principal, &person, new).await
    }

    /// Makes a token for somebody: what an administrator does at the machine itself.
    pub async fn issue_token_to(
        &self,
        by: &Principal,
        person: &PersonId,
        new: NewToken,
    ) -> Result<IssuedToken, ServerError> {
        let now = self.now();
        new.check(now)?;
        let secret = random_token()?;
        let mut work = self.records.begin().await?;
        let token = Token {
            id: work.new_token_id(),
            name: new.name,
            scope: new.scope,
            expires_at: new.expires_at,
            last_used_at: None,
            created_at: now,
        };
        work.insert_token(person, &token, &hash(&secret)).await?;
        let subject = (Subject::Token, token.id.as_str(), token.name.as_str());
        work.note_change(by, subject, "issued", (None, Some(&token)), now).await?;
        work.commit().await?;
        Ok(IssuedToken { token, secret })
    }

    /// The tokens of whoever asks.
    pub async fn tokens(&self, principal: &Principal) -> Result<Vec<Token>, ServerError> {
        let person = principal.person.clone().ok_or(Refusal::NotLoggedIn)?;
        Ok(self.records.look().await?.tokens(&person).await?)
    }

    /// Ends a token of whoever asks.
    pub async fn revoke_token(&self, principal: &Principal, id: &TokenId) -> Result<(), ServerError> {
        let person = principal.person.clone().ok_or(Refusal::NotLoggedIn)?;
        let mut work = self.records.begin().await?;
        let tokens = work.tokens(&person).await?;
        let Some(token) = tokens.into_iter().find(|token| token.id == *id) else {
            return Err(ServerError::NotFound { what: "token", name: id.to_string() });
        };
        work.delete_token(&person, id).await?;
        let subject = (Subject::Token, token.id.as_str(), token.name.as_str());
        work.note_change(principal, subject, "revoked", (Some(&token), None), self.now()).await?;
        Ok(work.commit().await?)
    }
}

pub(crate) fn random_token() -> Result<Secret, ServerError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(ServerError::Random)?;
    Ok(Secret::new(format!("{TOKEN_PREFIX}{}", hex::encode(bytes))))
}

pub(crate) fn hash(token: &Secret) -> TokenHash {
    TokenHash(hex::encode(Sha256::digest(token.expose().as_bytes())))
}
