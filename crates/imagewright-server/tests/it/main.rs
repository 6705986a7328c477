//! Use cases without the paths to them.

#![expect(clippy::unwrap_used, reason = "a test that panics fails")]

mod bases;
