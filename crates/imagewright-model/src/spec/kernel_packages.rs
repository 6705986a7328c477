//! What a kernel needs of packages, where the lists of a spec do not have it.

use super::{
    AptPackage, AptSpec, BaseSource, CondaPackage, CondaSpec, KernelChoice, Launcher, Origin, PipRequirement,
    PipSpec, PythonChoice, PythonEnvironment, SpecError,
};

/// What one package is called by each package manager; empty where it has none.
struct Needed {
    pip: &'static str,
    conda: &'static str,
    apt: &'static str,
}

const IPYKERNEL: Needed = Needed { pip: "ipykernel", conda: "ipykernel", apt: "python3-ipykernel" };
const JUPYTER_CLIENT: Needed =
    Needed { pip: "jupyter-client", conda: "jupyter_client", apt: "python3-jupyter-client" };
const CRYPTODOME: Needed =
    Needed { pip: "pycryptodomex", conda: "pycryptodomex", apt: "python3-pycryptodome" };
const IRKERNEL: Needed = Needed { pip: "", conda: "r-irkernel", apt: "r-cran-irkernel" };
/// What the launcher of Enterprise Gateway for R needs beside.
const OF_R_LAUNCHER: [Needed; 3] = [
    Needed { pip: "", conda: "r-argparse", apt: "r-cran-argparse" },
    Needed { pip: "", conda: "r-jsonlite", apt: "r-cran-jsonlite" },
    Needed { pip: "", conda: "r-stringr", apt: "r-cran-stringr" },
];
/// What Debian's Python needs to be called `python`.
const PYTHON_COMMAND: &str = "python-is-python3";
/// A Python that Enterprise Gateway's launcher for R works with.
const OLDER_PYTHON: &str = "python<3.12";
/// Where conda's Python is.
const CONDA: &str = "/opt/conda/";

/// The lists of a spec, as they are completed.
pub(super) struct Lists<'a> {
    pub(super) base: &'a BaseSource,
    pub(super) apt: &'a mut AptSpec,
    pub(super) conda: &'a mut CondaSpec,
    pub(super) pip: &'a mut PipSpec,
    pub(super) python: Option<&'a PythonChoice>,
}

impl Lists<'_> {
    /// Adds what the kernel needs.
    pub(super) fn complete(mut self, kernel: &KernelChoice) -> Result<(), SpecError> {
        let is_gateways = matches!(kernel.launcher, Launcher::EnterpriseGateway(_));
        match kernel.language.as_str() {
            "python" => self.python(is_gateways, &kernel.origin)?,
            "r" => self.r(is_gateways, &kernel.origin)?,
            // What starts other kernels comes with a kernelspec, by packages of the spec.
            _ => return Ok(()),
        }
        self.apt.packages.sort();
        self.conda.packages.sort();
        self.pip.requirements.sort();
        Ok(())
    }

    fn python(&mut self, is_gateways: bool, origin: &Origin) -> Result<(), SpecError> {
        let by_conda = self.conda_brings_python();
        let chosen = self.python.is_some_and(|python| python.interpreter.is_some());
        let has_python = self.apt.packages.iter().any(|package| package.name.starts_with("python3"));
        if self.is_bootstrapped() && self.conda.is_empty() && !chosen && !has_python {
            self.add_apt("python3", origin)?;
        }
        let of_launcher = [JUPYTER_CLIENT, CRYPTODOME].into_iter().filter(|_| is_gateways);
        let needed = [IPYKERNEL].into_iter().chain(of_launcher);
        if self.debian_has(IPYKERNEL.apt) {
            return needed.into_iter().try_for_each(|needed| self.add_apt(needed.apt, origin));
        }
        for Needed { pip, conda, .. } in needed {
            if self.has_pip(pip) || self.has_conda(conda) {
                continue;
            }
            match by_conda {
                true => self.conda.packages.push(CondaPackage::parse(conda, origin.clone())?),
                false => self.pip.requirements.push(PipRequirement::parse(pip, origin.clone())?),
            }
        }
        Ok(())
    }

    fn r(&mut self, is_gateways: bool, origin: &Origin) -> Result<(), SpecError> {
        let by_conda = self.conda.packages.iter().any(|package| package.name.starts_with("r-"));
        let by_apt = self.apt.packages.iter().any(|package| package.name.starts_with("r-"));
        // Where it stands in no list, R comes with the base, and what kernel there is is found out there.
        if !by_conda && !by_apt && !self.is_bootstrapped() {
            return Ok(());
        }
        let by_conda = by_conda && self.conda.explicit.is_none();
        let of_launcher = OF_R_LAUNCHER.into_iter().filter(|_| is_gateways);
        let of_python = [CRYPTODOME, JUPYTER_CLIENT].into_iter().filter(|_| is_gateways);
        for Needed { conda, apt, .. } in [IRKERNEL].into_iter().chain(of_launcher).chain(of_python) {
            match by_conda {
                true if !self.has_conda(conda) => {
                    self.conda.packages.push(CondaPackage::parse(conda, origin.clone())?);
                }
                false if !self.has_conda(conda) => self.add_apt(apt, origin)?,
                _ => {}
            }
        }
        match by_conda {
            true if is_gateways && !self.has_conda("python") => {
                self.conda.packages.push(CondaPackage::parse(OLDER_PYTHON, origin.clone())?);
            }
            false if is_gateways => self.add_apt(PYTHON_COMMAND, origin)?,
            _ => {}
        }
        Ok(())
    }

    fn is_bootstrapped(&self) -> bool {
        matches!(self.base, BaseSource::Bootstrap { .. })
    }

    /// Whether a Python comes with the conda packages, and more of them may be asked for.
    fn conda_brings_python(&self) -> bool {
        let chosen = self.python.and_then(|python| python.interpreter.as_deref());
        if self.conda.explicit.is_some() || chosen.is_some_and(|path| !path.starts_with(CONDA)) {
            return false;
        }
        let names = || self.conda.packages.iter().map(|package| package.name.as_str());
        let of_debian = self.apt.packages.iter().any(|package| package.name == "python3");
        names().any(|name| name == "python") || !of_debian && names().any(|name| !name.starts_with("r-"))
    }

    fn has_pip(&self, name: &str) -> bool {
        let asked = self.pip.requirements.iter().any(|requirement| requirement.name.as_deref() == Some(name));
        let locked = self.pip.locked.as_ref();
        asked || locked.is_some_and(|lock| lock.packages.iter().any(|package| package.name == name))
    }

    fn has_conda(&self, name: &str) -> bool {
        self.conda.packages.iter().any(|package| package.name == name)
    }

    fn has_apt(&self, name: &str) -> bool {
        self.apt.packages.iter().any(|package| package.name == name)
    }

    /// Whether Debian's package is asked for, and Python packages do not go elsewhere.
    fn debian_has(&self, name: &str) -> bool {
        let system = Some(&PythonEnvironment::System);
        let shared = self.python.and_then(|python| python.environment.as_ref()) == system;
        self.has_apt(name) && self.conda.is_empty() && (shared || self.pip.is_empty())
    }

    fn add_apt(&mut self, name: &str, origin: &Origin) -> Result<(), SpecError> {
        if !self.has_apt(name) {
            self.apt.packages.push(AptPackage::parse(name, origin.clone())?);
        }
        Ok(())
    }
}
