//! What an image has to pass before it gets its names: it is built under a name that nobody sees, asked whether it runs where it is meant
//! to, and only then called as was wanted. What does not pass leaves nothing behind but caches.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use imagewright_check::{Finding, Level, Profile, Report, Selection, Verdict};
use imagewright_engine::{AmendRequest, Built, Cancel};
use imagewright_model::NoEvents;
use imagewright_oci::{Digest, Reference};
use imagewright_store::ImageRecord;

use crate::check::CheckCommand;
use crate::{Service, ServiceError};

/// What cannot be known before an image is pushed.
pub(crate) const KNOWN_LATER: &str = "reference-not-in-registry";
/// Notes which rules an image does not keep to, and was let through all the same.
pub const WAIVED: &str = "dev.imagewright.waived";

/// What an image must pass.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    /// Where it is to run.
    pub profiles: Vec<Profile>,
    /// Rules that it need not keep to.
    pub allowed: Vec<&'static str>,
}

/// A name for an image that is not finished; it is gone when this is.
pub(crate) struct WorkingName<'a> {
    service: &'a Service,
    pub(crate) name: Reference,
    /// An image that was there before, and stays.
    before: Option<Digest>,
}

impl<'a> WorkingName<'a> {
    /// For what becomes of an image that is there.
    pub(crate) fn on(service: &'a Service, image: &ImageRecord) -> Result<Self, ServiceError> {
        let mut working = Self::new(service);
        working.before = Some(image.manifest.digest.clone());
        service.store().tag(image, &working.name)?;
        Ok(working)
    }

    pub(crate) fn new(service: &'a Service) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let text = format!("imagewright.invalid/unfinished:{}-{number}", std::process::id());
        Self { service, name: text.parse().expect("digits make a tag"), before: None }
    }

    pub(crate) fn image(&self) -> Result<ImageRecord, ServiceError> {
        Ok(self.service.store().resolve(&self.name.to_string())?)
    }

    /// Takes an image out of the list that has no name any more.
    pub(crate) fn forget(&self, image: &ImageRecord) {
        if self.before.as_ref() == Some(&image.manifest.digest) {
            return;
        }
        let store = self.service.store();
        // Where that cannot be done, it is an image more in the list.
        if let Ok(image) = store.resolve(&image.manifest.digest.to_string())
            && image.names.is_empty()
        {
            drop(store.remove(&image));
        }
    }
}

impl Drop for WorkingName<'_> {
    fn drop(&mut self) {
        let image = self.image();
        drop(self.service.store().untag(&self.name));
        if let Ok(image) = image {
            self.forget(&image);
        }
    }
}

/// A build whose result is held back until it has passed.
pub(crate) struct Held<'a> {
    gate: &'a Gate,
    working: WorkingName<'a>,
    names: Vec<Reference>,
}

impl<'a> Held<'a> {
    /// Has an image built under another name; none where nothing is asked of it.
    pub(crate) fn new(service: &'a Service, gate: &'a Gate, names: &mut Vec<Reference>) -> Option<Self> {
        if gate.profiles.is_empty() {
            return None;
        }
        let working = WorkingName::new(service);
        let names = std::mem::replace(names, vec![working.name.clone()]);
        Some(Self { gate, working, names })
    }

    /// Asks the profiles, and gives the image its names.
    pub(crate) fn release(
        self,
        built: &Built,
        cancel: &Cancel,
    ) -> Result<(Built, Vec<Report>), ServiceError> {
        let service = self.working.service;
        let command = CheckCommand {
            subject: self.working.name.to_string(),
            called: Some(self.names.first().map_or("the image".to_owned(), ToString::to_string)),
            profiles: self.gate.profiles.clone(),
            selection: Selection::default().without(KNOWN_LATER)?,
            ..CheckCommand::default()
        };
        let reports = service.check(&command, cancel, &mut |_, _| {})?.reports;
        let waived = self.judge(&reports)?;
        let mut image = self.working.image()?;
        if !waived.is_empty() {
            let request = AmendRequest {
                image,
                files: Vec::new(),
                settings: Vec::new(),
                reason: "rules that were waived".to_owned(),
                annotations: BTreeMap::from([(WAIVED.to_owned(), waived.join(","))]),
                names: vec![self.working.name.clone()],
            };
            let before = request.image.clone();
            image = service.engine.amend(&request, &NoEvents, cancel)?.image;
            self.working.forget(&before);
        }
        for name in &self.names {
            image = service.store().tag(&image, name)?;
        }
        Ok((Built { image, layers: built.layers, unchanged: built.unchanged }, reports))
    }

    /// The rules that were not kept to and are allowed not to be; an error where others were not.
    fn judge(&self, reports: &[Report]) -> Result<Vec<&'static str>, ServiceError> {
        let is_allowed = |rule: &'static str| self.gate.allowed.contains(&rule);
        let mut waived: Vec<&'static str> = Vec::new();
        let mut against: Vec<String> = Vec::new();
        for report in reports {
            let found = report.findings.iter().filter(|finding| finding.level == Level::Error);
            let found = found.map(|Finding { rule, message, .. }| (*rule, message.clone()));
            let open = report.unanswered.iter().filter(|open| open.level == Level::Error);
            let open = open.map(|open| (open.rule, format!("it cannot be told: {}", open.reason)));
            for (rule, message) in found.chain(open) {
                match is_allowed(rule) {
                    true => waived.push(rule),
                    false => against.push(format!("{message} ({rule})")),
                }
            }
        }
        waived.sort_unstable();
        waived.dedup();
        if against.is_empty() {
            return Ok(waived);
        }
        against.dedup();
        let of = |report: &&Report| report.verdict >= Verdict::CannotTell;
        let titles: Vec<&str> = reports.iter().filter(of).map(|report| report.title.as_str()).collect();
        Err(ServiceError::DoesNotRun { platforms: titles.join(", "), reasons: against.join("; ") })
    }
}

/// What reports say that a person should know though the image passed.
pub(crate) fn told(reports: &[Report]) -> Vec<String> {
    let of = |report: &Report| {
        let title = report.title.clone();
        let findings = report.findings.iter().filter(|finding| finding.level > Level::Note);
        findings.map(move |found| format!("{title}: {} ({})", found.message, found.rule)).collect::<Vec<_>>()
    };
    reports.iter().flat_map(of).collect()
}
