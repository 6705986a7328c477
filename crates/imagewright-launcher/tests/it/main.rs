//! What the program does, seen from a gateway.

#![expect(clippy::unwrap_used, reason = "a test that panics fails")]

mod gateway;
mod needs_kernels;
mod needs_kernels_and_spark;
mod needs_kernels_and_spark_and_toree;
mod needs_root;
mod needs_root_and_r_and_kernels;
mod program;
mod static_build;
