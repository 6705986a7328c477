//! What a user asks for who has a Dockerfile built, read and found: the same for each engine and on each system.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use imagewright_docker::Network;
use imagewright_dockerfile::{
    BuildPlan, Dockerfile, GitSource, IgnoreRules, NamedContext, PlanRequest, StageSource,
};
use imagewright_model::spec::{PartialSpec, SpecFlags};
use imagewright_model::{BuildEvent, EventSink, Secret};
use imagewright_oci::{Platform, Reference};

use crate::{Limits, ServiceError};

/// Names by which a folder's Dockerfile is found.
const NAMES: [&str; 2] = ["Dockerfile", "Containerfile"];
/// A folder with one of these says by itself what the image is.
const SPECS: [&str; 2] = ["image.yaml", "image.yml"];

/// The flags of specs that count for Dockerfiles, too.
const FLAGS: [&str; 4] = ["--tag", "--label", "--platform", "--compression"];

/// What a user asks for who has a Dockerfile built.
#[derive(Clone, Debug, Default)]
pub struct DockerfileCommand {
    /// The folder that files are copied from.
    pub context: PathBuf,
    /// The Dockerfile; default: the one in the folder.
    pub file: Option<PathBuf>,
    /// The Dockerfile itself, where it is in no file.
    pub text: Option<String>,
    /// The stage to build; default: the last.
    pub target: Option<String>,
    /// Values of arguments.
    pub arguments: Vec<(String, String)>,
    /// Names that stand for a folder, or for an image where it begins with `docker-image://`.
    pub contexts: Vec<(String, String)>,
    /// Secrets by name.
    pub secrets: Vec<(String, Secret)>,
    /// Sockets of SSH agents by name.
    pub agents: Vec<(String, PathBuf)>,
    /// The network of commands that name none.
    pub network: Network,
    /// Names, labels, platform and compression of the image. What else there is in it is for specs, and an error.
    pub flags: SpecFlags,
    /// Ask registries again what the bases are by now.
    pub pull: bool,
    /// Whether nothing may be fetched.
    pub offline: bool,
    /// Run every step again.
    pub no_cache: bool,
    /// Whether the image is going to be pushed to where its names say; see [`BuildCommand`](crate::BuildCommand).
    pub push: bool,
    /// How long one command may run.
    pub time_limit: Option<Duration>,
    /// What the image must pass before it gets its names.
    #[cfg(target_os = "linux")]
    pub gate: crate::Gate,
    /// How much of the machine a command may use.
    pub limits: Limits,
    /// The latest date anything in the image carries, seconds since 1970.
    pub source_date_epoch: Option<i64>,
    /// A file that gets the digest of the manifest.
    pub digest_file: Option<PathBuf>,
    /// A file that gets the id of the image.
    pub id_file: Option<PathBuf>,
    /// A file that gets digests and names as JSON, by the names that BuildKit gives them.
    pub metadata_file: Option<PathBuf>,
    /// Stages all steps of which are run again.
    pub fresh_stages: Vec<String>,
    /// Names of hosts that commands find.
    pub hosts: Vec<(String, IpAddr)>,
    /// Annotations of the manifest.
    pub annotations: Vec<(String, String)>,
}

/// What stands for standard input.
const STREAM: &str = "-";

/// Whether a build is of what has to be fetched or read first.
pub fn is_remote_context(context: &Path) -> bool {
    is_stream(context) || repository(context).is_some()
}

pub(crate) fn is_stream(context: &Path) -> bool {
    context == Path::new(STREAM)
}

pub(crate) fn repository(context: &Path) -> Option<GitSource> {
    GitSource::parse(context.to_str()?)
}

/// The Dockerfile that says what the image of a folder is; none where an image.yaml says it, or where there is none.
pub fn dockerfile_of(folder: &Path) -> Option<PathBuf> {
    if SPECS.iter().any(|name| folder.join(name).exists()) {
        return None;
    }
    find_dockerfile(folder)
}

