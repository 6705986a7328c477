//! Channels.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use imagewright_oci::Digest;
use serde_json::{Map, Value, json};

use super::{CondaPackage, Format, msgpack};

/// How a channel lists its packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// `repodata.json`
    Json,
    /// `repodata.json.zst`
    Zstd,
    /// `repodata_shards.msgpack.zst`
    Shards,
}

/// A channel in a folder, to be served by [`HttpServer`](crate::http::HttpServer) or taken by its path.
#[derive(Debug)]
pub struct Channel {
    folder: PathBuf,
    index: Index,
    records: BTreeMap<&'static str, BTreeMap<String, Value>>,
}

impl Channel {
    /// An empty channel.
    pub fn new(folder: &Path, index: Index) -> Self {
        let records = ["noarch", CondaPackage::new("", "").subdir()].map(|subdir| (subdir, BTreeMap::new()));
        Self { folder: folder.to_owned(), index, records: records.into_iter().collect() }
    }

    /// Adds a package and writes the index anew.
    pub fn add(&mut self, package: &CondaPackage, format: Format) -> io::Result<()> {
        let bytes = package.bytes(format)?;
        self.add_as(package, format, &bytes, package.record(&bytes))
    }

    /// The same with these bytes and this entry of the index.
    pub fn add_as(
        &mut self,
        package: &CondaPackage,
        format: Format,
        bytes: &[u8],
        record: Value,
    ) -> io::Result<()> {
        let (name, subdir) = (package.file_name(format), package.subdir());
        fs::create_dir_all(self.folder.join(subdir))?;
        fs::write(self.folder.join(subdir).join(&name), bytes)?;
        self.records.entry(subdir).or_default().insert(name, record);
        self.write()
    }

    fn write(&self) -> io::Result<()> {
        for (subdir, records) in &self.records {
            let folder = self.folder.join(subdir);
            fs::create_dir_all(&folder)?;
            let text = repodata(subdir, records).to_string();
            let written = match self.index {
                Index::Json => fs::write(folder.join("repodata.json"), text),
                Index::Zstd => {
                    fs::write(folder.join("repodata.json.zst"), zstd::encode_all(text.as_bytes(), 3)?)
                }
                Index::Shards => shards(&folder, subdir, records),
            };
            written?;
        }
        Ok(())
    }
}

fn split(records: &BTreeMap<String, Value>) -> (Map<String, Value>, Map<String, Value>) {
    let own = records.iter().map(|(name, record)| (name.clone(), record.clone()));
    own.partition(|(name, _)| name.ends_with(".tar.bz2"))
}

fn repodata(subdir: &str, records: &BTreeMap<String, Value>) -> Value {
    let (old, new) = split(records);
    json!({
        "info": {"subdir": subdir}, "packages": old, "packages.conda": new, "removed": [], "repodata_version": 1,
    })
}

fn shards(folder: &Path, subdir: &str, records: &BTreeMap<String, Value>) -> io::Result<()> {
    let mut by_name: BTreeMap<&str, BTreeMap<String, Value>> = BTreeMap::new();
    for (file, record) in records {
        let name = record["name"].as_str().unwrap_or_default();
        by_name.entry(name).or_default().insert(file.clone(), record.clone());
    }
    fs::create_dir_all(folder.join("shards"))?;
    let mut hashes = Map::new();
    for (name, records) in by_name {
        let (old, new) = split(&records);
        let shard = msgpack::encode(&json!({"packages": old, "packages.conda": new, "removed": []}));
        let bytes = zstd::encode_all(shard.as_slice(), 3)?;
        let hash = Digest::of(&bytes);
        fs::write(folder.join("shards").join(format!("{}.msgpack.zst", hash.hex())), bytes)?;
        hashes.insert(name.to_owned(), hash.hex().into());
    }
    let info = json!({"subdir": subdir, "base_url": "./", "shards_base_url": "./shards/"});
    let index = msgpack::encode(&json!({"info": info, "version": 1, "shards": hashes}));
    fs::write(folder.join("repodata_shards.msgpack.zst"), zstd::encode_all(index.as_slice(), 3)?)
}
