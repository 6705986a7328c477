//! Facts from one store to another: the cache is hit before it has the bytes.

mod hostile;
mod keys;
mod needs_registry;
pub(crate) mod sharing;
pub(crate) mod support;
mod upkeep;
