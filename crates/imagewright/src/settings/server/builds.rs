//! Settings of builds by a server.

use serde::{Deserialize, Deserializer};

#[cfg(target_os = "linux")]
use {
    super::ServerSettings,
    crate::commands::own::BUILD_PROCESS,
    crate::failure::Failure,
    imagewright_model::ErrorKind,
    imagewright_oci::Reference,
    imagewright_server::{BuildProgram, BuildSettings, PushSettings},
    std::ffi::OsString,
    std::path::Path,
    std::time::Duration,
};

use crate::render::size;

/// How a server builds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct BuildsSettings {
    workers: Option<usize>,
    time_limit: Option<u64>,
    memory: Option<Size>,
    queued_per_person: Option<i64>,
    attempts: Option<i64>,
    grace: Option<u64>,
    longest_log: Option<Size>,
}

/// Where results go to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct PushTable {
    prefix: Option<String>,
    secret: Option<String>,
}

/// Bytes, as people write them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size(u64);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        size::parse(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

impl BuildsSettings {
    /// Lays this over `lower`, setting by setting.
    pub(super) fn over(self, lower: Self) -> Self {
        Self {
            workers: self.workers.or(lower.workers),
            time_limit: self.time_limit.or(lower.time_limit),
            memory: self.memory.or(lower.memory),
            queued_per_person: self.queued_per_person.or(lower.queued_per_person),
            attempts: self.attempts.or(lower.attempts),
            grace: self.grace.or(lower.grace),
            longest_log: self.longest_log.or(lower.longest_log),
        }
    }
}

impl PushTable {
    /// Lays this over `lower`, setting by setting.
    pub(super) fn over(self, lower: Self) -> Self {
        Self { prefix: self.prefix.or(lower.prefix), secret: self.secret.or(lower.secret) }
    }
}

#[cfg(target_os = "linux")]
impl ServerSettings {
    /// How a server builds whose store is at `root`, and which was told of the file `config`.
    pub(crate) fn builds(&self, root: &Path, config: Option<&Path>) -> Result<BuildSettings, Failure> {
        let usual = BuildSettings::default();
        let builds = &self.builds;
        let seconds = |set: Option<u64>, usual| set.map_or(usual, Duration::from_secs);
        let settings = BuildSettings {
            program: Some(program(root, config)?),
            workers: builds.workers.unwrap_or(usual.workers),
            time_limit: seconds(builds.time_limit, usual.time_limit),
            memory: builds.memory.map(|size| size.0),
            queued_per_person: builds.queued_per_person.unwrap_or(usual.queued_per_person),
            attempts: builds.attempts.unwrap_or(usual.attempts).max(1),
            grace: seconds(builds.grace, usual.grace),
            push: self.push.settings()?,
            longest_log: builds.longest_log.map_or(usual.longest_log, |size| size.0),
        };
        if let Some(push) = &settings.push
            && let Err(error) =
                format!("{}/example:1", push.prefix.trim_end_matches('/')).parse::<Reference>()
        {
            // Found out now and not at the end of the first build.
            let text = format!("`server.push.prefix` makes no names of images: {error}");
            return Err(Failure::new(ErrorKind::Invalid, text)
                .with_hint("write a registry and a path, as `registry.example/team`"));
        }
        Ok(settings)
    }
}

#[cfg(target_os = "linux")]
impl PushTable {
    fn settings(&self) -> Result<Option<PushSettings>, Failure> {
        match (&self.prefix, &self.secret) {
            (Some(prefix), secret) => {
                let secret = secret.as_ref().map(|secret| secret.parse()).transpose().map_err(|error| {
                    let text = format!("`server.push.secret` is no name of a secret: {error}");
                    Failure::new(ErrorKind::Invalid, text)
                })?;
                Ok(Some(PushSettings { prefix: prefix.clone(), secret }))
            }
            (None, None) => Ok(None),
            (None, Some(_)) => {
                let text = "`server.push.secret` is set, and `server.push.prefix` is not";
                Err(Failure::new(ErrorKind::Invalid, text).with_hint("say where results go to"))
            }
        }
    }
}

#[cfg(target_os = "linux")]
/// Ourselves, by the name the kernel knows us under, with what this server was told of store and settings.
fn program(root: &Path, config: Option<&Path>) -> Result<BuildProgram, Failure> {
    // The processes work in folders of their own.
    let absolute = |path: &Path| std::path::absolute(path).map(std::path::PathBuf::into_os_string);
    let mut arguments = vec![OsString::from("--root"), absolute(root)?];
    if let Some(config) = config {
        arguments.extend([OsString::from("--config"), absolute(config)?]);
    }
    arguments.push(OsString::from(BUILD_PROCESS));
    Ok(BuildProgram { program: std::env::current_exe()?, arguments })
}
