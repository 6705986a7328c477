//! What the program does, seen from a gateway.

#![expect(clippy::unwrap_used, reason = "a test that panics fails")]

mod gateway;
mod needs_kernels;
mod needs_root;
mod program;
mod static_build;
