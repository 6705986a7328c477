//! What Elyra takes and pipelines then refuse or ignore; what nobody else tells.

use std::collections::BTreeMap;
use std::fmt;

use imagewright_oci::Reference;

use crate::record::Record;

/// A kind of finding; its name is stable, for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FindingKind {
    /// The image name is not a reference.
    NotAReference,
    /// Pipelines want `owner/name`.
    NoOwner,
    /// Kubeflow Pipelines ignore the pull policy.
    PullPolicyIgnored,
    /// Kubeflow Pipelines ignore the pull secret.
    PullSecretIgnored,
    /// Another record names the same image.
    SameImage,
}

impl FindingKind {
    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotAReference => "not-a-reference",
            Self::NoOwner => "no-owner",
            Self::PullPolicyIgnored => "pull-policy-ignored",
            Self::PullSecretIgnored => "pull-secret-ignored",
            Self::SameImage => "same-image",
        }
    }

    /// The field it is about.
    pub fn field(self) -> &'static str {
        match self {
            Self::NotAReference | Self::NoOwner | Self::SameImage => "metadata.image_name",
            Self::PullPolicyIgnored => "metadata.pull_policy",
            Self::PullSecretIgnored => "metadata.pull_secret",
        }
    }
}

/// A warning about a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The record.
    pub name: String,
    /// The kind.
    pub kind: FindingKind,
    /// What is wrong.
    pub message: String,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "instance '{}': {}: {}", self.name, self.kind.field(), self.message)
    }
}

/// The findings of one record by itself.
pub fn findings_of(record: &Record) -> Vec<Finding> {
    let finding = |kind, message: String, hint: Option<String>| Finding {
        name: record.name.clone(),
        kind,
        message,
        hint,
    };
    let mut findings = Vec::new();
    if let Some(image_name) = record.image_name() {
        let reference = image_name.parse::<Reference>();
        if let Err(error) = &reference {
            let cause =
                std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
            findings.push(finding(FindingKind::NotAReference, format!("{error}{cause}"), None));
        }
        if !pipelines_take(image_name) {
            let hint = reference.ok().map(|reference| {
                let repository = reference.familiar_repository();
                format!("write '{}'", image_name.replacen(&repository, reference.repository(), 1))
            });
            let message = format!("pipelines refuse '{image_name}': they want [registry/]owner/image:tag");
            findings.push(finding(FindingKind::NoOwner, message, hint));
        }
    }
    let ignored =
        [("pull_policy", FindingKind::PullPolicyIgnored), ("pull_secret", FindingKind::PullSecretIgnored)];
    for (key, kind) in ignored.into_iter().filter(|(key, _)| record.get(key).is_some()) {
        let what = key.replace('_', " ");
        let message = format!(
            "Kubeflow Pipelines ignore the {what}: Elyra 4.1 and newer do not write it into pipelines"
        );
        findings.push(finding(kind, message, None));
    }
    findings
}

/// The findings of records that are used together, in their order.
pub fn findings(records: &[&Record]) -> Vec<Finding> {
    let mut by_image: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for record in records {
        if let Some(image_name) = record.image_name() {
            by_image.entry(image_name).or_default().push(record);
        }
    }
    let shared = |record: &Record| {
        let others = by_image.get(record.image_name()?)?.iter().filter(|other| other.name != record.name);
        same_image(record, &others.copied().collect::<Vec<_>>())
    };
    records.iter().flat_map(|record| findings_of(record).into_iter().chain(shared(record))).collect()
}

/// A pipeline names only the image; the first record with it gives pull policy and secret.
fn same_image(record: &Record, others: &[&Record]) -> Option<Finding> {
    let differs =
        |other: &&&Record| ["pull_policy", "pull_secret"].iter().any(|key| other.get(key) != record.get(key));
    let other = others.iter().find(differs).or(others.first())?;
    let effect = match differs(&other) {
        true => "which of their pull policies and secrets counts is not defined",
        false => "pipelines cannot tell them apart",
    };
    let message = format!("instance '{}' names the same image; {effect}", other.name);
    Some(Finding { name: record.name.clone(), kind: FindingKind::SameImage, message, hint: None })
}

/// Whether `[^/ ]+/[^/ ]+$` is found, the demand of Elyra's pipelines.
fn pipelines_take(image_name: &str) -> bool {
    let image_name = image_name.strip_suffix('\n').unwrap_or(image_name);
    image_name.rsplit_once('/').is_some_and(|(owner, image)| {
        !image.is_empty() && !image.contains(' ') && owner.ends_with(|c: char| c != '/' && c != ' ')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, metadata: &[(&str, &str)]) -> Record {
        let mut record = Record::new(name, name);
        for (key, value) in metadata {
            record.set(key, (*value).into());
        }
        record
    }

    #[test]
    fn references_and_pipelines_are_stricter_than_the_schema() {
        use FindingKind::{NoOwner, NotAReference};
        let digest = format!("a/b@sha256:{}", "0".repeat(64));
        let cases: [(&str, &[FindingKind]); 9] = [
            ("jdoe/my-image:1.0.0", &[]),
            (&digest, &[]),
            ("registry.example:5000/a/b", &[]),
            ("python:3.11", &[NoOwner]),
            ("not a valid image!!", &[NotAReference, NoOwner]),
            (" jdoe/x", &[NotAReference]),
            ("https://registry.example/a/b:1", &[NotAReference]),
            ("UPPER/Case:tag", &[NotAReference]),
            ("a/b@sha256:12", &[NotAReference]),
        ];
        for (image_name, kinds) in cases {
            let findings = findings_of(&record("x", &[("image_name", image_name)]));
            assert_eq!(
                findings.iter().map(|finding| finding.kind).collect::<Vec<_>>(),
                kinds,
                "{image_name}"
            );
        }
        let findings = findings_of(&record("x", &[("image_name", "python:3.11")]));
        assert_eq!(findings[0].hint.as_deref(), Some("write 'library/python:3.11'"));
    }

    #[test]
    fn what_kubeflow_ignores_is_told() {
        let record = record("x", &[("image_name", "a/b:1"), ("pull_policy", "Never"), ("pull_secret", "ab")]);
        let kinds: Vec<_> = findings_of(&record).iter().map(|finding| finding.kind).collect();
        assert_eq!(kinds, [FindingKind::PullPolicyIgnored, FindingKind::PullSecretIgnored]);
    }

    #[test]
    fn two_records_for_one_image_are_told() {
        let one = record("one", &[("image_name", "a/b:1")]);
        let two = record("two", &[("image_name", "a/b:1")]);
        let other = record("other", &[("image_name", "a/b:2")]);
        let shown: Vec<_> = findings(&[&one, &two, &other]).iter().map(ToString::to_string).collect();
        let text = "metadata.image_name: instance";
        let end = "names the same image; pipelines cannot tell them apart";
        assert_eq!(
            shown,
            [format!("instance 'one': {text} 'two' {end}"), format!("instance 'two': {text} 'one' {end}")]
        );
        let secret = record("secret", &[("image_name", "a/b:1"), ("pull_secret", "ab")]);
        let found = findings(&[&one, &two, &secret]);
        assert!(found[0].message.contains("'secret' names the same image; which of their"), "{found:?}");
    }
}
