//! Builds, and the queue that they are.

use imagewright_catalog::{
    Build, BuildId, BuildState, Cursor, ImageId, Name, Page, PageRequest, PersonId, Principal, Timings,
};
use imagewright_oci::Digest;
use jiff::Timestamp;
use sqlx::any::AnyRow;

use crate::row::{Columns, json};
use crate::statement::Statement;
use crate::work::{new_id, stored};
use crate::{RecordsError, Work};

/// Numbers the lock under which builds are taken from the queue.
const TAKING: i64 = 2;

/// Which builds are wanted.
#[derive(Clone, Debug, Default)]
pub struct BuildQuery {
    /// Of this image.
    pub image: Option<Name>,
    /// In this state.
    pub state: Option<BuildState>,
    /// Asked for by this person.
    pub requested_by: Option<PersonId>,
}

/// What a worker takes a build with.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Which worker.
    pub worker: String,
    /// Until when others leave it alone; the worker moves it on while it lives.
    pub until: Timestamp,
    /// Now.
    pub now: Timestamp,
}

/// How a build ended.
#[derive(Clone, Debug)]
pub struct BuildEnd {
    /// In which state.
    pub state: BuildState,
    /// Digest of the result.
    pub digest: Option<Digest>,
    /// Bytes of its layers.
    pub size: Option<u64>,
    /// What was solved.
    pub lock: Option<String>,
    /// Why there is no result.
    pub error: Option<String>,
    /// When.
    pub at: Timestamp,
}

const SELECT: &str =
    "SELECT b.*, i.name AS image_name FROM builds b JOIN images i ON i.id = b.image_id WHERE 1 = 1";

impl Work {
    /// An identity for a build.
    pub fn new_build_id(&self) -> BuildId {
        BuildId::new(new_id())
    }

    /// The number that the next build of an image gets.
    pub async fn next_build_number(&mut self, image: &ImageId) -> Result<i64, RecordsError> {
        let row =
            sqlx::query("SELECT COALESCE(MAX(number), 0) + 1 AS number FROM builds WHERE image_id = $1")
                .bind(image.to_string())
                .fetch_one(&mut *self.connection)
                .await
                .map_err(RecordsError::doing("number a build"))?;
        Columns { row: &row, what: "build" }.number("number")
    }

    /// Puts a build into the queue.
    pub async fn insert_build(&mut self, build: &Build) -> Result<(), RecordsError> {
        sqlx::query(
            "INSERT INTO builds (id, image_id, number, state, spec, pull_secret, upgrade, person_id, person_name, \
             retry_of, attempts, cancel_requested, queued_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, 0, $11)",
        )
        .bind(build.id.to_string())
        .bind(build.image.to_string())
        .bind(build.number)
        .bind(build.state.as_str())
        .bind(json(&build.spec))
        .bind(build.pull_secret.as_ref().map(Name::to_string))
        .bind(i64::from(build.upgrade))
        .bind(build.requested_by.as_ref().map(PersonId::to_string))
        .bind(build.requested_by_name.clone())
        .bind(build.retry_of.as_ref().map(BuildId::to_string))
        .bind(stored(build.timings.queued_at))
        .execute(&mut *self.connection)
        .await
        .map_err(RecordsError::inserting("build", &format!("{}:{}", build.image_name, build.number)))?;
        Ok(())
    }

    /// A build by its identity.
    pub async fn build(&mut self, id: &BuildId) -> Result<Option<Build>, RecordsError> {
        let mut query = Statement::new(SELECT);
        query.push(" AND b.id = ").push_bind(id.to_string());
        let row = query.fetch_optional(self, "read a build").await?;
        row.as_ref().map(build).transpose()
    }

    /// Builds, the newest first, of images that `principal` looks after or of its own.
    pub async fn builds(
        &mut self,
        principal: &Principal,
        wanted: &BuildQuery,
        page: &PageRequest,
    ) -> Result<Page<Build>, RecordsError> {
        let mut query = Statement::new(SELECT);
        if !principal.admin {
            query.push(" AND (b.person_id = ").push_bind(principal.person.as_ref().map(PersonId::to_string));
            for membership in principal.memberships.iter().filter(|it| principal.looks_after(&it.group)) {
                query.push(" OR i.owner = ").push_bind(membership.group.to_string());
            }
            query.push(")");
        }
        if let Some(image) = &wanted.image {
            query.push(" AND i.name = ").push_bind(image.to_string());
        }
        if let Some(state) = wanted.state {
            query.push(" AND b.state = ").push_bind(state.as_str().to_owned());
        }
        if let Some(person) = &wanted.requested_by {
            query.push(" AND b.person_id = ").push_bind(person.to_string());
        }
        if let Some(cursor) = &page.after {
            query.push(" AND b.id < ").push_bind(cursor.id.clone());
        }
        query.push(" ORDER BY b.id DESC LIMIT ").push_bind(i64::from(page.limit) + 1);
        let rows = query.fetch_all(self, "list builds").await?;
        let found: Result<Vec<Build>, _> = rows.iter().map(build).collect();
        Ok(Page::of(found?, page.limit, |build| Cursor { key: String::new(), id: build.id.to_string() }))
    }

