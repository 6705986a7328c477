//! The pip step: solved by uv, installed as layers of single packages.
//!
//! What is to be installed is a lock (PEP 751), in which [`select`] finds the one file of each package that fits the
//! image's interpreter. Each wheel becomes a layer without being unpacked ([`wheels`]), once for all images whose Python
//! is alike; bytecode is compiled once as well ([`bytecode`]). An image then only names them ([`assembly`]). Nothing of
//! this depends on the layers below: only looking for the interpreter, and building what comes as source, works in the
//! sandbox.

mod artifacts;
mod build_wheel;
mod bytecode;
mod environment;
mod error;
mod given;
mod guess;
mod interpreter;
mod layout;
mod local;
mod locked;
mod names;
mod plan;
mod record;
mod replaced;
mod root;
mod select;
mod solve;
mod stub_wheel;
mod wheel_writer;
mod wheels;

use std::path::Path;
use std::thread;

use imagewright_model::BuildSettings;
use imagewright_model::spec::{Bytecode, LockedPip, PipSpec, PythonChoice};
use imagewright_oci::Digest;
use imagewright_store::overlay::{PathPattern, TidyRules};
use pep440_rs::{Version, VersionSpecifiers};
use serde::{Deserialize, Serialize};

use crate::assembly::{self, Piece};
use crate::bytecode::BYTECODE_VERSION;
use crate::error::EngineError;
use crate::fetch::transfer::Transfer;
use crate::lock::{Kept, KeptPython};
use crate::package_layer::PackageLayer;
use crate::step::{self, SolvedPackage, Step, StepContext, StepLayer, StepResult};
use crate::uv::Uv;
use crate::versions_error::VersionsError;
use artifacts::Artifacts;
use bytecode::Compiler;
pub(crate) use bytecode::{BYTECODE, WheelBytecode};
pub use error::PipError;
use given::Given;
use interpreter::{Interpreter, PythonFacts};
use layout::Layout;
pub use local::LocalError;
use local::Locals;
pub(crate) use names::{ListedIndexes, default_index};
pub(crate) use root::PYTHON;
use select::{Chosen, Selector};
use solve::{Solver, lines};
use wheels::Installer;
pub(crate) use wheels::{WHEEL_FILES, WHEEL_LAYER, WheelLayer};

/// What is there after an environment was made that no image needs.
const JUNK: [&str; 4] = ["tmp/**", "var/tmp/**", "root/.cache/**", "root/.local/share/uv/**"];

/// Installs Python packages on the image so far.
pub(crate) struct PipStep<'a> {
    context: StepContext<'a>,
    uv: Uv,
    spec: &'a PipSpec,
    /// What the spec names by path.
    locals: Locals,
    /// The lock of the spec, with contents in place of paths.
    locked: Option<String>,
    choice: Option<&'a PythonChoice>,
    settings: &'a BuildSettings,
    /// Whether the spec asks for conda packages, beside which Python packages must fit.
    on_conda: bool,
    /// What an earlier build decided.
    kept: Kept<KeptPython<'a>>,
    /// Make everything again though it is known.
    again: bool,
}

/// What uv answered, and for whom.
#[derive(Serialize, Deserialize)]
pub(crate) struct Solution {
    python: PythonFacts,
    /// PEP 751 documents, installed in this order.
    locks: Vec<String>,
    packages: Vec<SolvedPackage>,
    /// Whether something has to be built, which the image below has its share in.
    has_sources: bool,
}

impl<'a> PipStep<'a> {
    pub(crate) fn new(
        context: StepContext<'a>,
        uv: Uv,
        spec: &'a PipSpec,
        choice: Option<&'a PythonChoice>,
        (settings, on_conda): (&'a BuildSettings, bool),
        kept: Kept<KeptPython<'a>>,
        again: bool,
    ) -> Result<Self, EngineError> {
        let locals = Locals::find(spec, context.site.cancel)?;
        let locked = match &spec.locked {
            None => None,
            Some(lock) => {
                let pinned = locals.pin_lock(&lock.text)?;
                if !pinned.changed.is_empty() {
                    return Err(VersionsError::LockDiffers { differences: pinned.changed }.into());
                }
                Some(pinned.text)
            }
        };
        Ok(Self { context, uv, spec, locals, locked, choice, settings, on_conda, kept, again })
    }

    /// A path that stands for a folder of the question, in what two questions are compared by.
    fn anywhere() -> &'static Path {
        Path::new("/")
    }

    fn selector(&self, python: &PythonFacts) -> Result<Selector<'a>, EngineError> {
        Selector::new(python, self.spec, self.locked.clone())
    }

    fn bytecode(&self) -> Bytecode {
        self.choice.and_then(|choice| choice.bytecode).unwrap_or_default()
    }
}

