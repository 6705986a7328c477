//! The files of an image source, whether they lie in a folder or in an archive.

use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;

use imagewright_oci::{Descriptor, Digest};
use serde::de::DeserializeOwned;

use super::TransferError;
use super::archive::Archive;
use crate::files::if_found;
use crate::layout::blob_name;

/// No manifest, index or configuration is longer than this.
const LONGEST_DOCUMENT: u64 = 64 << 20;

/// A set of files with names.
pub(super) enum Files {
    /// In a folder.
    Folder(PathBuf),
    /// In a tar.
    Archive(Archive),
}

/// A file that is open for reading.
pub(super) struct OpenFile<'a> {
    pub(super) reader: Box<dyn Read + 'a>,
    pub(super) size: u64,
}

impl Files {
    /// The files of a folder, which must be there.
    pub(super) fn folder(path: PathBuf) -> Result<Self, TransferError> {
        match fs::read_dir(&path) {
            Ok(_) => Ok(Self::Folder(path)),
            Err(source) => Err(TransferError::Read { origin: path.display().to_string(), source }),
        }
    }

    /// What errors call the source.
    pub(super) fn origin(&self) -> String {
        match self {
            Self::Folder(path) => path.display().to_string(),
            Self::Archive(archive) => archive.origin().to_owned(),
        }
    }

    /// Whether there is a file of this name.
    pub(super) fn holds(&self, name: &str) -> bool {
        match self {
            Self::Folder(path) => path.join(name).is_file(),
            Self::Archive(archive) => archive.open_file(name).is_some(),
        }
    }

    /// Opens a file that an image needs.
    pub(super) fn open(&self, name: &str) -> Result<OpenFile<'_>, TransferError> {
        let opened = match self {
            Self::Archive(archive) => archive
                .open_file(name)
                .map(|(section, size)| OpenFile { reader: Box::new(section) as Box<dyn Read + '_>, size }),
            Self::Folder(path) => if_found(File::open(path.join(name)))
                .and_then(|file| file.map(|file| Ok((file.metadata()?.len(), file))).transpose())
                .map_err(|source| self.read_error(source))?
                .map(|(size, file)| OpenFile { reader: Box::new(file), size }),
        };
        opened.ok_or_else(|| TransferError::MissingFile { origin: self.origin(), name: name.to_owned() })
    }

    /// Reads a document.
    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>, TransferError> {
        let file = self.open(name)?;
        if file.size > LONGEST_DOCUMENT {
            return Err(TransferError::TooLarge { origin: self.origin(), name: name.to_owned() });
        }
        let mut bytes = Vec::new();
        file.reader
            .take(LONGEST_DOCUMENT)
            .read_to_end(&mut bytes)
            .map_err(|source| self.read_error(source))?;
        Ok(bytes)
    }

    /// Reads a JSON document of a shape of its own.
    pub(super) fn read_json<T: DeserializeOwned>(&self, name: &'static str) -> Result<T, TransferError> {
        let (origin, missing) = (self.origin(), name);
        if !self.holds(name) {
            return Err(TransferError::NotAnImage { origin, missing });
        }
        serde_json::from_slice(&self.read(name)?).map_err(|source| TransferError::Malformed {
            origin,
            name: name.to_owned(),
            source,
        })
    }

    /// Reads a document that lies among the blobs, and checks it against its descriptor.
    pub(super) fn read_blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>, TransferError> {
        let name = blob_name(&descriptor.digest);
        let bytes = self.read(&name)?;
        self.check_size(&name, descriptor.size, bytes.len() as u64)?;
        self.check_digest(&name, &descriptor.digest, &bytes)?;
        Ok(bytes)
    }

    /// Checks that a file is as long as was announced.
    pub(super) fn check_size(&self, name: &str, expected: u64, found: u64) -> Result<(), TransferError> {
        match expected == found {
            true => Ok(()),
            false => {
                Err(TransferError::Size { origin: self.origin(), name: name.to_owned(), expected, found })
            }
        }
    }

    /// Checks that a document's bytes are those that were announced.
    pub(super) fn check_digest(
        &self,
        name: &str,
        expected: &Digest,
        bytes: &[u8],
    ) -> Result<(), TransferError> {
        let mut hasher = expected.algorithm().hasher();
        hasher.update(bytes);
        let found = hasher.finish();
        match found == *expected {
            true => Ok(()),
            false => Err(TransferError::Digest { origin: self.origin(), name: name.to_owned(), found }),
        }
    }

    /// An error of the system while a file was read.
    pub(super) fn read_error(&self, source: std::io::Error) -> TransferError {
        TransferError::Read { origin: self.origin(), source }
    }
}
