//! Answers to requests that came with an idempotency key.

use imagewright_catalog::PersonId;
use jiff::Timestamp;

use crate::row::Columns;
use crate::work::stored;
use crate::{RecordsError, Work};

/// The answer to a request that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    /// Tells the request from others with the same key.
    pub request: String,
    /// What was answered.
    pub answer: String,
}

impl Work {
    /// The answer to somebody's request with this key, if it was carried out after `since`.
    pub async fn answer(
        &mut self,
        (person, key): (&PersonId, &str),
        since: Timestamp,
    ) -> Result<Option<StoredAnswer>, RecordsError> {
        let bytewise = self.bytewise();
        let text = format!(
            "SELECT request, answer FROM answers WHERE person_id = $1 AND request_key = $2 AND created_at{bytewise} > $3"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(text))
            .bind(person.to_string())
            .bind(key.to_owned())
            .bind(stored(since))
            .fetch_optional(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("look for an answer"))?;
        row.map(|row| {
            let columns = Columns { row: &row, what: "answer" };
            Ok(StoredAnswer { request: columns.text("request")?, answer: columns.text("answer")? })
        })
        .transpose()
    }

    /// Keeps an answer with what it is about; those of before `since` are forgotten. There is one for each key.
    pub async fn insert_answer(
        &mut self,
        (person, key): (&PersonId, &str),
        answer: &StoredAnswer,
        (now, since): (Timestamp, Timestamp),
    ) -> Result<(), RecordsError> {
        let bytewise = self.bytewise();
        sqlx::query(sqlx::AssertSqlSafe(format!("DELETE FROM answers WHERE created_at{bytewise} <= $1")))
            .bind(stored(since))
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("forget answers"))?;
        sqlx::query(
            "INSERT INTO answers (person_id, request_key, request, answer, created_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(person.to_string())
        .bind(key.to_owned())
        .bind(answer.request.clone())
        .bind(answer.answer.clone())
        .bind(stored(now))
        .execute(&mut *self.connection)
        .await
        .map_err(RecordsError::inserting("answer", "with this key"))?;
        Ok(())
    }
}
