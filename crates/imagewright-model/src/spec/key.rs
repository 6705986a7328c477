//! The identity of a spec.

use imagewright_oci::Digest;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    AptSpec, BaseSource, CondaChannel, CondaPackage, CondaSpec, ImageSpec, KernelChoice, Launcher,
    PipOptions, PipRequirement, PipSpec, PythonChoice,
};
use crate::lock::LockKeys;

/// Changes whenever the same spec comes to mean another image.
const VERSION: u32 = 1;

/// What a spec means, without places, comments, names of the result and the order of packages.
#[derive(Serialize)]
struct Canonical<'a> {
    version: u32,
    base: String,
    platform: Option<String>,
    apt: Vec<String>,
    apt_recommends: bool,
    /// Left out where there are none, so that keys are what they were before there were conda packages.
    #[serde(skip_serializing_if = "Option::is_none")]
    conda: Option<Value>,
    pip: Vec<String>,
    pip_constraints: Vec<String>,
    requires_python: Vec<&'a str>,
    pip_locked: Option<Value>,
    pip_options: &'a PipOptions,
    python: &'a Option<PythonChoice>,
    /// Left out where there is none, so that keys are what they were before there were kernels.
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel: Option<Value>,
    environment: &'a [(String, String)],
    user: Option<String>,
    working_directory: &'a Option<String>,
    labels: &'a std::collections::BTreeMap<String, String>,
    entrypoint: &'a Option<Vec<String>>,
    command: &'a Option<Vec<String>>,
    ports: Vec<String>,
    volumes: Vec<&'a String>,
    stop_signal: &'a Option<String>,
    compression: Option<String>,
}

impl ImageSpec {
    /// Digest of what the spec means: equal for two specs that ask for the same image.
    ///
    /// The contents of a base that is a file or folder, or that moves, are not in it, nor those of local packages.
    pub fn canonical_key(&self) -> Digest {
        Digest::of(self.canonical_form().as_bytes())
    }

    /// The text behind [`ImageSpec::canonical_key`].
    pub(super) fn canonical_form(&self) -> String {
        // Names every field, so that a new one cannot be forgotten here.
        let Self {
            base,
            platform,
            apt,
            conda,
            pip,
            python,
            kernel,
            environment,
            user,
            working_directory,
            labels,
            entrypoint,
            command,
            ports,
            volumes,
            stop_signal,
            compression,
            tags: _,
        } = self;
        let PipSpec { requirements, constraints, requires_python, locked, options, folder: _ } = pip;
        let canonical = Canonical {
            version: VERSION,
            base: base.to_string(),
            platform: platform.as_ref().map(ToString::to_string),
            apt: sorted(apt.packages.iter().map(ToString::to_string)),
            apt_recommends: apt.recommends,
            conda: conda.canonical(),
            pip: sorted(requirements.iter().map(PipRequirement::canonical)),
            pip_constraints: sorted(constraints.iter().map(PipRequirement::canonical)),
            requires_python: sorted(requires_python.iter().map(|entry| entry.text.as_str())),
            pip_locked: locked.as_ref().map(|lock| without_comments(&lock.text)),
            pip_options: options,
            python,
            kernel: kernel.as_ref().map(KernelChoice::canonical),
            environment,
            user: user.as_ref().map(ToString::to_string),
            working_directory,
            labels,
            entrypoint,
            command,
            ports: sorted(ports.iter().map(ToString::to_string)),
            volumes: volumes.iter().collect(),
            stop_signal,
            compression: compression.as_ref().map(ToString::to_string),
        };
        serde_json::to_string(&canonical).expect("text, numbers, lists and maps of text become JSON")
    }
}

/// Changes whenever the same question gets another answer.
const LOCK_VERSION: u32 = 1;

