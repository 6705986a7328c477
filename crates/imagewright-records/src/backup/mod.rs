//! Copies of all records, in one form for both databases, so that what was kept in a file can go on in PostgreSQL.
//!
//! A backup is a stream of JSON lines, compressed with zstd: a [`Header`], then for each table a [`Heading`] and its rows as
//! arrays in the order of its columns, then an [`End`] with the digest of all lines before. It is of one moment, whatever else happens.
//! What is sealed stays sealed; the key is not in it.

mod error;
mod tables;

use std::io::{BufRead, BufReader, Read, Write};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};
use tokio_stream::StreamExt;

use crate::connect::MIGRATIONS;
use crate::{Records, RecordsError, Work};

pub use error::BackupError;
use tables::{Kind, TABLES, Table};

/// What a backup says it is.
const FORMAT: &str = "imagewright-records";
/// Grows when a backup takes another form.
const VERSION: u32 = 1;
/// Bytes of the longest line that is read; far more than the longest event stream in one piece.
const LONGEST_LINE: u64 = 256 * 1024 * 1024;
const COMPRESSION: i32 = 3;
/// How what zstd has compressed begins (RFC 8878).
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The first line.
#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
    /// Tells whether the tables are those of this program.
    schema: String,
    /// The version of the program that made it.
    program: String,
    made_at: Timestamp,
}

/// What stands before the rows of a table.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Heading {
    table: String,
    columns: Vec<String>,
}

/// The last line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    rows: u64,
    /// SHA-256 of all lines before, with their ends.
    digest: String,
}

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// How many rows.
    pub rows: u64,
    /// Of when the copy is.
    pub made_at: Timestamp,
}

impl Records {
    /// Writes all records as they are now.
    pub async fn back_up(&self, made_at: Timestamp, to: impl Write) -> Result<Copied, BackupError> {
        let mut look = self.look().await?;
        let encoder = zstd::stream::write::Encoder::new(to, COMPRESSION).map_err(BackupError::Write)?;
        let mut lines = LinesOut { encoder, digest: Sha256::new() };
        lines.write(&Header {
            format: FORMAT.to_owned(),
            version: VERSION,
            schema: schema(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            made_at,
        })?;
        let mut rows = 0;
        for table in &TABLES {
            let columns = table.column_names().into_iter().map(str::to_owned).collect();
            lines.write(&Heading { table: table.name.to_owned(), columns })?;
            rows += look.copy_table(table, &mut lines).await?;
        }
        lines.end(rows)?;
        Ok(Copied { rows, made_at })
    }

    /// Takes in what was written by [`Records::back_up`]: all of it, where nothing is yet, or nothing.
    pub async fn restore(&self, from: impl Read) -> Result<Copied, BackupError> {
        let mut lines = LinesIn::new(from)?;
        let header = lines.header()?;
        let mut work = self.begin().await?;
        work.make_room().await?;
        let mut rows = 0;
        let mut line = lines.next()?;
        for table in &TABLES {
            let heading: Heading = parsed(&line)?;
            if heading.table != table.name || heading.columns != table.column_names() {
                return Err(BackupError::Damaged("its tables are not as its header says"));
            }
            let insert = table.insert();
            loop {
                line = lines.next()?;
                if !line.starts_with('[') {
                    break;
                }
                work.insert_row(table, &insert, parsed(&line)?).await?;
                rows += 1;
            }
        }
        lines.check_end(&parsed(&line)?, rows)?;
        work.commit().await?;
        Ok(Copied { rows, made_at: header.made_at })
    }
}

/// What tells schemas apart: all that was ever done to make the tables.
fn schema() -> String {
    let mut digest = Sha256::new();
    MIGRATIONS.iter().for_each(|migration| digest.update(&migration.checksum));
    hex::encode(digest.finalize())
}

fn parsed<T: DeserializeOwned>(line: &str) -> Result<T, BackupError> {
    serde_json::from_str(line).map_err(|_| BackupError::Damaged("a line of it cannot be read"))
}

impl Work {
    async fn copy_table<W: Write>(
        &mut self,
        table: &Table,
        lines: &mut LinesOut<'_, W>,
    ) -> Result<u64, BackupError> {
        let text = format!("SELECT {} FROM {}", table.quoted_columns(), table.name);
        let mut rows = sqlx::query(AssertSqlSafe(text)).fetch(&mut *self.connection);
        let mut count = 0;
        while let Some(row) = rows.next().await {
            let row = row.map_err(RecordsError::doing("read its rows"))?;
            let values: Result<Vec<Value>, _> = table
                .columns
                .iter()
                .enumerate()
                .map(|(index, (_, kind))| value(&row, index, *kind))
                .collect();
            lines.write(&values.map_err(RecordsError::doing("read its rows"))?)?;
            count += 1;
        }
        Ok(count)
    }

    /// Makes sure that there is nothing yet but what a start leaves, and removes that.
    async fn make_room(&mut self) -> Result<(), BackupError> {
        for Table { name, begins_filled, .. } in &TABLES {
            let text = match begins_filled {
                true => format!("DELETE FROM {name}"),
                false => format!("SELECT 1 AS one FROM {name} LIMIT 1"),
            };
            let found = sqlx::query(AssertSqlSafe(text))
                .fetch_optional(&mut *self.connection)
                .await
                .map_err(RecordsError::doing("look whether it is empty"))?;
            if found.is_some() {
                return Err(BackupError::NotEmpty { table: name });
            }
        }
        Ok(())
    }

