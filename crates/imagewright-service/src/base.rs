//! Bases made from distribution packages, to be named and kept.

use imagewright_engine::{BaseImageRequest, Cancel};
use imagewright_model::EventSink;

use crate::{BuildReport, Service, ServiceError};

impl Service {
    /// Makes a base image.
    pub fn bootstrap_base(
        &self,
        request: &BaseImageRequest,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<BuildReport, ServiceError> {
        let built = self.engine.bootstrap_image(request, events, cancel)?;
        Ok(BuildReport::new(&request.names, built))
    }
}
