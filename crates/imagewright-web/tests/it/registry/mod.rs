//! The registry: the distribution specification as a table of requests, who may what, and what is hostile.

mod access;
mod hostile;
mod manifests;
mod tokens;
mod uploads;
