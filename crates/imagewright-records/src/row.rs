//! Reading columns.

use std::str::FromStr;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::RecordsError;

/// A row, and what it is of, for errors.
pub(crate) struct Columns<'a> {
    pub(crate) row: &'a AnyRow,
    pub(crate) what: &'static str,
}

impl Columns<'_> {
    pub(crate) fn text(&self, column: &str) -> Result<String, RecordsError> {
        self.row.try_get(column).map_err(|source| self.corrupt(column, source))
    }

    pub(crate) fn maybe_text(&self, column: &str) -> Result<Option<String>, RecordsError> {
        self.row.try_get(column).map_err(|source| self.corrupt(column, source))
    }

    pub(crate) fn number(&self, column: &str) -> Result<i64, RecordsError> {
        self.row.try_get(column).map_err(|source| self.corrupt(column, source))
    }

    pub(crate) fn maybe_number(&self, column: &str) -> Result<Option<i64>, RecordsError> {
        self.row.try_get(column).map_err(|source| self.corrupt(column, source))
    }

    pub(crate) fn truth(&self, column: &str) -> Result<bool, RecordsError> {
        Ok(self.number(column)? != 0)
    }

    pub(crate) fn time(&self, column: &str) -> Result<Timestamp, RecordsError> {
        self.parsed(column)
    }

    pub(crate) fn maybe_time(&self, column: &str) -> Result<Option<Timestamp>, RecordsError> {
        self.maybe_parsed(column)
    }

    /// What has a text form.
    pub(crate) fn parsed<T>(&self, column: &str) -> Result<T, RecordsError>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        self.text(column)?.parse().map_err(|source| self.corrupt(column, source))
    }

    pub(crate) fn maybe_parsed<T>(&self, column: &str) -> Result<Option<T>, RecordsError>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        let text = self.maybe_text(column)?;
        text.map(|text| text.parse().map_err(|source| self.corrupt(column, source))).transpose()
    }

    /// What is stored as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, RecordsError> {
        serde_json::from_str(&self.text(column)?).map_err(|source| self.corrupt(column, source))
    }

    pub(crate) fn maybe_json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, RecordsError> {
        let text = self.maybe_text(column)?;
        text.map(|text| serde_json::from_str(&text).map_err(|source| self.corrupt(column, source)))
            .transpose()
    }

    /// A word of an enumeration, as `serde` writes it.
    pub(crate) fn word<T: DeserializeOwned>(&self, column: &str) -> Result<T, RecordsError> {
        let word = serde_json::Value::String(self.text(column)?);
        serde_json::from_value(word).map_err(|source| self.corrupt(column, source))
    }

    fn corrupt(
        &self,
        column: &str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> RecordsError {
        RecordsError::Corrupt { what: format!("a {} (`{column}`)", self.what), source: source.into() }
    }
}

/// The word `serde` writes for a value of an enumeration.
pub(crate) fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => unreachable!("not a word: {other:?}"),
    }
}

/// A value as JSON.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("maps have keys of text")
}
