//! Edits of one entry, and things that come and go.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Session, Work};

/// One entry is changed over and over.
#[derive(Default)]
pub(super) struct Edits {
    is_added: bool,
    acknowledged: u64,
}

impl Work for Edits {
    fn step(&mut self, session: &Session<'_>) -> Option<()> {
        if !self.is_added {
            let new = json!({"display_name": "edited", "reference": "127.0.0.1:1/a:1", "description": "0"});
            session.call("POST", "/images", Some("edited"), &new)?.is(201);
            self.is_added = true;
        }
        let next = self.acknowledged + 1;
        let change = json!({"description": next.to_string(), "tags": [format!("t{next}")]});
        session.call("PATCH", "/images/edited", None, &change)?.is(200);
        self.acknowledged = next;
        Some(())
    }

    fn check(&mut self, session: &Session<'_>) {
        if !self.is_added {
            return;
        }
        let entry = session.get("/api/v1/images/edited").unwrap().is(200);
        let found: u64 = entry["description"].as_str().unwrap().parse().unwrap();
        let next = self.acknowledged + 1;
        assert!(found == self.acknowledged || found == next, "{found} after {}", self.acknowledged);
        if found > 0 {
            assert_eq!(entry["tags"], json!([format!("t{found}")]));
            // What is searched by and what the trail has came with it.
            let by_tag = session.get(&format!("/api/v1/images?tag=t{found}")).unwrap().is(200);
            assert_eq!(by_tag["items"].as_array().unwrap().len(), 1);
            let history = session.get("/api/v1/images/edited/history?limit=2").unwrap().is(200);
            assert_eq!(history["items"][0]["after"]["description"], found.to_string());
        }
        self.acknowledged = found;
    }

    fn tally(&self) -> String {
        format!("{} edits", self.acknowledged)
    }
}

/// Groups are made with keys, and some removed.
#[derive(Default)]
pub(super) struct Groups {
    count: u64,
    there: BTreeSet<String>,
    /// What is being made or removed.
    making: Option<String>,
    removing: Option<String>,
}

impl Groups {
    fn make(&mut self, session: &Session<'_>) -> Option<()> {
        let name = self.making.clone()?;
        session.call("POST", "/groups", Some(&name), &json!({"name": name}))?.is(201);
        self.there.extend(self.making.take());
        Some(())
    }
}

impl Work for Groups {
    fn step(&mut self, session: &Session<'_>) -> Option<()> {
        self.count += 1;
        let name = format!("g-{}", self.count);
        self.making = Some(name.clone());
        self.make(session)?;
        if self.count.is_multiple_of(3) {
            self.removing = Some(name.clone());
            session.call("DELETE", &format!("/groups/{name}"), None, &Value::Null)?.is(204);
            self.removing = None;
            self.there.remove(&name);
        }
        Some(())
    }

    fn check(&mut self, session: &Session<'_>) {
        // Whether or not it was made, asked for again with the same key it is there once.
        if self.making.is_some() {
            self.make(session).unwrap();
        }
        if let Some(name) = self.removing.take() {
            let removed = session.call("DELETE", &format!("/groups/{name}"), None, &Value::Null).unwrap();
            assert!(matches!(removed.status, 204 | 404), "{}", removed.status);
            self.there.remove(&name);
        }
        let groups = session.get("/api/v1/groups").unwrap().is(200);
        let names: BTreeSet<String> =
            groups.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(names, self.there);
    }

    fn tally(&self) -> String {
        format!("{} groups", self.count)
    }
}
