//! `COPY` and `ADD`. Files are known by contents and mode, never by time: those of a context get the date of the image.

use std::path::PathBuf;

use imagewright_dockerfile::{CopyAction, CopySource, GitSource, InlineFile};
use imagewright_oci::Digest;
use imagewright_store::overlay::TidyRules;
use serde::{Deserialize, Serialize};

use super::StageError;
use super::download::Download;
use super::git::Repository;
use super::place::Copying;
use super::source::{FilesOf, SourceRoot};
use super::stages::{Rechecked, Surroundings};
use super::write::Writer;
use crate::draft::Draft;
use crate::error::EngineError;
use crate::passwd;
use crate::step::{self, Step, StepResult};
use crate::workbench::Workbench;

/// Copies files into the image so far.
pub(super) struct CopyStep<'a> {
    surroundings: Surroundings<'a>,
    action: &'a CopyAction,
    from: FilesOf<'a>,
    opened: Option<SourceRoot>,
}

/// Something that one source comes to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Matched {
    /// Which of the sources.
    source: usize,
    /// Path or address; of a repository the commit.
    pub(super) path: String,
    /// Of all that is copied for it.
    pub(super) digest: Digest,
    /// Where it goes below the destination, where the folders on the way to it come along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) below: Option<PathBuf>,
}

impl<'a> CopyStep<'a> {
    pub(super) fn new(surroundings: Surroundings<'a>, action: &'a CopyAction, from: FilesOf<'a>) -> Self {
        Self { surroundings, action, from, opened: None }
    }

    fn root(&mut self) -> Result<&SourceRoot, EngineError> {
        if self.opened.is_none() {
            let context = &self.surroundings.context;
            self.opened = Some(self.from.open(context.site, context.report)?);
        }
        Ok(self.opened.as_ref().expect("it was opened just now"))
    }

    fn download(&self, url: &str) -> Result<Download, EngineError> {
        let Surroundings { context, settings, .. } = &self.surroundings;
        Download::new(context.site, &settings.trust, context.report, url, self.action.digest.as_ref())
    }

    fn repository<'s>(&'s self, source: &'s GitSource) -> Repository<'s> {
        let Surroundings { context, request, origin, .. } = &self.surroundings;
        let (site, report, agents) = (context.site, context.report, &request.agents);
        Repository { site, report, agents, origin, source, keep_git: self.action.keep_git }
    }

    fn commit(&self, source: usize, git: &GitSource) -> Result<Matched, EngineError> {
        let repository = self.repository(git);
        let found = repository.commit()?;
        if let Some(expected) = self.action.commit.as_ref().filter(|expected| !found.starts_with(*expected)) {
            let (origin, url) = (self.surroundings.origin.clone(), git.url.clone());
            return Err(StageError::OtherCommit { origin, url, found, expected: expected.clone() }.into());
        }
        Ok(Matched { source, digest: repository.digest(&found), path: found, below: None })
    }

    /// Whether the layer does not depend on those below it, and is there again when they change (`--link`). An owner by
    /// name is looked up in them.
    fn stands_alone(&self) -> bool {
        let by_number = |owner: &String| owner.split(':').all(|part| part.parse::<u32>().is_ok());
        self.action.link && self.action.owner.as_ref().is_none_or(by_number)
    }

    fn parent(&self) -> Option<Digest> {
        if self.stands_alone() { None } else { self.surroundings.context.parent() }
    }

    /// What paths come to.
    fn paths(&mut self, source: usize, written: &CopySource) -> Result<Vec<Matched>, EngineError> {
        let (origin, exclude) = (self.surroundings.origin, &self.action.exclude);
        let root = self.root()?;
        let found: Vec<(PathBuf, Option<PathBuf>)> = match written {
            CopySource::Path(path) => {
                root.matches(origin, path)?.into_iter().map(|path| (path, None)).collect()
            }
            CopySource::Below { folder, path } => {
                let found = root.matches_below(origin, folder, path)?;
                found.into_iter().map(|(path, below)| (path, Some(below))).collect()
            }
            CopySource::Inline(_) | CopySource::Url(_) | CopySource::Git(_) => Vec::new(),
        };
        let matched = |(path, below): (PathBuf, Option<PathBuf>)| {
            let mut digest = root.digest(origin, &path, exclude)?;
            if let Some(below) = &below {
                digest = step::key("copied-below", &(digest, root.modes_above(&path, below)));
            }
            Ok(Matched { source, path: path.to_string_lossy().into_owned(), digest, below })
        };
        found.into_iter().map(matched).collect()
    }
}

