//! Images into folders and archives.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use imagewright_layer::{LayerError, decompress};
use imagewright_oci::{Descriptor, Hasher, Index, MediaType, Reference};
use serde::Serialize;

use super::TransferError;
use super::tar_file::TarFile;
use crate::blobs::{check_digest, check_size};
use crate::files::{Attempt, create_directory, parent};
use crate::layout::{INDEX, Layout, MARKER, Marker, blob_name};
use crate::progress::Meter;
use crate::temporary::Temporary;
use crate::{Image, ImageRecord, OnProgress, Store, StoreError, index};

/// Where an image goes. An archive whose name ends in `.gz`, `.tgz` or `.zst` is compressed as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportTarget {
    /// A folder in the form of an OCI image layout. To one that is there already the image is added.
    OciDirectory(PathBuf),
    /// A tar of an OCI image layout.
    OciArchive(PathBuf),
    /// A tar that `docker load` takes, and Podman and skopeo as well.
    DockerArchive(PathBuf),
}

/// One image as `manifest.json` of a Docker archive lists it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

impl Store {
    /// Writes an image to `target` under `names`. The same image under the same names gives the same bytes.
    pub fn export(
        &self,
        record: &ImageRecord,
        names: &[Reference],
        target: &ExportTarget,
        progress: OnProgress<'_>,
    ) -> Result<(), TransferError> {
        let image = self.image(&record.manifest)?;
        let mut export = Export { store: self, image: &image, manifest: &record.manifest, names, progress };
        match target {
            ExportTarget::OciDirectory(path) => export.oci_directory(path),
            ExportTarget::OciArchive(path) => export.oci_archive(path),
            ExportTarget::DockerArchive(path) => export.docker_archive(path),
        }
    }
}

/// One image on its way out.
struct Export<'a> {
    store: &'a Store,
    image: &'a Image,
    manifest: &'a Descriptor,
    names: &'a [Reference],
    progress: OnProgress<'a>,
}

impl<'a> Export<'a> {
    fn oci_directory(&mut self, path: &Path) -> Result<(), TransferError> {
        create_directory(path)?;
        Layout::refuse_foreign_folder(path, &[])?;
        let layout = Layout::create(path, Temporary::unswept(path))?;
        for blob in self.blobs() {
            let target = layout.blob_path(&blob.digest);
            if target.exists() {
                continue;
            }
            create_directory(parent(&target))?;
            let mut file = layout.temporary().file()?;
            let mut reader = self.open(blob)?;
            io::copy(&mut reader, &mut file).attempt("copy a blob to", &target)?;
            reader.finish()?;
            file.persist(&target)?;
        }
        Ok(layout.update_index(|index| {
            self.list_in(index);
            Ok(())
        })?)
    }

    fn oci_archive(&mut self, path: &Path) -> Result<(), TransferError> {
        let mut index = Index::new(Vec::new());
        self.list_in(&mut index);
        let mut tar = TarFile::create(path)?;
        tar.append_bytes(MARKER, &Marker::bytes())?;
        tar.append_bytes(INDEX, &json(&index))?;
        for blob in self.blobs() {
            let mut reader = self.open(blob)?;
            tar.append(&blob_name(&blob.digest), blob.size, &mut reader)?;
            reader.finish()?;
        }
        tar.finish()
    }

    fn docker_archive(&mut self, path: &Path) -> Result<(), TransferError> {
        let image = self.image;
        let listed = Listed {
            config: format!("{}.json", image.config.digest().hex()),
            repo_tags: self.names.iter().map(ToString::to_string).collect(),
            layers: image.manifest.layers.iter().map(docker_layer_name).collect(),
        };
        let mut tar = TarFile::create(path)?;
        tar.append_bytes("manifest.json", &json(&[&listed]))?;
        tar.append_bytes(&listed.config, image.config.bytes())?;
        let mut written = BTreeSet::new();
        for (layer, name) in image.manifest.layers.iter().zip(&listed.layers) {
            if !written.insert(name) {
                continue;
            }
            if layer.media_type == MediaType::LayerZstd {
                self.append_decompressed(&mut tar, name, layer)?;
                continue;
            }
            let mut reader = self.open(layer)?;
            tar.append(name, layer.size, &mut reader)?;
            reader.finish()?;
        }
        tar.finish()
    }

    /// Docker before 23 reads no zstd. A tar wants the size before the first byte, so the layer is read twice.
    fn append_decompressed(
        &mut self,
        tar: &mut TarFile,
        name: &str,
        layer: &'a Descriptor,
    ) -> Result<(), TransferError> {
        let broken = |source| TransferError::Pack { path: name.into(), source: LayerError::Read { source } };
        let mut reader = self.open(layer)?;
        let plain = decompress(&mut reader).and_then(|mut plain| io::copy(&mut plain, &mut io::sink()));
        reader.finish()?;
        let size = plain.map_err(broken)?;
        let mut plain = decompress(self.open(layer)?).map_err(broken)?;
        tar.append(name, size, &mut plain)
    }

    /// The blobs of the image, each once: manifest, configuration, layers.
    fn blobs(&self) -> Vec<&'a Descriptor> {
        let mut seen = BTreeSet::new();
        [self.manifest, &self.image.manifest.config]
            .into_iter()
            .chain(&self.image.manifest.layers)
            .filter(|blob| seen.insert(&blob.digest))
            .collect()
    }

    fn list_in(&self, index: &mut Index) {
        for name in self.names {
            index::set_name(index, self.manifest, name);
        }
        index::add_nameless(index, self.manifest);
    }

    fn open(&mut self, blob: &'a Descriptor) -> Result<Checked<'_>, TransferError> {
        let path = self.store.blob_path(&blob.digest);
        let file = self.store.open_blob(&blob.digest)?;
        check_size(blob, file.metadata().attempt("look at", &path)?.len())?;
        let hasher = blob.digest.algorithm().hasher();
        let meter = Meter::new("exporting", Some(blob.size), &mut *self.progress);
        Ok(Checked { blob, path, file, hasher, meter })
    }
}

/// The name of a layer's file; its ending says what Docker will find there.
fn docker_layer_name(layer: &Descriptor) -> String {
    let ending = match layer.media_type {
        MediaType::LayerGzip | MediaType::DockerLayerGzip => "tar.gz",
        _ => "tar",
    };
    format!("{}.{ending}", layer.digest.hex())
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("documents serialise: their keys are strings")
}

/// Reads a blob and, at the end, says whether it was the right one.
struct Checked<'a> {
    blob: &'a Descriptor,
    path: PathBuf,
    file: File,
    hasher: Hasher,
    meter: Meter<'a>,
}

impl Checked<'_> {
    fn finish(mut self) -> Result<(), StoreError> {
        let path = self.path.clone();
        io::copy(&mut self, &mut io::sink()).attempt("read", &path)?;
        check_digest(&self.blob.digest, self.hasher.finish())
    }
}

impl Read for Checked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        self.hasher.update(&buffer[..length]);
        self.meter.advance(length as u64);
        Ok(length)
    }
}
