//! What earlier builds decided, and how far this one keeps to it.
//!
//! A lock has four parts: base, apt, conda, pip. Each is solved on top of the one before, so a part is kept as it is where
//! it is for the same question and everything below it was kept. From the first part on that does not fit, the lock
//! is only preferred: what it holds is taken where nothing speaks against it.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use imagewright_model::lock::{
    ImageLock, LockKeys, LockedApt, LockedBase, LockedConda, LockedDebian, LockedKernel, LockedPython,
};
use imagewright_model::plan::LockUse;
use imagewright_model::spec::ImageSpec;
use imagewright_oci::{Digest, Platform};

use crate::error::EngineError;
use crate::step::{Memory, SolvedPackage};
use crate::versions_error::VersionsError;

/// Which packages may come in newer versions than a lock says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Upgrade {
    /// None.
    #[default]
    Nothing,
    /// All of them, and the base.
    Everything,
    /// These; others only where these demand it.
    Packages(BTreeSet<String>),
}

/// How a build decides on versions.
#[derive(Clone, Debug, Default)]
pub struct Versions {
    /// What an earlier build decided.
    pub lock: Option<ImageLock>,
    /// What of it may change.
    pub upgrade: Upgrade,
    /// Whether anything but the lock is an error.
    pub locked: bool,
    /// Whether nothing may be fetched.
    pub offline: bool,
}

/// What a step keeps of a lock.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kept<T> {
    /// Nothing.
    Nothing,
    /// Its versions, where nothing speaks against them.
    Preferred(T),
    /// All of it, and nothing else.
    Exactly(T),
}

impl<T> Kept<T> {
    /// How the step then treats what the store remembers of earlier solutions: the lock counts for more.
    pub(crate) fn memory(&self, given: Memory) -> Memory {
        Memory { solve_again: given.solve_again || !matches!(self, Self::Nothing), ..given }
    }
}

/// A lock held against a spec.
pub(crate) struct Keeping<'a> {
    lock: Option<&'a ImageLock>,
    spec: &'a ImageSpec,
    keys: LockKeys,
    locked: bool,
    upgraded: BTreeSet<String>,
    fits_platform_and_base: bool,
}

impl<'a> Keeping<'a> {
    /// Looks at what of the lock can be kept.
    ///
    /// # Errors
    /// Where it must be kept and is for another spec, or a package is to be upgraded that it does not hold.
    pub(crate) fn new(
        versions: &'a Versions,
        spec: &'a ImageSpec,
        platform: &Platform,
    ) -> Result<Self, EngineError> {
        let lock = versions.lock.as_ref().filter(|_| versions.upgrade != Upgrade::Everything);
        if versions.locked {
            let Some(lock) = lock else { return Err(VersionsError::NoLock.into()) };
            let differences = lock.differences(spec, platform);
            if !differences.is_empty() {
                return Err(VersionsError::LockDiffers { differences }.into());
            }
        }
        let mut upgraded = match &versions.upgrade {
            Upgrade::Packages(names) => names.clone(),
            Upgrade::Nothing | Upgrade::Everything => BTreeSet::new(),
        };
        if let Some(lock) = lock {
            let held = lock.names();
            upgraded = upgraded.into_iter().map(|name| as_held(name, &held)).collect();
            if let Some(unknown) = upgraded.iter().find(|name| !held.contains(name.as_str())) {
                let (package, nearest) = (unknown.clone(), nearest(unknown, &held));
                return Err(VersionsError::NotInLock { package, nearest }.into());
            }
        }
        let keys = spec.lock_keys();
        let fits_platform_and_base = lock.is_some_and(|lock| lock.fits_base(&keys, platform));
        Ok(Self { lock, spec, keys, locked: versions.locked, upgraded, fits_platform_and_base })
    }

