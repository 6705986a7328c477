//! What takes the space in an image of the store.

use imagewright_check::{Space, View};
use imagewright_engine::Cancel;

use crate::{Service, ServiceError};

impl Service {
    /// What takes the space in an image, the largest first, and why something may be missing. Layers that are not here are not fetched
    /// for it.
    pub fn space_of_image(&self, image: &str) -> Result<(Vec<Space>, Option<String>), ServiceError> {
        let _lease = self.lease()?;
        let record = self.store().resolve(image)?;
        let image = self.store().image(&record.manifest)?;
        let indexed = self.indexes(&image.manifest.layers, None, &Cancel::new(), &mut |_, _| {})?;
        let view = View::new(indexed.layers.iter().map(Option::as_ref));
        Ok((view.space(), view.gap().map(str::to_owned)))
    }
}
