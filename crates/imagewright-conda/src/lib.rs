//! conda packages as values and streams.
mod prefix;
pub use prefix::PrefixError;
