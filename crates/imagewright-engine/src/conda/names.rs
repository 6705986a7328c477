//! What channels have, for whoever types names.

use std::cmp::Ordering;

use imagewright_conda::{Channel, Package, subdir_of};
use imagewright_model::BuildSettings;
use imagewright_store::Store;

use super::index::Indexes;
use super::places::Places;
use crate::error::EngineError;
use crate::fetch::Fetcher;
use crate::names::Names;

/// Some channels, and where they are had from.
pub(crate) struct ListedChannels<'a> {
    channels: &'a [Channel],
    subdir: &'static str,
    settings: &'a BuildSettings,
    store: &'a Store,
}

impl<'a> ListedChannels<'a> {
    pub(crate) fn new(
        store: &'a Store,
        settings: &'a BuildSettings,
        channels: &'a [Channel],
        architecture: &str,
    ) -> Result<Self, EngineError> {
        // Where conda has no packages for a machine, those for all are there.
        let subdir = subdir_of(architecture).unwrap_or("noarch");
        Ok(Self { channels, subdir, settings, store })
    }

    /// All names.
    pub(crate) fn names(&self) -> Result<Names, EngineError> {
        let mut names = Names::new();
        self.with(|indexes| {
            for index in indexes.opened(self.channels, self.subdir)? {
                index.each_name(&mut |name| drop(names.insert(name.to_owned(), None)));
            }
            Ok(())
        })?;
        Ok(names)
    }

    /// The versions of a package, newest first.
    pub(crate) fn versions(&self, name: &str) -> Result<Vec<String>, EngineError> {
        let mut packages: Vec<Package> = self.with(|indexes| {
            let opened = indexes.opened(self.channels, self.subdir)?;
            Ok(indexes.packages(&opened, &[name.to_owned()])?.concat())
        })?;
        packages.sort_by(|one, other| match other.compare_version(one) {
            Ordering::Equal => other.version().cmp(&one.version()),
            order => order,
        });
        let mut versions: Vec<String> = packages.iter().map(Package::version).collect();
        versions.dedup();
        Ok(versions)
    }

    fn with<T>(
        &self,
        use_them: impl FnOnce(&Indexes<'_>) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let places = Places::of(&self.settings.conda, self.channels)?;
        let fetcher = Fetcher::new(&self.settings.trust)?;
        let folder = self.store.cache_dir("conda-index")?;
        let offline = self.settings.trust.offline;
        use_them(&Indexes { fetcher: &fetcher, places: &places, folder, offline })
    }
}
