//! The step that makes an image one for a kernel: what Enterprise Gateway starts, and the account that it runs as.
//!
//! It makes up to two layers. That of the launcher follows from the launcher and from where it goes, so all images share it,
//! whatever their packages. That of the account follows from the accounts that are there. Both are made of what a few files of the
//! image below the Python packages say ([`ground`]), and no program of the image runs for them.

mod account;
mod archive;
mod error;
mod files;
mod ground;
mod kernels;
mod launcher;
mod part;
mod plan;

use imagewright_model::TrustSettings;
use imagewright_model::lock::{LockedConda, LockedKernel, LockedPython};
use imagewright_model::spec::{ImageSpec, KernelChoice, Launcher};
use imagewright_oci::Digest;
use serde::{Deserialize, Serialize};

use crate::draft::Draft;
use crate::error::EngineError;
use crate::step::{self, Step, StepContext, StepLayer, StepResult};
use crate::versions_error::VersionsError;

pub use account::{KERNEL_ACCOUNT, passwd_line as account_line, wrapper as wrapper_script};
use archive::BOOTSTRAP;
pub use error::KernelError;
use files::Files;
use ground::{Ground, KernelPython};
pub(crate) use launcher::check_launcher;
use launcher::{FOLDER, FoundLauncher};
pub use launcher::{KERNEL_LAUNCHER, kernel_launcher_of, kernel_launcher_path};

/// Raised whenever the same launcher or account would give another layer.
const VERSION: u32 = 1;

/// The step of a kernel.
pub(crate) struct KernelStep<'a> {
    context: StepContext<'a>,
    /// The image below its Python packages: accounts are those of it.
    below: &'a Draft,
    spec: &'a ImageSpec,
    kernel: &'a KernelChoice,
    launcher: FoundLauncher,
    /// The Python that packages went to, where they did.
    python: Option<KernelPython>,
}

/// What is to be made of an image.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Solution {
    launcher: Digest,
    ground: Ground,
    python: Option<KernelPython>,
}

impl<'a> KernelStep<'a> {
    /// The step on an image so far, of which `below` is what does not depend on Python packages.
    ///
    /// # Errors
    /// Where the launcher is not here, or is not what it must be.
    pub(crate) fn new(
        context: StepContext<'a>,
        below: &'a Draft,
        (spec, kernel): (&'a ImageSpec, &'a KernelChoice),
        trust: &TrustSettings,
        python: Option<KernelPython>,
    ) -> Result<Self, EngineError> {
        let launcher = FoundLauncher::find(context.site, trust, kernel, context.report)?;
        launcher.check(kernel)?;
        Ok(Self { context, below, spec, kernel, launcher, python })
    }

    /// Holds the launcher against a lock that must be kept.
    pub(crate) fn keep(&self, locked: Option<&LockedKernel>) -> Result<(), EngineError> {
        let found = self.launcher.digest.hex();
        match locked.filter(|locked| locked.sha256 != found) {
            None => Ok(()),
            Some(locked) => {
                let text =
                    format!("`{}` was {} and is {found}, by its SHA-256", self.launcher.name, locked.sha256);
                Err(VersionsError::LockDiffers { differences: vec![text] }.into())
            }
        }
    }

    /// What a lock has of it.
    pub(crate) fn locked(&self) -> LockedKernel {
        LockedKernel {
            asked: self.spec.asked_of_kernel().unwrap_or_default(),
            sha256: self.launcher.digest.hex().to_owned(),
        }
    }

    /// Whether the kernel must be looked for, because it does not come with packages that are listed for it.
    fn is_unsure(&self) -> bool {
        let ImageSpec { apt, conda, .. } = self.spec;
        let listed = apt.packages.iter().map(|it| &it.name).chain(conda.packages.iter().map(|it| &it.name));
        let mut irkernel = listed.filter(|name| matches!(name.as_str(), "r-cran-irkernel" | "r-irkernel"));
        match self.kernel.language.as_str() {
            _ if self.kernel.kernelspec.is_some() => true,
            "python" => false,
            "r" => irkernel.next().is_none(),
            // That the archive has the jars of Toree is known.
            _ => !self.launcher.is_archive,
        }
    }

    /// What the launchers of Enterprise Gateway start themselves.
    fn check_needs(&self, ground: &Ground) -> Result<(), KernelError> {
        let launcher = "Enterprise Gateway's launcher";
        let needs =
            |what, hint| Err(KernelError::Needs { origin: self.kernel.origin.clone(), launcher, what, hint });
        let knows_spark = || {
            let set = self.spec.environment.iter().any(|(name, _)| name == "SPARK_HOME");
            set || self.context.draft.config.env("SPARK_HOME").is_some()
        };
        match () {
            () if !self.launcher.is_archive => Ok(()),
            () if !ground.has_bash => needs("`bash`", "add `bash` to `apt`"),
            () if self.kernel.language == "scala" && !knows_spark() => {
                needs("Spark: `SPARK_HOME` is not set", "take a base with Spark, or set it under `env`")
            }
            () => Ok(()),
        }
    }

