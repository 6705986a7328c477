//! Builds by a running server, with packages of a channel that the test makes.

mod asked;
mod cut_off;
mod registries;
mod remote;
pub(crate) mod support;
mod watched;
