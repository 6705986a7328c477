//! The audit trail.

use imagewright_catalog::{AuditEntry, AuditFilter, Cursor, Page, PageRequest, PersonId, Principal, Subject};
use jiff::Timestamp;
use serde::Serialize;

use crate::row::{Columns, word};
use crate::statement::Statement;
use crate::work::stored;
use crate::{RecordsError, Work};

/// Numbers the lock under which entries are numbered.
const NUMBERING: i64 = 1;

impl Work {
    /// Adds an entry about something that has a name, as it was and as it is.
    pub async fn note_change<T: Serialize>(
        &mut self,
        principal: &Principal,
        (subject, id, name): (Subject, &str, &str),
        action: &str,
        (before, after): (Option<&T>, Option<&T>),
        now: Timestamp,
    ) -> Result<(), RecordsError> {
        self.one_at_a_time(NUMBERING).await?;
        let document = |value: Option<&T>| value.map(crate::row::json);
        sqlx::query(
            "INSERT INTO audit (number, at, actor, actor_name, action, subject, subject_id, subject_name, before, \
             after) VALUES ((SELECT COALESCE(MAX(number), 0) + 1 FROM audit), $1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(stored(now))
        .bind(principal.person.as_ref().map(PersonId::to_string))
        .bind(principal.name.clone())
        .bind(format!("{}.{action}", subject.as_str()))
        .bind(word(&subject))
        .bind(id.to_owned())
        .bind(name.to_owned())
        .bind(document(before))
        .bind(document(after))
        .execute(&mut *self.connection)
        .await
        .map_err(RecordsError::doing("note a change"))?;
        Ok(())
    }

    /// The entries that are wanted, the newest first.
    pub async fn audit(
        &mut self,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditEntry>, RecordsError> {
        let bytewise = self.bytewise();
        let mut query = Statement::new("SELECT * FROM audit WHERE 1 = 1");
        let (since, until) = (filter.since.map(stored), filter.until.map(stored));
        for (condition, value) in [
            ("subject = ".to_owned(), filter.subject.as_ref().map(word)),
            ("subject_id = ".to_owned(), filter.subject_id.clone()),
            ("subject_name = ".to_owned(), filter.subject_name.clone()),
            ("actor_name = ".to_owned(), filter.actor_name.clone()),
            ("action = ".to_owned(), filter.action.clone()),
            (format!("at{bytewise} >= "), since),
            (format!("at{bytewise} < "), until),
        ] {
            if let Some(value) = value {
                query.push(format!(" AND {condition}")).push_bind(value);
            }
        }
        if let Some(cursor) = &page.after {
            query.push(" AND number < ").push_bind(cursor.id.parse::<i64>().unwrap_or(0));
        }
        query.push(" ORDER BY number DESC LIMIT ").push_bind(i64::from(page.limit) + 1);
        let rows = query.fetch_all(self, "read the audit trail").await?;
        let found: Result<Vec<AuditEntry>, _> =
            rows.iter().map(|row| entry(&Columns { row, what: "audit entry" })).collect();
        Ok(Page::of(found?, page.limit, |entry| Cursor { key: String::new(), id: entry.number.to_string() }))
    }
}

fn entry(columns: &Columns<'_>) -> Result<AuditEntry, RecordsError> {
    Ok(AuditEntry {
        number: columns.number("number")?,
        at: columns.time("at")?,
        actor: columns.maybe_text("actor")?.map(PersonId::new),
        actor_name: columns.text("actor_name")?,
        action: columns.text("action")?,
        subject: columns.word("subject")?,
        subject_id: columns.text("subject_id")?,
        subject_name: columns.text("subject_name")?,
        before: columns.maybe_json("before")?,
        after: columns.maybe_json("after")?,
    })
}
