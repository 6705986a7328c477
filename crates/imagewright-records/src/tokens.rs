//! Access tokens and sessions: of both only the hash is known here.

use imagewright_catalog::{PersonId, Token, TokenId};
use jiff::Timestamp;

use crate::row::{Columns, word};
use crate::work::{new_id, stored};
use crate::{RecordsError, Work};

/// SHA-256 of a token, as hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenHash(pub String);

impl Work {
    /// An identity for a token.
    pub fn new_token_id(&self) -> TokenId {
        TokenId::new(new_id())
    }

    /// Adds a token.
    pub async fn insert_token(
        &mut self,
        person: &PersonId,
        token: &Token,
        hash: &TokenHash,
    ) -> Result<(), RecordsError> {
        sqlx::query(
            "INSERT INTO tokens (id, person_id, name, hash, expires_at, created_at, scope) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(token.id.to_string())
        .bind(person.to_string())
        .bind(token.name.clone())
        .bind(hash.0.clone())
        .bind(token.expires_at.map(stored))
        .bind(stored(token.created_at))
        .bind(word(&token.scope))
        .execute(&mut *self.connection)
        .await
        .map_err(RecordsError::inserting("token", &token.name))?;
        Ok(())
    }

    /// Somebody's tokens, the newest last.
    pub async fn tokens(&mut self, person: &PersonId) -> Result<Vec<Token>, RecordsError> {
        let rows = sqlx::query("SELECT * FROM tokens WHERE person_id = $1 ORDER BY id")
            .bind(person.to_string())
            .fetch_all(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("list tokens"))?;
        rows.iter().map(|row| token(&Columns { row, what: "token" })).collect()
    }

    /// Ends a token; whether there was one.
    pub async fn delete_token(&mut self, person: &PersonId, token: &TokenId) -> Result<bool, RecordsError> {
        let done = sqlx::query("DELETE FROM tokens WHERE id = $1 AND person_id = $2")
            .bind(token.to_string())
            .bind(person.to_string())
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("delete a token"))?;
        Ok(done.rows_affected() > 0)
    }

    /// Whose token this is, if it still works.
    pub async fn token_owner(
        &mut self,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<(PersonId, Token)>, RecordsError> {
        let row =
            sqlx::query("SELECT * FROM tokens WHERE hash = $1 AND (expires_at IS NULL OR expires_at > $2)")
                .bind(hash.0.clone())
                .bind(stored(now))
                .fetch_optional(&mut *self.connection)
                .await
                .map_err(RecordsError::doing("look up a token"))?;
        row.map(|row| {
            let columns = Columns { row: &row, what: "token" };
            Ok((PersonId::new(columns.text("person_id")?), token(&columns)?))
        })
        .transpose()
    }

    /// Whether a token still works.
    pub async fn has_token(&mut self, token: &TokenId, now: Timestamp) -> Result<bool, RecordsError> {
        let row =
            sqlx::query("SELECT 1 FROM tokens WHERE id = $1 AND (expires_at IS NULL OR expires_at > $2)")
                .bind(token.to_string())
                .bind(stored(now))
                .fetch_optional(&mut *self.connection)
                .await
                .map_err(RecordsError::doing("look up a token"))?;
        Ok(row.is_some())
    }

    /// Notes that a token was used.
    pub async fn touch_token(&mut self, token: &TokenId, now: Timestamp) -> Result<(), RecordsError> {
        sqlx::query("UPDATE tokens SET last_used_at = $1 WHERE id = $2")
            .bind(stored(now))
            .bind(token.to_string())
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("note the use of a token"))?;
        Ok(())
    }

    /// Begins a session.
    pub async fn insert_session(
        &mut self,
        person: &PersonId,
        hash: &TokenHash,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), RecordsError> {
        sqlx::query("INSERT INTO sessions (hash, person_id, expires_at, created_at) VALUES ($1, $2, $3, $4)")
            .bind(hash.0.clone())
            .bind(person.to_string())
            .bind(stored(expires_at))
            .bind(stored(now))
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("begin a session"))?;
        Ok(())
    }

    /// Whose session this is, if it goes on.
    pub async fn session_owner(
        &mut self,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<PersonId>, RecordsError> {
        let row = sqlx::query("SELECT person_id FROM sessions WHERE hash = $1 AND expires_at > $2")
            .bind(hash.0.clone())
            .bind(stored(now))
            .fetch_optional(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("look up a session"))?;
        row.map(|row| Ok(PersonId::new(Columns { row: &row, what: "session" }.text("person_id")?)))
            .transpose()
    }

    /// Ends all sessions of somebody.
    pub async fn delete_sessions_of(&mut self, person: &PersonId) -> Result<(), RecordsError> {
        sqlx::query("DELETE FROM sessions WHERE person_id = $1")
            .bind(person.to_string())
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("end sessions"))?;
        Ok(())
    }

    /// Ends a session, and all that have expired.
    pub async fn delete_session(&mut self, hash: &TokenHash, now: Timestamp) -> Result<(), RecordsError> {
        sqlx::query("DELETE FROM sessions WHERE hash = $1 OR expires_at <= $2")
            .bind(hash.0.clone())
            .bind(stored(now))
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("end a session"))?;
        Ok(())
    }
}

fn token(columns: &Columns<'_>) -> Result<Token, RecordsError> {
    Ok(Token {
        id: TokenId::new(columns.text("id")?),
        name: columns.text("name")?,
        scope: columns.word("scope")?,
        expires_at: columns.maybe_time("expires_at")?,
        last_used_at: columns.maybe_time("last_used_at")?,
        created_at: columns.time("created_at")?,
    })
}
