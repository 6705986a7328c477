//! Handlers, asked without a connection.

mod elyra;
mod registry;
mod support;
