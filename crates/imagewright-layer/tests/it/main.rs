//! Layers through the public interface.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod encoder;
mod hostile;
mod package;
mod package_bodies;
mod package_readers;
mod round_trip;
mod support;
mod system_tar;
mod verify;
mod versions;
