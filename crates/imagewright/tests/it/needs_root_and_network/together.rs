//! Builds at the same time: of the same thing, and of things that have packages in common.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Stdio};

use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::wheels::Wheel;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use serde_json::Value;

use super::seed::{BASE, PYTHON, context, context_with_wheels, write_spec};

fn start(context: &TestContext, arguments: &[&str]) -> Child {
    let arguments = arguments.iter().chain(&["--progress", "json", "--json"]);
    context.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn finish(child: Child) -> Outcome {
    Outcome::from(child.wait_with_output().unwrap()).success()
}

/// Whether the last step, the one that both want, was run and not taken over.
fn ran(outcome: &Outcome) -> bool {
    let finished = |event: &Value| event["event"] == "step_finished";
    outcome.events().iter().rfind(|event| finished(event)).unwrap()["cached"] == false
}

fn waited(outcome: &Outcome) -> bool {
    let waits = |event: &Value| {
        event["message"].as_str().is_some_and(|text| text.starts_with("waiting for another build"))
    };
    outcome.events().iter().any(waits)
}

/// Builds twice at once: one works, the other waits and shares the result.
#[track_caller]
fn build_twice_at_once(context: &TestContext, arguments: &[&str]) {
    let outcomes = [start(context, arguments), start(context, arguments)].map(finish);
    let [first, second] = &outcomes;
    assert_eq!(first.json()["digest"], second.json()["digest"]);
    assert_eq!(outcomes.iter().filter(|outcome| ran(outcome)).count(), 1, "{first}\n{second}");
    assert!(outcomes.iter().any(waited), "{first}\n{second}");
    context.assert_nothing_unfinished();
}

#[test]
#[ignore = "needs root and network"]
fn of_debian_packages() {
    build_twice_at_once(&context(), &["build", "--base", BASE, "--apt", "tree", "-t", "demo/tree"]);
}

#[test]
#[ignore = "needs root and network"]
fn of_python_packages() {
    let context = context_with_wheels(&[Wheel::new("alpha", "1.0")]);
    write_spec(&context, "alpha");
    build_twice_at_once(&context, &["build", "spec", "-t", "demo/alpha"]);
}

/// How often each file was put into a folder since it is watched.
fn put_into(inotify: &Inotify) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    while let Ok(events) = inotify.read_events() {
        for name in events.into_iter().filter_map(|event| event.name) {
            *times.entry(name.to_string_lossy().into_owned()).or_default() += 1;
        }
    }
    times
}

#[test]
#[ignore = "needs root and network"]
fn of_ten_lists_with_packages_in_common() {
    const LISTS: usize = 10;
    let shared: Vec<Wheel> = (0..8).map(|number| Wheel::new(&format!("shared{number}"), "1.0")).collect();
    let own: Vec<Wheel> = (0..LISTS).map(|number| Wheel::new(&format!("own{number}"), "1.0")).collect();
    let context = context_with_wheels(&[shared, own].concat());
    let watched = ["wheel-layer", "bytecode"].map(|kind| {
        let folder = context.root().join("facts").join(kind);
        fs::create_dir_all(&folder).unwrap();
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK).unwrap();
        inotify.add_watch(&folder, AddWatchFlags::IN_MOVED_TO).unwrap();
        inotify
    });
    let children: Vec<Child> = (0..LISTS)
        .map(|list| {
            let name = format!("list{list}/requirements.txt");
            // Each list leaves out another of the shared packages.
            let packages =
                (0..8).filter(|number| number % LISTS != list).map(|number| format!("shared{number}\n"));
            let packages: String = packages.collect();
            context.write(&name, &format!("--no-index\n{packages}own{list}\n"));
            start(
                &context,
                &["build", &format!("list{list}"), "--base", PYTHON, "-t", &format!("demo/list:{list}")],
            )
        })
        .collect();
    for (list, child) in children.into_iter().enumerate() {
        drop(finish(child));
        let import = format!("import own{list}; print(own{list}.VERSION)");
        let image = format!("demo/list:{list}");
        let seen = context.run(["image", "run", &image, "--", "python3", "-c", &import]).success();
        assert_eq!(seen.stdout, "1.0\n");
    }
    for times in watched.iter().map(put_into) {
        // The shared ones, the lists' own, and the pip of the environment.
        assert_eq!(times.len(), 8 + LISTS + 1, "{times:?}");
        assert!(times.values().all(|times| *times == 1), "{times:?}");
    }
    context.assert_nothing_unfinished();
    drop(context.run(["fsck"]).success());
}
