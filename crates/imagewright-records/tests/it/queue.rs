//! Builds: whose turn it is, what is left of a worker that died, events without gaps.

use imagewright_catalog::{
    Build, BuildState, Image, ImageFilter, ImageState, OrderBy, PageRequest, Person, Timings,
};
use imagewright_records::{BuildEnd, BuildQuery, Claim, Records, StoredEvents, Work};
use serde_json::json;

use crate::{add_image, add_person, administrator, at, on_both};

on_both!(
    turns_are_fair,
    a_build_is_taken_once,
    dead_workers_leave_nothing_stuck,
    builds_are_cancelled,
    events_are_read_from_anywhere,
    builds_are_given_back,
    a_fact_is_what_was_said_first,
    images_are_found_by_reference,
    the_state_of_an_image_follows_its_last_build,
);

async fn ask(work: &mut Work, image: &Image, person: &Person, second: i64) -> Build {
    let build = Build {
        id: work.new_build_id(),
        image: image.id.clone(),
        image_name: image.name.clone(),
        number: work.next_build_number(&image.id).await.unwrap(),
        state: BuildState::Queued,
        spec: json!({"base": "x"}),
        pull_secret: None,
        upgrade: false,
        lock: None,
        digest: None,
        size: None,
        error: None,
        requested_by: Some(person.id.clone()),
        requested_by_name: person.name.clone(),
        retry_of: None,
        attempts: 0,
        cancel_requested: false,
        timings: Timings { queued_at: at(second), started_at: None, finished_at: None },
    };
    work.insert_build(&build).await.unwrap();
    build
}

fn claim(worker: &str, now: i64) -> Claim {
    Claim { worker: worker.to_owned(), until: at(now + 10), now: at(now) }
}

fn end(state: BuildState, second: i64) -> BuildEnd {
    BuildEnd { state, digest: None, size: None, lock: None, error: None, at: at(second) }
}

async fn turns_are_fair(records: Records) {
    let mut work = records.begin().await.unwrap();
    let (ada, bob) = (add_person(&mut work, "ada").await, add_person(&mut work, "bob").await);
    let mut expected = Vec::new();
    // Ada asks for four, then Bob for two.
    for (index, person) in [&ada, &ada, &ada, &ada, &bob, &bob].into_iter().enumerate() {
        let image = add_image(&mut work, &format!("i{index}"), json!({}), 1).await;
        expected.push(ask(&mut work, &image, person, 1).await.image_name.to_string());
    }
    let mut order = Vec::new();
    for second in 1..=6 {
        let build = work.claim_build(&claim("w", second)).await.unwrap().unwrap();
        assert!(work.finish_build(&build.id, "w", &end(BuildState::Succeeded, second)).await.unwrap());
        order.push(build.image_name.to_string());
    }
    assert_eq!(order, ["i0", "i4", "i1", "i5", "i2", "i3"]);
    assert_eq!(work.claim_build(&claim("w", 9)).await.unwrap(), None);
    // One image is built by one worker at a time.
    let image = add_image(&mut work, "again", json!({}), 1).await;
    let first = ask(&mut work, &image, &ada, 1).await;
    let second = ask(&mut work, &image, &bob, 1).await;
    assert_eq!((first.number, second.number), (1, 2));
    assert_eq!(work.claim_build(&claim("w", 9)).await.unwrap().unwrap().id, first.id);
    assert_eq!(work.claim_build(&claim("v", 9)).await.unwrap(), None);
}

async fn a_build_is_taken_once(records: Records) {
    let mut work = records.begin().await.unwrap();
    let ada = add_person(&mut work, "ada").await;
    for index in 0..20 {
        let image = add_image(&mut work, &format!("i{index}"), json!({}), 1).await;
        ask(&mut work, &image, &ada, 1).await;
    }
    work.commit().await.unwrap();
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let records = records.clone();
            tokio::spawn(async move {
                let mut taken = Vec::new();
                loop {
                    let mut work = records.begin().await.unwrap();
                    let build = work.claim_build(&claim(&format!("w{worker}"), 1)).await.unwrap();
                    work.commit().await.unwrap();
                    let Some(build) = build else { return taken };
                    taken.push(build.id);
                }
            })
        })
        .collect();
    let mut taken = Vec::new();
    for worker in workers {
        taken.extend(worker.await.unwrap());
    }
    assert_eq!(taken.len(), 20);
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), 20);
}

