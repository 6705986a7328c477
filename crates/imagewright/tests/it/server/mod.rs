//! A running server, asked as its users ask it.

mod backup;
pub(crate) mod builds;
mod catalogue;
mod commands;
mod copies;
mod exchange;
mod logins;
mod matrix;
pub(crate) mod needs_browser;
mod needs_oidc_provider;
mod needs_schemathesis;
mod oidc;
mod once;
mod operation;
mod people;
pub(crate) mod registry;
mod secrets;
mod storm;
pub(crate) mod support;
