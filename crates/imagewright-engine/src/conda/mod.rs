//! The conda step: solved by rattler's solver, installed as layers of single packages.
//!
//! [`asked`] has what is wanted, in words of the solver, before anything is done. [`facts`] looks at the image so far: where its
//! environment is, what is in it, which C library it has. [`index`] looks up what channels have, [`solve`] asks the solver, and
//! [`chosen`] is what comes of it, which a lock can hold. Each package becomes a layer ([`layers`]), once for all images whose
//! environment is alike; the books of the environment are a layer of their own ([`books`]), because they alone depend on all packages.
//! No code of a package runs, but for its scripts where a spec asks for it ([`scripts`]).

mod asked;
mod books;
mod bytecode;
mod chosen;
mod error;
mod facts;
mod files;
mod index;
mod layers;
mod listed;
mod names;
mod places;
mod plan;
mod replaced;
mod scripts;
mod solve;

use std::collections::{BTreeMap, BTreeSet};

use imagewright_conda::package::InstalledPython;
use imagewright_conda::{Channel, Package};
use imagewright_model::lock::LockedConda;
use imagewright_model::spec::{Bytecode, CondaSpec, LinkScripts};
use imagewright_model::{CondaSettings, TrustSettings};
use imagewright_oci::Digest;
use serde::{Deserialize, Serialize};

use crate::assembly::{self, Piece};
use crate::bytecode::BYTECODE_VERSION;
use crate::error::EngineError;
use crate::fetch::Fetcher;
use crate::fetch::cached::sweep;
use crate::lock::{Kept, KeptConda};
use crate::step::{self, Step, StepContext, StepLayer, StepResult};
pub(crate) use asked::Asked;
pub(crate) use bytecode::{CONDA_BYTECODE, Compiled};
use chosen::Chosen;
pub use error::CondaError;
use facts::CondaFacts;
use layers::Installer;
pub(crate) use layers::{CONDA_FILES, CONDA_LAYER, CONDA_PYTHON, CondaLayer, python_key};
pub use listed::read_conda_lock;
pub(crate) use names::ListedChannels;
use places::Places;

/// How many files that several packages bring are named.
const NAMED_OVERLAPS: usize = 5;

/// Installs conda packages on the image so far.
pub(crate) struct CondaStep<'a> {
    context: StepContext<'a>,
    spec: &'a CondaSpec,
    asked: &'a Asked,
    settings: &'a CondaSettings,
    trust: &'a TrustSettings,
    /// What an earlier build decided.
    kept: Kept<KeptConda<'a>>,
    /// Whether modules are compiled.
    bytecode: Bytecode,
    /// Make everything again though it is known.
    again: bool,
}

/// What the solver answered, and for which image.
#[derive(Serialize, Deserialize)]
pub(crate) struct Solution {
    facts: CondaFacts,
    /// What is to be installed, those that others need first.
    packages: Vec<Chosen>,
}

impl Solution {
    /// Packages of the base that others replace.
    fn replaced(&self) -> Vec<Package> {
        let is_replaced = |there: &&Package| {
            self.packages.iter().any(|chosen| chosen.name == there.name() && !chosen.is(there))
        };
        self.facts.installed.iter().filter(is_replaced).cloned().collect()
    }

    /// Packages of the base that stay.
    fn staying(&self) -> impl Iterator<Item = &Package> {
        let stays = |there: &&Package| !self.packages.iter().any(|chosen| chosen.name == there.name());
        self.facts.installed.iter().filter(stays)
    }
}

impl<'a> CondaStep<'a> {
    pub(crate) fn new(
        context: StepContext<'a>,
        spec: &'a CondaSpec,
        asked: &'a Asked,
        (settings, trust): (&'a CondaSettings, &'a TrustSettings),
        kept: Kept<KeptConda<'a>>,
        (bytecode, again): (Bytecode, bool),
    ) -> Self {
        Self { context, spec, asked, settings, trust, kept, bytecode, again }
    }

    /// A solution as a lock has it, but for what the spec says of it.
    pub(crate) fn locked(solution: &Solution) -> LockedConda {
        LockedConda {
            key: Digest::of(b""),
            asked: Vec::new(),
            prefix: solution.facts.prefix.clone(),
            packages: solution.packages.iter().map(Chosen::to_locked).collect(),
        }
    }

    fn fetcher(&self) -> Result<Fetcher, EngineError> {
        Ok(Fetcher::new(self.trust)?.stopped_by(self.context.site.cancel.stop()))
    }

