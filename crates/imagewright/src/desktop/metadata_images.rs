//! `imagewright metadata export` and `import` with the images of the records need a store, and are for Linux.

use std::path::Path;

use imagewright_oci::Platform;
use imagewright_service::metadata::{ExportError, ExportRequest, Exported, Imported, Strictness, Update};

use super::{Call, Ended};

/// What was exported, and what there is to say about images.
type ExportedWithImages = Result<(Option<Exported>, String), ExportError>;

fn not_here() -> Ended {
    Ended::Failed("'--with-images' is for Linux: images are kept in the store of our own engine.".to_owned())
}

/// Refuses images.
pub(super) fn export_options(call: &mut Call<'_>, _: bool) -> Result<Option<Option<Platform>>, Ended> {
    if call.words.flag("--with-images") { Err(not_here()) } else { Ok(None) }
}

pub(super) fn export(
    _: &Call<'_>,
    _: &ExportRequest,
    _: Option<&Platform>,
    _: &mut dyn FnMut(&Path),
) -> Result<ExportedWithImages, Ended> {
    Err(not_here())
}

/// Options of an import with images: none are ever read.
pub(super) struct Delivery;

impl Delivery {
    pub(super) fn request(self, _: &str, _: Option<Update>, _: Strictness) -> Self {
        self
    }
}

/// Refuses images.
pub(super) fn import_options(call: &mut Call<'_>) -> Result<Option<Delivery>, Ended> {
    if call.words.flag("--with-images") { Err(not_here()) } else { Ok(None) }
}

pub(super) fn import(_: &Call<'_>, _: Delivery) -> Result<(Imported, String), Ended> {
    Err(not_here())
}
