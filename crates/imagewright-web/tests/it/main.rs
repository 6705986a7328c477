//! The API, asked over connections as its users have them.

mod watchers;
