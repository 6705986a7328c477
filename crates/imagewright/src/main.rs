//! The imagewright command line.
fn main() {}
