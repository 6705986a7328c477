//! Groups and who is in them.

use imagewright_catalog::{Group, GroupId, Name, Person, PersonId, Role};

use crate::people::person;
use crate::row::{Columns, word};
use crate::work::{new_id, stored};
use crate::{RecordsError, Work};

impl Work {
    /// An identity for a group.
    pub fn new_group_id(&self) -> GroupId {
        GroupId::new(new_id())
    }

    /// Adds a group.
    pub async fn insert_group(&mut self, group: &Group) -> Result<(), RecordsError> {
        sqlx::query("INSERT INTO groups (id, name, display_name, created_at) VALUES ($1, $2, $3, $4)")
            .bind(group.id.to_string())
            .bind(group.name.to_string())
            .bind(group.display_name.clone())
            .bind(stored(group.created_at))
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::inserting("group", group.name.as_str()))?;
        Ok(())
    }

    /// Changes what a group is called.
    pub async fn replace_group(&mut self, group: &Group) -> Result<(), RecordsError> {
        sqlx::query("UPDATE groups SET display_name = $1 WHERE id = $2")
            .bind(group.display_name.clone())
            .bind(group.id.to_string())
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("change a group"))?;
        Ok(())
    }

    /// Removes a group. Its images stay: who deletes it says first what becomes of them.
    pub async fn delete_group(&mut self, group: &GroupId) -> Result<(), RecordsError> {
        sqlx::query("DELETE FROM groups WHERE id = $1")
            .bind(group.to_string())
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("delete a group"))?;
        Ok(())
    }

    /// The group with a name.
    pub async fn group(&mut self, name: &Name) -> Result<Option<Group>, RecordsError> {
        Ok(self.all_groups().await?.into_iter().find(|group| group.name == *name))
    }

    /// All groups by name. There are few.
    pub async fn all_groups(&mut self) -> Result<Vec<Group>, RecordsError> {
        let statement = match self.kind {
            crate::connect::Kind::Sqlite => "SELECT * FROM groups ORDER BY name",
            crate::connect::Kind::Postgres => "SELECT * FROM groups ORDER BY name COLLATE \"C\"",
        };
        let rows = sqlx::query(statement)
            .fetch_all(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("list groups"))?;
        rows.iter()
            .map(|row| {
                let columns = Columns { row, what: "group" };
                Ok(Group {
                    id: GroupId::new(columns.text("id")?),
                    name: columns.parsed("name")?,
                    display_name: columns.maybe_text("display_name")?,
                    created_at: columns.time("created_at")?,
                })
            })
            .collect()
    }

    /// Who is in a group, with their roles.
    pub async fn members(&mut self, group: &GroupId) -> Result<Vec<(Person, Role)>, RecordsError> {
        let rows = sqlx::query(
            "SELECT p.*, m.role FROM memberships m JOIN people p ON p.id = m.person_id \
             WHERE m.group_id = $1 ORDER BY p.name",
        )
        .bind(group.to_string())
        .fetch_all(&mut *self.connection)
        .await
        .map_err(RecordsError::doing("list members"))?;
        rows.iter().map(|row| Ok((person(row)?, Columns { row, what: "membership" }.word("role")?))).collect()
    }

    /// Puts somebody into a group, or changes what the person may do there. That holds against what a provider says.
    pub async fn set_member(
        &mut self,
        group: &GroupId,
        person: &PersonId,
        role: Role,
    ) -> Result<(), RecordsError> {
        sqlx::query(
            "INSERT INTO memberships (group_id, person_id, role, claimed) VALUES ($1, $2, $3, 0) \
             ON CONFLICT (group_id, person_id) DO UPDATE SET role = excluded.role, claimed = 0",
        )
        .bind(group.to_string())
        .bind(person.to_string())
        .bind(word(&role))
        .execute(&mut *self.connection)
        .await
        .map_err(RecordsError::doing("change memberships"))?;
        Ok(())
    }

    /// Takes somebody out of a group.
    pub async fn remove_member(&mut self, group: &GroupId, person: &PersonId) -> Result<bool, RecordsError> {
        let done = sqlx::query("DELETE FROM memberships WHERE group_id = $1 AND person_id = $2")
            .bind(group.to_string())
            .bind(person.to_string())
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("change memberships"))?;
        Ok(done.rows_affected() > 0)
    }
}
