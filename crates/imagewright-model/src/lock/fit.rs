//! Whether a lock is for a spec, and what differs.

use std::collections::BTreeSet;

use imagewright_oci::{Digest, Platform};

use super::{ImageLock, LockedPython};
use crate::spec::ImageSpec;

/// Digests of what a spec asks for, as far as versions follow from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockKeys {
    /// All of it.
    pub spec: Digest,
    /// The base and the platform.
    pub base: Digest,
    /// Debian packages.
    pub apt: Digest,
    /// conda packages.
    pub conda: Digest,
    /// Python packages.
    pub pip: Digest,
}

impl ImageLock {
    /// Whether the base is what `spec` asks for.
    pub fn fits_base(&self, keys: &LockKeys, platform: &Platform) -> bool {
        self.base.key == keys.base && self.platform == *platform
    }

    /// Whether the Debian packages are what `spec` asks for; none where it asks for none.
    pub fn fits_apt(&self, keys: &LockKeys, spec: &ImageSpec) -> bool {
        match &self.apt {
            Some(apt) => apt.key == keys.apt,
            None => spec.apt.packages.is_empty(),
        }
    }

    /// Whether the conda packages are what `spec` asks for; none where it asks for none.
    pub fn fits_conda(&self, keys: &LockKeys, spec: &ImageSpec) -> bool {
        match &self.conda {
            Some(conda) => conda.key == keys.conda,
            None => spec.conda.is_empty(),
        }
    }

    /// Whether the Python packages are what `spec` asks for; none where it asks for none.
    pub fn fits_pip(&self, keys: &LockKeys, spec: &ImageSpec) -> bool {
        match &self.pip {
            Some(pip) => pip.key == keys.pip,
            None => spec.pip.is_empty(),
        }
    }

    /// What of `spec` the lock is not for, a sentence each.
    pub fn differences(&self, spec: &ImageSpec, platform: &Platform) -> Vec<String> {
        let keys = spec.lock_keys();
        let mut differences = Vec::new();
        let base = spec.lock_name_of_base();
        if self.platform != *platform {
            differences.push(format!("it is for {}, not {platform}", self.platform));
        }
        if base != self.base.name {
            differences.push(format!("its base is `{}`, not `{base}`", self.base.name));
        } else if self.base.key != keys.base && self.platform == *platform {
            differences.push("the platform is asked for otherwise".to_owned());
        }
        if !self.fits_apt(&keys, spec) {
            let locked = self.apt.as_ref().map(|apt| &apt.asked[..]).unwrap_or_default();
            differences.extend(changes("apt", locked, &spec.asked_of_apt()));
        }
        if !self.fits_conda(&keys, spec) {
            let locked = self.conda.as_ref().map(|conda| &conda.asked[..]).unwrap_or_default();
            differences.extend(changes("conda", locked, &spec.asked_of_conda()));
        }
        if !self.fits_pip(&keys, spec) {
            let locked = self.pip.as_ref().map(|pip| &pip.asked[..]).unwrap_or_default();
            differences.extend(changes("pip", locked, &spec.asked_of_pip()));
        }
        let (held, wanted) = (self.kernel.as_ref().map(|it| &it.asked), spec.asked_of_kernel());
        if held != wanted.as_ref() {
            let shown = |asked: Option<&String>| asked.map_or("no kernel".to_owned(), |it| format!("`{it}`"));
            differences.push(format!("it is for {}, and not for {}", shown(held), shown(wanted.as_ref())));
        }
        differences
    }

    /// Names of all packages that it holds versions of beside those of the base.
    pub fn names(&self) -> BTreeSet<&str> {
        let apt = self.apt.iter().flat_map(|apt| &apt.packages).map(|package| package.name.as_str());
        let conda = self.conda.iter().flat_map(|conda| &conda.packages).map(|package| package.name.as_str());
        let pip = self.pip.iter().flat_map(LockedPython::packages).map(|(name, _)| name);
        apt.chain(conda).chain(pip).collect()
    }
}

fn changes(kind: &str, locked: &[String], asked: &[String]) -> Vec<String> {
    let missing = asked.iter().filter(|entry| !locked.contains(entry));
    let added = missing.map(|entry| format!("`{entry}` ({kind}) is asked for and not in it"));
    let left = locked.iter().filter(|entry| !asked.contains(entry));
    let gone = left.map(|entry| format!("`{entry}` ({kind}) is not asked for any more"));
    let all: Vec<String> = added.chain(gone).collect();
    if all.is_empty() { vec![format!("the options of {kind} have changed")] } else { all }
}