    /// Where the channels of a solution are had from.
    fn places(&self, solution: &Solution) -> Result<Places<'a>, EngineError> {
        let mut channels: Vec<Channel> = self.asked.channels.clone();
        for chosen in &solution.packages {
            channels.extend(Channel::new(&chosen.channel).filter(|channel| !channels.contains(channel)));
        }
        Ok(Places::of(self.settings, &channels)?)
    }

    fn installer<'i>(
        &self,
        fetcher: &'i Fetcher,
        places: &'i Places<'i>,
        solution: &'i Solution,
    ) -> Result<Installer<'i>, EngineError>
    where
        'a: 'i,
    {
        let folder = self.context.site.store.cache_dir("conda")?;
        sweep(&folder).map_err(EngineError::io("list", &folder))?;
        Ok(Installer {
            context: self.context,
            fetcher,
            places,
            facts: &solution.facts,
            folder,
            link_scripts: self.spec.link_scripts,
            own_layers: assembly::own_layers(self.context.draft.layers.len()),
            again: self.again,
        })
    }

    /// The Python of the environment as it will be.
    fn python(
        &self,
        installer: &Installer<'_>,
        solution: &Solution,
    ) -> Result<Option<InstalledPython>, EngineError> {
        if let Some(chosen) = solution.packages.iter().find(|chosen| chosen.name == "python") {
            return installer.python_of(chosen).map(Some);
        }
        let there = solution.facts.installed.iter().find(|package| package.name() == "python");
        let python = there.map(|package| {
            package.python().map_err(|source| CondaError::Package { file: package.file(), source })
        });
        Ok(python.transpose()?.flatten())
    }

    /// The layers of packages, without their books.
    fn package_layers(
        &self,
        installer: &Installer<'_>,
        solution: &Solution,
        layers: &[CondaLayer],
        python: Option<&InstalledPython>,
    ) -> Result<Vec<StepLayer>, EngineError> {
        let (told, apart) = overlaps_of(installer, solution, python)?;
        for overlap in told {
            self.context.report.warn(overlap);
        }
        let activated: Vec<&str> =
            layers.iter().filter(|layer| layer.has_activation).map(|layer| layer.package.name()).collect();
        if !activated.is_empty() {
            self.context.report.warn(format!(
                "scripts of {} run in shells that activate the environment, and nowhere else",
                activated.join(", ")
            ));
        }
        let below = self.context.draft.layers.len();
        let pieces = layers.iter().map(CondaLayer::piece).collect();
        assembly::assemble(self.context.site, "conda", pieces, &apart, below)
    }
}

