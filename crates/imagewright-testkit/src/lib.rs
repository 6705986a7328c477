//! Helpers for tests: surroundings to run programs in, and things made by hand that others would make: package
//! archives, Python distributions, images. Development only.

pub mod archive;
pub mod browser;
pub mod buildkit;
pub mod conda;
pub mod containerd;
pub mod context;
pub mod debian_registry;
pub mod docker;
pub mod gateway;
pub mod http;
pub mod image;
pub mod oidc;
pub mod postgres;
pub mod processes;
pub mod random;
pub mod registry;
pub mod shared;
pub mod storm;
pub mod wheels;
