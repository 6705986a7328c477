//! Archives and wheels from the outside: made by hand, read, and installed into memory.

#![expect(clippy::unwrap_used, reason = "clippy knows tests by #[test], not their helpers")]

mod support;
mod wheel_faults;
mod wheel_install;
mod wheel_mutations;
mod zip_faults;
mod zip_reading;
