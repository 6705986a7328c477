//! The store on a real file system.
#![expect(clippy::unwrap_used, reason = "clippy knows tests by #[test], not their helpers")]

mod blobs;
mod check;
mod collection;
mod disk_full;
mod docker_archives;
mod images;
mod interop;
mod oci_layouts;
mod overlay;
mod parts;
mod processes;
mod snapshots;
mod support;
