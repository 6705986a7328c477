//! The database: where it is, and that its tables are as they should be.

use std::str::FromStr;
use std::time::Duration;

use imagewright_model::SecretUrl;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, Executor};

use crate::{RecordsError, Work};

/// Address of a database. It may hold a password, so it is not printed whole.
#[derive(Clone, Debug)]
pub struct Url {
    address: SecretUrl,
    kind: Kind,
}

/// Which database it is, for the few statements that differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

impl FromStr for Url {
    type Err = RecordsError;

    fn from_str(text: &str) -> Result<Self, RecordsError> {
        let address = SecretUrl::new(text);
        let kind = match text.split_once(':') {
            Some(("sqlite", _)) => Kind::Sqlite,
            Some(("postgres" | "postgresql", _)) => Kind::Postgres,
            _ => return Err(RecordsError::Address(address.redacted())),
        };
        Ok(Self { address, kind })
    }
}

impl Url {
    /// A file, made when it is missing.
    pub fn file(path: &std::path::Path) -> Self {
        // What means something in an address is written as a number.
        let mut address = "sqlite:".to_owned();
        for character in path.to_string_lossy().chars() {
            match character {
                '?' | '#' | '%' => address.push_str(&format!("%{:02X}", u32::from(character))),
                _ => address.push(character),
            }
        }
        address.push_str("?mode=rwc");
        Self { address: SecretUrl::new(address), kind: Kind::Sqlite }
    }

    /// Whether several servers on several machines can use it.
    pub fn is_shared(&self) -> bool {
        self.kind == Kind::Postgres
    }

    /// The address without a password.
    pub fn redacted(&self) -> String {
        self.address.redacted()
    }
}

/// All that makes the tables.
pub(crate) static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// All that a server keeps.
#[derive(Clone, Debug)]
pub struct Records {
    pool: AnyPool,
    kind: Kind,
}

/// What SQLite is told on each connection: readers do not wait for a writer, a writer waits for another, references hold, and
/// what was committed is on disk.
const PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 30000; \
                       PRAGMA foreign_keys = ON";

impl Records {
    /// Opens a database and brings its tables up to date.
    pub async fn open(url: &Url) -> Result<Self, RecordsError> {
        sqlx::any::install_default_drivers();
        let options: AnyConnectOptions =
            url.address.expose().parse().map_err(RecordsError::doing("understand its address"))?;
        let kind = url.kind;
        let pool = AnyPoolOptions::new()
            .max_connections(16)
            .acquire_timeout(Duration::from_secs(30))
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if kind == Kind::Sqlite {
                        connection.execute(PRAGMAS).await?;
                    }
                    Ok(())
                })
            })
            .connect_with(options)
            .await
            .map_err(RecordsError::doing("let us in"))?;
        MIGRATIONS.run(&pool).await.map_err(RecordsError::Migration)?;
        Ok(Self { pool, kind })
    }

    /// Begins something that writes. Writers of SQLite come one after the other, so none finds out late that it may not.
    pub async fn begin(&self) -> Result<Work, RecordsError> {
        let statement = match self.kind {
            Kind::Sqlite => "BEGIN IMMEDIATE",
            Kind::Postgres => "BEGIN",
        };
        self.work(statement).await
    }

    /// Begins something that only reads, and sees one state of all tables.
    pub async fn look(&self) -> Result<Work, RecordsError> {
        let statement = match self.kind {
            Kind::Sqlite => "BEGIN DEFERRED",
            Kind::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        self.work(statement).await
    }

    async fn work(&self, statement: &'static str) -> Result<Work, RecordsError> {
        let transaction =
            self.pool.begin_with(statement).await.map_err(RecordsError::doing("begin a transaction"))?;
        Ok(Work::new(transaction, self.kind))
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
