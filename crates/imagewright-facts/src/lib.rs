//! Bundles of facts: what one store found out, in a file that another store can take in.
//!
//! ```text
//! imagewright facts 1                         the form and its version
//! {"facts":…,"places":…,"plain":…,"size":…,"digest":"sha256:…"}   what the body is
//! ed25519:<public key> <signature>            who says so; one line or none
//!                                             an empty line
//! <zstd>                                      the body: one fact or place a line, as JSON
//! ```
//!
//! The signature is over the first two lines, and those hold the digest of the body: so it is known whether a bundle is
//! to be trusted before anything of its body is looked at, and a version cannot be passed off as another. Every byte is
//! covered: the head by the signature, the signature by itself, the body by its digest and size.
//!
//! What a fact means, and whether it has the shape of its kind, is the engine's to know. Nothing here knows files: bundles
//! are streams, and the only thing taken from the machine is the randomness of a new key.

mod error;
mod head;
mod key;
mod line;
mod pem;
mod read;
mod write;

pub use error::{BundleError, KeyError};
pub use head::{Head, Summary};
pub use key::{PrivateKey, PublicKey};
pub use line::{Fact, Line, Place};
pub use read::Bundle;
pub use write::BundleWriter;

/// The version of the form. It grows when an older program would understand a bundle wrongly: when the form changes, and
/// when a fact of the same kind and key comes to mean something else.
pub const FORMAT_VERSION: u32 = 1;

/// No line of a body is longer: the files of the largest packages take some megabytes.
const LONGEST_LINE: u64 = 32 << 20;
/// No body is longer, as it is stored.
const LARGEST_BODY: u64 = 1 << 30;
/// No body is longer before compression.
const LARGEST_PLAIN: u64 = 16 << 30;
/// No body has more lines: who takes a bundle in remembers some of them.
const MOST_LINES: u64 = 4_000_000;
/// Larger windows of the compression are not taken: they decide the memory that reading takes.
const LARGEST_WINDOW: u32 = 23;
