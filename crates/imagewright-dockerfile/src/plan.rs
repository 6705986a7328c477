//! The stages of a Dockerfile, and which of them a target needs.

use std::collections::BTreeMap;

use imagewright_model::spec::Origin;
use imagewright_oci::{Platform, Reference};

use crate::error::{DockerfileError, Problem};
use crate::expand;
use crate::instruction::{From, Instruction, Located};
use crate::read;

/// Arguments that are there without being declared, and in no history or cache key.
pub(crate) const PREDEFINED: [&str; 10] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// A Dockerfile as it was written.
#[derive(Clone, Debug)]
pub struct Dockerfile {
    file: String,
    escape: char,
    arguments: Vec<Located>,
    stages: Vec<Stage>,
}

#[derive(Clone, Debug)]
struct Stage {
    from: From,
    line: u32,
    instructions: Vec<Located>,
}

/// What is to be built of a Dockerfile.
#[derive(Clone, Debug)]
pub struct PlanRequest {
    /// The stage; none for the last.
    pub target: Option<String>,
    /// Values of arguments.
    pub arguments: Vec<(String, String)>,
    /// Names that stand for something else than stages and images of these names.
    pub contexts: Vec<(String, NamedContext)>,
    /// What the image is for.
    pub platform: Platform,
    /// What it is built on.
    pub build_platform: Platform,
}

/// The stages that a target needs, each after those it needs itself; the target is the last.
#[derive(Clone, Debug)]
pub struct BuildPlan {
    /// The stages.
    pub stages: Vec<PlannedStage>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// What a name stands for by `--build-context`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedContext {
    /// A folder of the machine, known to whoever builds.
    Folder,
    /// An image.
    Image(Reference),
}

/// Where a stage begins, or where files come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StageSource {
    /// Nothing at all.
    Scratch,
    /// An image.
    Image(Reference),
    /// A stage of the plan, by its place in it.
    Stage(usize),
    /// A folder, by its name.
    Folder(String),
}

/// A stage that is to be built.
#[derive(Clone, Debug)]
pub struct PlannedStage {
    /// Its name, or its number.
    pub name: String,
    /// Where it begins.
    pub base: StageSource,
    /// What FROM names, variables replaced: of a reference it tells whether a tag was written.
    pub written_base: String,
    /// The platform its base must have.
    pub platform: Option<Platform>,
    /// Where it is written.
    pub origin: Origin,
    pub(crate) file: String,
    pub(crate) escape: char,
    pub(crate) instructions: Vec<Located>,
    /// Stages that files may come from: name, number in the file, place in the plan.
    pub(crate) earlier: Vec<(Option<String>, usize, Option<usize>)>,
    pub(crate) scope: Scope,
}

/// Arguments as they are seen before the first stage.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// What was given to the build.
    pub(crate) given: Vec<(String, String)>,
    /// What was declared before the first stage.
    pub(crate) global: Vec<(String, Option<String>)>,
    /// What the platforms give.
    pub(crate) automatic: Vec<(String, String)>,
    /// What names stand for.
    pub(crate) contexts: Vec<(String, NamedContext)>,
}

impl PlannedStage {
    /// How many of its instructions do more than change the configuration, those that its base adds aside.
    pub fn actions(&self) -> u32 {
        let acts = |located: &&Located| {
            let instruction = &located.instruction;
            matches!(instruction, Instruction::Run(_) | Instruction::Copy(_) | Instruction::Workdir(_))
        };
        u32::try_from(self.instructions.iter().filter(acts).count()).unwrap_or(u32::MAX)
    }
}

impl Scope {
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        find(&self.given, name)
    }

    pub(crate) fn automatic(&self, name: &str) -> Option<&str> {
        find(&self.automatic, name)
    }

    /// What a name stands for that `--build-context` gave.
    pub(crate) fn context(&self, name: &str) -> Option<StageSource> {
        let (name, context) =
            self.contexts.iter().rev().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(match context {
            NamedContext::Folder => StageSource::Folder(name.clone()),
            NamedContext::Image(reference) => StageSource::Image(reference.clone()),
        })
    }

    pub(crate) fn global(&self, name: &str) -> Option<&str> {
        self.global.iter().rev().find(|(known, _)| known == name).and_then(|(_, value)| value.as_deref())
    }
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

