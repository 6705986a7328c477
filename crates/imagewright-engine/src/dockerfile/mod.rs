//! Builds of Dockerfiles: each stage in order, each instruction that changes files a step like those of other builds.
//!
//! What the text means was decided in `imagewright-dockerfile`; here it is done. A step is known by what the image so
//! far is and what the instruction comes to: its words, and for `COPY` the contents of what is copied.

mod agent;
mod archive;
mod caches;
mod context;
mod copy;
mod download;
mod error;
mod folder;
mod git;
mod mounts;
mod place;
mod run;
mod source;
mod stages;
mod transfer;
mod walk;
pub(crate) mod write;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use imagewright_dockerfile::{BuildPlan, IgnoreRules, RunNetwork};
use imagewright_layer::Compression;
use imagewright_model::{EventSink, Secret};
use imagewright_oci::{Platform, Reference};
use imagewright_sandbox::Limits;

pub use context::{FetchedContext, StreamedContext};
pub(crate) use download::Download;
pub use error::StageError;

use crate::Engine;
use crate::build::{Built, COLLECTING, outcome, unless_cancelled};
use crate::cancel::Cancel;
use crate::error::EngineError;
use crate::lock::Versions;
use crate::outside::Outside;
use crate::reporter::BuildReporter;
use crate::workbench::{LayerWatch, Site};

use stages::Stages;

/// What to build of a Dockerfile, and how.
#[derive(Clone, Debug)]
pub struct DockerfileRequest {
    /// The stages.
    pub plan: BuildPlan,
    /// The folder that files are copied from.
    pub context: PathBuf,
    /// What of it does not count.
    pub ignore: IgnoreRules,
    /// Further folders that files are copied from, by the names they have in the plan.
    pub folders: Vec<(String, PathBuf, IgnoreRules)>,
    /// Secrets by name. They are in no layer, key or log.
    pub secrets: Vec<(String, Secret)>,
    /// Sockets of SSH agents by name.
    pub agents: Vec<(String, PathBuf)>,
    /// The network of commands that name none.
    pub network: RunNetwork,
    /// Labels that go over those of the Dockerfile.
    pub labels: Vec<(String, String)>,
    /// Annotations of the manifest.
    pub annotations: Vec<(String, String)>,
    /// Stages all steps of which are run again.
    pub fresh_stages: Vec<String>,
    /// Names of hosts that commands find, beside those of the machine.
    pub hosts: Vec<(String, IpAddr)>,
    /// The names the image gets.
    pub names: Vec<Reference>,
    /// The platform.
    pub platform: Platform,
    /// How its layers are compressed.
    pub compression: Compression,
    /// Ask registries again what the bases are by now.
    pub pull: bool,
    /// Whether nothing may be fetched.
    pub offline: bool,
    /// Run every step again.
    pub no_cache: bool,
    /// Whether the layers of bases are brought into the store though no step needs them.
    pub keep_base: bool,
    /// How long one command may run.
    pub time_limit: Option<Duration>,
    /// How much of the machine a command may use.
    pub limits: Limits,
    /// The latest date anything in the image carries, seconds since 1970. Without it, files that commands wrote keep
    /// their times.
    pub source_date_epoch: Option<i64>,
}

impl Engine {
    /// Builds an image of a Dockerfile. Whatever happens is told to `events`, the outcome last; layers that the image is
    /// going to have are given to `layers` as soon as they are in the store.
    pub fn build_dockerfile(
        &self,
        request: &DockerfileRequest,
        events: &dyn EventSink,
        cancel: &Cancel,
        layers: LayerWatch<'_>,
    ) -> Result<Built, EngineError> {
        let steps = request.plan.stages.iter().map(|stage| 1 + stage.actions()).sum();
        let reporter = BuildReporter::start(events, steps);
        let built = unless_cancelled(self.build_stages(request, &reporter, cancel, layers), cancel);
        reporter.finish(outcome(built.as_ref()));
        built
    }

    fn build_stages(
        &self,
        request: &DockerfileRequest,
        reporter: &BuildReporter<'_>,
        cancel: &Cancel,
        layers: LayerWatch<'_>,
    ) -> Result<Built, EngineError> {
        let _lease = self.store.lease(|| reporter.warn(COLLECTING))?;
        let settings = self.settings_for(&Versions { offline: request.offline, ..Versions::default() });
        let outside = Outside::new(&settings);
        let limits = (request.time_limit, &request.limits);
        let site = Site { layers, ..self.site(&outside, cancel, request.compression, limits) };
        self.platform(Some(&request.platform))?;
        let mut image = Stages::new(self, &settings, site, request, reporter).build_all()?;
        image.draft.config.config.get_or_insert_default().labels.extend(request.labels.iter().cloned());
        image.draft.annotate(request.annotations.iter().cloned());
        if cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        self.put(image.draft, &image.created, &request.names, image.unchanged)
    }
}
