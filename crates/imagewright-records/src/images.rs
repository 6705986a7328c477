//! Image entries.

use std::collections::BTreeSet;

use imagewright_catalog::{
    BuildState, Cursor, Image, ImageFilter, ImageId, ImageOrder, ImageState, Name, OrderBy, Owner, Page,
    PageRequest, Principal,
};
use imagewright_oci::Reference;
use sqlx::Any;
use sqlx::any::AnyArguments;
use sqlx::query::Query;

use crate::row::{Columns, json, word};
use crate::statement::Statement;
use crate::work::{new_id, stored};
use crate::{RecordsError, Work};

/// Numbers the lock under which names are chosen.
const NAMING: i64 = 3;

/// An image in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The entry.
    pub image: Image,
    /// How its last build is.
    pub last_build: Option<BuildState>,
}

/// How the last build of an image is.
const LAST_BUILD: &str =
    "(SELECT b.state FROM builds b WHERE b.image_id = i.id ORDER BY b.number DESC LIMIT 1)";

impl Work {
    /// An identity for an image.
    pub fn new_image_id(&self) -> ImageId {
        ImageId::new(new_id())
    }

    /// Whether a name is taken.
    pub async fn image_name_is_taken(&mut self, name: &str) -> Result<bool, RecordsError> {
        let row = sqlx::query("SELECT 1 AS one FROM images WHERE name = $1")
            .bind(name.to_owned())
            .fetch_optional(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("look for an image"))?;
        Ok(row.is_some())
    }

    /// `name`, or the first of `name-2`, `name-3`, … that no image has.
    pub async fn free_image_name(&mut self, name: &Name) -> Result<Name, RecordsError> {
        // Two who add at once would be told the same.
        self.one_at_a_time(NAMING).await?;
        if !self.image_name_is_taken(name.as_str()).await? {
            return Ok(name.clone());
        }
        // A long name is cut for its number, so what is taken need only begin alike.
        let begin: String = name.as_str().chars().take(40).collect();
        let rows = sqlx::query("SELECT name FROM images WHERE name LIKE $1")
            .bind(format!("{begin}%"))
            .fetch_all(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("look for names"))?;
        let taken: Result<std::collections::HashSet<String>, _> =
            rows.iter().map(|row| Columns { row, what: "image" }.text("name")).collect();
        let taken = taken?;
        Ok(name.made_unique(|name| taken.contains(name)))
    }

    /// Adds an entry.
    pub async fn insert_image(&mut self, image: &Image) -> Result<(), RecordsError> {
        self.refuse_if_removed(&image.name).await?;
        let insert = sqlx::query(
            "INSERT INTO images (document, revision, type, owner, global, ready, pinned, deprecated, pull_secret, \
             search, key_display_name, key_changed, id, name, source, key_created) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        );
        with_columns(insert, image)
            .bind(image.id.to_string())
            .bind(image.name.to_string())
            .bind(word(&image.source))
            .bind(stored(image.created_at))
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::inserting("image", image.name.as_str()))?;
        self.insert_image_parts(image).await
    }