impl Dockerfile {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// Names the line of what is wrong.
    pub fn parse(file: &str, text: &str) -> Result<Self, DockerfileError> {
        let (all, escape) = read::instructions(file, text)?;
        let mut dockerfile =
            Self { file: file.to_owned(), escape, arguments: Vec::new(), stages: Vec::new() };
        for located in all {
            match (located.instruction, dockerfile.stages.last_mut()) {
                (Instruction::From(from), _) => {
                    dockerfile.stages.push(Stage { from, line: located.line, instructions: Vec::new() });
                }
                (instruction, Some(stage)) => stage.instructions.push(Located { instruction, ..located }),
                (instruction @ Instruction::Arg(_), None) => {
                    dockerfile.arguments.push(Located { instruction, ..located });
                }
                (_, None) => {
                    let keyword = located.text.split(' ').next().unwrap_or_default().to_owned();
                    return Err(Problem::BeforeFrom(keyword).at(file, located.line));
                }
            }
        }
        if dockerfile.stages.is_empty() {
            return Err(Problem::NoStage.from(Origin::file(file)));
        }
        Ok(dockerfile)
    }

    /// Finds the stages that the target needs, and what they begin with.
    ///
    /// # Errors
    /// Names the line of what is wrong with one of them.
    pub fn plan(&self, request: &PlanRequest) -> Result<BuildPlan, DockerfileError> {
        let scope = self.scope(request)?;
        let target = match &request.target {
            None => self.stages.len() - 1,
            Some(name) => self.find(name, self.stages.len()).ok_or_else(|| {
                let known = self.stages.iter().filter_map(|stage| stage.from.name.clone()).collect();
                Problem::NoSuchStage { name: name.clone(), known }.from(Origin::flag("--target"))
            })?,
        };
        // What no target needs may be wrong, so only what is needed is looked at.
        let mut needed = BTreeMap::new();
        let mut pending = vec![target];
        while let Some(index) = pending.pop() {
            if needed.contains_key(&index) {
                continue;
            }
            let base = self.base(index, &scope)?;
            if let StageSource::Stage(base) = base.0 {
                pending.push(base);
            }
            needed.insert(index, base);
            pending.extend(self.sources(index, &scope)?);
        }
        let numbers: Vec<usize> = needed.keys().copied().collect();
        let place = |index: usize| numbers.binary_search(&index).ok();
        let mut stages = Vec::new();
        for (index, (base, platform)) in needed {
            let stage = &self.stages[index];
            let earlier = self.stages[..index].iter().enumerate();
            stages.push(PlannedStage {
                name: stage.from.name.clone().unwrap_or_else(|| index.to_string()),
                base: match base {
                    StageSource::Stage(base) => {
                        StageSource::Stage(place(base).expect("what is needed is in the plan"))
                    }
                    other => other,
                },
                written_base: self.expand(&stage.from.image, &scope, stage.line)?,
                platform,
                origin: Origin::line(&self.file, stage.line),
                file: self.file.clone(),
                escape: self.escape,
                instructions: stage.instructions.clone(),
                earlier: earlier
                    .map(|(index, stage)| (stage.from.name.clone(), index, place(index)))
                    .collect(),
                scope: scope.clone(),
            });
        }
        let warnings = self.unused(request).into_iter().chain(self.repeated()).collect();
        Ok(BuildPlan { stages, warnings })
    }

    fn scope(&self, request: &PlanRequest) -> Result<Scope, DockerfileError> {
        let mut scope = Scope {
            given: request.arguments.clone(),
            automatic: automatic(request),
            contexts: request.contexts.clone(),
            ..Scope::default()
        };
        for located in &self.arguments {
            let Instruction::Arg(pairs) = &located.instruction else { continue };
            let mut declared = Vec::new();
            for (name, default) in pairs {
                let name = self.expand(name, &scope, located.line)?;
                let default =
                    default.as_ref().map(|text| self.expand(text, &scope, located.line)).transpose()?;
                let value = scope.given(&name).map(str::to_owned).or(default);
                declared.push((name, value));
            }
            scope.global.extend(declared);
        }
        Ok(scope)
    }

    /// Variables before and in a `FROM`: what was declared before the first one, and the platforms.
    fn expand(&self, text: &str, scope: &Scope, line: u32) -> Result<String, DockerfileError> {
        let variables = |name: &str| scope.global(name).or_else(|| scope.automatic(name)).map(str::to_owned);
        expand::word(text, self.escape, &variables)
            .map_err(|error| Problem::Expansion(error).at(&self.file, line))
    }

