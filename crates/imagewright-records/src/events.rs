//! The event stream of a build, in pieces.

use imagewright_catalog::BuildId;

use crate::row::Columns;
use crate::{RecordsError, Work};

/// Events that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvents {
    /// The number of the first, from 0.
    pub first: i64,
    /// Each event as a line of JSON.
    pub lines: Vec<String>,
}

impl Work {
    /// Adds events behind those that are there. `first` is the number of the first of them; there are no gaps.
    pub async fn append_events(
        &mut self,
        build: &BuildId,
        events: &StoredEvents,
    ) -> Result<(), RecordsError> {
        let count = i64::try_from(events.lines.len()).expect("events fit into memory");
        sqlx::query("INSERT INTO build_events (build_id, first, count, lines) VALUES ($1, $2, $3, $4)")
            .bind(build.to_string())
            .bind(events.first)
            .bind(count)
            .bind(events.lines.join("\n"))
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("keep events"))?;
        Ok(())
    }

    /// How many events a build has so far.
    pub async fn count_events(&mut self, build: &BuildId) -> Result<i64, RecordsError> {
        let row = sqlx::query(
            "SELECT COALESCE(MAX(first + count), 0) AS count FROM build_events WHERE build_id = $1",
        )
        .bind(build.to_string())
        .fetch_one(&mut *self.connection)
        .await
        .map_err(RecordsError::doing("count events"))?;
        Columns { row: &row, what: "build" }.number("count")
    }

    /// The piece of events in front of number `before`; none where there is nothing in front of it.
    pub async fn events_before(
        &mut self,
        build: &BuildId,
        before: i64,
    ) -> Result<Option<StoredEvents>, RecordsError> {
        let row = sqlx::query(
            "SELECT first, lines FROM build_events WHERE build_id = $1 AND first < $2 \
             ORDER BY first DESC LIMIT 1",
        )
        .bind(build.to_string())
        .bind(before)
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(RecordsError::doing("read events"))?;
        row.map(|row| {
            let columns = Columns { row: &row, what: "build" };
            let first = columns.number("first")?;
            let count = usize::try_from(before - first).unwrap_or(0);
            let lines = columns.text("lines")?.split('\n').take(count).map(str::to_owned).collect();
            Ok(StoredEvents { first, lines })
        })
        .transpose()
    }

    /// The events of a build from number `from` on, as far as one piece goes; none where there are no more yet.
    pub async fn events(&mut self, build: &BuildId, from: i64) -> Result<Option<StoredEvents>, RecordsError> {
        let row = sqlx::query(
            "SELECT first, lines FROM build_events WHERE build_id = $1 AND first + count > $2 \
             ORDER BY first LIMIT 1",
        )
        .bind(build.to_string())
        .bind(from)
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(RecordsError::doing("read events"))?;
        row.map(|row| {
            let columns = Columns { row: &row, what: "build" };
            let first = columns.number("first")?;
            let skipped = usize::try_from((from - first).max(0)).unwrap_or(usize::MAX);
            let lines = columns.text("lines")?.split('\n').skip(skipped).map(str::to_owned).collect();
            Ok(StoredEvents { first: first.max(from), lines })
        })
        .transpose()
    }
}