impl Rechecked for CopyStep<'_> {
    fn is_looked_at_again(&self) -> bool {
        let may_change = |source: &CopySource| match source {
            CopySource::Path(_) | CopySource::Below { .. } => self.from.may_change(),
            CopySource::Url(_) => self.action.digest.is_none(),
            CopySource::Git(git) => !git.names_a_commit(),
            CopySource::Inline(_) => false,
        };
        self.action.sources.iter().any(may_change)
    }
}

impl Step for CopyStep<'_> {
    const KIND: &'static str = "dockerfile-copy";
    type Solution = Vec<Matched>;

    fn question(&self) -> Digest {
        let CopyAction { sources, destination, owner, mode, exclude, digest, commit, .. } = self.action;
        let CopyAction { unpack, unpack_fetched, keep_git, link, .. } = self.action;
        let from = self.from.identity();
        let sources: Vec<(&str, String)> = sources
            .iter()
            .map(|source| match source {
                CopySource::Path(path) => ("path", path.clone()),
                CopySource::Below { folder, path } => ("below", format!("{folder}/./{path}")),
                CopySource::Url(url) => ("url", url.clone()),
                CopySource::Git(git) => ("git", format!("{git:?}")),
                CopySource::Inline(InlineFile { name, contents }) => (name.as_str(), contents.clone()),
            })
            .collect();
        let what =
            (from, sources, format!("{exclude:?}"), (unpack, unpack_fetched, keep_git), (digest, commit));
        let where_to = (destination, owner, mode, link);
        step::key("dockerfile-copy", &(self.parent(), what, where_to))
    }

    fn solve(&mut self) -> Result<Vec<Matched>, EngineError> {
        let mut all = Vec::new();
        for (source, written) in self.action.sources.iter().enumerate() {
            match written {
                CopySource::Inline(_) => {}
                CopySource::Url(url) => {
                    let digest = self.download(url)?.digest;
                    all.push(Matched { source, path: url.clone(), digest, below: None });
                }
                CopySource::Git(git) => all.push(self.commit(source, git)?),
                CopySource::Path(_) | CopySource::Below { .. } => all.extend(self.paths(source, written)?),
            }
        }
        Ok(all)
    }

    fn identity(&self, solution: &Vec<Matched>) -> Digest {
        let context = &self.surroundings.context;
        let compression = context.site.compression.to_string();
        step::key("dockerfile-copied", &(self.question(), solution, context.epoch, compression))
    }

    fn run(&mut self, solution: &Vec<Matched>) -> Result<StepResult, EngineError> {
        let (context, origin) = (self.surroundings.context, self.surroundings.origin);
        let nothing = Draft::empty(self.surroundings.request.platform.clone());
        let draft = if self.stands_alone() { &nothing } else { context.draft };
        let bench = Workbench::on(context.site, draft, context.epoch, context.report)?;
        let owner = match &self.action.owner {
            Some(owner) => Some(passwd::find_owner(owner, &bench.view())?),
            None => None,
        };
        let writer = Writer::new(bench.upper(), bench.view(), origin).replacing_links(self.action.link);
        let mut copying = Copying { writer, origin, action: self.action, owner, epoch: context.epoch };
        for (number, source) in self.action.sources.iter().enumerate() {
            if let CopySource::Inline(file) = source {
                copying.inline(file)?;
            }
            for matched in solution.iter().filter(|matched| matched.source == number) {
                match source {
                    CopySource::Inline(_) => {}
                    CopySource::Url(url) => {
                        let download = self.download(url)?;
                        copying.unless_changed(download.digest == matched.digest, url)?;
                        copying.fetched(&download)?;
                    }
                    CopySource::Git(git) => {
                        let files = self.repository(git).files(&matched.path)?;
                        copying.repository(&files)?;
                    }
                    CopySource::Path(_) | CopySource::Below { .. } => copying.path(self.root()?, matched)?,
                }
            }
        }
        copying.writer.finish()?;
        Ok(StepResult::of(bench.seal(draft, TidyRules::default())?))
    }
}
