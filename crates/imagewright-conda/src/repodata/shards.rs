//! A document for each name of a channel, named by its hash.

use std::io::Read;

use imagewright_oci::Digest;
use rattler_conda_types::{Shard, ShardedRepodata};
use url::Url;

use super::RepodataError;
use super::table::base;
use crate::{Channel, Package};

/// The list of shards of the largest channel has about 3 MB.
const LARGEST_INDEX: u64 = 256 << 20;
/// What a channel says of one name.
const LARGEST_SHARD: u64 = 256 << 20;

/// Which shards a channel has.
pub struct ShardIndex {
    shards: ShardedRepodata,
    base: Url,
    shards_base: Url,
    channel: Channel,
    subdir: String,
}

/// Where a shard is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardPlace {
    /// Hash of its bytes.
    pub sha256: Digest,
    /// Its address.
    pub url: Url,
}

impl ShardIndex {
    /// Reads a `repodata_shards.msgpack.zst`, which is that of `subdir` of a channel.
    pub fn parse(channel: &Channel, subdir: &str, bytes: &[u8]) -> Result<Self, RepodataError> {
        let plain = decompress(bytes, LARGEST_INDEX)?;
        let shards: ShardedRepodata = rmp_serde::from_slice(&plain).map_err(RepodataError::MessagePack)?;
        let base = |address: &str| base(channel, subdir, Some(address).filter(|address| !address.is_empty()));
        let (own, shards_base) = (base(&shards.info.base_url)?, base(&shards.info.shards_base_url)?);
        Ok(Self { shards, base: own, shards_base, channel: channel.clone(), subdir: subdir.to_owned() })
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.shards.shards.keys().map(String::as_str)
    }

    /// The shard of a name; none where the channel has no such package.
    pub fn place(&self, name: &str) -> Option<ShardPlace> {
        let hash = self.shards.shards.get(name)?;
        let hexadecimal: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let url = self.shards_base.join(&format!("{hexadecimal}.msgpack.zst")).ok()?;
        Some(ShardPlace { sha256: format!("sha256:{hexadecimal}").parse().ok()?, url })
    }

    /// The packages of a shard.
    pub fn packages(&self, bytes: &[u8]) -> Result<Vec<Package>, RepodataError> {
        let plain = decompress(bytes, LARGEST_SHARD)?;
        let shard: Shard = rmp_serde::from_slice(&plain).map_err(RepodataError::MessagePack)?;
        let Shard { packages, conda_packages, removed, .. } = shard;
        let listed = packages.into_iter().chain(conda_packages).filter(|(file, _)| !removed.contains(file));
        let packages = listed.filter_map(|(file, record)| {
            Package::listed(&self.channel, (&self.subdir, &self.base), &file.to_file_name(), record)
        });
        Ok(packages.collect())
    }
}

fn decompress(bytes: &[u8], limit: u64) -> Result<Vec<u8>, RepodataError> {
    let decoder = zstd::Decoder::new(bytes).map_err(RepodataError::Read)?;
    let mut plain = Vec::new();
    decoder.take(limit + 1).read_to_end(&mut plain).map_err(RepodataError::Read)?;
    if plain.len() as u64 > limit { Err(RepodataError::TooLarge { limit }) } else { Ok(plain) }
}
