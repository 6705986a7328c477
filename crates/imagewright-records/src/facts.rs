//! What is true of the records as a whole.

use crate::row::Columns;
use crate::{RecordsError, Work};

impl Work {
    /// The value of a fact: the one that is known, else `value`, which is known from then on.
    pub async fn fact(&mut self, name: &str, value: &str) -> Result<String, RecordsError> {
        let doing = "keep a fact";
        sqlx::query("INSERT INTO facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
            .bind(name.to_owned())
            .bind(value.to_owned())
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::doing(doing))?;
        let row = sqlx::query("SELECT value FROM facts WHERE name = $1")
            .bind(name.to_owned())
            .fetch_one(&mut *self.connection)
            .await
            .map_err(RecordsError::doing(doing))?;
        Columns { row: &row, what: "fact" }.text("value")
    }
}
