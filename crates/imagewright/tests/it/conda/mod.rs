//! conda packages, from channels in folders and over HTTP, on a base that can run nothing: no code of a package is needed.

mod asking;
mod fetching;
mod forms;
mod kernel;
mod layers;
mod lists;
mod locking;
mod secrets;
pub(crate) mod support;