impl ImageSpec {
    /// Digests of what the spec asks for, as far as versions of packages follow from it: not of labels, environment and
    /// the like, nor of anything that changes layers alone.
    pub fn lock_keys(&self) -> LockKeys {
        let AptSpec { packages: _, recommends } = &self.apt;
        let PipSpec { requirements: _, constraints, requires_python, locked, options, folder: _ } = &self.pip;
        let python = self.python.clone().unwrap_or_default();
        let key = |parts: Value| Digest::of(parts.to_string().as_bytes());
        let base = key(json!([
            LOCK_VERSION,
            self.lock_name_of_base(),
            self.platform.as_ref().map(ToString::to_string)
        ]));
        let apt = key(json!([LOCK_VERSION, self.asked_of_apt(), recommends]));
        let pip = key(json!([
            LOCK_VERSION,
            self.asked_of_pip(),
            sorted(constraints.iter().map(PipRequirement::canonical)),
            sorted(requires_python.iter().map(|entry| entry.text.as_str())),
            locked.as_ref().map(|lock| without_comments(&lock.text)),
            options,
            python.interpreter,
            python.environment,
        ]));
        let conda = key(json!([LOCK_VERSION, self.conda.question()]));
        let parts = [&base, &apt, &pip].map(ToString::to_string);
        let with_conda = (!self.conda.is_empty()).then(|| conda.to_string());
        let kernel = self.kernel.as_ref().map(|kernel| json!([LOCK_VERSION, "kernel", kernel.question()]));
        let with_kernel = kernel.map(|parts| key(parts).to_string());
        let spec = key(parts.into_iter().chain(with_conda).chain(with_kernel).collect());
        LockKeys { spec, base, apt, conda, pip }
    }

    /// The base as a lock names it: of a path only the last part, because the way there is the machine's.
    pub fn lock_name_of_base(&self) -> String {
        let short = |path: &std::path::PathBuf| path.file_name().map_or_else(|| path.clone(), Into::into);
        let shortened = match &self.base {
            BaseSource::OciDirectory { path, reference } => {
                BaseSource::OciDirectory { path: short(path), reference: reference.clone() }
            }
            BaseSource::OciArchive { path, reference } => {
                BaseSource::OciArchive { path: short(path), reference: reference.clone() }
            }
            BaseSource::DockerArchive { path, reference } => {
                BaseSource::DockerArchive { path: short(path), reference: reference.clone() }
            }
            other => other.clone(),
        };
        shortened.to_string()
    }

    /// The Debian packages that are asked for, as a lock lists them.
    pub fn asked_of_apt(&self) -> Vec<String> {
        sorted(self.apt.packages.iter().map(ToString::to_string))
    }

    /// The conda packages that are asked for, as a lock lists them.
    pub fn asked_of_conda(&self) -> Vec<String> {
        sorted(self.conda.packages.iter().map(ToString::to_string))
    }

    /// The kernel that is asked for, as a lock has it.
    pub fn asked_of_kernel(&self) -> Option<String> {
        self.kernel.as_ref().map(|kernel| format!("{} {}", kernel.language, kernel.launcher.lock_name()))
    }

    /// The Python packages that are asked for, as a lock lists them.
    pub fn asked_of_pip(&self) -> Vec<String> {
        sorted(self.pip.requirements.iter().map(PipRequirement::canonical))
    }
}

impl KernelChoice {
    /// What is asked for, but for places.
    fn canonical(&self) -> Value {
        json!([self.question(), self.kernelspec, self.user.to_string()])
    }

    /// What of it decides which launcher it is.
    fn question(&self) -> Value {
        let Self { language, kernelspec: _, launcher, user: _, origin: _ } = self;
        let digest = match launcher {
            Launcher::EnterpriseGateway(archive) => archive.digest.as_ref().map(ToString::to_string),
            Launcher::Imagewright => None,
        };
        json!([language, launcher.lock_name(), digest])
    }
}

impl CondaSpec {
    /// What is asked for, but for places; none where that is nothing.
    fn canonical(&self) -> Option<Value> {
        (!self.is_empty()).then(|| json!([self.question(), self.link_scripts]))
    }

    /// What of it decides versions.
    fn question(&self) -> Value {
        let Self { packages, channels, priority, link_scripts: _, cuda, explicit } = self;
        let packages = sorted(packages.iter().map(CondaPackage::to_string));
        let channels: Vec<&str> = channels.iter().map(CondaChannel::name).collect();
        let question = json!([packages, channels, priority, cuda]);
        // Left out where there is none, so that keys are what they were before there were such lists.
        if explicit.is_some() { json!([question, "explicit"]) } else { question }
    }
}

fn sorted<T: Ord>(entries: impl Iterator<Item = T>) -> Vec<T> {
    let mut entries: Vec<T> = entries.collect();
    entries.sort();
    entries.dedup();
    entries
}

/// The entries of a TOML document, tables in order of their keys.
fn without_comments(text: &str) -> Value {
    let table: Option<toml::Table> = toml::from_str(text).ok();
    table.and_then(|table| serde_json::to_value(table).ok()).unwrap_or_else(|| text.into())
}
