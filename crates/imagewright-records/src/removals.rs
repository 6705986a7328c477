//! Entries that are gone and whose images are still to be removed from the store.
//!
//! A store cannot be part of a transaction. So that an entry is removed is noted in the transaction, and whoever comes next, after a crash
//! as well, removes what lies in the store; until then there is no other entry of that name, which would have it.

use imagewright_catalog::{ImageId, Name};

use crate::row::Columns;
use crate::{RecordsError, Work};

impl Work {
    /// Notes that an entry is removed.
    pub(crate) async fn begin_removal(&mut self, image: &ImageId, name: &Name) -> Result<(), RecordsError> {
        sqlx::query("INSERT INTO removals (image_id, name) VALUES ($1, $2)")
            .bind(image.to_string())
            .bind(name.to_string())
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("note a removal"))?;
        Ok(())
    }

    /// What is still to be removed from the store.
    pub async fn removals(&mut self) -> Result<Vec<(ImageId, Name)>, RecordsError> {
        let rows = sqlx::query("SELECT image_id, name FROM removals ORDER BY image_id")
            .fetch_all(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("list removals"))?;
        let read =
            |columns: Columns<'_>| Ok((ImageId::new(columns.text("image_id")?), columns.parsed("name")?));
        rows.iter().map(|row| read(Columns { row, what: "removal" })).collect()
    }

    /// Whether something of this entry is still to be removed.
    pub async fn is_being_removed(&mut self, image: &ImageId) -> Result<bool, RecordsError> {
        let row = sqlx::query("SELECT 1 AS one FROM removals WHERE image_id = $1")
            .bind(image.to_string())
            .fetch_optional(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("look for a removal"))?;
        Ok(row.is_some())
    }

    /// Notes that nothing is left of an entry.
    pub async fn end_removal(&mut self, image: &ImageId) -> Result<(), RecordsError> {
        sqlx::query("DELETE FROM removals WHERE image_id = $1")
            .bind(image.to_string())
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("end a removal"))?;
        Ok(())
    }

    /// Refuses a name whose last owner has left something.
    pub(crate) async fn refuse_if_removed(&mut self, name: &Name) -> Result<(), RecordsError> {
        let row = sqlx::query("SELECT 1 AS one FROM removals WHERE name = $1")
            .bind(name.to_string())
            .fetch_optional(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("look for a removal"))?;
        match row {
            Some(_) => Err(RecordsError::BeingRemoved { name: name.to_string() }),
            None => Ok(()),
        }
    }
}
