//! Runs a command in Linux namespaces on an overlay; the only crate with unsafe code.
