//! Tags that images of the list have: what was built here is served from there, and nothing is copied.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex, PoisonError};

use imagewright_oci::{Descriptor, Reference, Tag};

use crate::files::{Attempt, if_found};
use crate::layout::INDEX;
use crate::{Store, StoreError, index};

/// Repositories of the list, by registry and name.
type Repositories = BTreeMap<(String, String), BTreeMap<String, Descriptor>>;

/// The list by repositories, as long as it is the same file: it is replaced as a whole.
#[derive(Debug, Default)]
pub(crate) struct BuiltTags(Mutex<Option<(Stamp, Arc<Repositories>)>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Store {
    /// The tags that images of the list have in the repository of `reference`, with their manifests.
    pub fn built_tags(&self, reference: &Reference) -> Result<Vec<(Tag, Descriptor)>, StoreError> {
        let repositories = self.listed_repositories()?;
        let key = (reference.registry().to_owned(), reference.repository().to_owned());
        let tags = repositories.get(&key).into_iter().flatten();
        Ok(tags.filter_map(|(tag, manifest)| Some((tag.parse().ok()?, manifest.clone()))).collect())
    }

    /// What a name of the list stands for.
    pub fn built(&self, reference: &Reference) -> Result<Option<Descriptor>, StoreError> {
        let repositories = self.listed_repositories()?;
        let key = (reference.registry().to_owned(), reference.repository().to_owned());
        let tags = repositories.get(&key);
        Ok(tags.and_then(|tags| tags.get(reference.tag()?.as_str())).cloned())
    }

    /// The repositories that the list names at a registry.
    pub fn built_repositories(&self, registry: &str) -> Result<Vec<String>, StoreError> {
        let repositories = self.listed_repositories()?;
        let found = repositories.keys().filter(|(found, _)| found == registry);
        Ok(found.map(|(_, repository)| repository.clone()).collect())
    }

    /// Takes all names in the repository of `reference` from the list.
    pub fn remove_built(&self, reference: &Reference) -> Result<(), StoreError> {
        if self.built_tags(reference)?.is_empty() {
            return Ok(());
        }
        self.layout().update_index(|index| {
            let names: Vec<Reference> = index
                .manifests
                .iter()
                .filter_map(index::name_of)
                .filter(|name| is_beside(name, reference))
                .collect();
            for name in names {
                index::take_name(index, &name);
            }
            Ok(())
        })
    }

    fn listed_repositories(&self) -> Result<Arc<Repositories>, StoreError> {
        let path = self.room(INDEX);
        let Some(metadata) = if_found(fs::metadata(&path)).attempt("look at", &path)? else {
            return Ok(Arc::default());
        };
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        let stamp = Stamp { inode: metadata.ino(), size: metadata.len(), modified };
        let mut known = self.built_cache().0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((found, repositories)) = &*known
            && *found == stamp
        {
            return Ok(Arc::clone(repositories));
        }
        let mut repositories = Repositories::new();
        for (image, names) in index::images(&self.layout().index()?) {
            for name in names {
                let key = (name.registry().to_owned(), name.repository().to_owned());
                let tag = name.tag().map(ToString::to_string).unwrap_or_default();
                repositories.entry(key).or_default().insert(tag, image.clone());
            }
        }
        let repositories = Arc::new(repositories);
        // Read after its stamp was taken: a newer list than that is read again the next time.
        *known = Some((stamp, Arc::clone(&repositories)));
        Ok(repositories)
    }
}

fn is_beside(name: &Reference, reference: &Reference) -> bool {
    name.registry() == reference.registry() && name.repository() == reference.repository()
}
