//! What a build would do.

use imagewright_engine::{Cancel, EngineError};
use imagewright_model::EventSink;
use imagewright_model::plan::Plan;

use crate::build::{BuildCommand, write_pylock};
use crate::{Service, ServiceError};

/// A plan, and where there is one the error that a build would end with.
#[derive(Debug)]
pub struct PlanReport {
    /// The plan.
    pub plan: Plan,
    /// Why it cannot be built.
    pub conflict: Option<ServiceError>,
}

impl Service {
    /// Finds out what [`Service::build`] would do for the same command. Makes no image and writes no lock.
    pub fn plan(
        &self,
        command: &BuildCommand,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<PlanReport, ServiceError> {
        let (request, _) = self.request(command, events)?;
        let mut planned = self.engine.plan(&request, events, cancel)?;
        if let Some(pylock) = &planned.pylock {
            write_pylock(command, pylock)?;
        }
        let names = request.names.iter().map(ToString::to_string).collect::<Vec<_>>();
        if !names.is_empty() && planned.plan.image.as_ref().is_some_and(|image| image.exists) {
            planned.plan.notes.push(format!("a build would only name the image: {}", names.join(", ")));
        }
        let conflict = planned.conflict.map(|error: EngineError| error.into());
        Ok(PlanReport { plan: planned.plan, conflict })
    }
}
