//! Places images are imported from and exported to: `oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE`,
//! `docker-daemon:NAME`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use imagewright_model::spec::{BaseError, BaseSource};

/// Why a text is not such a place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// It is none of the known forms.
    #[error("`{0}` is not a place for images")]
    Unknown(String),
    /// It cannot be written to.
    #[error("images cannot be exported to `{0}`")]
    NotWritable(String),
    /// It is of a known form and wrong.
    #[error(transparent)]
    Base(#[from] BaseError),
}

impl TransportError {
    /// What would put it right.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown(_) | Self::NotWritable(_) => Some(
                "write `oci:DIR`, `oci-archive:FILE` or `docker-archive:FILE` (`.gz` and `.zst` files are compressed)"
                    .to_owned(),
            ),
            Self::Base(error) => error.hint(),
        }
    }
}

/// Where an image is imported from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source(pub(crate) BaseSource);

impl FromStr for Source {
    type Err = TransportError;

    fn from_str(text: &str) -> Result<Self, TransportError> {
        match text.parse()? {
            BaseSource::Bootstrap { .. } | BaseSource::Image(_) => {
                Err(TransportError::Unknown(text.to_owned()))
            }
            source => Ok(Self(source)),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where an image is exported to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// An OCI image layout in a folder; added to where it exists.
    OciDirectory(PathBuf),
    /// An OCI image layout in a tar file.
    OciArchive(PathBuf),
    /// What `docker load` takes.
    DockerArchive(PathBuf),
}

impl FromStr for Destination {
    type Err = TransportError;

    fn from_str(text: &str) -> Result<Self, TransportError> {
        match text.parse()? {
            BaseSource::OciDirectory { path, reference: None } => Ok(Self::OciDirectory(path)),
            BaseSource::OciArchive { path, reference: None } => Ok(Self::OciArchive(path)),
            BaseSource::DockerArchive { path, reference: None } => Ok(Self::DockerArchive(path)),
            BaseSource::Image(_) => Err(TransportError::Unknown(text.to_owned())),
            _ => Err(TransportError::NotWritable(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_places_are_taken() {
        assert!("docker-archive:a.tar".parse::<Source>().is_ok());
        assert!("docker-daemon:python:3".parse::<Source>().is_ok());
        assert_eq!("oci:a".parse(), Ok(Destination::OciDirectory("a".into())));
        for text in ["bootstrap", "python:3"] {
            assert!(matches!(text.parse::<Source>(), Err(TransportError::Unknown(_))), "{text}");
        }
        for text in ["docker-daemon:a", "oci:a:b", "bootstrap"] {
            assert!(matches!(text.parse::<Destination>(), Err(TransportError::NotWritable(_))), "{text}");
        }
        assert!("oci:".parse::<Destination>().unwrap_err().hint().is_some());
    }
}
