//! All of these need root: they mount.

mod command;
mod ending;
mod isolation;
mod mounts;
mod root;
