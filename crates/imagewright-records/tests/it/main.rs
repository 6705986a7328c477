//! All that is kept, on both databases: each test is written once.

#![expect(clippy::unwrap_used, reason = "a test that panics fails")]

mod answers;
mod backup;
mod catalogue;
mod people;
mod queue;
mod registry;

use std::future::Future;

use imagewright_catalog::{Image, Name, NewImage, Person, Principal};
use imagewright_records::{Records, Url, Work};
use imagewright_testkit::postgres::Postgres;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Makes of `fn test(records: Records)` two tests.
#[macro_export]
macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[test]
            fn $test() {
                $crate::on_sqlite(super::$test);
            })*
        }

        mod needs_postgres {
            $(#[test]
            #[ignore = "needs postgres"]
            fn $test() {
                $crate::on_postgres(super::$test);
            })*
        }
    };
}

pub(crate) fn on_sqlite<F: Future<Output = ()>>(test: impl FnOnce(Records) -> F) {
    let folder = tempfile::tempdir().unwrap();
    run(&Url::file(&folder.path().join("50% ?#.db")), test);
    assert!(folder.path().join("50% ?#.db").is_file());
}

pub(crate) fn on_postgres<F: Future<Output = ()>>(test: impl FnOnce(Records) -> F) {
    let postgres = Postgres::start();
    run(&postgres.database("test").parse().unwrap(), test);
}

fn run<F: Future<Output = ()>>(url: &Url, test: impl FnOnce(Records) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let records = Records::open(url).await.unwrap();
        test(records.clone()).await;
        records.close().await;
    });
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// Adds an image; what is not given is the least that works.
pub(crate) async fn add_image(work: &mut Work, named: &str, mut new: Value, now: i64) -> Image {
    let object = new.as_object_mut().unwrap();
    object.entry("display_name").or_insert(json!(named));
    if !object.contains_key("spec") {
        object.entry("reference").or_insert(json!(format!("registry.example/{named}:1")));
    }
    let new: NewImage = serde_json::from_value(new).unwrap();
    let image = new.into_image(work.new_image_id(), name(named), None, at(now)).unwrap();
    work.insert_image(&image).await.unwrap();
    image
}

pub(crate) async fn add_person(work: &mut Work, name: &str) -> Person {
    let person = Person {
        id: work.new_person_id(),
        name: name.to_owned(),
        display_name: None,
        email: None,
        admin: false,
        disabled: false,
        subject: None,
        created_at: at(0),
    };
    work.insert_person(&person, None).await.unwrap();
    person
}

pub(crate) fn administrator() -> Principal {
    Principal { admin: true, name: "root".to_owned(), ..Principal::default() }
}
