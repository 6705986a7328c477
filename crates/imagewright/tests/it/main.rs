//! Runs the real program: what it prints, what it leaves, what it makes.
//!
//! What a test needs beyond an ordinary machine stands in the names of its modules: `needs_root`, `needs_network`,
//! `needs_gpg` and their like, joined by `and`. `scripts/test` goes by them.

#![expect(clippy::unwrap_used, reason = "a test that panics fails")]

mod build;
mod check;
mod completions;
mod conda;
mod conda_forge;
mod configuration;
mod crate_graph;
mod engines;
mod facts;
mod help;
mod images;
mod kernelspecs;
mod lock;
mod metadata;
mod needs_elyra;
mod needs_gpg;
mod needs_rattler;
mod needs_root;
mod needs_root_and_network;
mod notebooks;
mod partial;
mod profiles;
mod secrets;
mod server;
mod sources;
mod spec;
mod stores;
mod storm;
mod support;
mod upkeep;
mod usage;
