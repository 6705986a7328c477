//! The image spec.
