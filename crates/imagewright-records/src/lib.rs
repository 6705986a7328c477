//! What a server keeps: the catalogue, people, builds and their events, the audit trail. In SQLite or PostgreSQL, by the same
//! statements.
//!
//! All is done through [`Work`], a transaction that belongs to the use case: `Records::begin` for one that writes,
//! `Records::look` for one that only reads. What is not committed is undone.

mod answers;
mod audit;
mod backup;
mod builds;
mod connect;
mod error;
mod events;
mod facts;
mod groups;
mod images;
mod logins;
mod people;
mod removals;
mod repositories;
mod row;
mod secrets;
mod statement;
mod tokens;
mod work;

pub use answers::StoredAnswer;
pub use backup::{BackupError, Copied};
pub use builds::{BuildEnd, BuildQuery, Claim};
pub use connect::{Records, Url};
pub use error::RecordsError;
pub use events::StoredEvents;
pub use images::Listed;
pub use logins::PendingLogin;
pub use people::Credentials;
pub use tokens::TokenHash;
pub use work::Work;
