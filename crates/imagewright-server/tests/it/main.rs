//! Use cases without the paths to them.

mod bases;
