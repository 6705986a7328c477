//! What Elyra installs into a container before it runs a node there, by release, and what it replaces for that.
//!
//! The versions are those of `requirements-elyra.txt` of each release; the rule is that of its bootstrapper, as observed:
//! it compares the names that `pip freeze` prints, to the letter. What is not found so is installed in the version
//! Elyra wants, whatever is there; what is found is replaced where it is older.

use std::str::FromStr;

use pep440_rs::Version;

/// A release of Elyra.
pub(crate) struct Release {
    /// Its name.
    pub(crate) name: &'static str,
    /// Whether it is out.
    pub(crate) is_released: bool,
    /// What differs from [`PINS`].
    changes: &'static [(&'static str, &'static str)],
}

/// The releases that are looked at, the one most people have first.
pub(crate) const RELEASES: [Release; 2] = [
    Release { name: "4.1.1", is_released: true, changes: &[] },
    Release {
        name: "main",
        is_released: false,
        changes: &[
            ("ipykernel", "6.31.0"),
            ("jupyter-client", "8.9.1"),
            ("tornado", "6.5.7"),
            ("urllib3", "2.7.0"),
        ],
    },
];

/// What 4.1.1 wants.
const PINS: [(&str, &str); 18] = [
    ("ipykernel", "6.25.2"),
    ("ipython", "8.12.3"),
    ("ipython-genutils", "0.2.0"),
    ("jinja2", "3.1.6"),
    ("jupyter-client", "7.4.9"),
    ("jupyter-core", "5.8.1"),
    ("markupsafe", "2.1.1"),
    ("minio", "7.1.15"),
    ("nbclient", "0.6.3"),
    ("nbconvert", "7.17.1"),
    ("nbformat", "5.10.4"),
    ("papermill", "2.6.0"),
    ("pyzmq", "26.4.0"),
    ("prompt-toolkit", "3.0.43"),
    ("requests", "2.33.0"),
    ("tornado", "6.5.5"),
    ("traitlets", "5.10.0"),
    ("urllib3", "2.6.3"),
];

/// What `pip freeze` prints in another spelling than Elyra's, so that it counts as missing and is replaced in any version.
const SPELT_OTHERWISE: [&str; 4] = ["jinja2", "jupyter-client", "jupyter-core", "prompt-toolkit"];

impl Release {
    /// The version that it wants of a package, by its normalised name.
    pub(crate) fn pin(&self, name: &str) -> Option<Version> {
        let of = |pins: &[(&str, &str)]| {
            pins.iter().find(|(known, _)| *known == name).map(|(_, version)| (*version).to_owned())
        };
        let version = of(self.changes).or_else(|| of(&PINS))?;
        Some(Version::from_str(&version).expect("the table holds versions"))
    }

    /// The version by which it replaces this one; none where it keeps it, or does not care.
    pub(crate) fn replaces(&self, name: &str, version: &Version) -> Option<Version> {
        let pin = self.pin(name)?;
        let replaces = *version < pin || (*version != pin && is_spelt_otherwise(name));
        replaces.then_some(pin)
    }
}

/// Whether a package counts as missing whatever its version.
pub(crate) fn is_spelt_otherwise(name: &str) -> bool {
    SPELT_OTHERWISE.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_ones_are_replaced_and_those_that_are_spelt_otherwise_always() {
        let [released, main] = &RELEASES;
        let told = |release: &Release, name: &str, version: &str| {
            release.replaces(name, &version.parse().unwrap()).map(|version| version.to_string())
        };
        assert_eq!(told(released, "requests", "2.31.0").as_deref(), Some("2.33.0"));
        assert_eq!(told(released, "requests", "2.33.0"), None);
        assert_eq!(told(released, "requests", "2.40"), None);
        assert_eq!(told(released, "jupyter-client", "8.6.3").as_deref(), Some("7.4.9"));
        assert_eq!(told(released, "jupyter-client", "7.4.9"), None);
        assert_eq!(told(main, "jupyter-client", "7.4.9").as_deref(), Some("8.9.1"));
        assert_eq!(told(released, "pandas", "1.0"), None);
    }

    #[test]
    fn every_row_is_a_version_and_a_normalised_name() {
        for release in &RELEASES {
            for (name, _) in PINS.iter().chain(release.changes) {
                assert!(release.pin(name).is_some(), "{name}");
                assert!(
                    name.chars().all(|letter| letter.is_ascii_lowercase()
                        || letter.is_ascii_digit()
                        || letter == '-')
                );
            }
        }
    }
}
