//! What Python packages require of one another: whether a requirement counts in an image, and whether it is met.
//!
//! Nothing is solved. Markers are read with what can be seen of the interpreter; where its third number cannot, a
//! requirement counts if it does whatever that number is.

use std::collections::BTreeSet;
use std::str::FromStr;

use imagewright_oci::Platform;
use pep440_rs::Version;
use pep508_rs::{MarkerEnvironment, MarkerEnvironmentBuilder, Requirement, VersionOrUrl};

use crate::requirement::normalised;
use crate::view::{Distribution, Installed, Python};

/// A requirement of an installed package that is not met.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Unmet {
    /// Who requires it, with its version.
    pub(crate) package: String,
    /// What it requires, without markers.
    pub(crate) requirement: String,
    /// The name of what it requires.
    pub(crate) name: String,
    /// The version that is there; none where nothing is.
    pub(crate) found: Option<String>,
}

impl Unmet {
    /// `package` requires `name>=1`, and 0.9 is installed.
    pub(crate) fn told(&self) -> String {
        let Self { package, requirement, found, .. } = self;
        match found {
            Some(version) => format!("{package} requires `{requirement}`, and {version} is there"),
            None => format!("{package} requires `{requirement}`, which is not there"),
        }
    }
}

/// The environments that markers are read with: with the first and the last third number, where it is not known.
pub(crate) struct Markers(Vec<MarkerEnvironment>);

impl Markers {
    pub(crate) fn of(python: &Python, platform: &Platform) -> Self {
        let micros = match python.micro {
            Some(micro) => vec![micro],
            None => vec![0, 99],
        };
        Self(micros.into_iter().filter_map(|micro| environment(python, platform, micro)).collect())
    }

    /// Whether a requirement counts, without extras.
    fn count(&self, requirement: &Requirement) -> bool {
        !self.0.is_empty() && self.0.iter().all(|environment| requirement.evaluate_markers(environment, &[]))
    }
}

fn environment(python: &Python, platform: &Platform, micro: u32) -> Option<MarkerEnvironment> {
    let version = python.version_text();
    let full = format!("{version}.{micro}");
    let machine = match platform.architecture.as_str() {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        "386" => "i686",
        other => other,
    };
    MarkerEnvironment::try_from(MarkerEnvironmentBuilder {
        implementation_name: "cpython",
        implementation_version: &full,
        os_name: "posix",
        platform_machine: machine,
        platform_python_implementation: "CPython",
        platform_release: "",
        platform_system: "Linux",
        platform_version: "",
        python_full_version: &full,
        python_version: &version,
        sys_platform: "linux",
    })
    .ok()
}

/// What is required and not met, by package.
pub(crate) fn unmet(installed: &Installed, markers: &Markers) -> BTreeSet<Unmet> {
    installed.iter().flat_map(|(_, package)| unmet_of(package, installed, markers)).collect()
}

/// What one package requires and has not.
pub(crate) fn unmet_of(package: &Distribution, installed: &Installed, markers: &Markers) -> Vec<Unmet> {
    let requirements = package.requires.iter().filter_map(|line| Requirement::from_str(line).ok());
    let counting = requirements.filter(|requirement: &Requirement| markers.count(requirement));
    counting.filter_map(|requirement| judged(package, &requirement, installed)).collect()
}

fn judged(package: &Distribution, requirement: &Requirement, installed: &Installed) -> Option<Unmet> {
    let name = requirement.name.to_string();
    let found = installed.get(&name);
    let specifiers = match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => specifiers.to_string(),
        Some(VersionOrUrl::Url(_)) | None => String::new(),
    };
    if let (Some(found), Some(VersionOrUrl::VersionSpecifier(specifiers))) =
        (found, &requirement.version_or_url)
    {
        // What is no version can be compared with nothing.
        let version = Version::from_str(&found.version).ok()?;
        // A preview that is installed counts as what it is, as pip has it.
        let is_met = specifiers.iter().all(|specifier| specifier.contains(&version));
        if is_met {
            return None;
        }
    } else if found.is_some() {
        return None;
    }
    Some(Unmet {
        package: format!("{} {}", package.name, package.version),
        requirement: format!("{name}{}", specifiers.replace(", ", ",")),
        name: normalised(&name),
        found: found.map(|found| found.version.clone()),
    })
}