impl Step for PipStep<'_> {
    const KIND: &'static str = "pip";
    type Solution = Solution;

    fn question(&self) -> Digest {
        let PipSpec { requirements, constraints, requires_python, locked: _, options, folder: _ } = self.spec;
        let python: Vec<&str> = requires_python.iter().map(|wanted| wanted.text.as_str()).collect();
        let requirements = self.locals.lines(requirements, Self::anywhere());
        let pip = (requirements, lines(constraints), python, &self.locked, options);
        let path = self.context.draft.config.env("PATH");
        let python = interpreter::wanted(self.choice);
        let python = (python, self.on_conda);
        step::key("pip-question", &(self.context.parent(), path, pip, python, &self.uv.digest))
    }

    fn identity(&self, solution: &Solution) -> Digest {
        let Solution { python, packages, has_sources, .. } = solution;
        let PythonFacts { interpreter, target, environment_exists, installed, folders, links, report: _ } =
            python;
        let python = (interpreter, target, environment_exists, folders, links);
        let there: Vec<_> = installed.iter().filter(|installed| installed.in_target).collect();
        // What takes files of the base away, or is built on it, belongs to that base.
        let parent = (*has_sources || !there.is_empty()).then(|| self.context.parent());
        let how = (&self.uv.digest, self.bytecode(), self.context.site.compression.to_string());
        let versions = (wheels::version(), BYTECODE_VERSION, assembly::VERSION);
        let below = assembly::own_layers(self.context.draft.layers.len());
        step::key("pip", &(python, there, parent, packages, how, versions, below))
    }

    fn solve(&mut self) -> Result<Solution, EngineError> {
        let report = self.context.report;
        let python = self.find_python()?.ok_or_else(|| no_python(self.spec))?;
        check_version(&python.interpreter, self.spec)?;
        if !matches!(self.kept, Kept::Exactly(_)) {
            report.status(format!("solving for Python {}", python.interpreter.version));
        }
        let given = if self.on_conda { Given::of(&python) } else { Given::default() };
        let locks = self.locks(&python, &given)?;
        let chosen = self.selector(&python)?.choose(&locks, report)?;
        check_given(&chosen, &given)?;
        let packages = chosen.iter().map(Chosen::solved).collect();
        let has_sources = chosen.iter().any(Chosen::is_source);
        Ok(Solution { python, locks, packages, has_sources })
    }

    fn run(&mut self, solution: &Solution) -> Result<StepResult, EngineError> {
        let python = &solution.python;
        let selector = self.selector(python)?;
        let chosen = selector.choose(&solution.locks, self.context.report)?;
        let there = |chosen: &Chosen| {
            replaced::in_target(python)
                .any(|it| it.name == chosen.name() && Some(&it.version) == chosen.version())
        };
        let chosen: Vec<Chosen> = chosen.into_iter().filter(|chosen| !there(chosen)).collect();
        let layout = Layout::of(python, selector.report());
        // The packages do not need the environment to be there.
        let (environment, packages) = thread::scope(|scope| {
            let packages = scope.spawn(|| self.packages(python, &layout, &chosen));
            let environment = self.environment(python, &layout);
            (environment, packages.join().expect("making layers of packages does not panic"))
        });
        let mut layers: Vec<StepLayer> = environment?.into_iter().collect();
        let replaced = replaced::replaced(python, &chosen);
        if let Some(gone) = replaced::layer(self.context, &layout, &replaced)? {
            let names: Vec<_> = replaced.iter().map(|it| format!("{} {}", it.name, it.version)).collect();
            layers
                .push(StepLayer { layer: gone.layer, title: Some(format!("replace {}", names.join(", "))) });
        }
        layers.extend(packages?);
        Ok(StepResult { layers, path_prefix: python.target.path_prefix(), ..StepResult::default() })
    }
}

