//! A transaction.

use jiff::Timestamp;
use sqlx::{Any, Transaction};

use crate::RecordsError;
use crate::connect::Kind;

/// What is done to the records together, or not at all. Dropped without [`Work::commit`] it leaves no trace.
pub struct Work {
    pub(crate) connection: Transaction<'static, Any>,
    pub(crate) kind: Kind,
}

impl Work {
    pub(crate) fn new(connection: Transaction<'static, Any>, kind: Kind) -> Self {
        Self { connection, kind }
    }

    /// Makes what was done last.
    pub async fn commit(self) -> Result<(), RecordsError> {
        self.connection.commit().await.map_err(RecordsError::doing("commit"))
    }

    /// What follows a column in comparisons, so that both databases order text by its bytes.
    pub(crate) fn bytewise(&self) -> &'static str {
        match self.kind {
            Kind::Sqlite => "",
            Kind::Postgres => " COLLATE \"C\"",
        }
    }

    /// Makes those that number something wait for each other. SQLite's writers do so anyway.
    pub(crate) async fn one_at_a_time(&mut self, number: i64) -> Result<(), RecordsError> {
        if self.kind == Kind::Postgres {
            sqlx::query("SELECT pg_advisory_xact_lock($1)")
                .bind(number)
                .execute(&mut *self.connection)
                .await
                .map_err(RecordsError::doing("lock"))?;
        }
        Ok(())
    }
}

/// A new identity. Those made later sort later.
pub(crate) fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// A time as it is stored: of one length, so that it sorts as text.
pub(crate) fn stored(time: Timestamp) -> String {
    format!("{time:.9}")
}
