//! A running server, asked as its users ask it.

mod catalogue;
mod logins;
mod matrix;
mod needs_oidc_provider;
mod oidc;
mod people;
mod secrets;
mod support;