    /// How many builds of somebody are in a state.
    pub async fn count_builds(&mut self, person: &PersonId, state: BuildState) -> Result<i64, RecordsError> {
        let row = sqlx::query("SELECT COUNT(*) AS count FROM builds WHERE person_id = $1 AND state = $2")
            .bind(person.to_string())
            .bind(state.as_str())
            .fetch_one(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("count builds"))?;
        Columns { row: &row, what: "build" }.number("count")
    }

    /// Takes the next build from the queue: of whoever has the fewest running, then of whoever's turn is longest ago, then
    /// the oldest. Builds of one image come one after the other.
    pub async fn claim_build(&mut self, claim: &Claim) -> Result<Option<Build>, RecordsError> {
        self.one_at_a_time(TAKING).await?;
        let row = sqlx::query(
            "UPDATE builds SET state = 'running', worker = $1, lease_until = $2, started_at = $3, \
             attempts = attempts + 1 WHERE state = 'queued' AND id = (\
             SELECT b.id FROM builds b WHERE b.state = 'queued' AND NOT EXISTS (\
             SELECT 1 FROM builds o WHERE o.image_id = b.image_id AND (o.state = 'running' OR \
             (o.state = 'queued' AND o.number < b.number))) ORDER BY \
             (SELECT COUNT(*) FROM builds r WHERE r.person_name = b.person_name AND r.state = 'running'), \
             COALESCE((SELECT MAX(s.started_at) FROM builds s WHERE s.person_name = b.person_name), ''), b.id LIMIT 1) \
             RETURNING id",
        )
        .bind(claim.worker.clone())
        .bind(stored(claim.until))
        .bind(stored(claim.now))
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(RecordsError::doing("take a build from the queue"))?;
        let Some(row) = row else { return Ok(None) };
        let id = BuildId::new(Columns { row: &row, what: "build" }.text("id")?);
        self.build(&id).await
    }

    /// Keeps a running build for its worker. Tells whether somebody asked it to stop; none where it is not this worker's any more.
    pub async fn renew_claim(&mut self, id: &BuildId, claim: &Claim) -> Result<Option<bool>, RecordsError> {
        let row = sqlx::query(
            "UPDATE builds SET lease_until = $1 WHERE id = $2 AND worker = $3 AND state = 'running' \
             RETURNING cancel_requested",
        )
        .bind(stored(claim.until))
        .bind(id.to_string())
        .bind(claim.worker.clone())
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(RecordsError::doing("keep a build"))?;
        row.map(|row| Columns { row: &row, what: "build" }.truth("cancel_requested")).transpose()
    }

    /// Ends a build of a worker; false where it is not this worker's any more.
    pub async fn finish_build(
        &mut self,
        id: &BuildId,
        worker: &str,
        end: &BuildEnd,
    ) -> Result<bool, RecordsError> {
        let done = sqlx::query(
            "UPDATE builds SET state = $1, digest = $2, size = $3, lock = $4, error = $5, finished_at = $6, \
             worker = NULL, lease_until = NULL WHERE id = $7 AND worker = $8 AND state = 'running'",
        )
        .bind(end.state.as_str())
        .bind(end.digest.as_ref().map(Digest::to_string))
        .bind(end.size.map(|size| i64::try_from(size).unwrap_or(i64::MAX)))
        .bind(end.lock.clone())
        .bind(end.error.clone())
        .bind(stored(end.at))
        .bind(id.to_string())
        .bind(worker.to_owned())
        .execute(&mut *self.connection)
        .await
        .map_err(RecordsError::doing("end a build"))?;
        Ok(done.rows_affected() > 0)
    }

    /// Asks a build to stop: one that waits is cancelled at once, one that runs by its worker. False where it is over.
    pub async fn cancel_build(&mut self, id: &BuildId, now: Timestamp) -> Result<bool, RecordsError> {
        let waiting = sqlx::query(
            "UPDATE builds SET state = 'cancelled', cancel_requested = 1, finished_at = $1 \
             WHERE id = $2 AND state = 'queued'",
        )
        .bind(stored(now))
        .bind(id.to_string())
        .execute(&mut *self.connection)
        .await
        .map_err(RecordsError::doing("cancel a build"))?;
        let running =
            sqlx::query("UPDATE builds SET cancel_requested = 1 WHERE id = $1 AND state = 'running'")
                .bind(id.to_string())
                .execute(&mut *self.connection)
                .await
                .map_err(RecordsError::doing("cancel a build"))?;
        Ok(waiting.rows_affected() + running.rows_affected() > 0)
    }