    /// Replaces an entry, if it still is at `revision`.
    pub async fn replace_image(&mut self, image: &Image, revision: i64) -> Result<(), RecordsError> {
        let update = sqlx::query(
            "UPDATE images SET document = $1, revision = $2, type = $3, owner = $4, global = $5, ready = $6, \
             pinned = $7, deprecated = $8, pull_secret = $9, search = $10, key_display_name = $11, \
             key_changed = $12 WHERE id = $13 AND revision = $14",
        );
        let done = with_columns(update, image)
            .bind(image.id.to_string())
            .bind(revision)
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("change an image"))?;
        if done.rows_affected() == 0 {
            return Err(RecordsError::Changed { name: image.name.to_string() });
        }
        for statement in [
            "DELETE FROM image_groups WHERE image_id = $1",
            "DELETE FROM image_tags WHERE image_id = $1",
            "DELETE FROM image_references WHERE image_id = $1",
        ] {
            sqlx::query(statement)
                .bind(image.id.to_string())
                .execute(&mut *self.connection)
                .await
                .map_err(RecordsError::doing("change an image"))?;
        }
        self.insert_image_parts(image).await
    }

    async fn insert_image_parts(&mut self, image: &Image) -> Result<(), RecordsError> {
        let groups = image.visibility.groups.iter().map(Name::to_string);
        let groups =
            groups.map(|group| ("INSERT INTO image_groups (image_id, group_name) VALUES ($1, $2)", group));
        let tags = image
            .tags
            .iter()
            .map(|tag| ("INSERT INTO image_tags (image_id, tag) VALUES ($1, $2)", tag.clone()));
        let references = [&image.reference, &image.gpu_reference].into_iter().flatten();
        let references: BTreeSet<String> =
            references.filter_map(|it| it.parse().ok()).map(|it: Reference| it.canonical()).collect();
        let references = references.into_iter().map(|reference| {
            ("INSERT INTO image_references (image_id, reference) VALUES ($1, $2)", reference)
        });
        for (statement, value) in groups.chain(tags).chain(references) {
            sqlx::query(statement)
                .bind(image.id.to_string())
                .bind(value)
                .execute(&mut *self.connection)
                .await
                .map_err(RecordsError::doing("insert a row"))?;
        }
        Ok(())
    }

    /// Removes an entry, with its builds and their events. What lies of it in the store is left to [`Work::removals`].
    pub async fn delete_image(&mut self, image: &Image) -> Result<(), RecordsError> {
        let done = sqlx::query("DELETE FROM images WHERE id = $1 AND revision = $2")
            .bind(image.id.to_string())
            .bind(image.revision)
            .execute(&mut *self.connection)
            .await
            .map_err(RecordsError::doing("delete an image"))?;
        match done.rows_affected() {
            0 => Err(RecordsError::Changed { name: image.name.to_string() }),
            _ => self.begin_removal(&image.id, &image.name).await,
        }
    }

    /// The entry with a name.
    pub async fn image(&mut self, name: &Name) -> Result<Option<Listed>, RecordsError> {
        let mut query = Statement::new("SELECT i.document, ");
        query.push(LAST_BUILD).push(" AS last_build FROM images i WHERE i.name = ");
        query.push_bind(name.to_string());
        let row = query.fetch_optional(self, "read an image").await?;
        row.map(|row| listed(&Columns { row: &row, what: "image" })).transpose()
    }

    /// The entries that a group owns, and those that are offered to it by name.
    pub async fn images_of_group(&mut self, group: &Name) -> Result<Vec<Image>, RecordsError> {
        let mut query = Statement::new("SELECT i.document FROM images i WHERE 1 = 0");
        push_of_group(&mut query, group);
        query.push(" ORDER BY i.id");
        let rows = query.fetch_all(self, "list images").await?;
        rows.iter().map(|row| Columns { row, what: "image" }.json("document")).collect()
    }

    /// The entries with a reference, the oldest first.
    pub async fn images_with_reference(&mut self, reference: &Reference) -> Result<Vec<Image>, RecordsError> {
        let rows = sqlx::query(
            "SELECT i.document FROM images i JOIN image_references r ON r.image_id = i.id \
             WHERE r.reference = $1 ORDER BY i.id",
        )
        .bind(reference.canonical())
        .fetch_all(&mut *self.connection)
        .await
        .map_err(RecordsError::doing("look for a reference"))?;
        rows.iter().map(|row| Columns { row, what: "image" }.json("document")).collect()
    }

    /// The entry with an identity.
    pub async fn image_by_id(&mut self, id: &ImageId) -> Result<Option<Image>, RecordsError> {
        let mut query = Statement::new("SELECT document FROM images WHERE id = ");
        query.push_bind(id.to_string());
        let row = query.fetch_optional(self, "read an image").await?;
        row.map(|row| Columns { row: &row, what: "image" }.json("document")).transpose()
    }

    /// The entries that `principal` sees and that are wanted, in order.
    pub async fn images(
        &mut self,
        principal: &Principal,
        filter: &ImageFilter,
        order: OrderBy,
        page: &PageRequest,
    ) -> Result<Page<Listed>, RecordsError> {
        let mut query = Statement::new("SELECT i.document, ");
        query.push(LAST_BUILD).push(" AS last_build FROM images i WHERE 1 = 1");
        push_seen_by(&mut query, principal);
        push_filter(&mut query, filter);
        let key = match order.order {
            ImageOrder::Name => "i.name",
            ImageOrder::DisplayName => "i.key_display_name",
            ImageOrder::Type => "i.type",
            ImageOrder::Created => "i.key_created",
            ImageOrder::Changed => "i.key_changed",
        };
        let bytewise = self.bytewise();
        let (direction, beyond) = if order.descending { ("DESC", "<") } else { ("ASC", ">") };
        if let Some(cursor) = &page.after {
            query.push(format!(" AND ({key}{bytewise} {beyond} ")).push_bind(cursor.key.clone());
            query.push(format!(" OR ({key} = ")).push_bind(cursor.key.clone());
            query.push(format!(" AND i.id {beyond} ")).push_bind(cursor.id.clone()).push("))");
        }
        query.push(format!(" ORDER BY {key}{bytewise} {direction}, i.id {direction} LIMIT "));
        query.push_bind(i64::from(page.limit) + 1);
        let rows = query.fetch_all(self, "list images").await?;
        let found: Result<Vec<Listed>, _> =
            rows.iter().map(|row| listed(&Columns { row, what: "image" })).collect();
        Ok(Page::of(found?, page.limit, |listed| Cursor {
            key: stored_key(&listed.image, order.order),
            id: listed.image.id.to_string(),
        }))
    }
}

