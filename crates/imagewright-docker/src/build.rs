//! One build by a daemon.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1::{
    CacheOptions, SolveRequest, SolveResponse, StatusRequest, StatusResponse,
};
use imagewright_dockerfile::IgnoreRules;
use imagewright_model::spec::LayerCompression;
use imagewright_model::{EventSink, Secret, Stop};
use imagewright_oci::{Digest, Platform, Reference};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::channel::Channel;
use crate::context::Folder;
use crate::daemon::{Daemon, runtime};
use crate::error::DockerError;
use crate::lines::Hidden;
use crate::session::{self, AgentSocket, Credentials, Session};
use crate::status;
use crate::trace::Trace;

/// How often somebody may have asked to stop.
const STOP_INTERVAL: Duration = Duration::from_millis(50);
/// How long the last events of a build are waited for once its result is known.
const LAST_EVENTS: Duration = Duration::from_secs(3);
/// How long a daemon has to end a build that is cancelled.
const ENDING: Duration = Duration::from_secs(10);
/// How long threads that read files have to notice that nobody wants them.
const THREADS_ENDING: Duration = Duration::from_secs(2);
/// Events that wait to be shown.
const WAITING: usize = 64;

/// The names of the folders that every build has.
const CONTEXT: &str = "context";
const DOCKERFILE: &str = "dockerfile";
/// The first interface of a Docker Engine whose front end knows named contexts.
const NAMED_CONTEXTS: (u32, u32) = (1, 42);

/// What a name in `FROM` or `--from` stands for.
#[derive(Clone, Debug)]
pub enum NamedSource {
    /// A folder and what of it does not count.
    Folder(PathBuf, IgnoreRules),
    /// An image.
    Image(Reference),
}

/// The network of commands that name none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// What the daemon gives them.
    #[default]
    Default,
    /// The machine's.
    Host,
    /// None.
    None,
}

/// What is to be built.
#[derive(Clone, Debug)]
pub struct BuildRequest {
    /// The Dockerfile.
    pub file: PathBuf,
    /// The folder that files are copied from.
    pub context: PathBuf,
    /// What of it does not count.
    pub ignore: IgnoreRules,
    /// What names stand for.
    pub contexts: Vec<(String, NamedSource)>,
    /// The stage to build; default: the last.
    pub target: Option<String>,
    /// Values of arguments.
    pub arguments: Vec<(String, String)>,
    /// Labels that go over those of the Dockerfile.
    pub labels: Vec<(String, String)>,
    /// The names the image gets.
    pub names: Vec<Reference>,
    /// The platform; default: the daemon's.
    pub platform: Option<Platform>,
    /// Secrets by name.
    pub secrets: Vec<(String, Secret)>,
    /// SSH agents by name.
    pub agents: Vec<(String, AgentSocket)>,
    /// The network of commands.
    pub network: Network,
    /// Run every step again.
    pub no_cache: bool,
    /// Ask registries again what the bases are by now.
    pub pull: bool,
}

/// Where the image goes.
pub enum Export {
    /// Into the Docker Engine that builds it.
    Docker,
    /// Here, as an OCI archive.
    Archive {
        /// Takes the archive; dropped when all of it was written.
        to: Box<dyn Write + Send>,
        /// How layers are compressed; default: gzip.
        compression: Option<LayerCompression>,
    },
}

/// What a build came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// What the daemon calls the image: digest of its manifest, or of its configuration.
    pub digest: Option<Digest>,
    /// Digest of its configuration, where the daemon tells.
    pub id: Option<Digest>,
    /// How many steps were told.
    pub steps: u32,
}

impl Daemon {
    /// Builds an image. Steps are told to `events`, and neither a beginning nor an end: there is more to a build than what
    /// the daemon does.
    pub fn build(
        &self,
        request: &BuildRequest,
        export: Export,
        credentials: Box<dyn Credentials>,
        events: &dyn EventSink,
        stop: &Stop,
    ) -> Result<Built, DockerError> {
        let runtime = runtime()?;
        let session = Arc::new(session_of(request, credentials)?);
        let built = runtime.block_on(self.solve(request, export, &session, events, stop));
        runtime.shutdown_timeout(THREADS_ENDING);
        built
    }

