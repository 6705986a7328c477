//! Each rule of each profile: an image that it finds nothing wrong with, and one that it does. The images are made here, file
//! by file; those that are right are right by all rules of their profile.

mod elyra;
mod enterprise_gateway;
mod hostile;
mod kernelspec_folders;
mod kubeflow;
mod notebooks;
mod running;
mod verdicts;

use std::collections::BTreeSet;

use imagewright_oci::{ContainerConfig, Descriptor, Digest, ImageConfig, Manifest, MediaType, Platform};

use super::{Profile, Report, Verdict};
use crate::image::ImageSubject;
use crate::kernelspec::KernelspecFolder;
use crate::reference::{ReferenceState, RegistryAnswer};
use crate::rule::Level;
use crate::selection::Selection;
use crate::view::tests::Files;

/// An image to ask a profile about.
#[derive(Clone)]
pub(super) struct Example {
    pub(super) name: &'static str,
    pub(super) files: Files,
    pub(super) container: ContainerConfig,
    pub(super) answer: RegistryAnswer,
    pub(super) pull_secret: Option<String>,
    pub(super) kernelspec: Option<KernelspecFolder>,
}

impl Example {
    pub(super) fn new(files: Files, container: ContainerConfig) -> Self {
        let manifest = Self::manifest().digest().clone();
        let answer = RegistryAnswer::Has { manifest, is_public: Some(true), platforms: Vec::new() };
        Self {
            name: "registry.example/team/image:1",
            files,
            container,
            answer,
            pull_secret: None,
            kernelspec: None,
        }
    }

    fn manifest() -> imagewright_oci::Document<Manifest> {
        let descriptor = |text: &str| Descriptor::new(MediaType::LayerGzip, Digest::of(text.as_bytes()), 1);
        let manifest = Manifest::new(descriptor("config"), vec![descriptor("one")]);
        imagewright_oci::Document::new(manifest)
    }

    pub(super) fn files(self, change: impl FnOnce(Files) -> Files) -> Self {
        Self { files: change(self.files), ..self }
    }

    /// With a variable; with an empty one, without it.
    pub(super) fn variable(mut self, name: &str, value: &str) -> Self {
        let beginning = format!("{name}=");
        self.container.env.retain(|entry| !entry.starts_with(&beginning));
        if !value.is_empty() {
            self.container.env.push(format!("{name}={value}"));
        }
        self
    }

    pub(super) fn container(mut self, change: impl FnOnce(&mut ContainerConfig)) -> Self {
        change(&mut self.container);
        self
    }

    pub(super) fn ask(&self, profile: &Profile) -> Report {
        let manifest = Self::manifest();
        let mut config = ImageConfig::empty(Platform::linux("amd64"));
        config.config = Some(self.container.clone());
        let indexes = [Some(self.files.index())];
        let subject = ImageSubject::new(self.name, &manifest, &config, &indexes)
            .with_digest(manifest.digest().clone())
            .with_kernelspec(self.kernelspec.clone())
            .with_reference(ReferenceState {
                reference: self.name.parse().ok(),
                answer: self.answer.clone(),
                pull_secret: self.pull_secret.clone(),
            });
        profile.ask(&subject, &Selection::default())
    }
}

/// A change that makes an image wrong by a rule, and what is then said, in part.
pub(super) type Case = (&'static str, fn(Example) -> Example, &'static str);

/// Asks a profile about an image that is right, and about that image with each change. Every rule of the profile must have a
/// change of its own but for those in `elsewhere`, which have tests of their own.
pub(super) fn hold(profile: &Profile, right: &Example, cases: &[Case], elsewhere: &[&str]) {
    let report = right.ask(profile);
    assert!(report.findings.is_empty() && report.unanswered.is_empty(), "{}", told(&report));
    assert_eq!(report.verdict, Verdict::Runs);
    for (rule, change, expected) in cases {
        let report = change(right.clone()).ask(profile);
        let mut of_rule = report.findings.iter().filter(|finding| finding.rule == *rule);
        let found = of_rule.any(|finding| finding.message.contains(expected));
        assert!(found, "{rule}: {expected}\n{}", told(&report));
    }
    let with_case: BTreeSet<_> =
        cases.iter().map(|(rule, _, _)| *rule).chain(elsewhere.iter().copied()).collect();
    // Those that run the image have tests with images that run.
    let looks = |rule: &&str| !crate::rule(rule).unwrap().runs_images();
    let missing: Vec<_> =
        profile.rule_names().filter(looks).filter(|rule| !with_case.contains(rule)).collect();
    assert!(missing.is_empty(), "no image is wrong by {missing:?}");
}

pub(super) fn told(report: &Report) -> String {
    let findings = report.findings.iter().map(|finding| format!("{}: {finding}\n", finding.level));
    let unanswered = report.unanswered.iter().map(|it| format!("?: {} ({})\n", it.reason, it.rule));
    format!("{}\n{}", report.verdict, findings.chain(unanswered).collect::<String>())
}

/// Levels of what a rule finds.
pub(super) fn levels(report: &Report, rule: &str) -> Vec<Level> {
    report.findings.iter().filter(|finding| finding.rule == rule).map(|finding| finding.level).collect()
}

pub(super) fn words(words: &[&str]) -> Option<Vec<String>> {
    Some(words.iter().map(|word| (*word).to_owned()).collect())
}

/// A Python package that is installed.
pub(super) fn package(files: Files, site: &str, name: &str, version: &str, requires: &[&str]) -> Files {
    let requires: String = requires.iter().map(|line| format!("Requires-Dist: {line}\n")).collect();
    let text = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}\nText.\n");
    files.file(&format!("{site}/{name}-{version}.dist-info/METADATA"), &text)
}
