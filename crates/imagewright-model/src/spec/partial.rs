//! A spec in the making: what one source says, laid over what others say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use imagewright_oci::{Platform, Reference};

use super::kernel_packages::Lists;
use super::{
    Account, AptPackage, AptSpec, BaseSource, ChannelPriority, CondaChannel, CondaList, CondaPackage,
    CondaSpec, ImageSpec, KernelChoice, KernelChoiceError, LayerCompression, LinkScripts, LockPartChoice,
    LockedPip, NamedFile, Note, Origin, PartialKernel, PipOptions, PipRequirement, PipSpec, Port, Problem,
    PythonChoice, RequiresPython, SpecError, User, conda,
};

/// What flags, `image.yaml` or the files of a folder say; nothing is required.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartialSpec {
    /// Where the base image comes from.
    pub base: Option<BaseSource>,
    /// The platform of the image.
    pub platform: Option<Platform>,
    /// Debian packages.
    pub apt: Vec<AptPackage>,
    /// Whether packages that Debian packages recommend come along.
    pub apt_recommends: Option<bool>,
    /// conda packages.
    pub conda: Vec<CondaPackage>,
    /// Channels of conda packages, in order.
    pub conda_channels: Vec<CondaChannel>,
    /// How their order counts.
    pub conda_priority: Option<ChannelPriority>,
    /// What happens to conda packages with scripts.
    pub conda_link_scripts: Option<LinkScripts>,
    /// The version of CUDA that the machine will have where the image runs.
    pub conda_cuda: Option<String>,
    /// Lists of exact conda packages, one of which is meant.
    pub conda_lists: Vec<CondaList>,
    /// The file that holds the one that is meant, in place of those.
    pub conda_lock: Option<NamedFile>,
    /// Which part of it is meant.
    pub conda_lock_part: LockPartChoice,
    /// The list that holds all conda packages that may be installed.
    pub conda_explicit: Option<Origin>,
    /// Python requirements.
    pub pip: Vec<PipRequirement>,
    /// Constraints on Python packages that others bring along.
    pub pip_constraints: Vec<PipRequirement>,
    /// Versions of Python that are asked for.
    pub requires_python: Vec<RequiresPython>,
    /// A lock of Python packages.
    pub pip_locked: Option<LockedPip>,
    /// Where Python packages come from.
    pub pip_options: PipOptions,
    /// The folder that paths of Python requirements count from.
    pub folder: PathBuf,
    /// Which Python gets the packages.
    pub python: Option<PythonChoice>,
    /// The kernel that the image is for.
    pub kernel: PartialKernel,
    /// Environment of the container, in order.
    pub environment: Vec<(String, String)>,
    /// Who runs the container.
    pub user: Option<User>,
    /// Where the container starts.
    pub working_directory: Option<String>,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// What the container runs.
    pub entrypoint: Option<Vec<String>>,
    /// Arguments to the entry point, or what is run where there is none.
    pub command: Option<Vec<String>>,
    /// Ports the program listens on.
    pub ports: BTreeSet<Port>,
    /// Folders that hold data of the container.
    pub volumes: BTreeSet<String>,
    /// The signal that asks the program to stop.
    pub stop_signal: Option<String>,
    /// How layers are compressed.
    pub compression: Option<LayerCompression>,
    /// Names of the result.
    pub tags: Vec<Reference>,
    /// Files of the folder that are meant to be ignored.
    pub ignore: Vec<(String, Origin)>,
    /// What the user should know about how this was read.
    pub notes: Vec<Note>,
}

