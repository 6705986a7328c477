//! Repositories of the registry, and how often each image was pulled.

use imagewright_catalog::{Image, ImageId, Name};
use jiff::civil::Date;

use crate::row::Columns;
use crate::{RecordsError, Work};

impl Work {
    /// The entry that a repository is of: the one that has its name, or the one that it was made for.
    pub async fn image_of_repository(&mut self, repository: &str) -> Result<Option<Image>, RecordsError> {
        if let Ok(name) = repository.parse::<Name>()
            && let Some(listed) = self.image(&name).await?
        {
            return Ok(Some(listed.image));
        }
        let row = sqlx::query(
            "SELECT i.document FROM images i JOIN repositories r ON r.image_id = i.id WHERE r.name = $1",
        )
        .bind(repository.to_owned())
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(RecordsError::doing("look for a repository"))?;
        row.map(|row| Columns { row: &row, what: "image" }.json("document")).transpose()
    }

    /// Makes a repository that of an entry.
    pub async fn insert_repository(&mut self, repository: &str, image: &ImageId) -> Result<(), RecordsError> {
        sqlx::query("INSERT INTO repositories (name, image_id) VALUES ($1, $2)")
            .bind(repository.to_owned())
            .bind(image.to_string())
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::inserting("repository", repository))?;
        Ok(())
    }

    /// Repositories that have another name than their entry, with the entry.
    pub async fn repositories(&mut self) -> Result<Vec<(String, ImageId)>, RecordsError> {
        let rows = sqlx::query("SELECT name, image_id FROM repositories")
            .fetch_all(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("list repositories"))?;
        let read =
            |columns: Columns<'_>| Ok((columns.text("name")?, ImageId::new(columns.text("image_id")?)));
        rows.iter().map(|row| read(Columns { row, what: "repository" })).collect()
    }

    /// Names and identities of all entries.
    pub async fn all_image_names(&mut self) -> Result<Vec<(Name, ImageId)>, RecordsError> {
        let rows = sqlx::query("SELECT name, id FROM images")
            .fetch_all(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("list images"))?;
        let read = |columns: Columns<'_>| Ok((columns.parsed("name")?, ImageId::new(columns.text("id")?)));
        rows.iter().map(|row| read(Columns { row, what: "image" })).collect()
    }

    /// Counts a pull. Of an entry that is gone there is nothing to count.
    pub async fn count_pull(&mut self, image: &ImageId, day: Date) -> Result<(), RecordsError> {
        sqlx::query(
            "INSERT INTO pulls (image_id, day, count) SELECT id, $1, 1 FROM images WHERE id = $2 \
             ON CONFLICT (image_id, day) DO UPDATE SET count = pulls.count + 1",
        )
        .bind(day.to_string())
        .bind(image.to_string())
        .execute(&mut *self.connection)
        .await
        .map_err(RecordsError::doing("count a pull"))?;
        Ok(())
    }

    /// How often an entry was pulled on the days on which it was, the last day first.
    pub async fn pulls(&mut self, image: &ImageId) -> Result<Vec<(Date, i64)>, RecordsError> {
        let rows =
            sqlx::query("SELECT day, count FROM pulls WHERE image_id = $1 ORDER BY day DESC LIMIT 400")
                .bind(image.to_string())
                .fetch_all(&mut *self.connection)
                .await
                .map_err(RecordsError::doing("read pulls"))?;
        let read = |columns: Columns<'_>| Ok((columns.parsed("day")?, columns.number("count")?));
        rows.iter().map(|row| read(Columns { row, what: "pull" })).collect()
    }
}
