//! Checking images: those in the store, and those that are in a registry alone.

use imagewright_check::{
    ImageSubject, Machine, Ran, ReferenceState, RegistryAnswer, Report, Trial, Trials, check_image,
    check_notebooks,
};
use imagewright_engine::{Cancel, EngineError};
use imagewright_model::{ErrorKind, Progress, in_one_line};
use imagewright_oci::{Digest, Platform, Reference, annotation};
use imagewright_store::{Image, StoreError};

use super::machine::TrialMachine;
use super::{CheckCommand, Checked};
use crate::metadata::{ImageRegistries, Trouble, TroubleKind};
use crate::{Service, ServiceError};

/// An image to be looked at, and where its layers are if the store has not got them.
struct Found {
    image: Image,
    place: Option<Reference>,
}

impl Service {
    pub(crate) fn check_image(
        &self,
        command: &CheckCommand,
        cancel: &Cancel,
        progress: &mut dyn FnMut(&str, Progress),
    ) -> Result<Checked, ServiceError> {
        let name = command.name();
        let notebooks = super::notebooks::read(&command.notebooks)?;
        let _lease = self.store().lease(|| {})?;
        let Found { image, place } = self.image_to_check(command, cancel)?;
        let indexed = self.indexes(&image.manifest.layers, place.as_ref(), cancel, progress)?;
        let base = self.base_layers(&image)?;
        let spec = command.kernelspec.as_deref().map(super::kernelspec::kernelspec).transpose()?;
        let mut subject = ImageSubject::new(name, &image.manifest, &image.config, &indexed.layers)
            .with_digest(image.manifest.digest().clone())
            .with_base(base)
            .with_kernelspec(spec);
        if !command.profiles.is_empty() {
            subject = subject.with_reference(self.reference_state(command, &image)?);
        }
        let mut notes = indexed.notes;
        let missing = indexed.layers.iter().filter(|layer| layer.is_none()).count() - notes.len();
        if missing > 0 {
            let layers = if missing == 1 { "1 layer is".to_owned() } else { format!("{missing} layers are") };
            notes.push(format!(
                "{layers} not in the store and was not looked at: `imagewright image fetch {name}`"
            ));
        }
        let (mut findings, reports) = match command.profiles.is_empty() {
            true if !command.notebooks.is_empty() => (Vec::new(), Vec::new()),
            true => (check_image(&subject, &command.selection), Vec::new()),
            false if command.run => (Vec::new(), self.asked_running(command, &subject, cancel, progress)?),
            false => {
                let reports =
                    command.profiles.iter().map(|profile| profile.ask(&subject, &command.selection));
                (Vec::new(), reports.collect())
            }
        };
        if !notebooks.is_empty() {
            let checked = check_notebooks(&subject, &notebooks, &command.profiles, &command.selection);
            findings.extend(checked.findings);
            notes.extend(checked.unknown);
        }
        if command.profiles.is_empty() {
            let alone = command.selection.named().filter(|rule| rule.is_for_platforms_alone());
            notes.extend(alone.map(|rule| {
                format!("the rule `{}` is asked for a platform alone: say which with `--for`", rule.name)
            }));
        }
        Ok(Checked { subject: name.to_owned(), findings, reports, notes })
    }

