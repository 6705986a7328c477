//! Checking Dockerfiles and images by rules.

use std::path::{Path, PathBuf};

use imagewright_check::{Surroundings, check_dockerfile, unknown_names};
use imagewright_dockerfile::{Dockerfile, PlanRequest};
use imagewright_model::Progress;
use imagewright_oci::{Platform, Reference};

#[cfg(target_os = "linux")]
pub use fix::Fixed;
pub use imagewright_check::{
    Finding, Level, Profile, ProfileError, Remedy, Report, Rule, Selection, Unanswered, UnknownRule, Verdict,
    rule, rules,
};
pub use profiles::profiles;

use crate::advice::Around;
use crate::given::{Written, bases, dockerfile_in, named_contexts};
use crate::{Cancel, Service, ServiceError};

#[cfg(target_os = "linux")]
mod fix;
#[cfg(target_os = "linux")]
pub(crate) mod image;
#[cfg(target_os = "linux")]
mod kernelspec;
#[cfg(target_os = "linux")]
mod layers;
#[cfg(target_os = "linux")]
mod machine;
mod notebooks;
mod profiles;

/// What a user wants checked.
#[derive(Clone, Debug, Default)]
pub struct CheckCommand {
    /// A Dockerfile, a folder with one, or an image in the store.
    pub subject: String,
    /// The Dockerfile, where the subject is the folder that files are copied from.
    pub file: Option<PathBuf>,
    /// The stage that is meant; default: the last.
    pub target: Option<String>,
    /// Values of arguments.
    pub arguments: Vec<(String, String)>,
    /// Names that stand for a folder or an image, as for a build.
    pub contexts: Vec<(String, String)>,
    /// The rules.
    pub selection: Selection,
    /// Where an image is to run: it is then asked for that alone.
    pub profiles: Vec<Profile>,
    /// The platform of an image in a registry; default: this machine's.
    pub platform: Option<Platform>,
    /// The folder of a kernelspec that is to start the image.
    pub kernelspec: Option<PathBuf>,
    /// The secret that the image is pulled with where it is to run.
    pub pull_secret: Option<String>,
    /// What the image is called where it runs, if that is not the subject.
    pub called: Option<String>,
    /// Whether rules may run the image.
    pub run: bool,
    /// Notebooks that are to run in the image: it is then asked for what they need.
    pub notebooks: Vec<PathBuf>,
}

impl CheckCommand {
    /// What the subject is called.
    #[cfg(target_os = "linux")]
    pub(crate) fn name(&self) -> &str {
        self.called.as_deref().unwrap_or(&self.subject)
    }
}

/// What a check came to.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What was looked at: a Dockerfile or an image.
    pub subject: String,
    /// What was found, by line.
    pub findings: Vec<Finding>,
    /// What each profile has to say, in the order in which they were named.
    pub reports: Vec<Report>,
    /// What a person should know beside: what could not be looked at.
    pub notes: Vec<String>,
}

impl Service {
    /// Checks a Dockerfile or an image.
    ///
    /// # Errors
    /// Where there is no such thing, or it cannot be read; what is wrong with a Dockerfile as a build would say it.
    pub fn check(
        &self,
        command: &CheckCommand,
        cancel: &Cancel,
        progress: &mut dyn FnMut(&str, Progress),
    ) -> Result<Checked, ServiceError> {
        let path = Path::new(&command.subject);
        if path.is_dir() {
            let file = dockerfile_in(path, command.file.as_deref());
            return self.check_dockerfile(command, path, &file);
        }
        if path.exists() && command.file.is_none() {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            return self.check_dockerfile(command, folder.unwrap_or(Path::new(".")), path);
        }
        self.check_image(command, cancel, progress)
    }

    fn check_dockerfile(
        &self,
        command: &CheckCommand,
        context: &Path,
        file: &Path,
    ) -> Result<Checked, ServiceError> {
        if !command.notebooks.is_empty() {
            return Err(ServiceError::NotebooksOfDockerfile { file: file.to_owned() });
        }
        if let Some(profile) = command.profiles.first() {
            let file = file.to_owned();
            return Err(ServiceError::ProfileOfDockerfile { file, profile: profile.name.clone() });
        }
        let written = Written::read(file)?;
        let (contexts, _) = named_contexts(&command.contexts)?;
        let plan = Dockerfile::parse(&written.file, &written.text)?.plan(&PlanRequest {
            target: command.target.clone(),
            arguments: command.arguments.clone(),
            contexts,
            platform: Platform::host(),
            build_platform: Platform::host(),
        })?;
        let _lease = self.lease()?;
        let around = Around { service: self, context };
        let Written { file, text } = &written;
        let findings = check_dockerfile((file, text), &plan, &around, &command.selection)?;
        let mut notes = plan.warnings.clone();
        notes.extend(unknown_names(file, text)?);
        let mut unknown: Vec<Reference> = bases(&plan);
        unknown.retain(|base| around.base(base).is_none());
        unknown.dedup();
        notes.extend(unknown.iter().map(|base| {
            format!("the base `{base}` is not in the store, so what it brings was not looked at: `imagewright pull {base}`")
        }));
        Ok(Checked { subject: written.file, findings, reports: Vec::new(), notes })
    }
}