impl Step for CondaStep<'_> {
    const KIND: &'static str = "conda";
    type Solution = Solution;

    fn question(&self) -> Digest {
        let config = &self.context.draft.config;
        let prefix = ["CONDA_PREFIX", "CONDA_DIR", "MAMBA_ROOT_PREFIX", "PATH"].map(|name| config.env(name));
        let packages: Vec<String> = self.spec.packages.iter().map(ToString::to_string).collect();
        let asked = (packages, self.asked.channel_names(), self.asked.priority, &self.spec.cuda);
        step::key("conda-question-2", &(self.context.parent(), prefix, &config.platform.architecture, asked))
    }

    fn identity(&self, solution: &Solution) -> Digest {
        let Solution { facts, packages } = solution;
        let CondaFacts { prefix, installed, glibc: _, folder, folders } = facts;
        // What takes files of the base away, or is written into its books, belongs to that base.
        let parent = (!installed.is_empty()).then(|| self.context.parent());
        let wanted: Vec<String> = self.spec.packages.iter().map(ToString::to_string).collect();
        let how = (self.context.site.compression.to_string(), &self.settings.image_channel_alias);
        let versions = (layers::version(), BYTECODE_VERSION, assembly::VERSION);
        let how = (how, self.bytecode);
        let below = assembly::own_layers(self.context.draft.layers.len());
        let scripts = (self.spec.link_scripts == LinkScripts::Skip, self.scripted());
        step::key(
            "conda",
            &(prefix, folder, folders, parent, packages, wanted, how, versions, below, scripts),
        )
    }

    fn solve(&mut self) -> Result<Solution, EngineError> {
        let facts = CondaFacts::find(self.context)?;
        let packages = self.decide(&facts)?;
        Ok(Solution { facts, packages })
    }

    fn run(&mut self, solution: &Solution) -> Result<StepResult, EngineError> {
        let (fetcher, places) = (self.fetcher()?, self.places(solution)?);
        let installer = self.installer(&fetcher, &places, solution)?;
        let prefix = solution.facts.prefix.clone();
        let mut result = StepResult {
            path_prefix: Some(format!("{prefix}/bin")),
            environment: vec![("CONDA_PREFIX".to_owned(), prefix)],
            ..StepResult::default()
        };
        if solution.packages.is_empty() {
            return Ok(result);
        }
        let python = self.python(&installer, solution)?;
        let layers = assembly::in_reach(
            self.context,
            self.context.draft.layers.len(),
            |needed| installer.layers(&solution.packages, python.as_ref(), needed),
            |layers| {
                let apart = overlaps_of(&installer, solution, python.as_ref())?.1;
                Ok((layers.iter().map(CondaLayer::piece).collect(), apart))
            },
        )?;
        result.layers.extend(self.before_replacing(solution)?);
        let draft = self.context.draft.with(result.layers.iter().map(|made| &made.layer));
        let context = StepContext { draft: &draft, ..self.context };
        result.layers.extend(replaced::layer(context, &installer, solution)?);
        result.layers.extend(self.package_layers(&installer, solution, &layers, python.as_ref())?);
        let mut compiled = Vec::new();
        if let (Bytecode::Full, Some(python)) = (self.bytecode, &python) {
            let below = self.context.draft.layers.len() + result.layers.len();
            let pieces = |compiled: &Vec<Compiled>| {
                let both = layers.iter().zip(compiled);
                let piece = both.filter_map(|(layer, compiled)| {
                    Some(Piece { layer: compiled.layer.clone()?, record: None, ..layer.piece() })
                });
                piece.collect::<Vec<_>>()
            };
            compiled = assembly::in_reach(
                self.context,
                below,
                |needed| self.compiled(&installer, solution, &layers, python, (&result.layers, needed)),
                |compiled| Ok((pieces(compiled), BTreeSet::new())),
            )?;
            let (site, nothing) = (self.context.site, BTreeSet::new());
            result.layers.extend(assembly::assemble(site, "bytecode", pieces(&compiled), &nothing, below)?);
        }
        result.layers.push(self.books(&installer, solution, &layers, &compiled, python.as_ref())?);
        result.layers.extend(self.after_installing(solution, &layers, &result.layers)?);
        Ok(result)
    }
}

/// Files that several packages of a solution bring; the lists of their files are known.
fn overlaps_of(
    installer: &Installer<'_>,
    solution: &Solution,
    python: Option<&InstalledPython>,
) -> Result<(Vec<String>, BTreeSet<String>), EngineError> {
    let mut files: Vec<(&str, BTreeSet<String>)> = Vec::new();
    for chosen in &solution.packages {
        files.push((&chosen.name, installer.installed(chosen, python)?.files()));
    }
    Ok(overlaps(&files))
}

/// Files that several packages bring: for people, and the packages that must not share a layer with others. Packages come in their
/// order of installation; of several that bring a file the last one's counts, as in conda and rattler, so it lies on top.
fn overlaps(packages: &[(&str, BTreeSet<String>)]) -> (Vec<String>, BTreeSet<String>) {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    let mut clashes: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for (name, files) in packages {
        for file in files {
            if let Some(before) = owners.insert(file, name) {
                clashes.entry((before, name)).or_default().push(file);
            }
        }
    }
    let apart = clashes.keys().map(|(_, last)| (*last).to_owned()).collect();
    let told = clashes.into_iter().map(|((first, last), files)| {
        let named: Vec<&str> = files.iter().take(NAMED_OVERLAPS).copied().collect();
        let more = match files.len().saturating_sub(NAMED_OVERLAPS) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("`{first}` and `{last}` both bring {}{more}; those of `{last}` count", named.join(", "))
    });
    (told.collect(), apart)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_several_packages_bring_are_told() {
        let files = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
        let packages = [
            ("base", files(&["bin/x", "share/a"])),
            ("middle", files(&["bin/x", "lib/m"])),
            ("top", files(&["lib/m", "bin/x", "bin/t"])),
        ];
        let (told, apart) = overlaps(&packages);
        assert_eq!(
            told,
            [
                "`base` and `middle` both bring bin/x; those of `middle` count",
                "`middle` and `top` both bring bin/x, lib/m; those of `top` count",
            ]
        );
        assert_eq!(apart, files(&["middle", "top"]));
        assert_eq!(overlaps(&packages[2..]), (Vec::new(), BTreeSet::new()));
    }
}
