//! What a package says of itself: what an inventory of an image (SBOM) needs.

use serde::{Deserialize, Serialize};

/// Longer texts are left out: a licence's text in place of its name, a description in place of a name.
const LONGEST: usize = 1024;
/// As many entries of a list are kept.
const MOST: usize = 1000;

/// A package in a layer of ours, as far as it can be told from the package itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageRecord {
    /// Whose package it is.
    pub kind: PackageKind,
    /// Its name, normalised.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its package URL, by which other tools know it.
    pub purl: String,
    /// The architecture it is for, where its kind has such a thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// The package and version of the sources it was made from, where its kind tells: `glibc 2.41-12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Hash of its file, `sha256:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// Where it was had from, as its `direct_url.json` says: only for what no index gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct_url: Option<String>,
    /// What it is, in a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Its licence as an SPDX expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license_expression: Option<String>,
    /// Its licences as it names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<String>,
    /// Its licences as classifiers of an index: `License :: OSI Approved :: MIT License`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub license_classifiers: Vec<String>,
    /// The files in it that hold licences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub license_files: Vec<String>,
    /// Who wrote it: names and addresses as it has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
    /// Who cares for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub maintainers: Vec<String>,
    /// Its home page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home_page: Option<String>,
    /// Other pages, as `Label, https://…`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub project_urls: Vec<String>,
    /// What it requires, one requirement each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    /// Whether something it says was too long to be kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_cut: bool,
}

/// Whose package it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PackageKind {
    /// A Debian package, of whatever distribution.
    Debian,
    /// A conda package.
    Conda,
    /// A Python package.
    Python,
}

impl PackageKind {
    /// Its name, as JSON has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debian => "debian",
            Self::Conda => "conda",
            Self::Python => "python",
        }
    }
}

impl PackageRecord {
    /// A record that says no more than this.
    pub fn new(kind: PackageKind, name: String, version: String, purl: String) -> Self {
        Self {
            kind,
            name,
            version,
            purl,
            architecture: None,
            source: None,
            hash: None,
            direct_url: None,
            summary: None,
            license_expression: None,
            licenses: Vec::new(),
            license_classifiers: Vec::new(),
            license_files: Vec::new(),
            authors: Vec::new(),
            maintainers: Vec::new(),
            home_page: None,
            project_urls: Vec::new(),
            requires: Vec::new(),
            is_cut: false,
        }
    }

    /// The same, bounded: packages may say whatever they like, as much as they like.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        let fits = |text: &String| text.len() <= LONGEST;
        let mut is_cut = self.is_cut;
        let texts = [
            &mut self.source,
            &mut self.direct_url,
            &mut self.summary,
            &mut self.license_expression,
            &mut self.home_page,
        ];
        for text in texts {
            is_cut |= text.as_ref().is_some_and(|text| !fits(text));
            *text = text.take().filter(fits);
        }
        let lists = [
            &mut self.licenses,
            &mut self.license_classifiers,
            &mut self.license_files,
            &mut self.authors,
            &mut self.maintainers,
            &mut self.project_urls,
            &mut self.requires,
        ];
        for list in lists {
            let length = list.len();
            list.retain(fits);
            list.truncate(MOST);
            is_cut |= list.len() < length;
        }
        self.is_cut = is_cut;
        self
    }

    /// Its licence in a few words; none where it names none.
    pub fn license(&self) -> Option<String> {
        if let Some(expression) = &self.license_expression {
            return Some(expression.clone());
        }
        if !self.licenses.is_empty() {
            return Some(self.licenses.join(", "));
        }
        let named = |classifier: &String| classifier.rsplit(" :: ").next().map(str::to_owned);
        let names: Vec<String> = self.license_classifiers.iter().filter_map(named).collect();
        Some(names.join(", ")).filter(|names| !names.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> PackageRecord {
        PackageRecord::new(PackageKind::Python, "x".into(), "1".into(), "pkg:pypi/x@1".into())
    }

    #[test]
    fn the_best_name_of_a_licence_is_shown() {
        let mut record = record();
        assert_eq!(record.license(), None);
        record.license_classifiers =
            vec!["License :: OSI Approved :: MIT License".into(), "License :: Public Domain".into()];
        assert_eq!(record.license().unwrap(), "MIT License, Public Domain");
        record.licenses = vec!["BSD".into()];
        assert_eq!(record.license().unwrap(), "BSD");
        record.license_expression = Some("MIT OR BSD-3-Clause".into());
        assert_eq!(record.license().unwrap(), "MIT OR BSD-3-Clause");
    }

    #[test]
    fn a_record_does_not_grow_without_end() {
        let long = "x".repeat(LONGEST + 1);
        let just = "x".repeat(LONGEST);
        let record = PackageRecord {
            summary: Some(long.clone()),
            home_page: Some(just.clone()),
            licenses: vec![long, just.clone()],
            requires: vec!["y".into(); MOST + 5],
            ..record()
        };
        let bounded = record.bounded();
        assert_eq!((bounded.summary.as_ref(), bounded.home_page.as_ref()), (None, Some(&just)));
        assert_eq!((bounded.licenses.len(), bounded.requires.len(), bounded.is_cut), (1, MOST, true));
        assert!(!super::tests::record().bounded().is_cut);
    }

    #[test]
    fn every_field_is_documented() {
        let documentation = include_str!("../../../docs/inventory.md");
        let text = || Some("x".to_owned());
        let list = || vec!["x".to_owned()];
        let full = PackageRecord {
            architecture: text(),
            source: text(),
            hash: text(),
            direct_url: text(),
            summary: text(),
            license_expression: text(),
            licenses: list(),
            license_classifiers: list(),
            license_files: list(),
            authors: list(),
            maintainers: list(),
            home_page: text(),
            project_urls: list(),
            requires: list(),
            is_cut: true,
            ..record()
        };
        let value = serde_json::to_value(full).unwrap();
        let names: Vec<&String> = value.as_object().unwrap().keys().collect();
        for name in &names {
            assert!(documentation.contains(&format!("\n| `packages.{name}` |")), "no row `{name}`");
        }
        assert_eq!(
            documentation.matches("\n| `packages.").count(),
            names.len(),
            "a documented field does not exist"
        );
        for kind in [PackageKind::Debian, PackageKind::Python] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert!(documentation.contains(&format!("`{}`", kind.as_str())));
        }
    }

    #[test]
    fn what_is_not_said_is_not_written() {
        let text = serde_json::to_string(&record()).unwrap();
        assert_eq!(text, r#"{"kind":"python","name":"x","version":"1","purl":"pkg:pypi/x@1"}"#);
        assert_eq!(serde_json::from_str::<PackageRecord>(&text).unwrap(), record());
    }
}
