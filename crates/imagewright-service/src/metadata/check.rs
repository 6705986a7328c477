//! Whether Elyra would run the images of records: its profile, asked for each.

use imagewright_check::{Profile, Selection};
use imagewright_model::{Progress, in_one_line};
use imagewright_oci::{Platform, Reference};

use super::Verified;
use crate::check::CheckCommand;
use crate::{Cancel, Service, ServiceError};

/// What registries were asked for already, when records were verified.
const ASKED: [&str; 3] =
    ["reference-not-in-registry", "reference-needs-secret", "reference-names-another-image"];

impl Service {
    /// Asks a profile about the image of each record that was seen in its registry. Layers are read there, each once, and
    /// not kept.
    ///
    /// # Errors
    /// Where somebody asked to stop. What is wrong with an image is told of its record.
    pub fn check_runtime_images(
        &self,
        records: &mut [Verified],
        profile: &Profile,
        platform: &Platform,
        cancel: &Cancel,
        progress: &mut dyn FnMut(&str, Progress),
    ) -> Result<(), ServiceError> {
        let selection = Selection::new(&[], &ASKED.map(str::to_owned))?;
        for record in records {
            let Some(subject) = subject(record) else { continue };
            let command = CheckCommand {
                subject,
                selection: selection.clone(),
                profiles: vec![profile.clone()],
                platform: Some(platform.clone()),
                ..CheckCommand::default()
            };
            match self.check_image(&command, cancel, progress) {
                Ok(checked) => record.report = checked.reports.into_iter().next(),
                Err(error) if cancel.is_cancelled() => return Err(error),
                Err(error) => {
                    let hint = error.hint();
                    record.remark(false, "not-checked", in_one_line(&error), hint);
                }
            }
        }
        Ok(())
    }
}

/// What to look at: the image that the registry has, whatever the store has under that name.
fn subject(record: &Verified) -> Option<String> {
    let digest = record.digest.clone()?;
    let reference: Reference = record.image_name.as_deref()?.parse().ok()?;
    Some(reference.with_digest(digest).to_string())
}
