//! Runs a program in an image, in our own sandbox, on a writable directory that is thrown away.

use std::path::{Path, PathBuf};
use std::time::Duration;

use imagewright_model::Progress;
use imagewright_oci::{ContainerConfig, ImageConfig};
use imagewright_sandbox::{Exit, Limits, Mount, Network, Privileges, Root, SandboxSpec, Stdio, User, spawn};
use imagewright_store::{Image, ImageRecord};

use crate::cancel::Cancel;
use crate::error::EngineError;
use crate::root_view::RootView;
use crate::workbench::{DEFAULT_PATH, contents};
use crate::{Engine, outside, passwd};

/// What programs find as the name of their machine.
const HOST_NAME: &str = "imagewright";

const HOSTS: &str = "/etc/hosts";

/// What to run in an image; what is not given is the image's own.
#[derive(Clone, Debug, Default)]
pub struct RunRequest {
    /// Arguments that replace the image's command.
    pub arguments: Vec<String>,
    /// Replaces the entry point; an empty one runs the arguments alone.
    pub entrypoint: Option<Vec<String>>,
    /// More environment.
    pub environment: Vec<(String, String)>,
    /// `name`, `uid`, `name:group` or `uid:gid`.
    pub user: Option<String>,
    /// Where the program starts.
    pub working_directory: Option<PathBuf>,
    /// Folders and files of the host to show inside.
    pub mounts: Vec<Mount>,
    /// Whether it reaches the network.
    pub network: bool,
    /// How long it may run.
    pub time_limit: Option<Duration>,
    /// How much of the machine it may use.
    pub limits: Limits,
}

impl Engine {
    /// Runs a program in `record`, connected to this process's own streams, and gives its exit code. Layers that were
    /// left in a registry are brought first, and `progress` is told of that.
    pub fn run(
        &self,
        record: &ImageRecord,
        request: &RunRequest,
        cancel: &Cancel,
        progress: &(dyn Fn(&str, Progress) + Sync),
    ) -> Result<i32, EngineError> {
        let _lease = self.store.lease(|| {})?;
        let image = self.store.image(&record.manifest)?;
        self.platform(Some(&image.config.platform))?;
        self.complete(record, cancel, progress)?;
        let lower = self.store.ensure_snapshot(&image, &mut |_, _| {})?;
        let scratch = self.store.scratch(&lower)?;
        let base = self.store.snapshots_dir();
        let view = RootView::new(lower.iter().map(|layer| base.join(layer)).collect());
        let spec = SandboxSpec {
            root: Root::Overlay { base, lower, upper: scratch.upper(), work: scratch.work() },
            ..specification(&image, &view, request)?
        };
        self.make_working_directory(&view, &scratch, &spec)?;
        let program = spec.command.first().cloned().unwrap_or_default();
        let running = spawn(&self.helper, &spec, Stdio::Inherit)?;
        let _guard = cancel.guard(running.killer());
        let outcome = running.wait()?;
        if let Some(hit) = outcome.limited {
            return Err(EngineError::limited(program, hit));
        }
        match outcome.exit {
            Exit::Code(code) => Ok(code),
            Exit::Signal(signal) => Ok(128 + signal),
            Exit::Cancelled => Err(EngineError::Cancelled),
            Exit::TimedOut => {
                Err(EngineError::TimedOut { program, limit: request.time_limit.unwrap_or_default() })
            }
        }
    }

    /// A missing working directory is made, as engines do.
    pub(crate) fn make_working_directory(
        &self,
        view: &RootView,
        scratch: &imagewright_store::Scratch,
        spec: &SandboxSpec,
    ) -> Result<(), EngineError> {
        if view.is_directory(&spec.working_directory) {
            return Ok(());
        }
        let inside = spec.working_directory.strip_prefix("/").unwrap_or(&spec.working_directory);
        let path = scratch.upper().join(inside);
        std::fs::create_dir_all(&path).map_err(EngineError::io("create", path))
    }
}

