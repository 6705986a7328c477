//! What is told of a trace.

use std::sync::Mutex;

use imagewright_model::Secret;

use super::*;

#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl EventSink for Told {
    fn emit(&self, event: BuildEvent) {
        let text = match event {
            BuildEvent::StepStarted { step, title } => format!("{} begins: {title}", step.0),
            BuildEvent::Status { step, message } => format!("{} {message}", step.0),
            BuildEvent::Progress { step, message, progress } => {
                format!("{} {message} {}/{:?}", step.0, progress.done, progress.total)
            }
            BuildEvent::Output { step, line } => format!("{} | {line}", step.0),
            BuildEvent::StepFinished { step, cached, took, .. } => {
                format!("{} ends, cached {cached}, {} ms", step.0, took.as_millis())
            }
            BuildEvent::Warning { message } => format!("warning {message}"),
            other => panic!("{other:?} is not the daemon's to tell"),
        };
        self.0.lock().unwrap().push(text);
    }
}

fn at(milliseconds: i32) -> Option<Timestamp> {
    Some(Timestamp { seconds: 10, nanos: milliseconds * 1_000_000 })
}

fn vertex(digest: &str, name: &str, started: Option<Timestamp>, completed: Option<Timestamp>) -> Vertex {
    let (digest, name) = (digest.to_owned(), name.to_owned());
    Vertex { digest, name, started, completed, ..Vertex::default() }
}

fn vertices(vertexes: Vec<Vertex>) -> StatusResponse {
    StatusResponse { vertexes, ..StatusResponse::default() }
}

/// What is told of these, and what failed.
fn told(news: &[StatusResponse]) -> (Vec<String>, Option<Failed>) {
    let (told, secrets) = (Told::default(), [Secret::new("word\n")]);
    let mut trace = Trace::new(&told, Hidden::new(secrets.iter()), "images/Dockerfile");
    news.iter().for_each(|news| trace.follow(news));
    trace.finish();
    let failed = trace.failed().cloned();
    (told.0.into_inner().unwrap(), failed)
}

#[test]
fn vertices_become_steps_with_titles_like_ours() {
    for (name, expected) in [
        ("[1/3] FROM base", "FROM base"),
        ("[builder 2/14] RUN make", "[builder] RUN make"),
        ("[stage-0 1/2] FROM base", "FROM base"),
        ("[linux/amd64 builder 2/4] RUN make", "[linux/amd64 builder] RUN make"),
        ("[internal] load build context", "load build context"),
        ("[auth] library/base:pull token", "[auth] library/base:pull token"),
        ("exporting to image", "exporting to image"),
        ("[x", "[x"),
    ] {
        assert_eq!(title(name), expected);
    }
}

#[test]
fn a_source_that_begins_again_is_one_step() {
    let (base, make) = ("[1/2] FROM base", "[2/2] RUN make");
    let needs_base =
        |completed| Vertex { inputs: vec!["a".to_owned()], ..vertex("b", make, at(40), completed) };
    let news = [
        vertices(vec![vertex("d", "[internal] load build definition from Dockerfile", at(0), at(1))]),
        vertices(vec![vertex("a", base, at(0), at(10)), vertex("b", make, None, None)]),
        vertices(vec![vertex("a", base, at(20), None)]),
        vertices(vec![vertex("a", base, at(20), at(30))]),
        vertices(vec![needs_base(None)]),
        vertices(vec![vertex("a", base, at(20), at(30)), Vertex { cached: true, ..needs_base(at(45)) }]),
    ];
    let expected = [
        "1 begins: FROM base",
        "1 ends, cached false, 30 ms",
        "2 begins: RUN make",
        "2 ends, cached true, 5 ms",
    ];
    assert_eq!(told(&news).0, expected);
}

#[test]
fn what_happens_in_a_step_lies_between_its_beginning_and_its_end() {
    let log = |text: &str| VertexLog {
        vertex: "a".to_owned(),
        msg: text.as_bytes().to_vec(),
        stream: 1,
        ..VertexLog::default()
    };
    let status = |id: &str, name: &str, current, total| VertexStatus {
        id: id.to_owned(),
        vertex: "a".to_owned(),
        name: name.to_owned(),
        current,
        total,
        ..VertexStatus::default()
    };
    let warning = VertexWarning {
        short: b"the word is not secret".to_vec(),
        ranges: vec![bollard_buildkit_proto::pb::Range {
            start: Some(bollard_buildkit_proto::pb::Position { line: 3, character: 0 }),
            end: None,
        }],
        ..VertexWarning::default()
    };
    let failing = Vertex {
        error: "process \"echo word\" did not complete successfully: exit code: 1".to_owned(),
        ..vertex("a", "RUN echo word", at(0), at(1))
    };
    let news = StatusResponse {
        vertexes: vec![vertex("a", "RUN echo word", at(0), None), failing],
        statuses: vec![
            status("extracting", "", 0, 0),
            status("extracting", "", 0, 0),
            status("sha256:1", "downloading", 5, 10),
            status("sha256:1", "downloading", 6, 10),
        ],
        logs: vec![log("a wo"), log("rd\nrest")],
        warnings: vec![warning],
    };
    let (told, failed) = told(&[news]);
    let expected = [
        "1 begins: RUN echo ****",
        "1 extracting",
        "1 downloading sha256:1 5/Some(10)",
        "1 | a ****",
        "warning images/Dockerfile:3: the **** is not secret",
        "1 | rest",
    ];
    assert_eq!(told, expected);
    let failed = failed.unwrap();
    assert_eq!(failed.error, "process \"echo ****\" did not complete successfully: exit code: 1");
    assert_eq!((failed.title.as_str(), failed.tail.as_str()), ("RUN echo word", "a ****\nrest"));
}
