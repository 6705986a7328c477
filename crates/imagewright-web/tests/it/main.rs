//! Handlers, asked without a connection, and the description of the API.

mod description;
mod elyra;
mod registry;
mod support;
