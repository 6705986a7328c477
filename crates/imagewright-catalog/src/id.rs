//! Identities of records. They are made by whoever keeps the records and never used again.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! id {
    ($(#[$doc:meta] $name:ident),* $(,)?) => {$(
        #[$doc]
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String)]
        pub struct $name(String);

        impl $name {
            /// Takes an identity in, as it is stored.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The identity as it is stored.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

id! {
    /// Tells an image from one that had its name before.
    ImageId,
    /// Tells builds apart, of all images.
    BuildId,
    /// Tells people apart, whatever they are called.
    PersonId,
    /// Tells groups apart.
    GroupId,
    /// Tells secrets apart.
    SecretId,
    /// Tells access tokens apart; not the token.
    TokenId,
}
