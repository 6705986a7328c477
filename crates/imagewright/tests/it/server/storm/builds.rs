//! Images that are built, some of which are deleted.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Session, Work};
use crate::server::builds::support::spec;

/// Between two looks at a build.
const GLANCE: Duration = Duration::from_millis(50);
/// How long all that is queued may take in the end.
const PATIENCE: Duration = Duration::from_secs(300);

/// Images are added one after the other, each with a build.
#[derive(Default)]
pub(super) struct Builds {
    count: u64,
    images: Vec<String>,
    adding: Option<String>,
    deleting: Option<String>,
}

impl Builds {
    fn add(&mut self, session: &Session<'_>) -> Option<()> {
        let name = self.adding.clone()?;
        let new = json!({"display_name": name, "name": name, "spec": spec(&["tool"])});
        session.call("POST", "/images?plan=false", Some(&name), &new)?.is(201);
        self.images.extend(self.adding.take());
        Some(())
    }

    fn delete(&mut self, session: &Session<'_>) -> Option<u16> {
        let name = self.deleting.clone()?;
        let status = session.call("DELETE", &format!("/images/{name}"), None, &Value::Null)?.status;
        self.images.retain(|image| *image != name);
        self.deleting = None;
        Some(status)
    }

    fn build(session: &Session<'_>, image: &str) -> Option<Value> {
        let builds = session.get(&format!("/api/v1/images/{image}/builds"))?.is(200);
        assert_eq!(builds["items"].as_array().unwrap().len(), 1, "{image} was queued otherwise than once");
        Some(builds["items"][0].clone())
    }

    fn is_over(build: &Value) -> bool {
        !matches!(build["state"].as_str(), Some("queued" | "running"))
    }
}

impl Work for Builds {
    fn step(&mut self, session: &Session<'_>) -> Option<()> {
        self.count += 1;
        self.adding = Some(format!("b-{}", self.count));
        self.add(session)?;
        let image = self.images.last().unwrap().clone();
        let begun = Instant::now();
        while !Self::is_over(&Self::build(session, &image)?) {
            assert!(begun.elapsed() < PATIENCE, "{image} is not built");
            sleep(GLANCE);
        }
        if self.count.is_multiple_of(4) {
            self.deleting = Some(image);
            assert_eq!(self.delete(session)?, 204);
        }
        Some(())
    }

    fn check(&mut self, session: &Session<'_>) {
        if self.adding.is_some() {
            self.add(session).unwrap();
        }
        if self.deleting.is_some() {
            assert!(matches!(self.delete(session), Some(204 | 404)));
        }
    }

    fn finish(&mut self, session: &Session<'_>) {
        let begun = Instant::now();
        for image in &self.images {
            let mut build = Self::build(session, image).unwrap();
            while !Self::is_over(&build) {
                assert!(begun.elapsed() < PATIENCE, "{build}");
                sleep(GLANCE);
                build = Self::build(session, image).unwrap();
            }
            assert!(matches!(build["state"].as_str(), Some("succeeded" | "interrupted")), "{build}");
            let id = build["id"].as_str().unwrap();
            let events = session.get(&format!("/api/v1/builds/{id}/events?format=jsonl")).unwrap();
            let events = String::from_utf8(events.body).unwrap();
            let ends = events.lines().filter(|line| line.contains("\"event\":\"finished\"")).count();
            assert_eq!(ends, 1, "{image}: {events}");
            if build["state"] == "succeeded" {
                let found = session.get(&format!("/v2/{image}/manifests/1")).unwrap();
                assert_eq!(
                    (found.status, found.header("docker-content-digest")),
                    (200, build["digest"].as_str().unwrap())
                );
                let entry = session.get(&format!("/api/v1/images/{image}")).unwrap().is(200);
                assert_eq!(entry["pin"]["digest"], build["digest"]);
            }
        }
        let removed =
            (1..=self.count).map(|number| format!("b-{number}")).filter(|it| !self.images.contains(it));
        for image in removed {
            assert_eq!(session.get(&format!("/v2/{image}/manifests/1")).unwrap().status, 404, "{image}");
        }
    }

    fn tally(&self) -> String {
        format!("{} builds", self.count)
    }
}
