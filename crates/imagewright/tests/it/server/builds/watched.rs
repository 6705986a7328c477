//! Many who follow a build at once, and over breaks.

use std::io::{BufRead, BufReader, Read};
use std::thread;

use serde_json::Value;

use super::support::{add, building, events, wait_at, wait_for};
use crate::server::support::Caller;

/// Reads server-sent events behind number `last`, at most `most` of them. Gives their numbers and data, and whether the end was told.
fn listen(caller: &Caller<'_>, id: &str, last: Option<i64>, most: usize) -> (Vec<(i64, String)>, bool) {
    let last = last.map(|last| last.to_string());
    let headers: Vec<(&str, &str)> = last.iter().map(|last| ("last-event-id", last.as_str())).collect();
    let stream = caller.open(&format!("/builds/{id}/events"), &headers);
    let (mut told, mut number, mut is_end) = (Vec::new(), None, false);
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        match line.split_once(": ") {
            Some(("id", text)) => number = Some(text.parse().unwrap()),
            Some(("event", name)) => is_end = name == "end",
            Some(("data", _)) if is_end => return (told, true),
            Some(("data", data)) => told.push((number.take().unwrap(), data.to_owned())),
            _ => {}
        }
        if told.len() == most {
            break;
        }
    }
    (told, false)
}

#[test]
fn each_event_is_told_once_over_breaks() {
    let (server, packages) = building();
    let root = server.administrator();
    packages.gate.close();
    let build = add(&root, "a", &["tool", "other"]);
    let id = build["id"].as_str().unwrap();
    wait_at(&packages.gate);
    let watchers: Vec<Vec<(i64, String)>> = thread::scope(|scope| {
        let watchers: Vec<_> = (0..20)
            .map(|watcher| {
                let root = root.clone();
                scope.spawn(move || {
                    let mut told: Vec<(i64, String)> = Vec::new();
                    loop {
                        // Each breaks off after another number of events, and comes back.
                        let last = told.last().map(|(number, _)| *number);
                        let (more, is_over) = listen(&root, id, last, watcher % 4 + 1);
                        told.extend(more);
                        if is_over {
                            return told;
                        }
                    }
                })
            })
            .collect();
        packages.gate.open();
        watchers.into_iter().map(|watcher| watcher.join().unwrap()).collect()
    });
    wait_for(&root, &build, &["succeeded"]);
    let expected: Vec<Value> = events(&root, &build);
    for told in watchers {
        let numbers: Vec<i64> = told.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, (0..i64::try_from(expected.len()).unwrap()).collect::<Vec<_>>());
        let told: Vec<Value> = told.iter().map(|(_, data)| serde_json::from_str(data).unwrap()).collect();
        assert_eq!(told, expected);
    }
    // From anywhere, and after the end.
    let last = i64::try_from(expected.len()).unwrap() - 2;
    let (told, is_over) = listen(&root, id, Some(last), 10);
    assert_eq!((told.len(), is_over), (1, true));
    assert_eq!(
        root.send("GET", &format!("/builds/{id}/events"), &[("last-event-id", "x")], "").is(400)["type"],
        "bad-request"
    );
}

#[test]
fn a_server_stops_though_somebody_follows_a_build() {
    let (server, packages) = building();
    let token = server.context.run(["admin", "user", "add", "root", "--admin"]).success().stdout;
    packages.gate.close();
    let build = add(&server.with_token(&token), "a", &["tool"]);
    wait_at(&packages.gate);
    let path = format!("/builds/{}/events", build["id"].as_str().unwrap());
    let mut stream = BufReader::new(server.with_token(&token).open(&path, &[]));
    let mut told = String::new();
    while !told.contains("data: ") {
        assert!(stream.read_line(&mut told).unwrap() > 0, "{told}");
    }
    let context = server.stop();
    stream.read_to_string(&mut told).unwrap();
    assert!(told.contains("\"started\"") && !told.contains("event: end"), "{told}");
    packages.gate.open();
    drop(context);
}
