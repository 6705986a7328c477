//! Several processes at one store. The other processes are this test program, told what to do by a variable.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use imagewright_store::Store;

use crate::support::{TestStore, names_in, put_image};

const ROOT: &str = "IMAGEWRIGHT_TEST_STORE";
const TASK: &str = "IMAGEWRIGHT_TEST_TASK";

/// What another process does; without the variables it is no test.
#[test]
#[ignore = "run by other tests"]
fn other_process() {
    let (Ok(root), Ok(task)) = (env::var(ROOT), env::var(TASK)) else { return };
    let store = Store::open(Path::new(&root)).unwrap();
    match task.split_once(' ') {
        Some(("put", number)) => {
            for image in 0..10 {
                put_image(&store, &[vec![]], &[&format!("demo/process-{number}:{image}")]);
            }
        }
        _ => {
            let scratch = store.scratch(&[]).unwrap();
            fs::write(scratch.upper().join("file"), "unfinished").unwrap();
            let _writer = store.blob_writer().unwrap();
            let _lock = store.lock("held", || {}).unwrap();
            println!("\nready");
            thread::sleep(Duration::from_secs(60));
        }
    }
}

fn start(store: &Store, task: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "processes::other_process", "--ignored", "--nocapture"])
        .env(ROOT, store.root())
        .env(TASK, task)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn processes_and_threads_change_the_index_together() {
    let test = TestStore::new();
    let mut children: Vec<Child> =
        (0..3).map(|number| start(&test.store, &format!("put {number}"))).collect();
    thread::scope(|scope| {
        for thread in 0..4 {
            let store = &test.store;
            scope.spawn(move || {
                for image in 0..10 {
                    put_image(store, &[vec![]], &[&format!("demo/thread-{thread}:{image}")]);
                }
            });
        }
    });
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    let images = test.store.list().unwrap();
    assert_eq!(images.iter().map(|image| image.names.len()).sum::<usize>(), 70);
}

#[test]
fn what_a_killed_process_leaves_is_swept_and_what_a_living_one_holds_is_not() {
    let test = TestStore::new();
    let mut child = start(&test.store, "hold");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.find(|line| line.as_ref().unwrap() == "ready").unwrap().unwrap();

    let tmp = test.store.root().join("tmp");
    Store::open(test.store.root()).unwrap();
    assert_eq!(names_in(&tmp).len(), 2, "held by a living process");

    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(names_in(&tmp).len(), 2);
    let _lock = test.store.lock("held", || panic!("the lock outlived its process")).unwrap();
    Store::open(test.store.root()).unwrap();
    assert!(names_in(&tmp).is_empty());
}

#[test]
fn a_store_is_made_by_many_at_once() {
    let folder = tempfile::tempdir().unwrap();
    thread::scope(|scope| {
        for number in 0..8 {
            let root = folder.path().join("store");
            scope.spawn(move || {
                let store = Store::open(&root).unwrap();
                put_image(&store, &[vec![]], &[&format!("demo/a:{number}")]);
            });
        }
    });
    let images = Store::open(&folder.path().join("store")).unwrap().list().unwrap();
    assert_eq!(images[0].names.len(), 8);
}

#[test]
fn leftovers_that_never_got_a_lock_are_swept() {
    let test = TestStore::new();
    let tmp = test.store.root().join("tmp");
    fs::create_dir(tmp.join(".unfinished-abc")).unwrap();
    let scratch = test.store.scratch(&[]).unwrap();
    Store::open(test.store.root()).unwrap();
    assert_eq!(names_in(&tmp).len(), 1);
    assert!(scratch.upper().is_dir());
    drop(scratch);
    assert!(names_in(&tmp).is_empty());
}

#[test]
fn many_starts_and_scratch_folders_do_not_hinder_each_other() {
    let test = TestStore::new();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    let scratch = test.store.scratch(&[]).unwrap();
                    fs::create_dir_all(scratch.upper().join("a/b/c")).unwrap();
                    drop(scratch);
                    Store::open(test.store.root()).unwrap();
                }
            });
        }
    });
    assert!(names_in(&test.store.root().join("tmp")).is_empty());
}
