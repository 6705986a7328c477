//! A Dockerfile as rules see it: the stages that its target needs, lowered, and the texts that go into the image.

use std::collections::BTreeSet;

use imagewright_dockerfile::{
    Action, BuildPlan, CopyAction, CopySource, Dockerfile, DockerfileError, Lowered, PathGlob, PlannedStage,
    StageSource, Step,
};
use imagewright_oci::{ContainerConfig, Reference};

use crate::rule::Finding;
use crate::selection::{Ignores, Selection, nearest};
use crate::unknown_base;

/// Stages and paths that were looked at: none needs to be looked at twice.
type Seen = BTreeSet<(usize, String)>;

/// What is known around a Dockerfile. Whoever reads files and stores implements it.
pub trait Surroundings {
    /// The text of a file of the build context, by its path from the context's root; none where there is none, or
    /// where it is no text.
    fn read(&self, path: &str) -> Option<String>;

    /// The configuration of a base; none where it is not known.
    fn base(&self, reference: &Reference) -> Option<ContainerConfig>;
}

/// A Dockerfile to be checked.
pub(crate) struct DockerfileSubject<'a> {
    stages: Vec<Option<Stage<'a>>>,
    surroundings: &'a dyn Surroundings,
}

/// A stage in steps.
pub(crate) struct Stage<'a> {
    pub(crate) planned: &'a PlannedStage,
    pub(crate) lowered: Lowered,
    /// The configuration it begins with.
    pub(crate) begins: ContainerConfig,
    /// Whether that is known; else variables of the base stand in it as `$NAME`.
    pub(crate) is_base_known: bool,
}

/// Checks a Dockerfile, and leaves out what its comments say is meant to be so.
///
/// `text` is what the plan was made of. Rules that must know a base pass over stages whose base is not known.
///
/// # Errors
/// What is wrong with the Dockerfile itself, as building it would say.
pub fn check_dockerfile(
    (file, text): (&str, &str),
    plan: &BuildPlan,
    surroundings: &dyn Surroundings,
    selection: &Selection,
) -> Result<Vec<Finding>, DockerfileError> {
    let ignores = Ignores::new(&Dockerfile::comments(file, text)?);
    let subject = DockerfileSubject::new(text, plan, surroundings)?;
    let mut findings = Vec::new();
    for rule in selection.rules() {
        let Some(check) = rule.on_dockerfile else { continue };
        findings.extend(check(&subject).into_iter().map(|found| rule.finding(found)));
    }
    findings.retain(|finding| !ignores.covers(finding));
    findings.sort_by(|one, other| (one.origin.line, one.rule).cmp(&(other.origin.line, other.rule)));
    findings.dedup();
    Ok(findings)
}

/// What is wrong with comments that are meant for the check, in sentences.
///
/// # Errors
/// Those of [`Dockerfile::parse`] that are about lines.
pub fn unknown_names(file: &str, text: &str) -> Result<Vec<String>, DockerfileError> {
    let ignores = Ignores::new(&Dockerfile::comments(file, text)?);
    let told = |(name, line): (&str, Option<u32>)| {
        let place = line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}"));
        let meant = nearest(name).map(|rule| format!("; did you mean {rule}?")).unwrap_or_default();
        format!("{place}: a comment ignores the rule `{name}`, which does not exist{meant}")
    };
    Ok(ignores.unknown().map(told).collect())
}

impl<'a> DockerfileSubject<'a> {
    pub(crate) fn new(
        text: &str,
        plan: &'a BuildPlan,
        surroundings: &'a dyn Surroundings,
    ) -> Result<Self, DockerfileError> {
        let mut stages: Vec<Option<Stage<'a>>> = Vec::new();
        for planned in &plan.stages {
            let stage = match &planned.base {
                StageSource::Stage(place) => match &stages[*place] {
                    Some(base) => Self::on(planned, base.lowered.container.clone(), base.is_base_known)?,
                    None => None,
                },
                StageSource::Image(reference) => match surroundings.base(reference) {
                    Some(container) => Self::on(planned, container, true)?,
                    None => unknown_base::lower(planned, text),
                },
                StageSource::Scratch | StageSource::Folder(_) => {
                    Self::on(planned, ContainerConfig::default(), true)?
                }
            };
            stages.push(stage);
        }
        Ok(Self { stages, surroundings })
    }