pub(crate) fn specification(
    image: &Image,
    view: &RootView,
    request: &RunRequest,
) -> Result<SandboxSpec, EngineError> {
    let defaults = ContainerConfig::default();
    let config = image.config.config.as_ref().unwrap_or(&defaults);
    let user = passwd::find(request.user.as_deref().unwrap_or(&config.user), view)?;
    let working_directory =
        request.working_directory.clone().unwrap_or_else(|| match config.working_dir.as_str() {
            "" => PathBuf::from("/"),
            folder => PathBuf::from(folder),
        });
    Ok(SandboxSpec {
        root: Root::Overlay {
            base: PathBuf::new(),
            lower: Vec::new(),
            upper: PathBuf::new(),
            work: PathBuf::new(),
        },
        command: command(config, request)?,
        environment: environment(&image.config, &user, request),
        working_directory,
        user: User { uid: user.uid, gid: user.gid, groups: user.groups },
        mounts: name_resolution().chain(request.mounts.iter().cloned()).collect(),
        network: if request.network { Network::Host } else { Network::None },
        hostname: HOST_NAME.to_owned(),
        // As engines run containers: `sudo` works in an image that has it.
        privileges: Privileges { no_new_privileges: false, ..Privileges::default() },
        time_limit: request.time_limit,
        limits: request.limits.clone(),
    })
}

/// The host's resolver, and its host names with that of the container.
fn name_resolution() -> impl Iterator<Item = Mount> {
    let hosts = std::fs::read_to_string(HOSTS).unwrap_or_default();
    let others = outside::name_resolution().filter(|mount| mount.target != Path::new(HOSTS));
    others.chain([with_own_name(&hosts)])
}

/// Names of hosts, and that of the container: engines see to it that it finds itself, and Spark ends where it does not.
pub(crate) fn with_own_name(hosts: &str) -> Mount {
    contents(format!("{}\n127.0.1.1\t{HOST_NAME}\n", hosts.trim_end()), HOSTS, 0o644)
}

/// Entry point and arguments as engines join them: an entry point given by the user drops the image's command.
fn command(config: &ContainerConfig, request: &RunRequest) -> Result<Vec<String>, EngineError> {
    let mut command = request.entrypoint.clone().or_else(|| config.entrypoint.clone()).unwrap_or_default();
    if !request.arguments.is_empty() {
        command.extend(request.arguments.iter().cloned());
    } else if request.entrypoint.is_none() {
        command.extend(config.cmd.iter().flatten().cloned());
    }
    if command.is_empty() { Err(EngineError::NothingToRun) } else { Ok(command) }
}

fn environment(config: &ImageConfig, user: &passwd::Account, request: &RunRequest) -> Vec<(String, String)> {
    let entry = |text: &String| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let own = config.config.iter().flat_map(|config| &config.env).filter_map(entry);
    let defaults = [("PATH", DEFAULT_PATH), ("HOME", &user.home), ("HOSTNAME", HOST_NAME)];
    let defaults = defaults.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut all: Vec<(String, String)> = Vec::new();
    for (name, value) in defaults.into_iter().chain(own).chain(request.environment.iter().cloned()) {
        all.retain(|(known, _)| *known != name);
        all.push((name, value));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_point_and_command_join_as_engines_join_them() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let config = ContainerConfig {
            entrypoint: Some(words("tini --")),
            cmd: Some(words("jupyter lab")),
            ..ContainerConfig::default()
        };
        let cases: [(&[&str], Option<&str>, &str); 4] = [
            (&[], None, "tini -- jupyter lab"),
            (&["python3", "-V"], None, "tini -- python3 -V"),
            (&[], Some("bash"), "bash"),
            (&["-c", "true"], Some("bash"), "bash -c true"),
        ];
        for (arguments, entrypoint, expected) in cases {
            let request = RunRequest {
                arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
                entrypoint: entrypoint.map(words),
                ..RunRequest::default()
            };
            assert_eq!(command(&config, &request).unwrap().join(" "), expected);
        }
        let nothing = command(&ContainerConfig::default(), &RunRequest::default());
        assert!(matches!(nothing, Err(EngineError::NothingToRun)));
    }
}