    /// Puts a build of a worker back into the queue. Where it was begun `most` times, it ends for `reason`; without `most`, this
    /// attempt does not count. Gives how it is then; none where it is not this worker's any more.
    pub async fn give_back_build(
        &mut self,
        id: &BuildId,
        worker: &str,
        most: Option<i64>,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<BuildState>, RecordsError> {
        let limit = most.unwrap_or(i64::MAX);
        let mut query = Statement::new("UPDATE builds SET state = CASE WHEN attempts >= ");
        query
            .push_bind(limit)
            .push(" THEN 'interrupted' ELSE 'queued' END, finished_at = CASE WHEN attempts >= ");
        query.push_bind(limit).push(" THEN ").push_bind(stored(now));
        query.push(" ELSE NULL END, error = CASE WHEN attempts >= ").push_bind(limit).push(" THEN ");
        query.push_bind(reason.to_owned()).push(" ELSE NULL END, attempts = attempts - ");
        query.push_bind(i64::from(most.is_none()));
        query.push(", worker = NULL, lease_until = NULL WHERE id = ").push_bind(id.to_string());
        query.push(" AND worker = ").push_bind(worker.to_owned());
        query.push(" AND state = 'running' RETURNING state");
        let row = query.fetch_optional(self, "give a build back").await?;
        row.map(|row| Columns { row: &row, what: "build" }.text("state"))
            .transpose()
            .map(|state| state.as_deref().and_then(BuildState::from_word))
    }

    /// Puts builds whose workers are gone back into the queue; those that were begun `most` times, or are to stop, end. Gives
    /// the identities of all of them.
    pub async fn recover_builds(&mut self, most: i64, now: Timestamp) -> Result<Vec<BuildId>, RecordsError> {
        let rows = sqlx::query(
            "UPDATE builds SET \
             state = CASE WHEN cancel_requested = 1 THEN 'cancelled' WHEN attempts >= $1 THEN 'interrupted' \
             ELSE 'queued' END, \
             finished_at = CASE WHEN cancel_requested = 1 OR attempts >= $2 THEN $3 ELSE NULL END, \
             error = CASE WHEN cancel_requested = 0 AND attempts >= $4 \
             THEN 'its worker died, as often as it was begun' ELSE NULL END, \
             worker = NULL, lease_until = NULL WHERE state = 'running' AND lease_until < $5 RETURNING id",
        )
        .bind(most)
        .bind(most)
        .bind(stored(now))
        .bind(most)
        .bind(stored(now))
        .fetch_all(&mut *self.connection)
        .await
        .map_err(RecordsError::doing("recover builds"))?;
        rows.iter().map(|row| Ok(BuildId::new(Columns { row, what: "build" }.text("id")?))).collect()
    }
}

fn build(row: &AnyRow) -> Result<Build, RecordsError> {
    let columns = Columns { row, what: "build" };
    let state = columns.text("state")?;
    Ok(Build {
        id: BuildId::new(columns.text("id")?),
        image: ImageId::new(columns.text("image_id")?),
        image_name: columns.parsed("image_name")?,
        number: columns.number("number")?,
        state: BuildState::from_word(&state).ok_or_else(|| RecordsError::Corrupt {
            what: "a build (`state`)".to_owned(),
            source: format!("`{state}` is no state").into(),
        })?,
        spec: columns.json("spec")?,
        pull_secret: columns.maybe_parsed("pull_secret")?,
        upgrade: columns.truth("upgrade")?,
        lock: columns.maybe_text("lock")?,
        digest: columns.maybe_parsed("digest")?,
        size: columns.maybe_number("size")?.and_then(|size| u64::try_from(size).ok()),
        error: columns.maybe_text("error")?,
        requested_by: columns.maybe_text("person_id")?.map(PersonId::new),
        requested_by_name: columns.text("person_name")?,
        retry_of: columns.maybe_text("retry_of")?.map(BuildId::new),
        attempts: columns.number("attempts")?,
        cancel_requested: columns.truth("cancel_requested")?,
        timings: Timings {
            queued_at: columns.time("queued_at")?,
            started_at: columns.maybe_time("started_at")?,
            finished_at: columns.maybe_time("finished_at")?,
        },
    })
}