    fn on(
        planned: &'a PlannedStage,
        begins: ContainerConfig,
        is_base_known: bool,
    ) -> Result<Option<Stage<'a>>, DockerfileError> {
        match planned.lower(&begins) {
            Ok(lowered) => Ok(Some(Stage { planned, lowered, begins, is_base_known })),
            // What stands in for a base may make an error of what is none.
            Err(_) if !is_base_known => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All stages that could be lowered.
    pub(crate) fn stages(&self) -> impl Iterator<Item = &Stage<'a>> {
        self.stages.iter().flatten()
    }

    /// The stages whose files are the image's, the target last; none where the target could not be lowered.
    pub(crate) fn image(&self) -> Vec<&Stage<'a>> {
        let mut chain = Vec::new();
        let mut next = self.stages.len().checked_sub(1);
        while let Some(stage) = next.and_then(|place| self.stages[place].as_ref()) {
            chain.push(stage);
            next = match stage.planned.base {
                StageSource::Stage(place) => Some(place),
                _ => None,
            };
        }
        chain.reverse();
        chain
    }

    /// The steps that make the image, in order.
    pub(crate) fn image_steps(&self) -> Vec<&Step> {
        self.image().into_iter().flat_map(|stage| &stage.lowered.steps).collect()
    }

    /// How a container of the image starts.
    pub(crate) fn container(&self) -> Option<&ContainerConfig> {
        Some(&self.image().last()?.lowered.container)
    }

    /// The text of a file of the image, where it comes from the context or stands in the Dockerfile.
    pub(crate) fn text_in_image(&self, path: &str) -> Option<String> {
        self.text_in_stage(self.stages.len().checked_sub(1)?, path, &mut Seen::new())
    }

    /// A file of the build context.
    pub(crate) fn text_in_context(&self, path: &str) -> Option<String> {
        self.surroundings.read(path.trim_start_matches('/'))
    }

    fn text_in_stage(&self, place: usize, path: &str, seen: &mut Seen) -> Option<String> {
        if !seen.insert((place, path.to_owned())) {
            return None;
        }
        let stage = self.stages.get(place)?.as_ref()?;
        let copies = stage.lowered.steps.iter().rev().filter_map(|step| match &step.action {
            Action::Copy(copy) => Some(copy),
            _ => None,
        });
        let found = copies.filter_map(|copy| self.copied(copy, path, seen)).next();
        found.or_else(|| match stage.planned.base {
            StageSource::Stage(base) => self.text_in_stage(base, path, seen),
            _ => None,
        })
    }

    /// What a copy brought to `path`.
    fn copied(&self, copy: &CopyAction, path: &str, seen: &mut Seen) -> Option<String> {
        copy.sources.iter().rev().find_map(|source| match source {
            CopySource::Inline(file) => {
                (below(&copy.destination, &file.name) == path).then(|| file.contents.clone())
            }
            CopySource::Path(source) => {
                origins(copy, source, path).into_iter().find_map(|source| self.text_from(copy, &source, seen))
            }
            CopySource::Below { folder, .. } => {
                let rest = path.strip_prefix(copy.destination.trim_end_matches('/'))?;
                self.text_from(copy, &format!("{}{rest}", folder.trim_end_matches('/')), seen)
            }
            CopySource::Url(_) | CopySource::Git(_) => None,
        })
    }

    /// A text where a copy takes its files from.
    fn text_from(&self, copy: &CopyAction, source: &str, seen: &mut Seen) -> Option<String> {
        match &copy.from {
            None => self.text_in_context(source),
            Some(StageSource::Stage(place)) => self.text_in_stage(*place, source, seen),
            Some(_) => None,
        }
    }
}

/// Where a file goes that is copied to `destination`.
fn below(destination: &str, name: &str) -> String {
    if destination.ends_with('/') { format!("{destination}{name}") } else { destination.to_owned() }
}

/// The paths from which a copy of `source` may have brought `path`: the file itself, one that a pattern finds, or one
/// in a folder.
fn origins(copy: &CopyAction, source: &str, path: &str) -> Vec<String> {
    let (folder, name) = source.rsplit_once('/').unwrap_or(("", source));
    let mut all = Vec::new();
    if PathGlob::is_pattern(name) {
        let wanted = path.rsplit('/').next().unwrap_or(path);
        let fits = PathGlob::parse(name).is_some_and(|pattern| pattern.matches(wanted));
        if fits && below(&copy.destination, wanted) == path {
            all.push(format!("{folder}/{wanted}"));
        }
        return all;
    }
    if !name.is_empty() && below(&copy.destination, name) == path {
        all.push(source.to_owned());
    }
    let inside = path.strip_prefix(copy.destination.trim_end_matches('/'));
    if let Some(rest) = inside.filter(|rest| rest.starts_with('/')) {
        all.push(format!("{}{rest}", source.trim_end_matches('/')));
    }
    all
}
