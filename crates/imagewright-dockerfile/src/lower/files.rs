//! The instructions that change files: `RUN`, `COPY`, `ADD`.

use imagewright_oci::Digest;

use super::{Action, CopyAction, Lowering, RunAction};
use crate::config::words;
use crate::error::Problem;
use crate::expand;
use crate::flags::{Mount, MountKind, absolute};
use crate::git::GitSource;
use crate::ignore::IgnoreRules;
use crate::instruction::{Command, Copy, CopySource, InlineFile, RawSource, Run};
use crate::mode::Mode;
use crate::plan::{PREDEFINED, StageSource};

/// Where scripts lie that stand in the Dockerfile.
const SCRIPTS: &str = "/dev/pipes";

impl Lowering<'_> {
    pub(super) fn run(&mut self, run: &Run) -> Result<(String, Action), Problem> {
        let (command, script) = self.scripted(run);
        let (mut mounts, mut sources) = (Vec::new(), Vec::new());
        for text in &run.flags.mounts {
            let mount = Mount::parse(text, self.folder(), &|text| self.expand(text))?;
            sources.push(match &mount.kind {
                MountKind::Bind { from: Some(name), .. } | MountKind::Cache { from: Some(name), .. } => {
                    Some(self.source(name)?)
                }
                _ => None,
            });
            mounts.push(mount);
        }
        let mut arguments: Vec<(String, String)> = Vec::new();
        for (name, value) in &self.arguments {
            let Some(value) = value else { continue };
            arguments.retain(|(known, _)| known != name);
            arguments.push((name.clone(), value.clone()));
        }
        let told = match arguments.is_empty() {
            true => String::new(),
            false => {
                let pairs = arguments.iter().map(|(name, value)| format!("{name}={value} "));
                format!("|{} {}", arguments.len(), pairs.collect::<String>())
            }
        };
        let history = format!("RUN {told}{} # buildkit", command.join(" "));
        let undeclared = |name: &str| !self.arguments.iter().any(|(known, _)| known == name);
        let given = self.stage.scope.given.iter();
        let unrecorded = given.filter(|(name, _)| PREDEFINED.contains(&name.as_str()) && undeclared(name));
        let mut environment = arguments;
        for entry in &self.container.env {
            let Some((name, value)) = entry.split_once('=') else { continue };
            environment.retain(|(known, _)| known != name);
            environment.push((name.to_owned(), value.to_owned()));
        }
        let action = RunAction {
            command,
            environment,
            unrecorded: unrecorded.cloned().collect(),
            user: self.container.user.clone(),
            folder: self.folder().to_owned(),
            network: run.flags.network,
            mounts,
            sources,
            script,
        };
        Ok((history, Action::Run(action)))
    }

    /// What is run, and the script it needs. A command that is one here-document alone is that text, run by the shell
    /// or by what its first line names; in all others the shell reads the here-documents.
    fn scripted(&self, run: &Run) -> (Vec<String>, Option<InlineFile>) {
        let (Command::Shell(line), [first, ..]) = (&run.command, &run.heredocs[..]) else {
            return (words(&run.command, &self.container), None);
        };
        let is_alone = crate::source::announcement(line).is_some();
        if is_alone && first.text.starts_with("#!") {
            let script = InlineFile { name: first.name.clone(), contents: first.contents() };
            return (
                words(&Command::Shell(format!("{SCRIPTS}/{}", first.name)), &self.container),
                Some(script),
            );
        }
        let text = match is_alone {
            true => first.contents(),
            false => {
                let texts = run.heredocs.iter().map(|heredoc| format!("\n{}{}", heredoc.text, heredoc.name));
                line.clone() + &texts.collect::<String>()
            }
        };
        (words(&Command::Shell(text), &self.container), None)
    }

    pub(super) fn copy(&mut self, copy: &Copy) -> Result<(String, Action), Problem> {
        let keyword = if copy.add { "ADD" } else { "COPY" };
        let mut sources = Vec::new();
        let mut names = Vec::new();
        for source in &copy.sources {
            let (source, name) = self.copy_source(copy, source)?;
            sources.push(source);
            names.push(name);
        }
        let written = self.expand(&copy.destination)?;
        let mut destination = absolute(self.folder(), &written);
        let is_folder =
            written.is_empty() || written.ends_with('/') || written == "." || written.ends_with("/.");
        if is_folder && !destination.ends_with('/') {
            destination.push('/');
        }
        if sources.len() > 1 && !destination.ends_with('/') {
            let reason = format!("several sources go into a folder: write `{written}/`");
            return Err(Problem::malformed(keyword, reason));
        }
        let owner = copy.chown.as_ref().map(|owner| self.expand(owner)).transpose()?;
        let written_mode = copy.chmod.as_ref().map(|mode| self.expand(mode)).transpose()?;
        let mode = written_mode.as_ref().map(|mode| Mode::parse(keyword, mode)).transpose()?;
        let exclude =
            copy.exclude.iter().map(|pattern| self.expand(pattern)).collect::<Result<Vec<_>, _>>()?;
        let exclude = IgnoreRules::of(&exclude).map_err(|pattern| {
            Problem::malformed(keyword, format!("`--exclude={pattern}` cannot be read"))
        })?;
        let (digest, commit) = self.checksum(copy, &sources)?;
        let flags = [("chown", &owner), ("chmod", &written_mode)];
        let flags = flags.iter().filter_map(|(name, value)| Some(format!("--{name}={} ", value.as_ref()?)));
        let history =
            format!("{keyword} {}{} {written} # buildkit", flags.collect::<String>(), names.join(" "));
        let action = CopyAction {
            unpack: copy.unpack.unwrap_or(copy.add),
            unpack_fetched: copy.unpack.unwrap_or(false),
            sources,
            from: copy.from.as_ref().map(|name| self.source(name)).transpose()?,
            destination,
            owner,
            mode,
            exclude,
            digest,
            commit,
            keep_git: copy.keep_git,
            link: copy.link,
        };
        Ok((history, Action::Copy(action)))
    }

    fn copy_source(&self, copy: &Copy, source: &RawSource) -> Result<(CopySource, String), Problem> {
        let text = match source {
            RawSource::Heredoc(heredoc) => {
                let contents = match heredoc.expand {
                    true => expand::heredoc(&heredoc.contents(), self.escape, &|name: &str| self.value(name))
                        .map_err(Problem::Expansion)?,
                    false => heredoc.contents(),
                };
                let file = InlineFile { name: heredoc.name.clone(), contents };
                return Ok((CopySource::Inline(file), format!("<<{}", heredoc.name)));
            }
            RawSource::Path(text) => self.expand(text)?,
        };
        if let Some(git) = GitSource::parse(&text).filter(|_| copy.add) {
            return Ok((CopySource::Git(git), text));
        }
        if text.starts_with("http://") || text.starts_with("https://") {
            return match copy.add {
                true => Ok((CopySource::Url(text.clone()), text)),
                false => {
                    Err(Problem::malformed("COPY", format!("`{text}` is an address, and those are for ADD")))
                }
            };
        }
        // Where it comes from is the root: nothing above it is reached.
        if !copy.parents {
            return Ok((CopySource::Path(absolute("/", &text)), text));
        }
        // `folder/./rest`: the folders of the rest alone come along.
        let inner = text.trim_start_matches('/');
        let inner = inner.strip_prefix("./").unwrap_or(inner);
        let (folder, path) = inner.split_once("/./").unwrap_or(("", inner));
        let below =
            CopySource::Below { folder: absolute("/", folder), path: absolute("/", path)[1..].to_owned() };
        Ok((below, text))
    }

    /// What `--checksum` says of a file that is fetched, or of the commit of a repository.
    fn checksum(
        &self,
        copy: &Copy,
        sources: &[CopySource],
    ) -> Result<(Option<Digest>, Option<String>), Problem> {
        let Some(text) = &copy.checksum else { return Ok((None, None)) };
        let text = self.expand(text)?;
        match sources {
            [CopySource::Url(_)] => match text.parse() {
                Ok(digest) => Ok((Some(digest), None)),
                Err(_) => Err(Problem::malformed("ADD", format!("`{text}` is no digest"))),
            },
            [CopySource::Git(_)] => {
                match text.len() >= 7 && text.chars().all(|digit| digit.is_ascii_hexdigit()) {
                    true => Ok((None, Some(text.to_ascii_lowercase()))),
                    false => Err(Problem::malformed("ADD", format!("`{text}` is no commit"))),
                }
            }
            _ => Err(Problem::malformed("ADD", "`--checksum` is for one source that is an address")),
        }
    }

    /// A stage above by its name or number, else an image.
    fn source(&self, name: &str) -> Result<StageSource, Problem> {
        if let Some(source) = self.stage.scope.context(name) {
            return Ok(source);
        }
        let lower = name.to_lowercase();
        let number: Option<usize> = name.parse().ok();
        let is_it = |(known, index, _): &&(Option<String>, usize, Option<usize>)| {
            known.as_deref() == Some(lower.as_str()) || number == Some(*index)
        };
        match self.stage.earlier.iter().rfind(is_it) {
            Some((_, _, Some(place))) => Ok(StageSource::Stage(*place)),
            // Only a trigger of the base can name what the plan did not see.
            Some(_) => Err(Problem::unsupported(
                format!("a trigger of the base that takes files from stage `{name}`"),
                "name the stage in this file, too, for example with a COPY of one of its files",
            )),
            None if name == "scratch" => Ok(StageSource::Scratch),
            None => {
                let reference = name.parse();
                reference
                    .map(StageSource::Image)
                    .map_err(|source| Problem::Reference { name: name.to_owned(), source })
            }
        }
    }
}