impl PartialSpec {
    /// Lays `upper` over this: single values replace, lists of packages grow, maps are joined by name.
    ///
    /// Tags replace as a whole, so that `-t` on the command line does not move the tags of `image.yaml`.
    #[must_use]
    pub fn merge(mut self, upper: Self) -> Self {
        self.pip_options.merge(upper.pip_options);
        self.apt.extend(upper.apt);
        self.conda.extend(upper.conda);
        // What is said last counts most, and so do channels that stand in front.
        let mut conda_channels = upper.conda_channels;
        conda_channels.append(&mut self.conda_channels);
        self.pip.extend(upper.pip);
        self.pip_constraints.extend(upper.pip_constraints);
        self.requires_python.extend(upper.requires_python);
        self.labels.extend(upper.labels);
        self.ports.extend(upper.ports);
        self.volumes.extend(upper.volumes);
        self.ignore.extend(upper.ignore);
        self.notes.extend(upper.notes);
        for (name, value) in upper.environment {
            set_variable(&mut self.environment, name, value);
        }
        Self {
            base: upper.base.or(self.base),
            platform: upper.platform.or(self.platform),
            apt_recommends: upper.apt_recommends.or(self.apt_recommends),
            conda_channels,
            conda_priority: upper.conda_priority.or(self.conda_priority),
            conda_link_scripts: upper.conda_link_scripts.or(self.conda_link_scripts),
            conda_cuda: upper.conda_cuda.or(self.conda_cuda),
            conda_lists: if upper.conda_lists.is_empty() { self.conda_lists } else { upper.conda_lists },
            conda_lock: upper.conda_lock.or(self.conda_lock),
            conda_lock_part: self.conda_lock_part.merge(upper.conda_lock_part),
            conda_explicit: upper.conda_explicit.or(self.conda_explicit),
            pip_locked: upper.pip_locked.or(self.pip_locked),
            python: merge_python(self.python, upper.python),
            kernel: self.kernel.merge(upper.kernel),
            user: upper.user.or(self.user),
            working_directory: upper.working_directory.or(self.working_directory),
            entrypoint: upper.entrypoint.or(self.entrypoint),
            command: upper.command.or(self.command),
            stop_signal: upper.stop_signal.or(self.stop_signal),
            compression: upper.compression.or(self.compression),
            tags: if upper.tags.is_empty() { self.tags } else { upper.tags },
            ..self
        }
    }

    /// All that the user should know about how this was read.
    pub fn warnings(&self) -> Vec<Note> {
        let is_editable =
            |requirement: &&PipRequirement| requirement.local.as_ref().is_some_and(|local| local.editable);
        let editable = self.pip.iter().filter(is_editable).map(|requirement| {
            let text = format!(
                "`{requirement}` is installed as it is now and not in place: an image cannot point to a folder of \
                 this machine"
            );
            Note::new(requirement.origin.clone(), &text)
        });
        self.notes.iter().cloned().chain(editable).collect()
    }

    /// The same for a spec that counts paths of requirements from another folder: `way` leads from there to the one
    /// they counted from.
    #[must_use]
    pub fn seen_from(mut self, way: &str) -> Self {
        for requirement in &mut self.pip {
            requirement.local = requirement.local.take().map(|local| local.seen_from(way));
        }
        self
    }

    /// The complete spec.
    ///
    /// # Errors
    /// Refuses a spec without a base, one that contradicts itself, and a lock that lacks what is asked for.
    pub fn finish(self) -> Result<ImageSpec, SpecError> {
        if let Some(list) = self.conda_lists.first() {
            // Which of them is meant follows from the platform, for which nobody asked.
            return Err(SpecError::new(Origin::file(&list.source), Problem::ListNotRead));
        }
        let base = self.base.ok_or_else(|| SpecError::new(Origin::file("image spec"), Problem::NoBase))?;
        let mut pip = PipSpec {
            requirements: distinct(self.pip),
            constraints: distinct(self.pip_constraints),
            requires_python: self.requires_python,
            locked: self.pip_locked,
            options: self.pip_options,
            folder: self.folder,
        };
        let mut apt = AptSpec {
            packages: distinct_packages(self.apt)?,
            recommends: self.apt_recommends.unwrap_or(false),
        };
        let mut conda = CondaSpec {
            packages: conda::distinct(self.conda),
            channels: conda::distinct_channels(self.conda_channels),
            priority: self.conda_priority.unwrap_or_default(),
            link_scripts: self.conda_link_scripts.unwrap_or_default(),
            cuda: self.conda_cuda,
            explicit: self.conda_explicit,
        };
        let kernel = self.kernel.finish().map_err(|(origin, problem)| SpecError::new(origin, problem))?;
        if let Some(kernel) = &kernel {
            let problem = contradiction(kernel, &self.environment, self.user.as_ref(), self.command.as_ref());
            if let Some(problem) = problem {
                return Err(SpecError::new(kernel.origin.clone(), problem));
            }
            let python = self.python.as_ref();
            let lists = Lists { base: &base, apt: &mut apt, conda: &mut conda, pip: &mut pip, python };
            lists.complete(kernel)?;
        }
        if let Some(lock) = &pip.locked {
            pip.check_versions(lock)?;
            pip.check_hashes(lock)?;
        }
        Ok(ImageSpec {
            base,
            platform: self.platform,
            apt,
            conda,
            pip,
            python: self.python,
            kernel,
            environment: self.environment,
            user: self.user,
            working_directory: self.working_directory,
            labels: self.labels,
            entrypoint: self.entrypoint,
            command: self.command,
            ports: self.ports,
            volumes: self.volumes,
            stop_signal: self.stop_signal,
            compression: self.compression,
            tags: self.tags,
        })
    }
}