    /// What profiles say that may run the image, too.
    fn asked_running(
        &self,
        command: &CheckCommand,
        subject: &ImageSubject<'_>,
        cancel: &Cancel,
        progress: &mut dyn FnMut(&str, Progress),
    ) -> Result<Vec<Report>, ServiceError> {
        let ask = |trials: &Trials<'_>| -> Vec<Report> {
            let profiles = command.profiles.iter();
            profiles.map(|profile| profile.ask_running(subject, &command.selection, trials)).collect()
        };
        let record = match self.store().resolve(&command.subject) {
            Ok(record) => record,
            Err(StoreError::ImageNotFound { .. } | StoreError::Reference(_)) => {
                let why = format!(
                    "it is not in the store, and cannot be run: `imagewright pull {}`",
                    command.subject
                );
                return Ok(ask(&Trials::new(&NoMachine(why))));
            }
            Err(error) => return Err(error.into()),
        };
        progress("running the image", Progress { done: 0, total: None });
        let ground = match self.engine.trials(&record, cancel, &|_, _| {}) {
            Ok(ground) => ground,
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error.into()),
            Err(error) => {
                let why = format!("it cannot be run on this machine: {}", in_one_line(&error));
                return Ok(ask(&Trials::new(&NoMachine(why))));
            }
        };
        let machine = TrialMachine::new(ground, cancel);
        let reports = ask(&Trials::new(&machine));
        machine.failure().map_or(Ok(reports), |error| Err(error.into()))
    }

    /// The image that is meant: in the store, else, where it is to run somewhere, in its registry.
    fn image_to_check(&self, command: &CheckCommand, cancel: &Cancel) -> Result<Found, ServiceError> {
        let name = &command.subject;
        let nothing = || ServiceError::NothingToCheck { name: name.clone() };
        let is_wanted =
            |platform: &Platform| command.platform.as_ref().is_none_or(|wanted| wanted.accepts(platform));
        match self.store().resolve(name) {
            Ok(record) if is_wanted(&record.platform) => {
                return Ok(Found { image: self.store().image(&record.manifest)?, place: None });
            }
            Ok(_) | Err(StoreError::ImageNotFound { .. } | StoreError::Reference(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let reference = reference_in(name).filter(|_| !command.profiles.is_empty() && !self.trust().offline);
        let Some(reference) = reference else { return Err(nothing()) };
        let platform = command.platform.clone().unwrap_or_else(Platform::host);
        let image = self.engine.remote.inspect(&reference, &platform, cancel.stop());
        let image = image.map_err(EngineError::Remote);
        match image {
            Ok(image) => Ok(Found { image, place: Some(reference) }),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(nothing()),
            Err(error) => Err(error.into()),
        }
    }

    /// How many of an image's layers are those of its base, where the image says which that is and the store has it.
    fn base_layers(&self, image: &Image) -> Result<Option<usize>, ServiceError> {
        let said = image.manifest.annotations.get(annotation::BASE_DIGEST);
        let Some(digest) = said.and_then(|said| said.parse::<Digest>().ok()) else { return Ok(None) };
        let Ok(record) = self.store().resolve(&digest.to_string()) else { return Ok(None) };
        let base = self.store().image(&record.manifest)?;
        let below = &base.config.rootfs.diff_ids;
        Ok(image.config.rootfs.diff_ids.starts_with(below).then_some(below.len()))
    }

    /// What the name of an image stands for in its registry.
    fn reference_state(&self, command: &CheckCommand, image: &Image) -> Result<ReferenceState, ServiceError> {
        let reference = reference_in(command.name());
        let answer = match &reference {
            None => RegistryAnswer::NotAsked("it is no name that a registry could know".to_owned()),
            Some(_)
                if !command.profiles.iter().any(|profile| profile.asks_registries(&command.selection)) =>
            {
                RegistryAnswer::NotAsked("no rule asks".to_owned())
            }
            Some(_) if self.trust().offline => RegistryAnswer::NotAsked("`--offline` was said".to_owned()),
            Some(reference) => {
                let registries =
                    ImageRegistries::new(&self.registry_settings, self.trust(), self.credentials.clone())?;
                asked(&registries, reference, &image.config.platform)
            }
        };
        Ok(ReferenceState { reference, answer, pull_secret: command.pull_secret.clone() })
    }
}

/// Runs nothing, for this reason.
struct NoMachine(String);

impl Machine for NoMachine {
    fn run(&self, _: &Trial) -> Result<Ran, String> {
        Err(self.0.clone())
    }
}

/// The name of an image as registries know it; none for an id of the store's.
fn reference_in(name: &str) -> Option<Reference> {
    let is_id = name.starts_with("sha256:")
        || (name.len() >= 12 && name.chars().all(|letter| letter.is_ascii_hexdigit()));
    if is_id { None } else { name.parse().ok() }
}

/// Asks a registry for an image.
fn asked(registries: &ImageRegistries, reference: &Reference, platform: &Platform) -> RegistryAnswer {
    match registries.inspect(reference, platform) {
        Ok(image) => {
            let of_index = image.index.iter().flat_map(|index| &index.manifests);
            let mut platforms: Vec<Platform> = of_index.filter_map(|entry| entry.platform.clone()).collect();
            platforms.push(image.config.platform.clone());
            RegistryAnswer::Has {
                manifest: image.descriptor.digest,
                is_public: registries.is_public(reference).ok(),
                platforms,
            }
        }
        Err(Trouble { kind, message, .. }) => match kind {
            TroubleKind::Missing => RegistryAnswer::Missing(message),
            TroubleKind::LoginRequired | TroubleKind::Denied => RegistryAnswer::Refused(message),
            TroubleKind::WrongPlatform => RegistryAnswer::WrongPlatform(message),
            TroubleKind::Unreachable | TroubleKind::Unusable => RegistryAnswer::Unreachable(message),
        },
    }
}