    async fn solve(
        &self,
        request: &BuildRequest,
        export: Export,
        session: &Arc<Session>,
        events: &dyn EventSink,
        stop: &Stop,
    ) -> Result<Built, DockerError> {
        self.refuse_too_old(request).await?;
        let channel = self.channel().await?;
        let solve = solve_request(request, &export, &session.id);
        if let Export::Archive { to, .. } = export {
            *session.image.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(to);
        }
        session::open(&channel, session.clone()).await?;
        let hidden = Hidden::new(request.secrets.iter().map(|(_, secret)| secret));
        let file = request.file.display().to_string();
        let mut trace = Trace::new(events, hidden, &file);
        let solved = follow(&channel, solve, &mut trace, stop).await;
        let answer = match solved {
            Ok(answer) => answer,
            Err(Ended::Cancelled) => return Err(DockerError::Cancelled),
            Err(Ended::Failed(status)) => {
                let own = session.take_failure();
                let text = std::fs::read_to_string(&request.file).unwrap_or_default();
                return Err(own.unwrap_or_else(|| status::failure(&status, &trace, &file, &text)));
            }
        };
        let digest = |name: &str| answer.exporter_response.get(name).and_then(|digest| digest.parse().ok());
        let (digest, id) = (digest("containerimage.digest"), digest("containerimage.config.digest"));
        Ok(Built { digest, id, steps: trace.steps() })
    }

    async fn refuse_too_old(&self, request: &BuildRequest) -> Result<(), DockerError> {
        let version = self.ask_version().await?;
        let lacks_names = version.interface.is_some_and(|interface| interface < NAMED_CONTEXTS);
        if lacks_names && !request.contexts.is_empty() {
            let (daemon, version) = (self.address().to_string(), version.version);
            return Err(DockerError::TooOld { daemon, version, what: "`--build-context`" });
        }
        Ok(())
    }
}

/// Why there is no result.
enum Ended {
    Cancelled,
    Failed(tonic::Status),
}

/// What is waited for.
enum News {
    Happened(StatusResponse),
    TraceEnded,
    Solved(Result<SolveResponse, tonic::Status>),
}

/// Has the daemon build, and tells what happens meanwhile.
async fn follow(
    channel: &Channel,
    request: SolveRequest,
    trace: &mut Trace<'_>,
    stop: &Stop,
) -> Result<SolveResponse, Ended> {
    let (sender, mut news) = mpsc::channel(WAITING);
    let status = StatusRequest { r#ref: request.r#ref.clone() };
    let solving = tokio::spawn({
        let (channel, sender) = (channel.clone(), sender.clone());
        async move {
            let solved = channel.unary("/moby.buildkit.v1.Control/Solve", request).await;
            // Nobody waits any more: the build was cancelled.
            let _ = sender.send(News::Solved(solved)).await;
        }
    });
    tokio::spawn(watch(channel.clone(), status, sender));
    let (mut result, mut has_ended) = (None, false);
    let mut deadline: Option<Instant> = None;
    while !(has_ended && result.is_some()) && deadline.is_none_or(|deadline| Instant::now() < deadline) {
        match timeout(STOP_INTERVAL, news.recv()).await {
            Ok(Some(News::Happened(happened))) => trace.follow(&happened),
            Ok(Some(News::TraceEnded)) => has_ended = true,
            Ok(Some(News::Solved(solved))) => {
                result = Some(solved.map_err(Ended::Failed));
                deadline = Some(Instant::now() + LAST_EVENTS);
            }
            Ok(None) => break,
            Err(_) => {}
        }
        if stop.is_asked() && result.is_none() {
            // Giving the call up is what tells the daemon; it has ended the build when its trace ends.
            solving.abort();
            result = Some(Err(Ended::Cancelled));
            deadline = Some(Instant::now() + ENDING);
        }
    }
    trace.finish();
    result.unwrap_or_else(|| Err(Ended::Failed(tonic::Status::unavailable("the connection was closed"))))
}

/// Passes the trace of a build on.
async fn watch(channel: Channel, request: StatusRequest, news: mpsc::Sender<News>) {
    // Without a trace the build goes on: its result is what counts.
    if let Ok(mut trace) = channel.server_streaming("/moby.buildkit.v1.Control/Status", request).await {
        while let Ok(Some(happened)) = trace.message().await {
            if news.send(News::Happened(happened)).await.is_err() {
                return;
            }
        }
    }
    let _ = news.send(News::TraceEnded).await;
}

fn session_of(request: &BuildRequest, credentials: Box<dyn Credentials>) -> Result<Session, DockerError> {
    let mut folders = HashMap::new();
    let context = Folder { path: request.context.clone(), ignore: request.ignore.clone() };
    folders.insert(CONTEXT.to_owned(), context);
    let beside =
        request.file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = Folder { path: beside.to_path_buf(), ignore: IgnoreRules::default() };
    folders.insert(DOCKERFILE.to_owned(), beside);
    for (name, source) in &request.contexts {
        if let NamedSource::Folder(path, ignore) = source {
            let folder = Folder { path: path.clone(), ignore: ignore.clone() };
            folders.insert(local_name(name), folder);
        }
    }
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|error| DockerError::Runtime(std::io::Error::other(error.to_string())))?;
    Ok(Session {
        id: hex::encode(random),
        shared_key: Digest::of(request.context.as_os_str().as_encoded_bytes()).to_string(),
        folders,
        secrets: request.secrets.iter().cloned().collect(),
        agents: request.agents.iter().cloned().collect(),
        credentials,
        image: Mutex::new(None),
        failure: Mutex::new(None),
    })
}

