//! A folder in the form of an OCI image layout (image spec, "Image Layout"): the store itself, and folders that
//! images are exported to or imported from.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use imagewright_oci::{Digest, Index};
use serde::{Deserialize, Serialize};

use crate::StoreError;
use crate::files::{Attempt, create_directory, if_found};
use crate::temporary::{Temporary, is_unfinished};

/// The marker file of a layout.
pub(crate) const MARKER: &str = "oci-layout";
/// The file that lists a layout's images.
pub(crate) const INDEX: &str = "index.json";

/// What stands in `oci-layout`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Marker {
    pub(crate) image_layout_version: String,
}

impl Marker {
    pub(crate) fn bytes() -> Vec<u8> {
        br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()
    }
}

/// An image layout on disk.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
    temporary: Temporary,
}

impl Layout {
    /// Makes `root` a layout, or takes it as the layout it is. Unfinished files go to `temporary`.
    pub(crate) fn create(root: &Path, temporary: Temporary) -> Result<Self, StoreError> {
        let layout = Self { root: root.to_owned(), temporary };
        let is_layout = layout.check_marker()?;
        create_directory(&root.join("blobs/sha256"))?;
        create_directory(layout.temporary.folder())?;
        if !is_layout {
            // Never replaced: changes of the index are locked by this very file.
            layout.temporary.write_new(&root.join(MARKER), &Marker::bytes())?;
        }
        Ok(layout)
    }

    /// Refuses a folder in which someone else's files lie: a slip in a path must not spread ours among them. `rooms`
    /// are what else may be there before it is a layout.
    pub(crate) fn refuse_foreign_folder(root: &Path, rooms: &[&str]) -> Result<(), StoreError> {
        if root.join(MARKER).exists() {
            return Ok(());
        }
        for entry in fs::read_dir(root).attempt("list", root)? {
            let name = entry.attempt("list", root)?.file_name();
            // The marker may have come just now, from a process that opens the same folder.
            let is_ours =
                rooms.iter().chain(&["blobs", INDEX, MARKER, "lost+found"]).any(|room| name == *room);
            if !is_ours && !is_unfinished(&name) {
                return Err(StoreError::NotALayout { path: root.to_owned() });
            }
        }
        Ok(())
    }

    /// Whether there is a marker; one of another version is an error.
    fn check_marker(&self) -> Result<bool, StoreError> {
        let path = self.root.join(MARKER);
        let Some(bytes) = if_found(fs::read(&path)).attempt("read", &path)? else { return Ok(false) };
        let marker: Marker = serde_json::from_slice(&bytes)
            .map_err(|source| StoreError::MalformedFile { path: path.clone(), source })?;
        match marker.image_layout_version.split('.').next() {
            Some("1") => Ok(true),
            _ => Err(StoreError::LayoutVersion {
                path: self.root.clone(),
                version: marker.image_layout_version,
            }),
        }
    }

    /// Where unfinished files go.
    pub(crate) fn temporary(&self) -> &Temporary {
        &self.temporary
    }

    /// Where a blob is, or would be.
    pub(crate) fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root.join(blob_name(digest))
    }

    /// The index; empty where there is none yet.
    pub(crate) fn index(&self) -> Result<Index, StoreError> {
        let path = self.root.join(INDEX);
        match if_found(fs::read(&path)).attempt("read", &path)? {
            None => Ok(Index::new(Vec::new())),
            Some(bytes) => {
                serde_json::from_slice(&bytes).map_err(|source| StoreError::MalformedFile { path, source })
            }
        }
    }

    /// Changes the index while no other process does; `change` says what becomes of it.
    pub(crate) fn update_index<T>(
        &self,
        change: impl FnOnce(&mut Index) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let marker = self.root.join(MARKER);
        let lock = File::open(&marker).attempt("open", &marker)?;
        lock.lock().attempt("lock", &marker)?;
        let before = self.index()?;
        let mut index = before.clone();
        let result = change(&mut index)?;
        let path = self.root.join(INDEX);
        if index != before || !path.exists() {
            let bytes = serde_json::to_vec(&index).expect("an index serialises: its keys are strings");
            self.temporary.write(&path, &bytes)?;
        }
        Ok(result)
    }
}

/// The path of a blob inside a layout.
pub(crate) fn blob_name(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}