async fn dead_workers_leave_nothing_stuck(records: Records) {
    let mut work = records.begin().await.unwrap();
    let ada = add_person(&mut work, "ada").await;
    let image = add_image(&mut work, "a", json!({}), 1).await;
    let asked = ask(&mut work, &image, &ada, 1).await;
    for attempt in 1..=2 {
        let build = work.claim_build(&claim("w", 0)).await.unwrap().unwrap();
        assert_eq!((build.attempts, build.state), (attempt, BuildState::Running));
        assert_eq!(work.renew_claim(&build.id, &claim("w", 5)).await.unwrap(), Some(false));
        assert_eq!(work.renew_claim(&build.id, &claim("other", 5)).await.unwrap(), None);
        assert_eq!(work.recover_builds(2, at(15)).await.unwrap(), []);
        assert_eq!(work.recover_builds(2, at(16)).await.unwrap(), std::slice::from_ref(&asked.id));
        // The worker was only slow: it learns that the build is not its own any more.
        assert!(!work.finish_build(&build.id, "w", &end(BuildState::Succeeded, 17)).await.unwrap());
    }
    let build = work.build(&asked.id).await.unwrap().unwrap();
    assert_eq!((build.state, build.timings.finished_at), (BuildState::Interrupted, Some(at(16))));
    assert!(build.error.is_some());
}

async fn builds_are_cancelled(records: Records) {
    let mut work = records.begin().await.unwrap();
    let ada = add_person(&mut work, "ada").await;
    let image = add_image(&mut work, "a", json!({}), 1).await;
    let waiting = ask(&mut work, &image, &ada, 1).await;
    assert!(work.cancel_build(&waiting.id, at(2)).await.unwrap());
    assert_eq!(work.build(&waiting.id).await.unwrap().unwrap().state, BuildState::Cancelled);
    assert!(!work.cancel_build(&waiting.id, at(2)).await.unwrap());
    let running = ask(&mut work, &image, &ada, 1).await;
    work.claim_build(&claim("w", 1)).await.unwrap().unwrap();
    assert!(work.cancel_build(&running.id, at(2)).await.unwrap());
    assert_eq!(work.renew_claim(&running.id, &claim("w", 2)).await.unwrap(), Some(true));
    // Its worker dies before it has stopped.
    assert_eq!(work.recover_builds(9, at(60)).await.unwrap(), std::slice::from_ref(&running.id));
    assert_eq!(work.build(&running.id).await.unwrap().unwrap().state, BuildState::Cancelled);
}

async fn events_are_read_from_anywhere(records: Records) {
    let mut work = records.begin().await.unwrap();
    let ada = add_person(&mut work, "ada").await;
    let image = add_image(&mut work, "a", json!({}), 1).await;
    let build = ask(&mut work, &image, &ada, 1).await;
    assert_eq!(work.count_events(&build.id).await.unwrap(), 0);
    for piece in [["0", "1", "2"], ["3", "4", "5"]] {
        let first = work.count_events(&build.id).await.unwrap();
        let lines = piece.map(str::to_owned).to_vec();
        work.append_events(&build.id, &StoredEvents { first, lines }).await.unwrap();
    }
    for from in 0..=6 {
        let mut read = Vec::new();
        let mut next = from;
        while let Some(events) = work.events(&build.id, next).await.unwrap() {
            assert_eq!(events.first, next);
            next += i64::try_from(events.lines.len()).unwrap();
            read.extend(events.lines);
        }
        let mut before = Vec::new();
        let mut end = from;
        while let Some(events) = work.events_before(&build.id, end).await.unwrap() {
            end = events.first;
            drop(before.splice(0..0, events.lines));
        }
        assert_eq!(before, (0..from).map(|number| number.to_string()).collect::<Vec<_>>());
        let expected: Vec<String> = (from..6).map(|number| number.to_string()).collect();
        assert_eq!(read, expected);
    }
}