    /// The base to keep to.
    pub(crate) fn base(&self) -> Option<KeptBase<'a>> {
        let lock = self.lock.filter(|_| self.fits_platform_and_base)?;
        Some(KeptBase { base: &lock.base, locked: self.locked })
    }

    /// Notes which base there is: where it is another one, what was solved on the locked one does not hold.
    pub(crate) fn base_is(&mut self, found: Option<&Digest>) -> Result<(), EngineError> {
        let Some(kept) = self.base() else { return Ok(()) };
        if kept.base.digest.as_ref() == found {
            return Ok(());
        }
        if self.locked {
            let shown = |digest: Option<&Digest>| digest.map_or("none".to_owned(), ToString::to_string);
            let (locked, found) = (shown(kept.base.digest.as_ref()), shown(found));
            let differences = vec![format!("the base `{}` was {locked} and is {found}", kept.base.name)];
            return Err(VersionsError::LockDiffers { differences }.into());
        }
        self.fits_platform_and_base = false;
        Ok(())
    }

    /// The Debian packages to keep to.
    pub(crate) fn apt(&self) -> Kept<Vec<LockedDebian>> {
        let Some(apt) = self.lock.and_then(|lock| lock.apt.as_ref()) else { return Kept::Nothing };
        let packages = apt.packages.iter().filter(|package| !self.upgraded.contains(&package.name));
        let packages = packages.cloned().collect();
        if self.keeps_apt() { Kept::Exactly(packages) } else { Kept::Preferred(packages) }
    }

    /// The conda packages to keep to, and those of them that may change.
    pub(crate) fn conda(&self) -> Kept<KeptConda<'a>> {
        let Some(conda) = self.lock.and_then(|lock| lock.conda.as_ref()) else { return Kept::Nothing };
        let kept = KeptConda { conda, upgraded: self.upgraded.clone(), locked: self.locked };
        if self.keeps_conda() { Kept::Exactly(kept) } else { Kept::Preferred(kept) }
    }

    /// The Python packages to keep to, and those of them that may change.
    pub(crate) fn pip(&self) -> Kept<KeptPython<'a>> {
        let Some(python) = self.lock.and_then(|lock| lock.pip.as_ref()) else { return Kept::Nothing };
        let kept = KeptPython { python, upgraded: self.upgraded.clone(), locked: self.locked };
        if self.keeps_pip() { Kept::Exactly(kept) } else { Kept::Preferred(kept) }
    }

    /// The launcher of a kernel that must be kept.
    pub(crate) fn kernel(&self) -> Option<&'a LockedKernel> {
        self.lock.filter(|_| self.locked)?.kernel.as_ref()
    }

    /// What of the lock is used, in a word.
    pub(crate) fn usage(&self, versions: &Versions) -> LockUse {
        match (&versions.lock, self.lock) {
            (None, _) => LockUse::None,
            (Some(_), None) => LockUse::Ignored,
            (Some(_), Some(_)) if self.keeps_pip() && self.keeps_kernel() => LockUse::Kept,
            (Some(_), Some(_)) => LockUse::Preferred,
        }
    }

    fn keeps_apt(&self) -> bool {
        let holds = |lock: &ImageLock| {
            let packages = lock.apt.iter().flat_map(|apt| &apt.packages);
            lock.fits_apt(&self.keys, self.spec) && self.keeps(packages.map(|package| package.name.as_str()))
        };
        self.fits_platform_and_base && self.lock.is_some_and(holds)
    }

    fn keeps_conda(&self) -> bool {
        let holds = |lock: &ImageLock| {
            let packages = lock.conda.iter().flat_map(|conda| &conda.packages);
            lock.fits_conda(&self.keys, self.spec)
                && self.keeps(packages.map(|package| package.name.as_str()))
        };
        self.keeps_apt() && self.lock.is_some_and(holds)
    }

    fn keeps_pip(&self) -> bool {
        let holds = |lock: &ImageLock| {
            let packages = lock.pip.iter().flat_map(LockedPython::packages);
            lock.fits_pip(&self.keys, self.spec) && self.keeps(packages.map(|(name, _)| name))
        };
        self.keeps_conda() && self.lock.is_some_and(holds)
    }

    fn keeps_kernel(&self) -> bool {
        let asked = self.lock.and_then(|lock| lock.kernel.as_ref()).map(|kernel| &kernel.asked);
        asked == self.spec.asked_of_kernel().as_ref()
    }

    fn keeps<'n>(&self, mut names: impl Iterator<Item = &'n str>) -> bool {
        !names.any(|name| self.upgraded.contains(name))
    }

    /// The lock of what this build decided.
    pub(crate) fn lock_of(&self, platform: &Platform, decided: Decided) -> ImageLock {
        let keys = self.keys.clone();
        let Decided { base, apt, conda, pip, kernel } = decided;
        ImageLock {
            spec: keys.spec,
            platform: platform.clone(),
            transforms: transforms(),
            base: LockedBase { key: keys.base, name: self.spec.lock_name_of_base(), ..base },
            apt: apt.map(|packages| LockedApt { key: keys.apt, asked: self.spec.asked_of_apt(), packages }),
            conda: conda.map(|conda| LockedConda {
                key: keys.conda,
                asked: self.spec.asked_of_conda(),
                ..conda
            }),
            pip: pip.map(|python| LockedPython { key: keys.pip, asked: self.spec.asked_of_pip(), ..python }),
            kernel,
        }
    }
}

