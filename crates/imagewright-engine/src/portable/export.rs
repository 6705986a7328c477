//! Facts out of a store.

use std::collections::BTreeSet;
use std::io::Write;

use imagewright_facts::{BundleWriter, Fact, Place, PrivateKey, Summary};
use imagewright_model::Progress;
use imagewright_oci::{Descriptor, Digest, Reference};
use imagewright_store::{ImageRecord, StoreError};

use super::error::{self, FactsError};
use super::kinds;
use super::selection::Selection;
use super::shape::Portable;
use crate::Engine;
use crate::cancel::Cancel;
use crate::parallel;

/// How many layers a registry is asked for at once.
const AT_ONCE: usize = 8;

/// What is taken along.
#[derive(Clone, Debug, Default)]
pub struct ExportRequest {
    /// The images whose packages it is about; none for all packages of the store.
    pub images: Option<Vec<ImageRecord>>,
    /// Repositories where layers can be had. Each is asked for each layer.
    pub places: Vec<Reference>,
}

/// What was taken along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedFacts {
    /// What the bundle says of itself.
    pub summary: Summary,
    /// How many layers the facts name.
    pub layers: u64,
}

impl Engine {
    /// Writes the facts about packages as a bundle; with a key, signed. The same facts give the same bytes.
    pub fn export_facts(
        &self,
        request: &ExportRequest,
        key: Option<&PrivateKey>,
        out: &mut impl Write,
        cancel: &Cancel,
        progress: &(dyn Fn(&str, Progress) + Sync),
    ) -> Result<ExportedFacts, FactsError> {
        let layers = request.images.as_ref().map(|images| self.layers_of(images)).transpose()?;
        let selection = Selection::of(&self.store, layers, cancel)?;
        if selection.is_empty() {
            return Err(FactsError::Nothing);
        }
        let layers: Vec<&Descriptor> = selection.layers.values().collect();
        let of_spool = |error| error::of_spool(&self.store, error);
        let mut bundle = BundleWriter::new(self.store.spool()?).map_err(of_spool)?;
        for place in self.places_of(&layers, &request.places, cancel, progress)? {
            bundle.place(place).map_err(of_spool)?;
        }
        for kind in kinds::portable() {
            for key in selection.keys(kind) {
                // One that went away just now was not needed by anybody.
                if let Some(fact) = Portable::of_store(&self.store, kind, key)? {
                    let fact = Fact { kind: kind.to_owned(), key: key.clone(), value: fact.to_raw() };
                    bundle.fact(fact).map_err(of_spool)?;
                }
            }
        }
        let summary = bundle.finish(key, out)?;
        Ok(ExportedFacts { summary, layers: layers.len() as u64 })
    }

    fn layers_of(&self, images: &[ImageRecord]) -> Result<BTreeSet<Digest>, StoreError> {
        let mut layers = BTreeSet::new();
        for image in images {
            let image = self.store.image(&image.manifest)?;
            layers.extend(image.manifest.layers.iter().map(|layer| layer.digest.clone()));
        }
        Ok(layers)
    }

    /// Which of the repositories has which layer.
    fn places_of(
        &self,
        layers: &[&Descriptor],
        repositories: &[Reference],
        cancel: &Cancel,
        progress: &(dyn Fn(&str, Progress) + Sync),
    ) -> Result<Vec<Place>, FactsError> {
        let mut places: Vec<Place> =
            layers.iter().map(|layer| Place { layer: layer.digest.clone(), at: Vec::new() }).collect();
        for repository in repositories {
            let message = format!("asking {repository}");
            let total = Some(layers.len() as u64);
            progress(&message, Progress { done: 0, total });
            let asked = parallel::map(layers, AT_ONCE, |layer| match cancel.is_cancelled() {
                true => Err(FactsError::Cancelled),
                false => Ok(self.remote.has_layer(layer, std::slice::from_ref(repository), cancel.stop())),
            })?;
            if !asked.contains(&true) {
                return Err(FactsError::NothingAt { place: Box::new(repository.clone()) });
            }
            let has = places.iter_mut().zip(asked).filter(|(_, has)| *has);
            has.for_each(|(place, _)| place.at.push(repository.clone()));
        }
        places.retain(|place| !place.at.is_empty());
        Ok(places)
    }
}