/// Binds what can change of an entry, as the first twelve values of a statement.
fn with_columns<'q>(statement: Query<'q, Any, AnyArguments>, image: &Image) -> Query<'q, Any, AnyArguments> {
    statement
        .bind(json(image))
        .bind(image.revision)
        .bind(word(&image.image_type))
        .bind(owner(&image.owner))
        .bind(i64::from(image.visibility.global))
        .bind(i64::from(image.is_ready()))
        .bind(i64::from(image.pin.is_some()))
        .bind(i64::from(image.deprecated.is_some()))
        .bind(image.pull_secret.as_ref().map(Name::to_string))
        .bind(image.search_text())
        .bind(image.sort_key(ImageOrder::DisplayName))
        .bind(stored(image.changed_at))
}

/// The sort key as it is stored: times have one length.
fn stored_key(image: &Image, order: ImageOrder) -> String {
    match order {
        ImageOrder::Created => stored(image.created_at),
        ImageOrder::Changed => stored(image.changed_at),
        _ => image.sort_key(order),
    }
}

fn owner(owner: &Owner) -> Option<String> {
    match owner {
        Owner::System => None,
        Owner::Group(group) => Some(group.to_string()),
    }
}

/// Leaves out what `principal` may not see: `imagewright_catalog::may` in the language of the database.
fn push_seen_by(query: &mut Statement, principal: &Principal) {
    if principal.admin {
        return;
    }
    if !principal.is_somebody() {
        query.push(" AND 1 = 0");
        return;
    }
    query.push(" AND (i.global = 1");
    for membership in &principal.memberships {
        push_of_group(query, &membership.group);
    }
    query.push(")");
}

fn push_of_group(query: &mut Statement, group: &Name) {
    query.push(" OR i.owner = ").push_bind(group.to_string());
    query.push(" OR EXISTS (SELECT 1 FROM image_groups g WHERE g.image_id = i.id AND g.group_name = ");
    query.push_bind(group.to_string()).push(")");
}

fn push_filter(query: &mut Statement, filter: &ImageFilter) {
    for word in filter.search.iter().flat_map(|text| text.split_whitespace()) {
        query.push(" AND i.search LIKE ").push_bind(format!("%{}%", escaped(&word.to_lowercase())));
        query.push(" ESCAPE '\\'");
    }
    let mut equal = |column: &str, value: Option<String>| {
        if let Some(value) = value {
            query.push(format!(" AND {column} = ")).push_bind(value);
        }
    };
    equal("i.type", filter.image_type.as_ref().map(word));
    equal("i.source", filter.source.as_ref().map(word));
    equal("i.owner", filter.owner.as_ref().map(Name::to_string));
    let mut truth = |column: &str, value: Option<bool>| {
        if let Some(value) = value {
            query.push(format!(" AND {column} = ")).push_bind(i64::from(value));
        }
    };
    truth("i.deprecated", filter.deprecated);
    truth("i.pinned", filter.pinned);
    if let Some(system) = filter.system {
        query.push(if system { " AND i.owner IS NULL" } else { " AND i.owner IS NOT NULL" });
    }
    if let Some(group) = &filter.group {
        query.push(" AND (i.global = 1");
        push_of_group(query, group);
        query.push(")");
    }
    for tag in &filter.tags {
        query.push(" AND EXISTS (SELECT 1 FROM image_tags t WHERE t.image_id = i.id AND t.tag = ");
        query.push_bind(tag.clone()).push(")");
    }
    if let Some(state) = filter.state {
        let building = format!("COALESCE({LAST_BUILD}, '') IN ('queued', 'running')");
        let failed = format!("COALESCE({LAST_BUILD}, '') IN ('failed', 'interrupted')");
        query.push(match state {
            ImageState::Building => format!(" AND {building}"),
            ImageState::Failed => format!(" AND {failed}"),
            ImageState::Ready => format!(" AND i.ready = 1 AND NOT {building} AND NOT {failed}"),
            ImageState::NotReady => format!(" AND i.ready = 0 AND NOT {building} AND NOT {failed}"),
        });
    }
}

/// Text that `LIKE` takes as it is.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

fn listed(columns: &Columns<'_>) -> Result<Listed, RecordsError> {
    let last_build = columns.maybe_text("last_build")?;
    Ok(Listed {
        image: columns.json("document")?,
        last_build: last_build.as_deref().and_then(BuildState::from_word),
    })
}
