//! What daemons really do.

#![expect(clippy::unwrap_used, reason = "a test that panics fails")]

mod needs_docker_and_registry;