pub(crate) fn find_dockerfile(folder: &Path) -> Option<PathBuf> {
    NAMES.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// What was named, found: the same for each engine.
pub(crate) struct Given {
    /// Names, labels, platform and compression of the image.
    pub(crate) image: PartialSpec,
    /// The folder that files are copied from.
    pub(crate) context: PathBuf,
    /// What of it does not count.
    pub(crate) ignore: IgnoreRules,
    /// The Dockerfile.
    pub(crate) file: PathBuf,
    /// What is in it, and how messages name it.
    pub(crate) written: Written,
}

pub(crate) fn given(command: &DockerfileCommand) -> Result<Given, ServiceError> {
    let foreign: Vec<_> = command.flags.given().into_iter().filter(|name| !FLAGS.contains(name)).collect();
    if !foreign.is_empty() {
        return Err(ServiceError::NotForDockerfiles { flags: foreign.join(", ") });
    }
    let image = PartialSpec::from_flags(&command.flags)?;
    let context = fs::canonicalize(&command.context).map_err(unreadable(&command.context))?;
    if !context.is_dir() {
        let source = io::Error::from(io::ErrorKind::NotADirectory);
        return Err(ServiceError::Read { path: command.context.clone(), source });
    }
    let file = dockerfile_in(&command.context, command.file.as_deref());
    let written = match &command.text {
        Some(text) => Written { file: "standard input".to_owned(), text: text.clone() },
        None => Written::read(&file)?,
    };
    let ignore = ignore_rules(command.text.is_none().then_some(&*file), &command.context)?;
    Ok(Given { image, context, ignore, file, written })
}

/// The stages that are needed, and what they are made of.
pub(crate) fn plan(
    command: &DockerfileCommand,
    written: &Written,
    contexts: Vec<(String, NamedContext)>,
    platform: &Platform,
    events: &dyn EventSink,
) -> Result<BuildPlan, ServiceError> {
    let plan = Dockerfile::parse(&written.file, &written.text)?.plan(&PlanRequest {
        target: command.target.clone(),
        arguments: command.arguments.clone(),
        contexts,
        platform: platform.clone(),
        build_platform: Platform::host(),
    })?;
    let is_built = |name: &String| plan.stages.iter().any(|stage| stage.name == *name);
    for stage in command.fresh_stages.iter().filter(|name| !is_built(name)) {
        let message = format!("--no-cache-filter {stage}: no stage of that name is built");
        events.emit(BuildEvent::Warning { message });
    }
    for warning in &plan.warnings {
        events.emit(BuildEvent::Warning { message: warning.clone() });
    }
    Ok(plan)
}

/// A Dockerfile as it was read.
pub(crate) struct Written {
    /// How messages name it.
    pub(crate) file: String,
    /// What is in it.
    pub(crate) text: String,
}

impl Written {
    pub(crate) fn read(file: &Path) -> Result<Self, ServiceError> {
        let text = fs::read_to_string(file).map_err(unreadable(file))?;
        let shown = file.strip_prefix(".").unwrap_or(file);
        Ok(Self { file: shown.display().to_string(), text })
    }
}

/// The Dockerfile of a folder: the one that was named, else the one that is there.
pub(crate) fn dockerfile_in(context: &Path, named: Option<&Path>) -> PathBuf {
    match named {
        Some(file) => file.to_path_buf(),
        None => find_dockerfile(context).unwrap_or_else(|| context.join(NAMES[0])),
    }
}

pub(crate) type Folders = Vec<(String, PathBuf, IgnoreRules)>;

/// What names stand for, and the folders among that.
pub(crate) fn named_contexts(
    given: &[(String, String)],
) -> Result<(Vec<(String, NamedContext)>, Folders), ServiceError> {
    let (mut contexts, mut folders) = (Vec::new(), Folders::new());
    for (name, value) in given {
        folders.retain(|(known, ..)| known != name);
        if let Some(reference) = value.strip_prefix("docker-image://") {
            contexts.push((name.clone(), NamedContext::Image(reference.parse()?)));
        } else {
            let folder = fs::canonicalize(value).map_err(unreadable(Path::new(value)))?;
            let ignore = ignore_rules(None, &folder)?;
            contexts.push((name.clone(), NamedContext::Folder));
            folders.push((name.clone(), folder, ignore));
        }
    }
    Ok((contexts, folders))
}

/// The images that stages begin with.
pub(crate) fn bases(plan: &BuildPlan) -> Vec<Reference> {
    let images = plan.stages.iter().filter_map(|stage| match &stage.base {
        StageSource::Image(reference) => Some(reference.clone()),
        StageSource::Scratch | StageSource::Stage(_) | StageSource::Folder(_) => None,
    });
    images.collect()
}

/// Rules of a file that is named after the Dockerfile and lies beside it, else of the folder's `.dockerignore`.
fn ignore_rules(file: Option<&Path>, context: &Path) -> Result<IgnoreRules, ServiceError> {
    let own = file.map(|file| {
        let mut own = file.as_os_str().to_owned();
        own.push(".dockerignore");
        PathBuf::from(own)
    });
    for path in own.into_iter().chain([context.join(".dockerignore")]) {
        match fs::read_to_string(&path) {
            Ok(text) => return Ok(IgnoreRules::parse(&path.display().to_string(), &text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unreadable(&path)(error)),
        }
    }
    Ok(IgnoreRules::default())
}

pub(crate) fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> ServiceError + use<> {
    let path = path.to_path_buf();
    move |source| ServiceError::Read { path, source }
}
