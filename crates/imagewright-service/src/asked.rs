//! Which layers registries have: asked, and for a moment remembered.
//!
//! A build asks for the same layers more than once, and where a registry does not answer, each of many questions would wait
//! for it. So answers count for a while, and a registry that did not give one is left alone for as long.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use imagewright_model::{ErrorKind, Stop};
use imagewright_oci::{Descriptor, Digest, Reference};
use imagewright_registry::{Cancel as Watch, Client, RegistryError};

/// For how long. Nobody takes a layer out of a registry while an image is built that names it.
const LASTS: Duration = Duration::from_secs(60);

/// What registries said lately. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Asked {
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    /// Whether a repository has a layer.
    answers: BTreeMap<(String, String, Digest), (bool, Instant)>,
    /// Registries that did not answer.
    silent: BTreeMap<String, Instant>,
}

impl Asked {
    /// Whether one of the repositories has the layer.
    pub(crate) fn has_layer(
        &self,
        client: &Client,
        layer: &Descriptor,
        places: &[Reference],
        stop: &Stop,
    ) -> bool {
        places.iter().any(|place| {
            self.known(place, &layer.digest).unwrap_or_else(|| {
                let repository = client.repository(place).without_patience();
                let answer = repository.cancelled_by(&Watch::watching(stop)).has_blob(&layer.digest);
                let has = matches!(answer, Ok(Some(size)) if size == layer.size);
                self.note(place, &layer.digest, has, answer.err().as_ref());
                has
            })
        })
    }

    fn known(&self, place: &Reference, layer: &Digest) -> Option<bool> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |asked: &Instant| asked.elapsed() < LASTS;
        if known.silent.get(place.registry()).is_some_and(is_recent) {
            return Some(false);
        }
        let answer = known.answers.get(&question(place, layer));
        answer.filter(|(_, asked)| is_recent(asked)).map(|(has, _)| *has)
    }

    fn note(&self, place: &Reference, layer: &Digest, has: bool, error: Option<&RegistryError>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match error {
            Some(RegistryError::Cancelled) => {}
            Some(error) if error.kind() == ErrorKind::Unavailable => {
                known.silent.insert(place.registry().to_owned(), Instant::now());
            }
            _ => {
                known.answers.insert(question(place, layer), (has, Instant::now()));
            }
        }
    }
}

fn question(place: &Reference, layer: &Digest) -> (String, String, Digest) {
    (place.registry().to_owned(), place.repository().to_owned(), layer.clone())
}
