//! Facts into a store: all of a bundle is looked at before any of it is filed.

use std::collections::BTreeSet;
use std::io::BufRead;

use imagewright_facts::{Bundle, Fact, Line, Place, PublicKey};
use imagewright_oci::Digest;
use imagewright_store::{MOST_PLACES, StoreError};

use super::error::{self, FactsError};
use super::kinds;
use super::shape::Portable;
use crate::Engine;
use crate::cancel::Cancel;
use crate::conda::{CONDA_FILES, CONDA_LAYER};
use crate::pip::{WHEEL_FILES, WHEEL_LAYER};
use crate::reach;

/// As many contradictions are named.
const NAMED: usize = 10;

/// What is taken in from whom.
#[derive(Clone, Debug, Default)]
pub struct ImportRules {
    /// Whose bundles are believed.
    pub trusted: Vec<PublicKey>,
    /// Believe a bundle whoever signed it, or nobody.
    pub insecure: bool,
    /// Where something else is known here, leave that and take in the rest.
    pub keep_existing: bool,
}

/// What a bundle brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportedFacts {
    /// Who signed it.
    pub signer: Option<PublicKey>,
    /// Facts that were not known.
    pub new: u64,
    /// Facts that were known.
    pub known: u64,
    /// Facts that contradict what is known here, which was left.
    pub conflicts: u64,
    /// The first of those, as kind and what they are about.
    pub first_conflicts: Vec<String>,
    /// Of how many layers it is known now where they can be had.
    pub places: u64,
}

impl Engine {
    /// Takes in what a bundle holds. Before anything is filed, its signature, its body and the shape of each fact are
    /// checked, and whether it contradicts what is known. A fact is filed as a whole or not at all, and what it relies on
    /// before it; so one who is killed leaves some facts, each of them good.
    pub fn import_facts(
        &self,
        source: &mut impl BufRead,
        rules: &ImportRules,
        cancel: &Cancel,
    ) -> Result<ImportedFacts, FactsError> {
        let _lease = self.store.lease(|| {})?;
        let bundle = Bundle::open(source, self.store.spool()?, |head| match rules.insecure {
            true => head.check_signature(),
            false => head.check_trust(&rules.trusted),
        });
        let mut bundle = bundle.map_err(|error| error::of_spool(&self.store, error))?;
        let signer = bundle.head.signer();
        let mut survey = Survey {
            engine: self,
            cancel,
            last: None,
            files: BTreeSet::new(),
            told: ImportedFacts::default(),
        };
        for line in bundle.lines()? {
            survey.look_at(line?)?;
        }
        let told = ImportedFacts { signer, ..survey.told };
        if told.conflicts > 0 && !rules.keep_existing {
            return Err(FactsError::Conflicts { count: told.conflicts, first: told.first_conflicts, signer });
        }
        for line in bundle.lines()? {
            if cancel.is_cancelled() {
                return Err(FactsError::Cancelled);
            }
            match line? {
                Line::Place(place) => self.note_place(&place)?,
                Line::Fact(fact) => self.file(&fact)?,
            }
        }
        Ok(told)
    }

    fn note_place(&self, place: &Place) -> Result<(), StoreError> {
        let known = self.store.origins(&place.layer)?;
        // What was noted last is offered first. What an image here came from goes on being asked first.
        let new = place.at.iter().filter(|at| !known.contains(at)).rev().chain(known.iter().rev());
        match place.at.iter().all(|at| known.contains(at)) {
            true => Ok(()),
            false => new.cloned().try_for_each(|at| self.store.note_origin(&place.layer, &at)),
        }
    }

    /// Files a fact that was looked at, unless something is known.
    fn file(&self, fact: &Fact) -> Result<(), FactsError> {
        let (kind, read) = read(fact)?;
        if Portable::of_store(&self.store, kind, &fact.key)?.is_none() {
            read.put(&self.store, kind, &fact.key)?;
        }
        if let Portable::Joined(joined) = &read {
            reach::note_segments(&self.store, joined)?;
        }
        Ok(())
    }
}

fn read(fact: &Fact) -> Result<(&'static str, Portable), FactsError> {
    let kind = kinds::portable().find(|kind| *kind == fact.kind);
    let kind = kind.ok_or_else(|| FactsError::Kind { kind: fact.kind.chars().take(100).collect() })?;
    Ok((kind, Portable::read(kind, &fact.key, fact.value.get())?))
}

/// A bundle that is looked at.
struct Survey<'a> {
    engine: &'a Engine,
    cancel: &'a Cancel,
    /// The last fact: they come in order, so none comes twice.
    last: Option<(usize, Digest)>,
    /// What lists of files there are: keys with the kind of the fact that relies on them.
    files: BTreeSet<(&'static str, Digest)>,
    told: ImportedFacts,
}

impl Survey<'_> {
    fn look_at(&mut self, line: Line) -> Result<(), FactsError> {
        if self.cancel.is_cancelled() {
            return Err(FactsError::Cancelled);
        }
        match line {
            Line::Place(Place { layer, at }) => {
                if !(1..=MOST_PLACES).contains(&at.len()) {
                    return Err(FactsError::Places { layer, count: at.len() });
                }
                self.told.places += 1;
                Ok(())
            }
            Line::Fact(fact) => self.look_at_fact(fact),
        }
    }

    fn look_at_fact(&mut self, fact: Fact) -> Result<(), FactsError> {
        let (kind, read) = read(&fact)?;
        let key = fact.key;
        let place = (kinds::rank(kind).unwrap_or_default(), key.clone());
        if self.last.as_ref().is_some_and(|last| *last >= place) {
            return Err(FactsError::Disorder { kind, key });
        }
        self.last = Some(place);
        match kind {
            WHEEL_FILES => drop(self.files.insert((WHEEL_LAYER, key.clone()))),
            CONDA_FILES => drop(self.files.insert((CONDA_LAYER, key.clone()))),
            WHEEL_LAYER | CONDA_LAYER if !self.files.remove(&(kind, key.clone())) => {
                return Err(FactsError::Half { kind, key });
            }
            _ => {}
        }
        match Portable::of_store(&self.engine.store, kind, &key)? {
            None => self.told.new += 1,
            Some(known) if known.is_same(&read) => self.told.known += 1,
            Some(_) => {
                self.told.conflicts += 1;
                if self.told.first_conflicts.len() < NAMED {
                    self.told.first_conflicts.push(format!("{kind} {}", key.hex()));
                }
            }
        }
        Ok(())
    }
}
