//! The client against a registry in memory that is strict to the specification and misbehaves when told to, and
//! against real ones.

#![expect(clippy::unwrap_used, reason = "clippy knows tests by #[test], not their helpers")]

mod authentication;
mod copying;
mod credentials;
mod growing;
mod listing;
mod manifests;
mod needs_registry_and_skopeo;
mod pulling;
mod pushing;
mod reaching;
mod streaming;
mod support;
mod uploading;
