//! Statements that depend on what is asked for.

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{Any, Arguments, AssertSqlSafe, Encode, Type};

use crate::{RecordsError, Work};

/// A statement that grows. What users gave goes in as values alone, numbered as both databases take them; sqlx's own
/// `QueryBuilder` writes `?` here, which PostgreSQL does not know.
pub(crate) struct Statement {
    text: String,
    arguments: AnyArguments,
}

impl Statement {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), arguments: AnyArguments::default() }
    }

    /// Adds text of ours.
    pub(crate) fn push(&mut self, text: impl AsRef<str>) -> &mut Self {
        self.text.push_str(text.as_ref());
        self
    }

    /// Adds a value.
    pub(crate) fn push_bind<T>(&mut self, value: T) -> &mut Self
    where
        T: for<'a> Encode<'a, Any> + Type<Any>,
    {
        self.arguments.add(value).expect("text and numbers can be encoded");
        let number = self.arguments.len();
        self.push(format!("${number}"))
    }

    pub(crate) async fn fetch_all(
        self,
        work: &mut Work,
        doing: &'static str,
    ) -> Result<Vec<AnyRow>, RecordsError> {
        sqlx::query_with(AssertSqlSafe(self.text), self.arguments)
            .fetch_all(&mut *work.connection)
            .await
            .map_err(RecordsError::doing(doing))
    }

    pub(crate) async fn fetch_optional(
        self,
        work: &mut Work,
        doing: &'static str,
    ) -> Result<Option<AnyRow>, RecordsError> {
        sqlx::query_with(AssertSqlSafe(self.text), self.arguments)
            .fetch_optional(&mut *work.connection)
            .await
            .map_err(RecordsError::doing(doing))
    }
}
