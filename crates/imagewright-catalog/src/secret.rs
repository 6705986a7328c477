//! Secrets by name: what is known of them without the secret.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Name, SecretId};

/// A secret of the server. What it hides is not here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretRecord {
    /// Tells secrets apart.
    pub id: SecretId,
    /// The name that images and settings use; never changed.
    pub name: Name,
    /// What it is for.
    pub kind: SecretKind,
    /// The registry or index it is for, such as `registry.example:5000`.
    pub host: String,
    /// Who logs in with it.
    pub username: Option<String>,
    /// Where it is kept.
    pub kept: Kept,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub changed_at: Timestamp,
}

/// What a secret is for. One that pushes never pulls for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretKind {
    /// Pulling images.
    Pull,
    /// Pushing results.
    Push,
    /// Reading a package index or channel.
    Index,
}

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// Here, encrypted.
    Stored,
    /// In a variable of the server's environment.
    Environment(String),
    /// In a file that the server can read.
    File(String),
    /// In a secret of Kubernetes that is mounted or read where images are pulled; the server does not know it.
    Kubernetes(String),
}
