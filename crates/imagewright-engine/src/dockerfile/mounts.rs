//! The mounts of a `RUN`: files of the context, a stage or an image, caches that stay, memory, secrets.

use std::path::{Path, PathBuf};

use imagewright_dockerfile::{IgnoreRules, Mount as Wanted, MountKind, Problem, RunAction};
use imagewright_model::Secret;
use imagewright_sandbox::{Mount, MountSource};

use super::StageError;
use super::agent::Agent;
use super::caches::{Cache, UsedCache};
use super::source::FilesOf;
use super::stages::Surroundings;
use super::transfer::{Given, transfer};
use super::write::Writer;
use crate::error::EngineError;
use crate::root_view::RootView;
use crate::workbench::Workbench;

/// The name of a single file in the folder that is made for a mount.
const FILE: &str = "file";
/// Bytes in memory where nobody says how many.
const TMPFS_SIZE: u64 = 1 << 30;

/// What a command sees beside the image.
#[derive(Default)]
pub(super) struct Mounted {
    pub(super) mounts: Vec<Mount>,
    pub(super) variables: Vec<(String, String)>,
    /// What must not be printed.
    pub(super) secrets: Vec<Secret>,
    /// Caches, each with the number of its mount. They are taken until the command has ended.
    caches: Vec<(usize, UsedCache)>,
    /// Agents, which answer until the command has ended.
    agents: Vec<Agent>,
}

impl Mounted {
    pub(super) fn prepare(
        surroundings: &Surroundings<'_>,
        action: &RunAction,
        sources: &[Option<FilesOf<'_>>],
        bench: &Workbench<'_>,
    ) -> Result<Self, EngineError> {
        let mut mounted = Self::default();
        let mut caches: Vec<(usize, Cache<'_>)> = Vec::new();
        for (number, (wanted, source)) in action.mounts.iter().zip(sources).enumerate() {
            caches
                .extend(Cache::of(surroundings, &wanted.kind, source.as_ref()).map(|cache| (number, cache)));
        }
        caches.sort_by(|(_, one), (_, other)| one.order().cmp(other.order()));
        for (number, cache) in caches {
            // Whoever mounts a cache at two places has it already, and must not wait for itself.
            let again = mounted.caches.last().filter(|(_, taken)| taken.is(&cache));
            let taken = match again {
                Some((_, taken)) => taken.again(&cache),
                None => cache.take()?,
            };
            mounted.caches.push((number, taken));
        }
        for (number, (wanted, source)) in action.mounts.iter().zip(sources).enumerate() {
            mounted.add(surroundings, number, wanted, source.as_ref(), bench)?;
        }
        Ok(mounted)
    }

    fn add(
        &mut self,
        surroundings: &Surroundings<'_>,
        number: usize,
        wanted: &Wanted,
        files_of: Option<&FilesOf<'_>>,
        bench: &Workbench<'_>,
    ) -> Result<(), EngineError> {
        let target = PathBuf::from(&wanted.target);
        let source = match &wanted.kind {
            MountKind::Tmpfs { size } => MountSource::Tmpfs { size: size.unwrap_or(TMPFS_SIZE) },
            MountKind::Bind { source, writable, .. } => {
                let room = bench.room(&format!("mount-{number}"))?;
                let files_of = files_of.expect("a mount of files has something they come from");
                files(surroundings, files_of, Path::new(source), &room, !writable)?
            }
            MountKind::Cache { .. } => match self.caches.iter().find(|(taken, _)| *taken == number) {
                Some((_, cache)) => cache.source(),
                None => unreachable!("all caches were taken"),
            },
            MountKind::Secret { id, required, mode, uid, gid, variable } => {
                let Some(secret) = self.secret(surroundings, id, *required)? else { return Ok(()) };
                self.variables.extend(variable.iter().map(|name| (name.clone(), secret.expose().to_owned())));
                let bytes = secret.expose().as_bytes().to_vec();
                MountSource::Contents { bytes, mode: *mode, owner: (*uid, *gid) }
            }
            MountKind::Ssh { id, required, mode, uid, gid } => {
                let agents = &surroundings.request.agents;
                let Some((_, outside)) = agents.iter().find(|(known, _)| known == id) else {
                    let missing =
                        StageError::NoSuchAgent { origin: surroundings.origin.clone(), id: id.clone() };
                    return if *required { Err(missing.into()) } else { Ok(()) };
                };
                let room = bench.room(&format!("mount-{number}"))?;
                let agent = Agent::listen(&room, outside, *mode, (*uid, *gid))
                    .map_err(EngineError::io("make a socket in", &room))?;
                let source = MountSource::File { path: agent.socket().to_path_buf(), read_only: false };
                self.agents.push(agent);
                self.variables.push(("SSH_AUTH_SOCK".to_owned(), wanted.target.clone()));
                source
            }
            MountKind::SecretVariable { id, required, variable } => {
                if let Some(secret) = self.secret(surroundings, id, *required)? {
                    self.variables.push((variable.clone(), secret.expose().to_owned()));
                }
                return Ok(());
            }
        };
        self.mounts.push(Mount { target, source });
        Ok(())
    }

    fn secret(
        &mut self,
        surroundings: &Surroundings<'_>,
        id: &str,
        required: bool,
    ) -> Result<Option<Secret>, EngineError> {
        let secrets = &surroundings.request.secrets;
        let Some((_, secret)) = secrets.iter().find(|(known, _)| known == id) else {
            let missing = || Problem::NoSuchSecret(id.to_owned()).from(surroundings.origin.clone());
            return if required { Err(StageError::from(missing()).into()) } else { Ok(None) };
        };
        // A program prints it line by line.
        let lines = secret.expose().lines().map(str::trim).filter(|line| !line.is_empty());
        self.secrets.extend(lines.map(Secret::new));
        Ok(Some(secret.clone()))
    }
}

/// A copy of files in `room`: what is written there is lost, and what a `.dockerignore` leaves out is not seen.
fn files(
    surroundings: &Surroundings<'_>,
    files_of: &FilesOf<'_>,
    source: &Path,
    room: &Path,
    read_only: bool,
) -> Result<MountSource, EngineError> {
    let Surroundings { context, origin, .. } = surroundings;
    let root = files_of.open(context.site, context.report)?;
    root.matches(origin, &source.to_string_lossy())?;
    let is_folder = root.find(source).is_some_and(|(_, metadata)| metadata.is_dir());
    let mut writer = Writer::new(room.to_path_buf(), RootView::new(vec![room.to_path_buf()]), origin);
    let place = if is_folder { "" } else { FILE };
    let exclude = IgnoreRules::default();
    let given = Given { owner: None, mode: None, exclude: &exclude, epoch: context.epoch };
    transfer(&mut writer, &root, origin, source, Path::new(place), given)?;
    writer.finish()?;
    Ok(match is_folder {
        true => MountSource::Directory { path: room.to_path_buf(), read_only },
        false => MountSource::File { path: room.join(FILE), read_only },
    })
}