    fn base(&self, index: usize, scope: &Scope) -> Result<(StageSource, Option<Platform>), DockerfileError> {
        let stage = &self.stages[index];
        let name = self.expand(&stage.from.image, scope, stage.line)?;
        if name.is_empty() {
            return Err(Problem::EmptyBase(stage.from.image.clone()).at(&self.file, stage.line));
        }
        let platform =
            match &stage.from.platform {
                None => None,
                Some(text) => {
                    let platform = self.expand(text, scope, stage.line)?;
                    Some(platform.parse().map_err(|source| {
                        Problem::Platform { platform, source }.at(&self.file, stage.line)
                    })?)
                }
            };
        let by_name = |stage: &Stage| stage.from.name.as_deref() == Some(name.to_lowercase().as_str());
        if let Some(source) = scope.context(&name) {
            return Ok((source, platform));
        }
        let source = match self.stages[..index].iter().rposition(by_name) {
            Some(earlier) => StageSource::Stage(earlier),
            None if name == "scratch" => StageSource::Scratch,
            None => StageSource::Image(
                name.parse()
                    .map_err(|source| Problem::Reference { name, source }.at(&self.file, stage.line))?,
            ),
        };
        Ok((source, platform))
    }

    /// A stage before `index` by its name or number.
    fn find(&self, name: &str, index: usize) -> Option<usize> {
        let lower = name.to_lowercase();
        let by_name = |stage: &Stage| stage.from.name.as_deref() == Some(lower.as_str());
        let by_number = || name.parse().ok().filter(|number| *number < index);
        self.stages[..index].iter().rposition(by_name).or_else(by_number)
    }

    /// The stages from which a stage takes files.
    fn sources(&self, index: usize, scope: &Scope) -> Result<Vec<usize>, DockerfileError> {
        let mut sources = Vec::new();
        for located in &self.stages[index].instructions {
            let names: Vec<String> = match &located.instruction {
                Instruction::Copy(copy) => copy.from.iter().cloned().collect(),
                Instruction::Run(run) => run.flags.mounts.iter().filter_map(|mount| from_of(mount)).collect(),
                _ => continue,
            };
            for name in names.into_iter().filter(|name| scope.context(name).is_none()) {
                match self.find(&name, index) {
                    Some(stage) => sources.push(stage),
                    None if self.find(&name, self.stages.len()).is_some() => {
                        return Err(Problem::LaterStage(name).at(&self.file, located.line));
                    }
                    None => {}
                }
            }
        }
        Ok(sources)
    }

    /// Names that stages above have, too: whoever says them means the last before.
    fn repeated(&self) -> Vec<String> {
        let named = |(index, stage): (usize, &Stage)| {
            let name = stage.from.name.as_ref()?;
            let same = |other: &Stage| other.from.name.as_ref() == Some(name);
            let (file, line) = (&self.file, stage.line);
            let again = self.stages[..index].iter().any(same);
            again.then(|| {
                format!("{file}:{line}: a stage above is named `{name}`, too: give one of them another name")
            })
        };
        self.stages.iter().enumerate().filter_map(named).collect()
    }

    /// Values that were given and are declared nowhere.
    fn unused(&self, request: &PlanRequest) -> Vec<String> {
        let all = self.arguments.iter().chain(self.stages.iter().flat_map(|stage| &stage.instructions));
        let declared: Vec<&String> = all
            .filter_map(|located| match &located.instruction {
                Instruction::Arg(pairs) => Some(pairs.iter().map(|(name, _)| name)),
                _ => None,
            })
            .flatten()
            .collect();
        let is_unused = |name: &&String| !declared.contains(name) && !PREDEFINED.contains(&name.as_str());
        let names = request.arguments.iter().map(|(name, _)| name).filter(is_unused);
        names
            .map(|name| format!("{}: no ARG declares `{name}`, so its value changes nothing", self.file))
            .collect()
    }
}

/// The `from` of a mount.
fn from_of(mount: &str) -> Option<String> {
    mount.split(',').find_map(|field| field.trim().strip_prefix("from=")).map(str::to_owned)
}

/// Arguments that are declared by name alone: what the platforms are.
fn automatic(request: &PlanRequest) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (prefix, platform) in [("TARGET", &request.platform), ("BUILD", &request.build_platform)] {
        let variant = platform.variant.clone().unwrap_or_default();
        let parts = [
            ("PLATFORM", platform.to_string()),
            ("OS", platform.os.clone()),
            ("ARCH", platform.architecture.clone()),
            ("VARIANT", variant),
        ];
        all.extend(parts.map(|(name, value)| (format!("{prefix}{name}"), value)));
    }
    all.push(("TARGETSTAGE".to_owned(), request.target.clone().unwrap_or_else(|| "default".to_owned())));
    all
}
