//! Helpers for tests: contexts, hostile tars, signed package archives, skips. Development only.

pub mod archive;
pub mod http;
