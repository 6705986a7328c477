//! Handlers, asked without a connection or over one, and the description of the API.

#![expect(clippy::unwrap_used, reason = "a test that panics fails")]

mod description;
mod elyra;
mod limits;
mod registry;
mod support;
mod watchers;
