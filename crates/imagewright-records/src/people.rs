//! People, and how they are known.

use imagewright_catalog::{Cursor, Membership, Page, PageRequest, Person, PersonId, Principal};
use sqlx::any::AnyRow;

use crate::images::escaped;
use crate::row::{Columns, word};
use crate::statement::Statement;
use crate::work::{new_id, stored};
use crate::{RecordsError, Work};

/// Numbers the lock under which administrators come and go.
const ADMINISTRATORS: i64 = 2;

/// Somebody, with the hash of the password in PHC's string format.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Who.
    pub person: Person,
    /// The hash; none for those who come from a provider.
    pub password: Option<String>,
}

impl Work {
    /// An identity for somebody.
    pub fn new_person_id(&self) -> PersonId {
        PersonId::new(new_id())
    }

    /// Adds somebody.
    pub async fn insert_person(
        &mut self,
        person: &Person,
        password: Option<&str>,
    ) -> Result<(), RecordsError> {
        sqlx::query(
            "INSERT INTO people (id, name, display_name, email, admin, disabled, subject, password, created_at, \
             search) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(person.id.to_string())
        .bind(person.name.clone())
        .bind(person.display_name.clone())
        .bind(person.email.clone())
        .bind(i64::from(person.admin))
        .bind(i64::from(person.disabled))
        .bind(person.subject.clone())
        .bind(password.map(str::to_owned))
        .bind(stored(person.created_at))
        .bind(person.search_text())
        .execute(&mut *self.connection)
        .await
        .map_err(RecordsError::inserting("person", &person.name))?;
        Ok(())
    }

    /// Changes all of somebody but the password.
    pub async fn replace_person(&mut self, person: &Person) -> Result<(), RecordsError> {
        sqlx::query(
            "UPDATE people SET name = $1, display_name = $2, email = $3, admin = $4, disabled = $5, subject = $6, \
             search = $7 WHERE id = $8",
        )
        .bind(person.name.clone())
        .bind(person.display_name.clone())
        .bind(person.email.clone())
        .bind(i64::from(person.admin))
        .bind(i64::from(person.disabled))
        .bind(person.subject.clone())
        .bind(person.search_text())
        .bind(person.id.to_string())
        .execute(&mut *self.connection)
        .await
        .map_err(RecordsError::inserting("person", &person.name))?;
        Ok(())
    }

    /// Changes the hash of a password.
    pub async fn set_password(&mut self, person: &PersonId, password: &str) -> Result<(), RecordsError> {
        sqlx::query("UPDATE people SET password = $1 WHERE id = $2")
            .bind(password.to_owned())
            .bind(person.to_string())
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("change a password"))?;
        Ok(())
    }

