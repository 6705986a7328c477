//! BuildKit's trace as events of a build: vertices become steps.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use bollard_buildkit_proto::google::protobuf::Timestamp;
use bollard_buildkit_proto::moby::buildkit::v1::{
    StatusResponse, Vertex, VertexLog, VertexStatus, VertexWarning,
};
use imagewright_model::spec::Origin;
use imagewright_model::{BuildEvent, EventSink, Progress, StepId};

use crate::lines::{Hidden, Lines, Tail};

/// How often a step says how far it has come.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// Vertices that are over before anybody reads of them, and of no interest.
const PREPARATION: [&str; 3] = [
    "[internal] load build definition",
    "[internal] load .dockerignore",
    "[internal] load remote build context",
];

/// How the title of a step begins that asks a registry. No other has nothing below it and runs once.
const METADATA: &str = "load metadata for ";

/// Follows one build.
pub(crate) struct Trace<'a> {
    events: &'a dyn EventSink,
    hidden: Hidden,
    /// How the Dockerfile is called in what is told.
    file: String,
    steps: u32,
    vertices: HashMap<String, Followed>,
    /// Vertices that are done, in order, and have not been told to be: sources begin once more, when what was known of
    /// must be fetched after all.
    done: Vec<(String, BuildEvent)>,
    /// Vertices below those that began.
    needed: HashSet<String>,
    failed: Option<Failed>,
}

/// The vertex that ended a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    /// What it is.
    pub(crate) title: String,
    /// What it said in the end.
    pub(crate) error: String,
    /// The last lines it printed.
    pub(crate) tail: String,
}

#[derive(Default)]
struct Followed {
    title: String,
    /// The step it is, while it runs.
    step: Option<StepId>,
    /// When the step began.
    began: Option<Timestamp>,
    /// When the vertex began the last time.
    last_began: Option<Timestamp>,
    /// What it prints, by stream.
    output: BTreeMap<i64, Lines>,
    tail: Tail,
    /// Parts of its work that were told.
    told: HashSet<String>,
    last_progress: Option<Instant>,
}

impl<'a> Trace<'a> {
    pub(crate) fn new(events: &'a dyn EventSink, hidden: Hidden, file: &str) -> Self {
        let file = file.to_owned();
        Self {
            events,
            hidden,
            file,
            steps: 0,
            vertices: HashMap::new(),
            done: Vec::new(),
            needed: HashSet::new(),
            failed: None,
        }
    }

    /// How many steps there were.
    pub(crate) fn steps(&self) -> u32 {
        self.steps
    }

    /// What failed first.
    pub(crate) fn failed(&self) -> Option<&Failed> {
        self.failed.as_ref()
    }

    /// A text without secrets.
    pub(crate) fn hide(&self, text: &str) -> String {
        self.hidden.remove(text)
    }

    /// Takes in what has happened since the last time.
    pub(crate) fn follow(&mut self, news: &StatusResponse) {
        // What began comes first and what ended last, so that all that is told of a step lies between.
        news.vertexes.iter().for_each(|vertex| self.begin(vertex));
        news.statuses.iter().for_each(|status| self.status(status));
        news.logs.iter().for_each(|log| self.log(log));
        news.warnings.iter().for_each(|warning| self.warn(warning));
        news.vertexes.iter().for_each(|vertex| self.end(vertex));
    }

    fn begin(&mut self, vertex: &Vertex) {
        let followed = self.vertices.entry(vertex.digest.clone()).or_default();
        if followed.title.is_empty() {
            followed.title = title(&vertex.name);
        }
        let is_preparation = PREPARATION.iter().any(|prefix| vertex.name.starts_with(prefix));
        if is_preparation || vertex.started.is_none() || followed.last_began == vertex.started {
            return;
        }
        followed.last_began = vertex.started;
        if followed.step.is_some() {
            self.done.retain(|(digest, _)| *digest != vertex.digest);
            return;
        }
        self.tell_done(|digest| vertex.inputs.iter().any(|input| input == digest));
        self.needed.extend(vertex.inputs.iter().cloned());
        let Some(followed) = self.vertices.get_mut(&vertex.digest) else { return };
        self.steps += 1;
        let step = StepId(self.steps);
        followed.step = Some(step);
        followed.began = vertex.started;
        self.events.emit(BuildEvent::StepStarted { step, title: self.hidden.remove(&followed.title) });
    }

