//! Answers to requests with a key.

use imagewright_records::{Records, RecordsError, StoredAnswer};

use crate::{add_person, at, on_both};

on_both!(an_answer_is_kept_for_a_time, of_two_at_once_one_is_kept);

fn answer(request: &str) -> StoredAnswer {
    StoredAnswer { request: request.to_owned(), answer: "{}".to_owned() }
}

async fn an_answer_is_kept_for_a_time(records: Records) {
    let mut work = records.begin().await.unwrap();
    let (ada, bob) = (add_person(&mut work, "ada").await.id, add_person(&mut work, "bob").await.id);
    work.insert_answer((&ada, "k"), &answer("one"), (at(100), at(0))).await.unwrap();
    work.insert_answer((&bob, "k"), &answer("two"), (at(200), at(0))).await.unwrap();
    work.commit().await.unwrap();

    let mut work = records.begin().await.unwrap();
    for (person, key, since, expected) in [
        (&ada, "k", 99, Some("one")),
        (&ada, "k", 100, None),
        (&bob, "k", 100, Some("two")),
        (&ada, "l", 0, None),
    ] {
        let found = work.answer((person, key), at(since)).await.unwrap();
        assert_eq!(found.map(|found| found.request).as_deref(), expected, "{person} {key} {since}");
    }
    // What is too old makes room for another of its key.
    work.insert_answer((&ada, "k"), &answer("three"), (at(300), at(100))).await.unwrap();
    assert_eq!(work.answer((&ada, "k"), at(100)).await.unwrap(), Some(answer("three")));
    work.delete_person(&bob).await.unwrap();
    assert_eq!(work.answer((&bob, "k"), at(0)).await.unwrap(), None);
}

async fn of_two_at_once_one_is_kept(records: Records) {
    let mut work = records.begin().await.unwrap();
    let ada = add_person(&mut work, "ada").await.id;
    work.commit().await.unwrap();
    let insert = |request: &'static str| {
        let (records, ada) = (records.clone(), ada.clone());
        tokio::spawn(async move {
            let mut work = records.begin().await?;
            work.insert_answer((&ada, "k"), &answer(request), (at(1), at(0))).await?;
            work.commit().await
        })
    };
    let (one, two) = (insert("one"), insert("two"));
    let ends = [one.await.unwrap(), two.await.unwrap()];
    let taken = ends.iter().filter(|end| matches!(end, Err(RecordsError::Taken { .. }))).count();
    assert_eq!((taken, ends.iter().filter(|end| end.is_ok()).count()), (1, 1), "{ends:?}");
}
