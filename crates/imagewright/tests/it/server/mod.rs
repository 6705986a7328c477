//! A running server, asked as its users ask it.

mod backup;
pub(crate) mod builds;
mod catalogue;
mod commands;
mod copies;
mod dependents;
mod exchange;
mod kernelspecs;
mod lists;
mod logins;
mod matrix;
pub(crate) mod needs_browser;
mod needs_oidc_provider;
mod needs_schemathesis;
mod oidc;
mod once;
mod operation;
mod people;
mod registries;
pub(crate) mod registry;
mod runtime_images;
mod secrets;
mod storm;
pub(crate) mod support;
pub(crate) mod visits;