/// The name of the folder that a named context is; others may not have those of every build.
fn local_name(name: &str) -> String {
    format!("named:{name}")
}

fn solve_request(request: &BuildRequest, export: &Export, session: &str) -> SolveRequest {
    let mut exporter = HashMap::new();
    if !request.names.is_empty() {
        let names: Vec<_> = request.names.iter().map(Reference::canonical).collect();
        exporter.insert("name".to_owned(), names.join(","));
    }
    let exporter_name = match export {
        Export::Docker => "moby",
        Export::Archive { compression, .. } => {
            exporter.insert("oci-mediatypes".to_owned(), "true".to_owned());
            let (method, level) = match compression {
                None => ("gzip", None),
                Some(LayerCompression::None) => ("uncompressed", None),
                Some(LayerCompression::Gzip(level)) => ("gzip", *level),
                Some(LayerCompression::Zstd(level)) => ("zstd", *level),
            };
            exporter.insert("compression".to_owned(), method.to_owned());
            // gzip has levels to 9 there, and to 12 here.
            let level = level.map(|level| if method == "gzip" { level.min(9) } else { level });
            exporter.extend(level.map(|level| ("compression-level".to_owned(), level.to_string())));
            "oci"
        }
    };
    let entitlements = match request.network {
        Network::Host => vec!["network.host".to_owned()],
        Network::Default | Network::None => Vec::new(),
    };
    SolveRequest {
        r#ref: session.to_owned(),
        session: session.to_owned(),
        frontend: "dockerfile.v0".to_owned(),
        frontend_attrs: attributes(request),
        exporter_deprecated: exporter_name.to_owned(),
        exporter_attrs_deprecated: exporter,
        entitlements,
        cache: Some(CacheOptions::default()),
        ..SolveRequest::default()
    }
}

/// What the front end is told.
fn attributes(request: &BuildRequest) -> HashMap<String, String> {
    let name = request.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut all = vec![("filename".to_owned(), name)];
    let mut add = |name: &str, value: String| all.push((name.to_owned(), value));
    request.target.iter().for_each(|target| add("target", target.clone()));
    request.platform.iter().for_each(|platform| add("platform", platform.to_string()));
    if request.no_cache {
        add("no-cache", String::new());
    }
    if request.pull {
        add("image-resolve-mode", "pull".to_owned());
    }
    match request.network {
        Network::Default => {}
        Network::Host => add("force-network-mode", "host".to_owned()),
        Network::None => add("force-network-mode", "none".to_owned()),
    }
    for (name, value) in &request.arguments {
        add(&format!("build-arg:{name}"), value.clone());
    }
    for (name, value) in &request.labels {
        add(&format!("label:{name}"), value.clone());
    }
    for (name, source) in &request.contexts {
        let value = match source {
            NamedSource::Folder(..) => format!("local:{}", local_name(name)),
            NamedSource::Image(reference) => format!("docker-image://{}", reference.canonical()),
        };
        add(&format!("context:{name}"), value);
    }
    all.into_iter().collect()
}