/// What of a spec does not go with its kernel.
fn contradiction(
    kernel: &KernelChoice,
    environment: &[(String, String)],
    user: Option<&User>,
    command: Option<&Vec<String>>,
) -> Option<KernelChoiceError> {
    let variable = environment.iter().find(|(name, _)| name == "KERNEL_LANGUAGE");
    let other = variable.filter(|(_, value)| !value.eq_ignore_ascii_case(&kernel.language));
    if let Some((_, variable)) = other {
        let (variable, language) = (variable.clone(), kernel.language.clone());
        return Some(KernelChoiceError::OtherLanguage { variable, language });
    }
    if command.is_some() {
        return Some(KernelChoiceError::Command);
    }
    let is_root = |user: &User| match &user.user {
        Account::Id(id) => *id == 0,
        Account::Name(name) => name == "root",
    };
    user.is_some_and(is_root).then_some(KernelChoiceError::Root)
}

/// Sets a variable where it stands, or at the end.
pub(super) fn set_variable(environment: &mut Vec<(String, String)>, name: String, value: String) {
    match environment.iter_mut().find(|(known, _)| *known == name) {
        Some((_, known)) => *known = value,
        None => environment.push((name, value)),
    }
}

fn merge_python(lower: Option<PythonChoice>, upper: Option<PythonChoice>) -> Option<PythonChoice> {
    let (Some(lower), Some(upper)) = (&lower, &upper) else { return upper.or(lower) };
    Some(PythonChoice {
        interpreter: upper.interpreter.as_ref().or(lower.interpreter.as_ref()).cloned(),
        environment: upper.environment.as_ref().or(lower.environment.as_ref()).cloned(),
        bytecode: upper.bytecode.or(lower.bytecode),
    })
}

/// Each package once, in order of name. The order of writing means nothing, so it must not change a solution.
fn distinct_packages(mut packages: Vec<AptPackage>) -> Result<Vec<AptPackage>, SpecError> {
    packages.sort();
    // `git` and `git=1:2.47` together mean the second.
    let chosen: Vec<AptPackage> =
        packages.iter().filter(|package| package.choice.is_some()).cloned().collect();
    let same = |a: &AptPackage, b: &AptPackage| a.name == b.name && a.architecture == b.architecture;
    packages.retain(|package| package.choice.is_some() || !chosen.iter().any(|other| same(package, other)));
    packages.dedup_by(|later, kept| same(later, kept) && later.choice == kept.choice);
    match packages.windows(2).find(|pair| same(&pair[0], &pair[1])) {
        Some([package, other]) => Err(SpecError::new(
            package.origin.clone(),
            Problem::AptConflict {
                package: package.to_string(),
                other: other.to_string(),
                other_origin: other.origin.clone(),
            },
        )),
        _ => Ok(packages),
    }
}

fn distinct(mut requirements: Vec<PipRequirement>) -> Vec<PipRequirement> {
    requirements.sort();
    requirements.dedup_by(|later, kept| {
        later.text == kept.text && later.hashes == kept.hashes && later.local == kept.local
    });
    requirements
}
