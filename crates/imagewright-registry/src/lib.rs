//! Client of the OCI distribution protocol: bases and images from registries, images to them.
//!
//! A [`Client`] knows settings and credentials; a [`Repository`] of it fetches and sends single manifests and blobs;
//! [`transfer`] moves whole images. Everything blocks and streams: memory does not grow with the size of a layer.
//! Every digest is checked while the bytes pass by, a broken connection is gone on with, an overloaded registry
//! waited for.
//!
//! Where images are kept is the caller's business: [`transfer::BlobSink`] and [`transfer::ImageSource`]. Where
//! credential files are is, too: [`CredentialFiles`] reads the paths it is given and no environment.

mod answer;
mod auth;
mod base64;
mod cancel;
mod client;
mod credentials;
mod endpoint;
mod error;
mod http;
mod patience;
mod repository;
mod settings;
pub mod transfer;
mod web;

pub use answer::Answer;
pub use cancel::Cancel;
pub use client::{Client, Welcome};
pub use credentials::{
    Credential, CredentialError, CredentialFiles, CredentialSource, KeptIn, NoCredentials, OneCredential,
};
pub use error::RegistryError;
pub use repository::{
    BlobOutcome, BlobReader, BlobSource, CHUNK_SIZE, FetchedManifest, GrowingSource, Grown, ManifestName,
    MountOutcome, Repository, Resolved,
};
pub use settings::{Patience, RegistrySettings};
pub use web::{WebClient, WebError, WebStream};
