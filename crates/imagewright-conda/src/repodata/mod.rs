//! What channels say of their packages: in one document (`repodata.json`), or in a document for each name (shards).
//!
//! A solver needs a few hundred names of the tens of thousands that a channel has. Shards are read by name; one large
//! document is made a [`Table`], once, in which names can be looked up.

mod shards;
mod table;
#[cfg(test)]
mod tests;

use std::io;

pub use shards::{ShardIndex, ShardPlace};
pub use table::{Table, write_table};

/// Why a list of packages cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RepodataError {
    /// It is not the document that it should be.
    #[error("the list of packages is malformed")]
    Json(#[source] serde_json::Error),
    /// A shard, or the list of shards, is not the document that it should be.
    #[error("the list of packages is malformed")]
    MessagePack(#[source] rmp_serde::decode::Error),
    /// It could not be read.
    #[error("the list of packages could not be read")]
    Read(#[source] io::Error),
    /// What was made of it could not be written.
    #[error("the list of packages could not be kept")]
    Write(#[source] io::Error),
    /// It unpacks to more than any honest one.
    #[error("the list of packages has more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// One package of it cannot be understood.
    #[error("what the channel says of `{file}` cannot be understood")]
    Record {
        /// The file of the package.
        file: String,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// An address in it is none.
    #[error("the list of packages has the address `{0}`, which is none")]
    Address(String),
    /// An address in it has a secret, which would get into locks and images.
    #[error("the list of packages leads to an address with a user name, a password or a token in it")]
    Secret,
    /// What is kept of it is not whole.
    #[error("what was kept of the list of packages is not whole")]
    Broken,
}
