//! All of these need root: they mount.

mod command;
mod ending;
mod isolation;
mod limits;
mod mounts;
mod root;
