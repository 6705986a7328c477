//! Registries as commands about records see them: they are asked, and nothing of an image is moved.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use imagewright_model::{ErrorKind, TrustSettings};
use imagewright_oci::{Digest, Platform, Reference, Tag};
use imagewright_registry::transfer::{self, RemoteImage};
use imagewright_registry::{
    Cancel, Client, CredentialFiles, ManifestName, NoCredentials, Patience, RegistryError, RegistrySettings,
    Repository,
};

use crate::ServiceError;
use imagewright_model::in_one_line;

/// Records that are looked at at once.
const AT_ONCE: usize = 4;
/// Whoever asks about many images does not wait long for each.
pub(crate) const PATIENCE: Patience =
    Patience { tries: 2, first_pause: Duration::from_millis(300), longest_pause: Duration::from_secs(10) };

/// Asks registries about images, with the user's credentials and without.
pub struct ImageRegistries {
    own: Client,
    anonymous: Client,
    /// Registries that have mirrors.
    mirrored: BTreeSet<String>,
    /// What is wrong with registries that cannot be used: each is waited for once.
    down: Mutex<HashMap<String, Trouble>>,
}

/// Why a registry did not say what it was asked.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// What kind of trouble.
    pub kind: TroubleKind,
    /// The error and its causes.
    pub message: String,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
}

impl Trouble {
    /// Whether the registry is there and wants another login.
    pub fn is_refusal(&self) -> bool {
        matches!(self.kind, TroubleKind::LoginRequired | TroubleKind::Denied)
    }
}

/// A kind of trouble; its name is stable, for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// There is no such image.
    Missing,
    /// The registry wants credentials, and there are none.
    LoginRequired,
    /// The credentials are not enough.
    Denied,
    /// There is no image for the platform.
    WrongPlatform,
    /// The registry cannot be used.
    Unreachable,
    /// The image or the registry is broken.
    Unusable,
}

impl TroubleKind {
    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::LoginRequired => "login-required",
            Self::Denied => "denied",
            Self::WrongPlatform => "wrong-platform",
            Self::Unreachable => "unreachable",
            Self::Unusable => "unusable",
        }
    }
}

impl From<RegistryError> for Trouble {
    fn from(error: RegistryError) -> Self {
        let kind = match &error {
            RegistryError::LoginRequired { .. } => TroubleKind::LoginRequired,
            RegistryError::NoPlatform { .. } => TroubleKind::WrongPlatform,
            error => match error.kind() {
                ErrorKind::NotFound => TroubleKind::Missing,
                ErrorKind::Denied => TroubleKind::Denied,
                ErrorKind::Unavailable => TroubleKind::Unreachable,
                _ => TroubleKind::Unusable,
            },
        };
        Self { kind, message: in_one_line(&error), hint: error.hint() }
    }
}

impl ImageRegistries {
    /// Registries that are reached as the settings say.
    pub fn new(
        settings: &RegistrySettings,
        trust: &TrustSettings,
        credentials: CredentialFiles,
    ) -> Result<Self, ServiceError> {
        let settings = RegistrySettings { patience: PATIENCE, ..settings.clone() };
        Ok(Self {
            own: Client::new(settings.clone(), trust, Box::new(credentials))?,
            anonymous: Client::new(settings.clone(), trust, Box::new(NoCredentials))?,
            mirrored: settings.mirrors.into_keys().collect(),
            down: Mutex::default(),
        })
    }

    /// The digest that a tag stands for now: that of the index, where the image is for several platforms.
    pub(super) fn digest_of(&self, reference: &Reference, tag: &Tag) -> Result<Digest, Trouble> {
        let name = ManifestName::Tag(tag.clone());
        self.ask(reference, |repository| {
            let described = match repository.head_manifest(&name) {
                // Behind a mirror the registry itself may be out of reach.
                Err(error)
                    if error.kind() == ErrorKind::Unavailable
                        && self.mirrored.contains(reference.registry()) =>
                {
                    None
                }
                described => described?,
            };
            // Some registries keep digests to themselves until they send what has them. And what is missing is told here.
            let described = match described {
                Some(described) => described,
                None => repository.get_manifest(&name)?.descriptor(),
            };
            let media_type = described.media_type;
            match media_type.is_manifest() || media_type.is_index() {
                true => Ok(described.digest),
                false => {
                    let what = format!("image `{}:{tag}`", reference.familiar_repository());
                    Err(RegistryError::ManifestType { what, found: media_type })
                }
            }
        })
    }

    /// Reads what an image says about itself.
    pub(crate) fn inspect(&self, reference: &Reference, platform: &Platform) -> Result<RemoteImage, Trouble> {
        self.ask(reference, |_| transfer::inspect(&self.own, reference, platform, &Cancel::default()))
    }

    /// Whether the index behind a tag has an entry with this digest.
    pub(super) fn is_in_index(&self, reference: &Reference, platform: &Platform, digest: &Digest) -> bool {
        let index =
            self.ask(reference, |repository| repository.resolve(&ManifestName::of(reference), platform));
        let index = index.ok().and_then(|resolved| resolved.index);
        index.is_some_and(|index| index.manifests.iter().any(|entry| entry.digest == *digest))
    }

    /// All tags of a repository.
    pub(super) fn tags(&self, reference: &Reference) -> Result<Vec<String>, Trouble> {
        self.ask(reference, Repository::tags)
    }

    /// Whether anybody may pull the image.
    pub(crate) fn is_public(&self, reference: &Reference) -> Result<bool, Trouble> {
        let answer = self
            .anonymous
            .repository(reference)
            .head_manifest(&ManifestName::of(reference))
            .map_err(Trouble::from);
        match answer {
            Ok(described) => Ok(described.is_some()),
            // Who is not let in may be told that there is nothing.
            Err(trouble) => match trouble.kind {
                TroubleKind::Missing | TroubleKind::LoginRequired | TroubleKind::Denied => Ok(false),
                _ => Err(trouble),
            },
        }
    }

    fn ask<T>(
        &self,
        reference: &Reference,
        question: impl FnOnce(&Repository) -> Result<T, RegistryError>,
    ) -> Result<T, Trouble> {
        let down = || self.down.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(trouble) = down().get(reference.registry()) {
            return Err(trouble.clone());
        }
        question(&self.own.repository(reference)).map_err(|error| {
            let is_down = matches!(
                error,
                RegistryError::UnknownHost { .. }
                    | RegistryError::Refused { .. }
                    | RegistryError::Unreachable { .. }
                    | RegistryError::UnknownAuthority { .. }
                    | RegistryError::Certificate { .. }
                    | RegistryError::PlainHttp { .. }
            );
            let trouble = Trouble::from(error);
            // Behind its mirrors, what it has can be had all the same.
            if is_down && !self.mirrored.contains(reference.registry()) {
                down().insert(reference.registry().to_owned(), trouble.clone());
            }
            trouble
        })
    }
}

/// Does `work` for each item on a few threads. The results are in the items' order.
pub(super) fn for_each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(items.len())));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(items.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { return };
                    let result = work(item);
                    results.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..100).collect();
        assert_eq!(for_each(&items, |item| item * 2), items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert!(for_each(&[] as &[usize], |item| *item).is_empty());
    }
}