async fn builds_are_given_back(records: Records) {
    let mut work = records.begin().await.unwrap();
    let ada = add_person(&mut work, "ada").await;
    let image = add_image(&mut work, "a", json!({}), 1).await;
    let asked = ask(&mut work, &image, &ada, 1).await;
    let take =
        async |work: &mut Work, now| work.claim_build(&claim("w", now)).await.unwrap().unwrap().attempts;
    let give = async |work: &mut Work, worker: &str, most| {
        work.give_back_build(&asked.id, worker, most, "why", at(9)).await.unwrap()
    };
    assert_eq!(take(&mut work, 1).await, 1);
    assert_eq!(give(&mut work, "other", Some(2)).await, None);
    // A server that stops: as if it had never begun.
    assert_eq!(give(&mut work, "w", None).await, Some(BuildState::Queued));
    assert_eq!(take(&mut work, 2).await, 1);
    assert_eq!(give(&mut work, "w", Some(2)).await, Some(BuildState::Queued));
    assert_eq!(take(&mut work, 3).await, 2);
    assert_eq!(give(&mut work, "w", Some(2)).await, Some(BuildState::Interrupted));
    let build = work.build(&asked.id).await.unwrap().unwrap();
    assert_eq!((build.error.as_deref(), build.timings.finished_at), (Some("why"), Some(at(9))));
    assert_eq!(give(&mut work, "w", None).await, None);
}

async fn a_fact_is_what_was_said_first(records: Records) {
    let mut work = records.begin().await.unwrap();
    assert_eq!(work.fact("store", "one").await.unwrap(), "one");
    assert_eq!(work.fact("store", "two").await.unwrap(), "one");
}

async fn images_are_found_by_reference(records: Records) {
    let mut work = records.begin().await.unwrap();
    let of = |reference: &str| json!({"reference": reference, "gpu_reference": "registry.example/gpu:1"});
    let mut image = add_image(&mut work, "a", of("python:3"), 1).await;
    add_image(&mut work, "b", json!({"reference": "registry.example/b:1"}), 1).await;
    let named = async |work: &mut Work, reference: &str| -> Vec<String> {
        let found = work.images_with_reference(&reference.parse().unwrap()).await.unwrap();
        found.into_iter().map(|image| image.name.to_string()).collect()
    };
    assert_eq!(named(&mut work, "python:3").await, ["a"]);
    assert_eq!(named(&mut work, "registry.example/gpu:1").await, ["a"]);
    image.reference = Some("python:4".to_owned());
    work.replace_image(&image, image.revision).await.unwrap();
    assert_eq!(named(&mut work, "python:3").await, [] as [&str; 0]);
    assert_eq!(named(&mut work, "library/python:4").await, ["a"]);
    assert_eq!(work.image_by_id(&image.id).await.unwrap().unwrap(), image);
    work.delete_image(&image).await.unwrap();
    assert_eq!(named(&mut work, "python:4").await, [] as [&str; 0]);
}

async fn the_state_of_an_image_follows_its_last_build(records: Records) {
    let mut work = records.begin().await.unwrap();
    let ada = add_person(&mut work, "ada").await;
    let image = add_image(&mut work, "a", json!({"spec": {"base": "x"}}), 1).await;
    let states = async |work: &mut Work| -> Vec<ImageState> {
        let mut found = Vec::new();
        for state in [ImageState::Ready, ImageState::NotReady, ImageState::Building, ImageState::Failed] {
            let filter = ImageFilter { state: Some(state), ..ImageFilter::default() };
            let page = work
                .images(&administrator(), &filter, OrderBy::default(), &PageRequest::first())
                .await
                .unwrap();
            for listed in page.items {
                assert_eq!(listed.image.state(listed.last_build), state);
                found.push(state);
            }
        }
        found
    };
    assert_eq!(states(&mut work).await, [ImageState::NotReady]);
    let build = ask(&mut work, &image, &ada, 1).await;
    assert_eq!(states(&mut work).await, [ImageState::Building]);
    work.claim_build(&claim("w", 1)).await.unwrap().unwrap();
    assert_eq!(states(&mut work).await, [ImageState::Building]);
    work.finish_build(&build.id, "w", &end(BuildState::Failed, 2)).await.unwrap();
    assert_eq!(states(&mut work).await, [ImageState::Failed]);
    let query = BuildQuery { image: Some(image.name.clone()), ..BuildQuery::default() };
    let builds = work.builds(&administrator(), &query, &PageRequest::first()).await.unwrap();
    assert_eq!(builds.items.len(), 1);
}
