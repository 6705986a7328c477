//! `imagewright metadata export` and `import` with the images of the records.

use std::path::{Path, PathBuf};

use imagewright_oci::Platform;
use imagewright_service::metadata::{
    ArchiveError, DeliveryRequest, ExportError, ExportRequest, Exported, Imported, Strictness, Target, Update,
};
use imagewright_service::{Cancel, ServiceError};

use super::exchange::unreachable_directory;
use super::{Call, Ended, one_line};
use crate::context;
use crate::failure::Failure;
use crate::render::progress::TransferProgress;
use crate::settings::Settings;

/// Options of an export with images: the platform. None without images.
pub(super) fn export_options(
    call: &mut Call<'_>,
    include_invalid: bool,
) -> Result<Option<Option<Platform>>, Ended> {
    let platform = call.words.take("--platform");
    if !call.words.flag("--with-images") {
        return match platform {
            Some(_) => Err(Ended::Wrong("'--platform' is for '--with-images'.".to_owned())),
            None => Ok(None),
        };
    }
    if include_invalid {
        let text = "At most one of '--with-images' and '--include-invalid' can be set.";
        return Err(Ended::Wrong(text.to_owned()));
    }
    match platform {
        None => Ok(Some(None)),
        Some(None) => Err(Ended::Wrong("Parameter '--platform' requires a value.".to_owned())),
        Some(Some(text)) => {
            let platform = text.parse().map_err(|error| Ended::Wrong(format!("{error}.")))?;
            Ok(Some(Some(platform)))
        }
    }
}

/// What was exported, and what there is to say about images.
type ExportedWithImages = Result<(Option<Exported>, String), ExportError>;

pub(super) fn export(
    call: &Call<'_>,
    request: &ExportRequest,
    platform: Option<&Platform>,
    before_removal: &mut dyn FnMut(&Path),
) -> Result<ExportedWithImages, Ended> {
    let service = context::open(call.global, Settings::default())?;
    let progress = TransferProgress::new(call.global.quiet);
    let show = |message: &str, done| progress.show(message, done);
    let archived =
        service.export_runtime_images(&call.images, request, platform, before_removal, &Cancel::new(), &show);
    drop(progress);
    match archived {
        Ok(None) => Ok(Ok((None, String::new()))),
        Ok(Some(archived)) => {
            let text = format!("{} in '{}'\n", images(archived.images), archived.archive.display());
            Ok(Ok((Some(archived.exported), text)))
        }
        Err(ArchiveError::Records(error)) => Ok(Err(error)),
        Err(ArchiveError::Service(error)) => Err(Failure::from(*error).into()),
        Err(ArchiveError::Images(troubles)) => {
            let lines = troubles.iter().map(|(name, trouble)| {
                let hint = trouble.hint.as_ref().map(|hint| format!("    hint: {}\n", one_line(hint)));
                let line = format!("    {}: {}\n", one_line(name), one_line(&trouble.message));
                line + &hint.unwrap_or_default()
            });
            let text =
                format!("Nothing was exported; these images cannot be had:\n{}", lines.collect::<String>());
            Err(Ended::Failed(text.trim_end().to_owned()))
        }
    }
}

fn images(count: usize) -> String {
    if count == 1 { "1 image".to_owned() } else { format!("{count} images") }
}

/// Options of an import with images.
pub(super) struct Delivery {
    target: Target,
    keep_references: bool,
    mirror_set: Option<PathBuf>,
    content_source_policy: Option<PathBuf>,
}

impl Delivery {
    pub(super) fn request(
        self,
        directory: &str,
        existing: Option<Update>,
        strictness: Strictness,
    ) -> DeliveryRequest {
        let Self { target, keep_references, mirror_set, content_source_policy } = self;
        let directory = PathBuf::from(directory);
        DeliveryRequest {
            directory,
            target,
            keep_references,
            mirror_set,
            content_source_policy,
            existing,
            strictness,
        }
    }
}

/// None without images.
pub(super) fn import_options(call: &mut Call<'_>) -> Result<Option<Delivery>, Ended> {
    let with_images = call.words.flag("--with-images");
    let keep_references = call.words.flag("--keep-references");
    let mut value = |option: &'static str| match call.words.take(option) {
        Some(None) => Err(Ended::Wrong(format!("Parameter '{option}' requires a value."))),
        Some(Some(_)) if !with_images => Err(Ended::Wrong(format!("'{option}' is for '--with-images'."))),
        value => Ok(value.flatten()),
    };
    let target = value("--to")?;
    let mirror_set = value("--mirror-set")?.map(PathBuf::from);
    let content_source_policy = value("--content-source-policy")?.map(PathBuf::from);
    match (with_images, target) {
        (false, _) if keep_references => {
            Err(Ended::Wrong("'--keep-references' is for '--with-images'.".to_owned()))
        }
        (false, _) => Ok(None),
        (true, None) => Err(Ended::Wrong("'--to' is a required parameter with '--with-images'.".to_owned())),
        (true, Some(target)) => {
            let target = target.parse().map_err(|error| Ended::Wrong(format!("{error}.")))?;
            Ok(Some(Delivery { target, keep_references, mirror_set, content_source_policy }))
        }
    }
}

/// What was imported, and what there is to say about images.
pub(super) fn import(call: &Call<'_>, request: DeliveryRequest) -> Result<(Imported, String), Ended> {
    let service = context::open(call.global, Settings::default())?;
    let progress = TransferProgress::new(call.global.quiet);
    let show = |message: &str, done| progress.show(message, done);
    let delivered = service.import_runtime_images(&call.images, &request, &Cancel::new(), &show);
    drop(progress);
    let delivered = delivered.map_err(|error| match error {
        ServiceError::Read { path, source } => unreachable_directory(&path.display().to_string(), &source),
        error => Failure::from(error).into(),
    })?;
    let mut text = format!("Pushed {}\n", images(delivered.pushed));
    for path in [request.mirror_set, request.content_source_policy].into_iter().flatten() {
        text += &format!("Mirrors for OpenShift have been written to: {}\n", path.display());
    }
    Ok((delivered.imported, text))
}