/// A base to keep to.
#[derive(Clone, Copy)]
pub(crate) struct KeptBase<'a> {
    pub(crate) base: &'a LockedBase,
    /// Whether another one is an error.
    pub(crate) locked: bool,
}

/// conda packages to keep to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeptConda<'a> {
    pub(crate) conda: &'a LockedConda,
    /// Packages whose versions may change.
    pub(crate) upgraded: BTreeSet<String>,
    /// Whether another environment is an error.
    pub(crate) locked: bool,
}

/// Python packages to keep to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeptPython<'a> {
    pub(crate) python: &'a LockedPython,
    /// Packages whose versions may change.
    pub(crate) upgraded: BTreeSet<String>,
    /// Whether another Python is an error.
    pub(crate) locked: bool,
}

/// What the steps of a build decided.
pub(crate) struct Decided {
    pub(crate) base: LockedBase,
    pub(crate) apt: Option<Vec<LockedDebian>>,
    pub(crate) conda: Option<LockedConda>,
    pub(crate) pip: Option<LockedPython>,
    pub(crate) kernel: Option<LockedKernel>,
}

/// A base as a lock has it, but for what the spec says of it.
pub(crate) fn locked_base(digest: Option<Digest>) -> LockedBase {
    LockedBase { key: Digest::of(b""), name: String::new(), digest, distribution: None, packages: Vec::new() }
}

/// Versions of the code that makes layers.
fn transforms() -> BTreeMap<String, u32> {
    let versions = [
        ("conda-install", imagewright_conda::package::INSTALL_VERSION),
        ("install", imagewright_python::wheel::INSTALL_VERSION),
        ("layer", imagewright_layer::TRANSFORM_VERSION),
        ("package", imagewright_layer::PACKAGE_VERSION),
        ("step", crate::step::STEP_VERSION),
    ];
    versions.into_iter().map(|(name, version)| (name.to_owned(), version)).collect()
}

impl From<&LockedDebian> for SolvedPackage {
    fn from(package: &LockedDebian) -> Self {
        Self {
            name: package.name.clone(),
            version: package.version.clone(),
            architecture: package.architecture.clone(),
            sha256: vec![package.sha256.clone()],
            size: Some(package.size),
        }
    }
}

impl From<&SolvedPackage> for LockedDebian {
    fn from(package: &SolvedPackage) -> Self {
        Self {
            name: package.name.clone(),
            version: package.version.clone(),
            architecture: package.architecture.clone(),
            sha256: package.sha256.first().cloned().unwrap_or_default(),
            size: package.size.unwrap_or_default(),
            archive: None,
        }
    }
}

/// The name as the lock has it: names of Python packages have several spellings.
fn as_held(name: String, held: &BTreeSet<&str>) -> String {
    if held.contains(name.as_str()) {
        return name;
    }
    let words = name.split(['-', '_', '.']).filter(|word| !word.is_empty());
    let normalised = words.map(str::to_lowercase).collect::<Vec<_>>().join("-");
    if held.contains(normalised.as_str()) { normalised } else { name }
}

fn nearest(name: &str, all: &BTreeSet<&str>) -> Option<String> {
    let scored = all.iter().map(|known| (strsim::jaro_winkler(name, known), *known));
    let best = scored.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (best.0 > 0.8).then(|| best.1.to_owned())
}