    /// Removes somebody, with tokens and sessions.
    pub async fn delete_person(&mut self, person: &PersonId) -> Result<(), RecordsError> {
        sqlx::query("DELETE FROM people WHERE id = $1")
            .bind(person.to_string())
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("delete a person"))?;
        Ok(())
    }

    /// Whoever logs in with a name.
    pub async fn person(&mut self, name: &str) -> Result<Option<Credentials>, RecordsError> {
        self.person_where("SELECT * FROM people WHERE name = $1", name).await
    }

    /// Whoever a provider means.
    pub async fn person_of_subject(&mut self, subject: &str) -> Result<Option<Credentials>, RecordsError> {
        self.person_where("SELECT * FROM people WHERE subject = $1", subject).await
    }

    /// Whoever has an identity.
    pub async fn person_by_id(&mut self, id: &PersonId) -> Result<Option<Credentials>, RecordsError> {
        self.person_where("SELECT * FROM people WHERE id = $1", id.as_str()).await
    }

    async fn person_where(
        &mut self,
        statement: &'static str,
        value: &str,
    ) -> Result<Option<Credentials>, RecordsError> {
        let row = sqlx::query(statement)
            .bind(value.to_owned())
            .fetch_optional(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("read a person"))?;
        row.map(|row| {
            Ok(Credentials {
                person: person(&row)?,
                password: Columns { row: &row, what: "person" }.maybe_text("password")?,
            })
        })
        .transpose()
    }

    /// People by name; those alone in whose name, display name or address `search` occurs.
    pub async fn people(
        &mut self,
        search: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Person>, RecordsError> {
        let bytewise = self.bytewise();
        let mut query = Statement::new("SELECT * FROM people WHERE 1 = 1");
        for word in search.into_iter().flat_map(str::split_whitespace) {
            query.push(" AND search LIKE ");
            query.push_bind(format!("%{}%", escaped(&word.to_lowercase()))).push(" ESCAPE '\\'");
        }
        if let Some(cursor) = &page.after {
            query.push(format!(" AND name{bytewise} > ")).push_bind(cursor.key.clone());
        }
        query.push(format!(" ORDER BY name{bytewise} LIMIT ")).push_bind(i64::from(page.limit) + 1);
        let rows = query.fetch_all(self, "list people").await?;
        let found: Result<Vec<Person>, _> = rows.iter().map(person).collect();
        Ok(Page::of(found?, page.limit, |person| Cursor {
            key: person.name.clone(),
            id: person.id.to_string(),
        }))
    }

    /// Makes those that change who administers the server wait for each other, so that the last two do not both go.
    pub async fn change_administrators(&mut self) -> Result<(), RecordsError> {
        self.one_at_a_time(ADMINISTRATORS).await
    }

    /// How many administrators of the server can log in.
    pub async fn count_administrators(&mut self) -> Result<i64, RecordsError> {
        let row = sqlx::query("SELECT COUNT(*) AS count FROM people WHERE admin = 1 AND disabled = 0")
            .fetch_one(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("count people"))?;
        Columns { row: &row, what: "person" }.number("count")
    }

    /// All that decides what somebody may do; none for those who may not come in.
    pub async fn principal(&mut self, id: &PersonId) -> Result<Option<Principal>, RecordsError> {
        let Some(Credentials { person, .. }) = self.person_by_id(id).await? else { return Ok(None) };
        if person.disabled {
            return Ok(None);
        }
        let memberships = self.memberships(id).await?;
        Ok(Some(Principal { person: Some(person.id), name: person.name, admin: person.admin, memberships }))
    }

    /// The groups somebody is in.
    pub async fn memberships(&mut self, id: &PersonId) -> Result<Vec<Membership>, RecordsError> {
        let rows = sqlx::query(
            "SELECT g.name, m.role FROM memberships m JOIN groups g ON g.id = m.group_id \
             WHERE m.person_id = $1 ORDER BY g.name",
        )
        .bind(id.to_string())
        .fetch_all(&mut *self.connection)
        .await
        .map_err(RecordsError::doing("read memberships"))?;
        rows.iter()
            .map(|row| {
                let columns = Columns { row, what: "membership" };
                Ok(Membership { group: columns.parsed("name")?, role: columns.word("role")? })
            })
            .collect()
    }

    /// Makes what a provider says of somebody's groups true, and leaves alone what was said here.
    pub async fn claim_memberships(
        &mut self,
        id: &PersonId,
        claimed: &[Membership],
    ) -> Result<(), RecordsError> {
        sqlx::query("DELETE FROM memberships WHERE person_id = $1 AND claimed = 1")
            .bind(id.to_string())
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("change memberships"))?;
        for membership in claimed {
            sqlx::query(
                "INSERT INTO memberships (group_id, person_id, role, claimed) \
                 SELECT id, $1, $2, 1 FROM groups WHERE name = $3 ON CONFLICT DO NOTHING",
            )
            .bind(id.to_string())
            .bind(word(&membership.role))
            .bind(membership.group.to_string())
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("change memberships"))?;
        }
        Ok(())
    }
}

pub(crate) fn person(row: &AnyRow) -> Result<Person, RecordsError> {
    let columns = Columns { row, what: "person" };
    Ok(Person {
        id: PersonId::new(columns.text("id")?),
        name: columns.text("name")?,
        display_name: columns.maybe_text("display_name")?,
        email: columns.maybe_text("email")?,
        admin: columns.truth("admin")?,
        disabled: columns.truth("disabled")?,
        subject: columns.maybe_text("subject")?,
        created_at: columns.time("created_at")?,
    })
}
