//! Secrets: what is known of them, and what is sealed, which nothing here can open.

use imagewright_catalog::{Name, SecretId, SecretRecord};

use crate::row::{Columns, json, word};
use crate::work::{new_id, stored};
use crate::{RecordsError, Work};

/// Numbers the lock under which secrets are sealed.
const SEALING: i64 = 3;

impl Work {
    /// Makes those that seal secrets wait for each other, so that none is sealed with a key that goes.
    pub async fn seal_secrets(&mut self) -> Result<(), RecordsError> {
        self.one_at_a_time(SEALING).await
    }

    /// An identity for a secret.
    pub fn new_secret_id(&self) -> SecretId {
        SecretId::new(new_id())
    }

    /// Adds a secret.
    pub async fn insert_secret(
        &mut self,
        secret: &SecretRecord,
        sealed: Option<&str>,
    ) -> Result<(), RecordsError> {
        sqlx::query(
            "INSERT INTO secrets (id, name, kind, host, username, kept, sealed, created_at, changed_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(secret.id.to_string())
        .bind(secret.name.to_string())
        .bind(word(&secret.kind))
        .bind(secret.host.clone())
        .bind(secret.username.clone())
        .bind(json(&secret.kept))
        .bind(sealed.map(str::to_owned))
        .bind(stored(secret.created_at))
        .bind(stored(secret.changed_at))
        .execute(&mut *self.connection)
        .await
        .map_err(RecordsError::inserting("secret", secret.name.as_str()))?;
        Ok(())
    }

    /// Changes a secret; what is sealed stays where nothing else is given.
    pub async fn replace_secret(
        &mut self,
        secret: &SecretRecord,
        sealed: Option<&str>,
    ) -> Result<(), RecordsError> {
        sqlx::query(
            "UPDATE secrets SET host = $1, username = $2, kept = $3, sealed = COALESCE($4, sealed), \
             changed_at = $5 WHERE id = $6",
        )
        .bind(secret.host.clone())
        .bind(secret.username.clone())
        .bind(json(&secret.kept))
        .bind(sealed.map(str::to_owned))
        .bind(stored(secret.changed_at))
        .bind(secret.id.to_string())
        .execute(&mut *self.connection)
        .await
        .map_err(RecordsError::doing("change a secret"))?;
        Ok(())
    }

    /// Removes a secret.
    pub async fn delete_secret(&mut self, secret: &SecretId) -> Result<(), RecordsError> {
        sqlx::query("DELETE FROM secrets WHERE id = $1")
            .bind(secret.to_string())
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("delete a secret"))?;
        Ok(())
    }

    /// The secret with a name, and what is sealed of it.
    pub async fn secret(
        &mut self,
        name: &Name,
    ) -> Result<Option<(SecretRecord, Option<String>)>, RecordsError> {
        let row = sqlx::query("SELECT * FROM secrets WHERE name = $1")
            .bind(name.to_string())
            .fetch_optional(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("read a secret"))?;
        row.map(|row| {
            let columns = Columns { row: &row, what: "secret" };
            Ok((secret(&columns)?, columns.maybe_text("sealed")?))
        })
        .transpose()
    }

    /// All secrets, the oldest first.
    pub async fn secrets(&mut self) -> Result<Vec<SecretRecord>, RecordsError> {
        let rows = sqlx::query("SELECT * FROM secrets ORDER BY id")
            .fetch_all(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("list secrets"))?;
        rows.iter().map(|row| secret(&Columns { row, what: "secret" })).collect()
    }

    /// Names of the images that are pulled with a secret, and of those that are being built with it.
    pub async fn users_of_secret(&mut self, name: &Name) -> Result<Vec<Name>, RecordsError> {
        let rows = sqlx::query(
            "SELECT i.name FROM images i WHERE i.pull_secret = $1 OR EXISTS (SELECT 1 FROM builds b \
             WHERE b.image_id = i.id AND b.pull_secret = $1 AND b.state IN ('queued', 'running')) ORDER BY i.name",
        )
            .bind(name.to_string())
            .fetch_all(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("list images"))?;
        rows.iter().map(|row| Columns { row, what: "image" }.parsed("name")).collect()
    }
}

fn secret(columns: &Columns<'_>) -> Result<SecretRecord, RecordsError> {
    Ok(SecretRecord {
        id: SecretId::new(columns.text("id")?),
        name: columns.parsed("name")?,
        kind: columns.word("kind")?,
        host: columns.text("host")?,
        username: columns.maybe_text("username")?,
        kept: columns.json("kept")?,
        created_at: columns.time("created_at")?,
        changed_at: columns.time("changed_at")?,
    })
}
