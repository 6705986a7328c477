//! Installs packages of a channel in a folder with rattler, or reads an environment with it.
//!
//! ```text
//! imagewright-rattler install CHANNEL TARGET PREFIX CACHE FILE…   packages by their files, for the path PREFIX
//! imagewright-rattler install-from URL LISTS TARGET PREFIX CACHE FILE…   the same from the channel at URL, whose lists are in a folder
//! imagewright-rattler read TARGET                                 name, version and number of files of what is installed there
//! ```

use std::error::Error;
use std::path::{Path, PathBuf};

use rattler::install::{Installer, LinkOptions};
use rattler::package_cache::PackageCache;
use rattler_conda_types::prefix::Prefix;
use rattler_conda_types::{Channel, ChannelConfig, PrefixRecord, RepoData, RepoDataRecord, Subdir};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["install", channel, target, prefix, cache, files @ ..] => {
            let folder = Path::new(channel);
            let records = records(&Channel::try_from_directory(folder)?, folder, files)?;
            tokio::runtime::Runtime::new()?.block_on(install(records, target, prefix, cache))
        }
        ["install-from", url, lists, target, prefix, cache, files @ ..] => {
            let config = ChannelConfig::default_with_root_dir(PathBuf::from("/"));
            let records = records(&Channel::from_str(url, &config)?, Path::new(lists), files)?;
            tokio::runtime::Runtime::new()?.block_on(install(records, target, prefix, cache))
        }
        ["read", target] => {
            let mut records: Vec<PrefixRecord> = PrefixRecord::collect_from_prefix(Path::new(target))?;
            records.sort();
            for record in records {
                let package = &record.repodata_record.package_record;
                println!("{} {} {}", package.name.as_normalized(), package.version, record.files.len());
            }
            Ok(())
        }
        _ => Err("arguments are `install CHANNEL TARGET PREFIX CACHE FILE…`, `install-from URL LISTS TARGET PREFIX CACHE FILE…` or `read TARGET`".into()),
    }
}

/// What the channel says of these files.
fn records(channel: &Channel, folder: &Path, files: &[&str]) -> Result<Vec<RepoDataRecord>, Box<dyn Error>> {
    let mut records = Vec::new();
    for subdir in std::fs::read_dir(folder)? {
        let repodata = RepoData::from_path(subdir?.path().join("repodata.json"))?;
        records.extend(repodata.into_repo_data_records(channel));
    }
    records.retain(|record| files.contains(&record.identifier.to_file_name().as_str()));
    if records.len() == files.len() { Ok(records) } else { Err("the channel lacks a file".into()) }
}

async fn install(
    records: Vec<RepoDataRecord>,
    target: &str,
    prefix: &str,
    cache: &str,
) -> Result<(), Box<dyn Error>> {
    let links = LinkOptions { allow_hard_links: Some(false), allow_ref_links: Some(false), ..LinkOptions::default() };
    Installer::new()
        .with_package_cache(PackageCache::new(PathBuf::from(cache)))
        .with_target_platform(Subdir::current().ok_or("rattler does not know this machine")?)
        .with_alternative_target_prefix(prefix)
        .with_link_options(links)
        .install(Prefix::create(target)?, records)
        .await?;
    Ok(())
}
