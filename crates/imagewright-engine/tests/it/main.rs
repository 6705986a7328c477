//! The engine, tested from outside.

#![expect(clippy::unwrap_used, reason = "clippy knows tests by #[test], not their helpers")]

mod bootstrap;
mod fetch;
