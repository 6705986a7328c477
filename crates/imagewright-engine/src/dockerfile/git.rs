//! Repositories as sources of `ADD`. A commit is fetched once and kept; what a branch or tag is at is asked in each
//! build. git runs on the host: it fetches and writes files, and runs nothing of the repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use imagewright_dockerfile::GitSource;
use imagewright_model::spec::Origin;
use imagewright_oci::Digest;

use super::StageError;
use crate::error::EngineError;
use crate::host_program;
use crate::reporter::StepReporter;
use crate::step;
use crate::versions_error::VersionsError;
use crate::workbench::{Finished, Site};

/// The folder of repositories among the caches.
const ROOM: &str = "git";
/// The agent whose socket git's ssh uses.
const AGENT: &str = "default";

/// A repository that something is copied from.
pub(super) struct Repository<'a> {
    pub(super) site: Site<'a>,
    pub(super) report: &'a StepReporter<'a>,
    pub(super) agents: &'a [(String, PathBuf)],
    pub(super) origin: &'a Origin,
    pub(super) source: &'a GitSource,
    /// Whether `.git` comes along.
    pub(super) keep_git: bool,
}

impl Repository<'_> {
    /// The commit that is meant by now.
    pub(super) fn commit(&self) -> Result<String, EngineError> {
        let reference = self.source.reference.as_deref().unwrap_or("HEAD");
        if self.source.names_a_commit() {
            return Ok(reference.to_ascii_lowercase());
        }
        let annotated = format!("{reference}^{{}}");
        let told = self.git(None, &["ls-remote", "--", &self.source.url, reference, &annotated])?.output;
        find_commit(&told, reference).ok_or_else(|| {
            let (origin, url) = (self.origin.clone(), self.source.url.clone());
            StageError::NoSuchReference { origin, url, reference: reference.to_owned() }.into()
        })
    }

    /// What makes two results equal: the commit, and what of it counts.
    pub(super) fn digest(&self, commit: &str) -> Digest {
        step::key("git", &(commit, &self.source.folder, self.keep_git))
    }

    /// The folder with the files of a commit.
    pub(super) fn files(&self, commit: &str) -> Result<PathBuf, EngineError> {
        let site = self.site;
        let name = step::key("git-files", &(&self.source.url, commit, self.keep_git));
        let place = site.store.cache_dir(ROOM)?.join(name.hex());
        let _lock = site.store.lock(&format!("git-{}", name.hex()), || {
            self.report.status("waiting for another build that fetches the repository");
        })?;
        if !place.is_dir() {
            let scratch = site.store.scratch(&[])?;
            let unfinished = scratch.room("repository")?;
            self.check_out(&unfinished, commit)?;
            fs::rename(&unfinished, &place).map_err(EngineError::io("keep", &place))?;
        }
        site.store.note_use(&place)?;
        let folder = self.source.folder.as_deref().unwrap_or_default();
        let inside = place.join(folder.trim_start_matches('/'));
        let is_inside = inside.canonicalize().is_ok_and(|path| path.starts_with(&place) && path.is_dir());
        match is_inside {
            true => Ok(inside),
            false => Err(StageError::NoSuchSource {
                origin: self.origin.clone(),
                path: folder.to_owned(),
                place: format!("`{}`", self.source.url),
                ignored: false,
            }
            .into()),
        }
    }

    /// Gets one commit, with its submodules.
    fn check_out(&self, folder: &Path, commit: &str) -> Result<(), EngineError> {
        let url = self.source.url.as_str();
        self.report.status(format!("fetching {url}"));
        let here = Some(folder);
        self.git(here, &["init", "--quiet"])?;
        self.git(here, &["remote", "add", "origin", "--", url])?;
        let only_this = ["fetch", "--quiet", "--depth=1", "origin", commit];
        if self.try_git(here, &only_this)?.code != 0 {
            // Servers need not give single commits.
            let everything = "+refs/heads/*:refs/remotes/origin/*";
            self.git(here, &["fetch", "--quiet", "--tags", "origin", everything])?;
        }
        self.git(here, &["checkout", "--quiet", "--detach", commit, "--"])?;
        self.git(here, &["submodule", "--quiet", "update", "--init", "--recursive", "--depth=1"])?;
        if !self.keep_git {
            let own = folder.join(".git");
            fs::remove_dir_all(&own).map_err(EngineError::io("remove", &own))?;
        }
        Ok(())
    }

    fn git(&self, folder: Option<&Path>, arguments: &[&str]) -> Result<Finished, EngineError> {
        let finished = self.try_git(folder, arguments)?;
        match finished.code {
            0 => Ok(finished),
            _ => {
                let (origin, url) = (self.origin.clone(), self.source.url.clone());
                Err(StageError::Git { origin, url, tail: finished.tail_text() }.into())
            }
        }
    }

    fn try_git(&self, folder: Option<&Path>, arguments: &[&str]) -> Result<Finished, EngineError> {
        let site = self.site;
        if site.outside.offline {
            return Err(VersionsError::Offline { what: format!("`{}` is", self.source.url) }.into());
        }
        let mut command = Command::new("git");
        // The user's settings may run programs, and would be this machine's alone.
        command
            .env_clear()
            .envs(std::iter::once(("PATH".to_owned(), crate::workbench::DEFAULT_PATH.to_owned())))
            .envs(site.outside.git_environment_on_host())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ALLOW_PROTOCOL", "http:https:git:ssh")
            .env("GIT_SSH_COMMAND", "ssh -F /dev/null -o BatchMode=yes")
            .env("LC_ALL", "C.UTF-8");
        if let Some((_, socket)) = self.agents.iter().find(|(id, _)| id == AGENT) {
            command.env("SSH_AUTH_SOCK", socket);
        }
        if let Some(folder) = folder {
            command.arg("-C").arg(folder);
        }
        command.args(["-c", "advice.detachedHead=false", "-c", "core.hooksPath=/dev/null"]).args(arguments);
        host_program::run(command, site, self.report).map_err(|error| match error {
            EngineError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                StageError::NoGit { origin: self.origin.clone() }.into()
            }
            error => error,
        })
    }
}

