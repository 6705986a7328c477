//! What Elyra installs into a container before it runs a node there, by release, and what it replaces for that.
//!
//! The versions are those of `requirements-elyra.txt` of each release; the rule is that of its bootstrapper, as observed:
//! it compares the names that `pip freeze` prints, to the letter. What is not found so is installed in the version
//! Elyra wants, whatever is there; what is found is replaced where it is older.

use std::str::FromStr;

use pep440_rs::Version;

use crate::requirement::normalised;

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

/// What 4.1.1 wants, in its spelling: names are compared to the letter.
const PINS: [(&str, &str); 18] = [
    ("ipykernel", "6.25.2"),
    ("ipython", "8.12.3"),
    ("ipython-genutils", "0.2.0"),
    ("jinja2", "3.1.6"),
    ("jupyter-client", "7.4.9"),
    ("jupyter-core", "5.8.1"),
    ("MarkupSafe", "2.1.1"),
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

/// What is installed into a container before a node runs: packages in their spelling, each in one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pins {
    origin: String,
    pins: Vec<(String, Version)>,
}

/// The longest list of requirements that is taken for one.
const MOST_PINS: usize = 2_000;

impl Pins {
    /// Those of a release.
    pub(crate) fn of(release: &Release) -> Self {
        let pins = PINS.iter().map(|(name, version)| {
            let change = release.changes.iter().find(|(changed, _)| changed == name);
            let version = change.map_or(*version, |(_, version)| version);
            ((*name).to_owned(), Version::from_str(version).expect("the table holds versions"))
        });
        Self { origin: format!("requirements-elyra.txt of Elyra {}", release.name), pins: pins.collect() }
    }

    /// Those of a requirements file, by its name and text. Lines that pin nothing count for nothing, as with Elyra.
    pub(crate) fn parse(file: &str, text: &str) -> Self {
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        let pins = lines.filter_map(|line| {
            let (name, version) = line.split_once("===").or_else(|| line.split_once("=="))?;
            Some((name.trim().to_owned(), Version::from_str(version.trim()).ok()?))
        });
        Self { origin: file.to_owned(), pins: pins.take(MOST_PINS).collect() }
    }

    /// Whose they are.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Name and version of each.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Version)> {
        self.pins.iter().map(|(name, version)| (name.as_str(), version))
    }
}

/// What `pip freeze` prints in another spelling than Elyra's, so that it counts as missing and is replaced in any version.
const SPELT_OTHERWISE: [&str; 4] = ["jinja2", "jupyter-client", "jupyter-core", "prompt-toolkit"];

impl Release {
    /// The version that it wants of a package, by its normalised name.
    pub(crate) fn pin(&self, name: &str) -> Option<Version> {
        let of = |pins: &[(&str, &str)]| {
            pins.iter().find(|(known, _)| normalised(known) == name).map(|(_, version)| (*version).to_owned())
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
    fn every_row_is_a_version_and_a_change_of_something() {
        for release in &RELEASES {
            assert_eq!(Pins::of(release).iter().count(), PINS.len());
            for (name, version) in release.changes {
                let pins = Pins::of(release);
                let (_, found) = pins.iter().find(|(known, _)| known == name).unwrap();
                assert_eq!(found.to_string(), *version);
                assert_eq!(release.pin(&normalised(name)).as_ref(), Some(found));
            }
        }
    }

    #[test]
    fn a_file_of_requirements_has_pins() {
        let text = "# comment\nJinja2==3.1.6 # why\n requests === 2.33\nother>=1\n-r more.txt\nx==latest\n";
        let pins = Pins::parse("site.txt", text);
        let all: Vec<_> = pins.iter().map(|(name, version)| format!("{name} {version}")).collect();
        assert_eq!(
            (all, pins.origin()),
            (vec!["Jinja2 3.1.6".to_owned(), "requests 2.33".to_owned()], "site.txt")
        );
    }
}
