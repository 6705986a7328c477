//! What rules have to say to a build of a Dockerfile: warnings among its events, each once, that stop nothing.

use std::fs;
use std::path::{Component, Path};
use std::sync::{Mutex, PoisonError};

use imagewright_check::{Finding, Level, Selection, Surroundings, check_dockerfile, unknown_names};
use imagewright_dockerfile::BuildPlan;
use imagewright_model::{BuildEvent, EventSink};
use imagewright_oci::{ContainerConfig, Reference};

use crate::given::{Written, bases};
use crate::{BuildReport, Service, ServiceError};

/// Larger files are no scripts.
const LARGEST_FILE: u64 = 1 << 20;

/// What is found in a Dockerfile that is being built. What depends on a base that is not in the store yet is told
/// at the end.
pub(crate) struct Advice<'a> {
    written: &'a Written,
    plan: &'a BuildPlan,
    around: Around<'a>,
    is_told: bool,
    findings: Vec<Finding>,
}

impl<'a> Advice<'a> {
    pub(crate) fn new(
        service: &'a Service,
        written: &'a Written,
        plan: &'a BuildPlan,
        context: &'a Path,
    ) -> Self {
        let around = Around { service, context };
        Self { written, plan, around, is_told: false, findings: Vec::new() }
    }

    /// Builds, and tells what rules find in the Dockerfile.
    pub(crate) fn beside(
        mut self,
        events: &dyn EventSink,
        build: impl FnOnce(&dyn EventSink) -> Result<BuildReport, ServiceError>,
    ) -> Result<BuildReport, ServiceError> {
        self.tell_what_is_certain(events);
        let held = HeldEnd::new(events);
        let built = build(&held);
        self.tell(events);
        held.release();
        Ok(BuildReport { findings: Some(self.findings), ..built? })
    }

    /// Tells everything, provided that all bases are known; else what does not hang on them.
    fn tell_what_is_certain(&mut self, events: &dyn EventSink) {
        for message in unknown_names(&self.written.file, &self.written.text).unwrap_or_default() {
            events.emit(BuildEvent::Warning { message });
        }
        if bases(self.plan).iter().all(|base| self.around.base(base).is_some()) {
            self.tell(events);
        }
    }

    /// Tells everything that was not told yet.
    fn tell(&mut self, events: &dyn EventSink) {
        if std::mem::replace(&mut self.is_told, true) {
            return;
        }
        let Written { file, text } = self.written;
        // What is wrong with the file itself, the build says.
        let found = check_dockerfile((file, text), self.plan, &self.around, &Selection::default());
        self.findings = found.unwrap_or_default();
        for finding in self.findings.iter().filter(|finding| finding.level > Level::Note) {
            events.emit(BuildEvent::Warning { message: finding.to_string() });
        }
    }
}

/// Files of a build context, and bases that the store has.
pub(crate) struct Around<'a> {
    pub(crate) service: &'a Service,
    pub(crate) context: &'a Path,
}

impl Surroundings for Around<'_> {
    fn read(&self, path: &str) -> Option<String> {
        let path = Path::new(path);
        if path.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
            return None;
        }
        // Links may lead about inside the context, and not out of it.
        let (context, path) =
            (fs::canonicalize(self.context).ok()?, fs::canonicalize(self.context.join(path)).ok()?);
        let metadata = fs::metadata(&path).ok()?;
        let is_readable = path.starts_with(context) && metadata.is_file() && metadata.len() <= LARGEST_FILE;
        is_readable.then(|| fs::read_to_string(path).ok()).flatten()
    }

    fn base(&self, reference: &Reference) -> Option<ContainerConfig> {
        self.service.known_base(reference)
    }
}

/// Passes events on, but for the last of a build, which waits until it is released: nothing may follow it.
struct HeldEnd<'a> {
    events: &'a dyn EventSink,
    end: Mutex<Option<BuildEvent>>,
}

impl<'a> HeldEnd<'a> {
    fn new(events: &'a dyn EventSink) -> Self {
        Self { events, end: Mutex::default() }
    }

    fn release(self) {
        let end = self.end.into_inner().unwrap_or_else(PoisonError::into_inner);
        end.into_iter().for_each(|end| self.events.emit(end));
    }
}

impl EventSink for HeldEnd<'_> {
    fn emit(&self, event: BuildEvent) {
        match event {
            BuildEvent::Finished { .. } => {
                *self.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(event);
            }
            event => self.events.emit(event),
        }
    }
}
