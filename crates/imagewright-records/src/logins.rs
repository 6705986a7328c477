//! Logins that have begun and not ended: the first administrator's, and those at a provider.

use imagewright_model::Secret;
use jiff::Timestamp;

use crate::row::Columns;
use crate::work::stored;
use crate::{RecordsError, TokenHash, Work};

/// A login at a provider, until it sends the browser back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingLogin {
    /// What the provider repeats in its token (OpenID Connect Core, 3.1.2.1).
    pub nonce: Secret,
    /// What proves to the provider that it is us who ask for the token (RFC 7636).
    pub verifier: Secret,
    /// Where the browser goes afterwards.
    pub return_to: String,
}

impl Work {
    /// Lets the first administrator be made with a token, and with no other.
    pub async fn offer_setup(&mut self, hash: &TokenHash, expires_at: Timestamp) -> Result<(), RecordsError> {
        sqlx::query("DELETE FROM setups")
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("offer the set-up"))?;
        sqlx::query("INSERT INTO setups (hash, expires_at) VALUES ($1, $2)")
            .bind(hash.0.clone())
            .bind(stored(expires_at))
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("offer the set-up"))?;
        Ok(())
    }

    /// Whether the first administrator can be made with this token.
    pub async fn setup_is_offered(&mut self, hash: &TokenHash, now: Timestamp) -> Result<bool, RecordsError> {
        let row = sqlx::query("SELECT 1 AS one FROM setups WHERE hash = $1 AND expires_at > $2")
            .bind(hash.0.clone())
            .bind(stored(now))
            .fetch_optional(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("look for the set-up"))?;
        Ok(row.is_some())
    }

    /// Uses that token up; whether it was one.
    pub async fn take_setup(&mut self, hash: &TokenHash, now: Timestamp) -> Result<bool, RecordsError> {
        let done = sqlx::query("DELETE FROM setups WHERE hash = $1 AND expires_at > $2")
            .bind(hash.0.clone())
            .bind(stored(now))
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("take the set-up"))?;
        Ok(done.rows_affected() > 0)
    }

    /// Keeps a login that begins at a provider: `state` is what the provider sends back, `browser` what the browser has.
    pub async fn begin_login(
        &mut self,
        (state, browser): (&TokenHash, &TokenHash),
        login: &PendingLogin,
        (now, expires_at): (Timestamp, Timestamp),
    ) -> Result<(), RecordsError> {
        sqlx::query("DELETE FROM logins WHERE expires_at <= $1")
            .bind(stored(now))
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("forget logins"))?;
        sqlx::query(
            "INSERT INTO logins (state, browser, nonce, verifier, return_to, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(state.0.clone())
        .bind(browser.0.clone())
        .bind(login.nonce.expose().to_owned())
        .bind(login.verifier.expose().to_owned())
        .bind(login.return_to.clone())
        .bind(stored(expires_at))
        .execute(&mut *self.connection)
        .await
        .map_err(RecordsError::doing("begin a login"))?;
        Ok(())
    }

    /// Takes a login that began in the same browser. It is there once.
    pub async fn take_login(
        &mut self,
        (state, browser): (&TokenHash, &TokenHash),
        now: Timestamp,
    ) -> Result<Option<PendingLogin>, RecordsError> {
        let row = sqlx::query(
            "DELETE FROM logins WHERE state = $1 AND browser = $2 AND expires_at > $3 \
             RETURNING nonce, verifier, return_to",
        )
        .bind(state.0.clone())
        .bind(browser.0.clone())
        .bind(stored(now))
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(RecordsError::doing("take a login"))?;
        row.map(|row| {
            let columns = Columns { row: &row, what: "login" };
            Ok(PendingLogin {
                nonce: Secret::new(columns.text("nonce")?),
                verifier: Secret::new(columns.text("verifier")?),
                return_to: columns.text("return_to")?,
            })
        })
        .transpose()
    }
}
