//! Tiny images made by hand, as another tool would make them: plain OCI layouts on disk.

use std::fs;
use std::io;
use std::path::Path;

use imagewright_oci::Digest;
use serde_json::{Value, json};

/// An image of one layer.
#[derive(Clone, Debug)]
pub struct TinyImage {
    architecture: String,
    files: Vec<(String, Vec<u8>)>,
    variables: Vec<String>,
    command: Vec<String>,
}

impl Default for TinyImage {
    /// For this machine, with nothing in it.
    fn default() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        Self {
            architecture: architecture.to_owned(),
            files: Vec::new(),
            variables: vec!["PATH=/usr/bin:/bin".to_owned()],
            command: vec!["/bin/hello".to_owned()],
        }
    }
}

impl TinyImage {
    /// Adds a file.
    #[must_use]
    pub fn file(mut self, path: &str, body: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.to_owned(), body.into()));
        self
    }

    /// Sets a variable, as `NAME=VALUE`.
    #[must_use]
    pub fn variable(mut self, entry: &str) -> Self {
        self.variables.push(entry.to_owned());
        self
    }

    /// Says what it starts.
    #[must_use]
    pub fn command(mut self, words: &[&str]) -> Self {
        self.command = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Says that it is for another machine.
    #[must_use]
    pub fn architecture(mut self, architecture: &str) -> Self {
        architecture.clone_into(&mut self.architecture);
        self
    }

    /// Writes an OCI layout that holds it under `name`, and gives its id: the digest of its configuration.
    pub fn write_layout(&self, folder: &Path, name: &str) -> io::Result<Digest> {
        fs::create_dir_all(folder.join("blobs/sha256"))?;
        let layer = self.layer()?;
        let config = json!({
            "created": "2026-01-02T03:04:05Z",
            "architecture": self.architecture,
            "os": "linux",
            "config": {"Env": self.variables, "Cmd": self.command, "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [Digest::of(&layer).to_string()]},
            "history": [{"created": "2026-01-02T03:04:05Z", "created_by": "by hand"}],
        });
        let config = serde_json::to_vec(&config)?;
        let id = Digest::of(&config);
        let config = put(folder, "application/vnd.oci.image.config.v1+json", &config)?;
        let layer = put(folder, "application/vnd.oci.image.layer.v1.tar", &layer)?;
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest =
            json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [layer]});
        let mut entry = put(folder, media_type, &serde_json::to_vec(&manifest)?)?;
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        let index = json!({"schemaVersion": 2, "manifests": [entry]});
        fs::write(folder.join("index.json"), serde_json::to_vec(&index)?)?;
        fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
        Ok(id)
    }

    fn layer(&self) -> io::Result<Vec<u8>> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, body) in &self.files {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o755);
            header.set_mtime(1_767_323_045);
            header.set_size(body.len() as u64);
            archive.append_data(&mut header, path, body.as_slice())?;
        }
        archive.into_inner()
    }
}

/// Stores a blob and gives its descriptor.
fn put(folder: &Path, media_type: &str, bytes: &[u8]) -> io::Result<Value> {
    let digest = Digest::of(bytes);
    fs::write(folder.join("blobs/sha256").join(digest.hex()), bytes)?;
    Ok(json!({"mediaType": media_type, "digest": digest.to_string(), "size": bytes.len()}))
}
