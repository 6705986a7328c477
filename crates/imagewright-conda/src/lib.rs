//! conda packages as values and streams.
pub mod package;
mod prefix;
pub use prefix::PrefixError;
