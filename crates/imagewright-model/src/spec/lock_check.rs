//! Whether a lock holds what is asked for.

use super::{LockedPackage, LockedPip, PipRequirement, PipSpec, Problem, SpecError};

impl PipSpec {
    /// Checks that a lock made elsewhere holds each requirement, in a version it accepts.
    pub(super) fn check_versions(&self, lock: &LockedPip) -> Result<(), SpecError> {
        self.requirements.iter().try_for_each(|requirement| match found_instead(lock, requirement) {
            None => Ok(()),
            Some(found) => Err(SpecError::new(
                requirement.origin.clone(),
                Problem::NotLocked {
                    requirement: requirement.text.clone(),
                    lock: lock.source.clone(),
                    found,
                },
            )),
        })
    }

    /// Checks the files of a lock against the hashes that were given with requirements.
    ///
    /// Whoever solves requirements has to ask this: solvers take hashes and do not check them.
    ///
    /// # Errors
    /// Names the requirement that lists hashes, and the file that has none of them; or, where every package must
    /// be listed with its hash, the package that is not.
    pub fn check_hashes(&self, lock: &LockedPip) -> Result<(), SpecError> {
        let hashed = |requirement: &&PipRequirement| !requirement.hashes.is_empty();
        for requirement in self.requirements.iter().filter(hashed) {
            check_files(requirement, lock)?;
        }
        if !self.options.require_hashes {
            return Ok(());
        }
        let listed = |package: &LockedPackage| {
            self.requirements.iter().filter(hashed).any(|requirement| is_about(requirement, package))
        };
        match lock.packages.iter().find(|package| !listed(package)) {
            None => Ok(()),
            Some(package) => {
                let asked = self.requirements.iter().find(|requirement| is_about(requirement, package));
                let origin = asked.map_or_else(|| lock.origin(), |requirement| requirement.origin.clone());
                Err(SpecError::new(origin, Problem::NoHash(shown(package))))
            }
        }
    }
}

/// What a lock holds instead of what is asked for; none where it holds that.
fn found_instead(lock: &LockedPip, requirement: &PipRequirement) -> Option<String> {
    if let Some(local) = &requirement.local {
        let is_it = |package: &LockedPackage| package.path.as_ref() == Some(&local.path);
        if lock.packages.iter().any(is_it) {
            return None;
        }
        return local.marker.is_empty().then(|| format!("there is no path `{}` in it", local.path));
    }
    let Some(name) = &requirement.name else {
        return Some("an address alone cannot be compared, write `NAME @ ADDRESS`".to_owned());
    };
    let packages: Vec<&LockedPackage> =
        lock.packages.iter().filter(|package| package.name == *name).collect();
    if packages.is_empty() {
        return match lock.given.iter().find(|(given, _)| given == name) {
            Some((_, version)) if requirement.accepts(version) => None,
            Some((_, version)) => Some(format!("it has version {version}, from conda")),
            None => requirement.is_unconditional().then(|| format!("there is no `{name}` in it")),
        };
    }
    let accepts = |package: &&LockedPackage| {
        package.version.as_deref().is_none_or(|version| requirement.accepts(version))
    };
    if packages.iter().any(accepts) {
        return None;
    }
    let versions: Vec<&str> = packages.iter().filter_map(|package| package.version.as_deref()).collect();
    Some(format!("it has version {}", versions.join(", ")))
}

fn check_files(requirement: &PipRequirement, lock: &LockedPip) -> Result<(), SpecError> {
    let allowed = |hash: &String| requirement.hashes.iter().any(|listed| listed.eq_ignore_ascii_case(hash));
    for package in lock.packages.iter().filter(|package| is_about(requirement, package)) {
        // Any of the files may be installed, so each must be listed.
        let other = package.hashes.iter().find(|file| !file.iter().any(allowed));
        let nothing = Vec::new();
        let other = if package.hashes.is_empty() { Some(&nothing) } else { other };
        if let Some(found) = other {
            let problem = Problem::OtherHash {
                package: shown(package),
                lock: lock.source.clone(),
                found: found.clone(),
            };
            return Err(SpecError::new(requirement.origin.clone(), problem));
        }
    }
    Ok(())
}

fn is_about(requirement: &PipRequirement, package: &LockedPackage) -> bool {
    requirement.name.as_ref() == Some(&package.name)
}

fn shown(package: &LockedPackage) -> String {
    match &package.version {
        Some(version) => format!("{}=={version}", package.name),
        None => package.name.clone(),
    }
}
