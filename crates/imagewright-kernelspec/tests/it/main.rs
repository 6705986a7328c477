//! What is made of kernelspecs, seen from a gateway.

#![expect(clippy::unwrap_used, reason = "a test that panics fails")]

mod cluster;
mod needs_kernels;
mod needs_root_and_kernels;
mod needs_root_and_kernels_and_launcher;
mod needs_root_and_r_and_kernels_and_launcher;
mod needs_root_and_spark_and_kernels_and_launcher;
mod shared;