/// The commit of a reference among the lines of `git ls-remote`, as `git checkout` chooses: what is named in full, then a
/// branch, then a tag.
fn find_commit(told: &str, reference: &str) -> Option<String> {
    let named = |name: &str| {
        let mut lines = told.lines().filter_map(|line| line.split_once('\t'));
        lines.find(|(_, known)| *known == name).map(|(commit, _)| commit.to_owned())
    };
    let in_full = match reference {
        "HEAD" => named("HEAD"),
        _ => named(&format!("refs/{}", reference.trim_start_matches("refs/"))),
    };
    let tag = format!("refs/tags/{}", reference.trim_start_matches("refs/tags/"));
    in_full
        .or_else(|| named(&format!("refs/heads/{}", reference.trim_start_matches("refs/heads/"))))
        .or_else(|| named(&format!("{tag}^{{}}")))
        .or_else(|| named(&tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_as_git_finds_them() {
        let told = "aa\tHEAD\nbb\trefs/heads/main\ncc\trefs/heads/one\ndd\trefs/tags/one\nee\trefs/tags/v1\n\
                    ff\trefs/tags/v1^{}\n11\trefs/pull/3/head\n";
        for (reference, commit) in [
            ("HEAD", Some("aa")),
            ("main", Some("bb")),
            ("refs/heads/main", Some("bb")),
            ("one", Some("cc")),
            ("refs/tags/one", Some("dd")),
            ("v1", Some("ff")),
            ("pull/3/head", Some("11")),
            ("v2", None),
        ] {
            assert_eq!(find_commit(told, reference).as_deref(), commit, "{reference}");
        }
    }
}