    async fn insert_row(&mut self, table: &Table, insert: &str, row: Vec<Value>) -> Result<(), BackupError> {
        const ODD: BackupError = BackupError::Damaged("a row does not fit its table");
        if row.len() != table.columns.len() {
            return Err(ODD);
        }
        let mut query = sqlx::query(AssertSqlSafe(insert.to_owned()));
        for ((_, kind), value) in table.columns.iter().zip(row) {
            query = match (kind, value) {
                (Kind::Text, Value::Null) => query.bind(None::<String>),
                (Kind::Text, Value::String(text)) => query.bind(text),
                (Kind::Number, Value::Null) => query.bind(None::<i64>),
                (Kind::Number, Value::Number(number)) => query.bind(number.as_i64().ok_or(ODD)?),
                _ => return Err(ODD),
            };
        }
        match query.execute(&mut *self.connection).await {
            Ok(_) => Ok(()),
            Err(sqlx::Error::Database(error))
                if error.is_foreign_key_violation() || error.is_unique_violation() =>
            {
                Err(BackupError::Damaged("its rows do not go together"))
            }
            Err(error) => Err(RecordsError::doing("take a row of the backup")(error).into()),
        }
    }
}

fn value(row: &AnyRow, index: usize, kind: Kind) -> Result<Value, sqlx::Error> {
    Ok(match kind {
        Kind::Text => row.try_get::<Option<String>, _>(index)?.into(),
        Kind::Number => row.try_get::<Option<i64>, _>(index)?.into(),
    })
}

impl Table {
    /// Some names are words of SQL.
    fn quoted_columns(&self) -> String {
        let quoted: Vec<String> = self.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        quoted.join(", ")
    }

    fn insert(&self) -> String {
        let places: Vec<String> = (1..=self.columns.len()).map(|number| format!("${number}")).collect();
        format!("INSERT INTO {} ({}) VALUES ({})", self.name, self.quoted_columns(), places.join(", "))
    }
}

/// Lines that are written.
struct LinesOut<'a, W: Write> {
    encoder: zstd::stream::write::Encoder<'a, W>,
    digest: Sha256,
}

impl<W: Write> LinesOut<'_, W> {
    fn write(&mut self, line: &impl Serialize) -> Result<(), BackupError> {
        let mut line = serde_json::to_vec(line).expect("rows are text and numbers");
        line.push(b'\n');
        self.digest.update(&line);
        self.encoder.write_all(&line).map_err(BackupError::Write)
    }

    fn end(mut self, rows: u64) -> Result<(), BackupError> {
        let digest = hex::encode(self.digest.clone().finalize());
        self.write(&End { rows, digest })?;
        self.encoder.finish().and_then(|mut to| to.flush()).map_err(BackupError::Write)
    }
}

/// Lines that are read.
struct LinesIn<'a, R: Read> {
    decoder: BufReader<zstd::stream::read::Decoder<'a, BufReader<R>>>,
    digest: Sha256,
    /// The digest of all lines but the last.
    before_last: Sha256,
}

impl<R: Read> LinesIn<'_, R> {
    fn new(from: R) -> Result<Self, BackupError> {
        let mut from = BufReader::new(from);
        // What is no backup at all should not be called a damaged one.
        if !from.fill_buf().map_err(BackupError::Read)?.starts_with(&MAGIC) {
            return Err(BackupError::NoBackup);
        }
        let decoder = zstd::stream::read::Decoder::with_buffer(from).map_err(BackupError::Read)?;
        Ok(Self { decoder: BufReader::new(decoder), digest: Sha256::new(), before_last: Sha256::new() })
    }

    /// The next line. There is always one until the end was read.
    fn next(&mut self) -> Result<String, BackupError> {
        let line = self.line()?;
        if !line.ends_with('\n') {
            return Err(BackupError::Damaged("it is cut off"));
        }
        self.before_last = self.digest.clone();
        self.digest.update(&line);
        Ok(line)
    }

    fn line(&mut self) -> Result<String, BackupError> {
        let mut line = String::new();
        (&mut self.decoder).take(LONGEST_LINE).read_line(&mut line).map_err(BackupError::Read)?;
        Ok(line)
    }

    fn header(&mut self) -> Result<Header, BackupError> {
        let line = self.next()?;
        let header: Header = serde_json::from_str(&line).map_err(|_| BackupError::NoBackup)?;
        if header.format != FORMAT {
            return Err(BackupError::NoBackup);
        }
        if header.version != VERSION || header.schema != schema() {
            return Err(BackupError::OtherSchema { program: header.program });
        }
        Ok(header)
    }

    fn check_end(&mut self, end: &End, rows: u64) -> Result<(), BackupError> {
        if end.rows != rows || end.digest != hex::encode(self.before_last.clone().finalize()) {
            return Err(BackupError::Damaged("its digest is another than it says"));
        }
        match self.line()?.is_empty() {
            true => Ok(()),
            false => Err(BackupError::Damaged("it goes on behind its end")),
        }
    }
}