    /// Whether what starts the kernel is run by `python`.
    fn wants_python(&self) -> bool {
        self.kernel.language == "python" || self.kernel.language == "r" && self.launcher.is_archive
    }
}

impl Step for KernelStep<'_> {
    const KIND: &'static str = "kernel";
    type Solution = Solution;

    fn question(&self) -> Digest {
        let KernelChoice { language, kernelspec, user, launcher: _, origin: _ } = self.kernel;
        let below = self.below.chain().map(|chain| chain.digest().clone());
        let path = self.context.draft.config.env("PATH");
        let asked = (language, kernelspec, user, &self.launcher.digest, &self.python);
        step::key(Self::KIND, &(VERSION, self.context.parent(), below, path, asked))
    }

    fn solve(&mut self) -> Result<Solution, EngineError> {
        let ground = Ground::find(StepContext { draft: self.below, ..self.context })?;
        self.check_needs(&ground)?;
        if self.is_unsure() {
            kernels::check(self.context, self.kernel)?;
        }
        // What is known of the one that the image finds is known better.
        let found = |python: &KernelPython| ground.python.clone().filter(|it| it.program == python.program);
        let known = self.python.clone().map(|python| found(&python).unwrap_or(python));
        let python = known.or_else(|| ground.python.clone()).filter(|_| self.wants_python());
        Ok(Solution { launcher: self.launcher.digest.clone(), ground, python })
    }

    fn identity(&self, solution: &Solution) -> Digest {
        let files = Files::new(self, solution);
        let compression = self.context.site.compression.to_string();
        step::key("kernel-result", &(VERSION, files.launcher_key(), files.account(), compression))
    }

    fn run(&mut self, solution: &Solution) -> Result<StepResult, EngineError> {
        let files = Files::new(self, solution);
        let launcher = files.launcher_layer()?.map(|layer| titled(layer, "kernel launcher"));
        let account = files.account_layer()?.map(|layer| titled(layer, "kernel account"));
        Ok(StepResult { layers: launcher.into_iter().chain(account).collect(), ..StepResult::default() })
    }
}

fn titled(layer: crate::draft::DraftLayer, title: &str) -> StepLayer {
    StepLayer { layer, title: Some(title.to_owned()) }
}

/// The Python that packages of a spec went to; none where there are none, so that it is whichever the image finds.
pub(crate) fn python_of(pip: Option<&LockedPython>, conda: Option<&LockedConda>) -> Option<KernelPython> {
    let brings_python = |conda: &&LockedConda| conda.packages.iter().any(|package| package.name == "python");
    match (pip, conda.filter(brings_python)) {
        (Some(pip), _) if pip.environment == "system" => {
            Some(KernelPython { program: pip.interpreter.clone(), is_virtual: false })
        }
        (Some(pip), _) => {
            Some(KernelPython { program: format!("{}/bin/python", pip.environment), is_virtual: true })
        }
        (None, Some(conda)) => {
            Some(KernelPython { program: format!("{}/bin/python", conda.prefix), is_virtual: false })
        }
        (None, None) => None,
    }
}

/// What containers of a kernel image start.
pub(crate) fn command(kernel: &KernelChoice) -> String {
    match kernel.launcher {
        Launcher::Imagewright => kernel_launcher_path(),
        Launcher::EnterpriseGateway(_) => format!("{FOLDER}/{BOOTSTRAP}"),
    }
}

/// The home of the account.
pub(crate) const HOME: &str = account::HOME;

#[cfg(test)]
mod tests {
    use super::*;

    fn pip(interpreter: &str, environment: &str) -> LockedPython {
        LockedPython {
            key: Digest::of(b""),
            asked: Vec::new(),
            interpreter: interpreter.to_owned(),
            version: "3.13.1".to_owned(),
            environment: environment.to_owned(),
            document: LockedPython::document_of("").unwrap(),
        }
    }

    #[test]
    fn the_kernel_runs_on_the_python_that_has_the_packages() {
        let conda = LockedConda {
            key: Digest::of(b""),
            asked: Vec::new(),
            prefix: "/opt/conda".to_owned(),
            packages: Vec::new(),
        };
        let of = |pip: Option<&LockedPython>, conda| {
            python_of(pip, conda).map(|python| (python.program, python.is_virtual))
        };
        assert_eq!(of(None, None), None);
        // conda packages without a Python.
        assert_eq!(of(None, Some(&conda)), None);
        let venv = pip("/usr/bin/python3", "/opt/venv");
        assert_eq!(of(Some(&venv), Some(&conda)), Some(("/opt/venv/bin/python".to_owned(), true)));
        let system = pip("/opt/conda/bin/python3", "system");
        assert_eq!(of(Some(&system), Some(&conda)), Some(("/opt/conda/bin/python3".to_owned(), false)));
    }
}