    fn end(&mut self, vertex: &Vertex) {
        let Some(completed) = &vertex.completed else { return };
        let Some(followed) = self.vertices.get_mut(&vertex.digest) else { return };
        let step = followed.step;
        for line in followed.output.values_mut().filter_map(Lines::end) {
            let line = self.hidden.remove(&line);
            followed.tail.add(&line);
            if let Some(step) = step {
                self.events.emit(BuildEvent::Output { step, line });
            }
        }
        if !vertex.error.is_empty() {
            let is_first = self.failed.as_ref().is_none_or(|failed| is_cancelled(&failed.error));
            if is_first {
                let error = self.hidden.remove(&vertex.error);
                self.failed =
                    Some(Failed { title: followed.title.clone(), error, tail: followed.tail.text() });
            }
            return;
        }
        let Some(step) = step else { return };
        let took = followed.began.as_ref().map(|began| between(began, completed)).unwrap_or_default();
        let event = BuildEvent::StepFinished { step, cached: vertex.cached, layer_size: None, took };
        self.done.retain(|(digest, _)| *digest != vertex.digest);
        self.done.push((vertex.digest.clone(), event));
        let may_begin_again = vertex.inputs.is_empty()
            && !followed.title.starts_with(METADATA)
            && !self.needed.contains(&vertex.digest);
        if !may_begin_again {
            self.tell_done(|digest| digest == vertex.digest);
        }
    }

    /// Tells the end of vertices that cannot begin again.
    fn tell_done(&mut self, is_meant: impl Fn(&str) -> bool) {
        for (digest, event) in self.done.extract_if(.., |(digest, _)| is_meant(digest)) {
            self.events.emit(event);
            if let Some(followed) = self.vertices.get_mut(&digest) {
                followed.step = None;
            }
        }
    }

    /// Nothing more will happen.
    pub(crate) fn finish(&mut self) {
        self.tell_done(|_| true);
    }

    fn status(&mut self, status: &VertexStatus) {
        let Some(followed) = self.vertices.get_mut(&status.vertex) else { return };
        let Some(step) = followed.step else { return };
        let message = self.hidden.remove(&message(status));
        let (Ok(done), Ok(total)) = (u64::try_from(status.current), u64::try_from(status.total)) else {
            return;
        };
        if done == 0 && total == 0 {
            if followed.told.insert(status.id.clone()) {
                self.events.emit(BuildEvent::Status { step, message });
            }
            return;
        }
        let is_due = followed.last_progress.is_none_or(|last| last.elapsed() >= PROGRESS_INTERVAL);
        let is_last = status.completed.is_some() && followed.told.insert(status.id.clone());
        if is_due || is_last {
            followed.last_progress = Some(Instant::now());
            let progress = Progress { done, total: (total > 0).then_some(total) };
            self.events.emit(BuildEvent::Progress { step, message, progress });
        }
    }

    fn log(&mut self, log: &VertexLog) {
        let Some(followed) = self.vertices.get_mut(&log.vertex) else { return };
        for line in followed.output.entry(log.stream).or_default().add(&log.msg) {
            let line = self.hidden.remove(&line);
            followed.tail.add(&line);
            if let Some(step) = followed.step {
                self.events.emit(BuildEvent::Output { step, line });
            }
        }
    }

    fn warn(&self, warning: &VertexWarning) {
        let line = warning.ranges.first().and_then(|range| range.start.as_ref()).map(|start| start.line);
        let line = line.and_then(|line| u32::try_from(line).ok()).filter(|line| *line > 0);
        let place = line.map(|line| format!("{}: ", Origin::line(&self.file, line))).unwrap_or_default();
        let text = self.hidden.remove(&String::from_utf8_lossy(&warning.short));
        self.events.emit(BuildEvent::Warning { message: format!("{place}{text}") });
    }
}

fn is_cancelled(error: &str) -> bool {
    error.contains("context canceled")
}

/// What a part of a step's work is called.
fn message(status: &VertexStatus) -> String {
    match status.name.as_str() {
        "" => status.id.clone(),
        name if status.id.is_empty() || status.id.starts_with(name) => name.to_owned(),
        name if status.id.starts_with("sha256:") => format!("{name} {}", status.id),
        name => name.to_owned(),
    }
}

/// How a vertex is called as a step: `[builder 2/4] RUN make` is `[builder] RUN make`, `[2/4] RUN make` is `RUN make`.
fn title(name: &str) -> String {
    let Some((inside, text)) = name.strip_prefix('[').and_then(|rest| rest.split_once("] ")) else {
        return name.to_owned();
    };
    if inside == "internal" {
        return text.to_owned();
    }
    let is_number = |part: &str| {
        part.split_once('/').is_some_and(|(number, of)| {
            [number, of].iter().all(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        })
    };
    match inside.rsplit_once(' ') {
        None if is_number(inside) => text.to_owned(),
        // The name of a first stage that has none.
        Some(("stage-0", number)) if is_number(number) => text.to_owned(),
        Some((stage, number)) if is_number(number.trim()) => format!("[{}] {text}", stage.trim()),
        _ => name.to_owned(),
    }
}

fn between(began: &Timestamp, completed: &Timestamp) -> Duration {
    let nanoseconds = |time: &Timestamp| i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
    let took = nanoseconds(completed) - nanoseconds(began);
    Duration::from_nanos(u64::try_from(took).unwrap_or_default())
}

#[cfg(test)]
mod tests;