impl PipStep<'_> {
    /// The layer of an environment that is not there yet.
    fn environment(&self, python: &PythonFacts, layout: &Layout) -> Result<Option<StepLayer>, EngineError> {
        let Some(path) = python.new_environment() else { return Ok(None) };
        let layer = environment::layer(self.context, &self.uv, python, layout, path)?;
        Ok(layer.map(|layer| StepLayer { layer, title: Some(format!("environment {path}")) }))
    }

    /// The layers of packages and of their bytecode.
    fn packages(
        &self,
        python: &PythonFacts,
        layout: &Layout,
        chosen: &[Chosen],
    ) -> Result<Vec<StepLayer>, EngineError> {
        let StepContext { site, draft, report, .. } = self.context;
        let artifacts = Artifacts::open(site, self.settings, &self.locals)?;
        let installer = Installer {
            context: self.context,
            uv: &self.uv,
            python,
            layout,
            artifacts: &artifacts,
            again: self.again,
        };
        let below = draft.layers.len();
        let pieces = |wheels: &Vec<WheelLayer>| wheels.iter().map(WheelLayer::piece).collect::<Vec<_>>();
        let wheels = assembly::in_reach(
            self.context,
            below,
            |needed| installer.layers(chosen, needed),
            |wheels| Ok((pieces(wheels), installer.overlaps(chosen, wheels)?.1)),
        )?;
        let (overlaps, apart) = installer.overlaps(chosen, &wheels)?;
        for overlap in overlaps {
            report.warn(overlap);
        }
        let mut layers = assembly::assemble(site, "pip", pieces(&wheels), &apart, below)?;
        if self.bytecode() == Bytecode::Full && python.interpreter.has_bytecode() {
            let compiler = Compiler { context: self.context, facts: python, layout, artifacts: &artifacts };
            let transfer = Transfer::new(report.output(), "packages".to_owned(), None);
            // What was just built is not built again.
            let installer = Installer { again: false, ..installer };
            let file = |number: usize| Ok(installer.file(&chosen[number], &transfer)?.path);
            let below = below + layers.len();
            let pieces = |compiled: &Vec<Option<PackageLayer>>| {
                let both = wheels.iter().zip(compiled);
                let piece = both.filter_map(|(wheel, layer)| {
                    Some(Piece { layer: layer.clone()?, record: None, ..wheel.piece() })
                });
                piece.collect::<Vec<_>>()
            };
            let compiled = assembly::in_reach(
                self.context,
                below,
                |needed| compiler.layers(&wheels, needed, self.again, file),
                |compiled| Ok((pieces(compiled), apart.clone())),
            )?;
            layers.extend(assembly::assemble(site, "bytecode", pieces(&compiled), &apart, below)?);
        }
        Ok(layers)
    }

    /// Locks everything that is to be installed, pip itself included where there will be an environment.
    fn locks(&self, python: &PythonFacts, given: &Given<'_>) -> Result<Vec<String>, EngineError> {
        const PIP: &str = "pip\n";
        let wants_pip = python.new_environment().is_some();
        if let Some(locks) = self.kept_locks(python, given)? {
            return Ok(locks);
        }
        let preferred = self.preferred(python);
        let solver = Solver {
            context: self.context,
            uv: &self.uv,
            spec: self.spec,
            locals: &self.locals,
            report: &python.report,
            executable: &python.interpreter.executable,
            preferred: &preferred,
            given,
        };
        match (&self.spec.locked, &self.locked) {
            (None, _) | (_, None) => {
                // Where every package must come with its hash, a pip nobody gave a hash for cannot come along.
                let pip = if wants_pip && !self.spec.options.require_hashes { PIP } else { "" };
                let lock = solver.lock(&self.spec.requirements, pip)?;
                // uv does not hold what it finds against the hashes of the requirements.
                self.spec.check_hashes(&LockedPip::parse("the solution", &lock)?)?;
                Ok(vec![lock])
            }
            (Some(lock), Some(text)) => {
                let has_pip = lock.packages.iter().any(|package| package.name == "pip");
                let pip = wants_pip && !has_pip;
                let pip = pip.then(|| solver.lock(&[], PIP)).transpose()?;
                Ok(pip.into_iter().chain([text.clone()]).collect())
            }
        }
    }
}

/// What is removed before the layer of an environment is written.
fn tidy_rules(prefix: &str) -> TidyRules {
    // uv's own lock stays behind where it worked.
    let lock = format!("{}/.lock", prefix.trim_start_matches('/'));
    TidyRules {
        remove: JUNK.into_iter().chain([lock.as_str()]).map(PathPattern::new).collect(),
        drop_timestamped_bytecode: true,
        ..TidyRules::default()
    }
}

/// Sees to it that a lock of the user has nothing in another version than conda.
fn check_given(chosen: &[Chosen], given: &Given<'_>) -> Result<(), EngineError> {
    let other = chosen.iter().find_map(|chosen| {
        let version = chosen.version().map(String::as_str).unwrap_or_default();
        given
            .other(chosen.name(), version)
            .map(|there| (there, format!("the lock of Python packages has {version}")))
    });
    match other {
        Some((there, explanation)) => {
            Err(EngineError::UnsolvableOnConda { installed: vec![given::shown(there)], explanation })
        }
        None => Ok(()),
    }
}

fn no_python(spec: &PipSpec) -> EngineError {
    let first = spec.requirements.first().map(|first| (first.text.clone(), first.origin.clone()));
    let locked = || spec.locked.as_ref().map(|lock| (lock.source.clone(), lock.origin()));
    let (requirement, origin) = first.or_else(locked).expect("a pip step has requirements or a lock");
    EngineError::NoPython { requirement, origin }
}

/// Checks the interpreter against what `pyproject.toml` asks for.
fn check_version(interpreter: &Interpreter, spec: &PipSpec) -> Result<(), EngineError> {
    let Ok(version) = interpreter.version.parse::<Version>() else { return Ok(()) };
    let unmet = spec.requires_python.iter().find(|wanted| {
        wanted.text.parse::<VersionSpecifiers>().is_ok_and(|specifiers| !specifiers.contains(&version))
    });
    match unmet {
        Some(wanted) => Err(EngineError::PythonVersion {
            found: interpreter.version.clone(),
            wanted: wanted.text.clone(),
            origin: wanted.origin.clone(),
        }),
        None => Ok(()),
    }
}
