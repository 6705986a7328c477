//! The image spec as its users see it.

#![expect(clippy::unwrap_used, reason = "clippy knows tests by #[test], not their helpers")]

mod conda_lists;
mod documentation;
mod examples;
mod folder;
mod identity;
mod image_yaml;
mod kernel;
mod merge;
mod mistakes;
mod robustness;
