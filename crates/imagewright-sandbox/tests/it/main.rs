//! Runs real commands in real sandboxes, on the machine's own root file system as the lowest layer.

#![expect(clippy::unwrap_used, reason = "a test that panics fails")]

mod harness;
mod needs_root;
mod needs_root_and_uidmap;
mod ordinary;
