//! Backups: of all tables, of one moment, into either database, and nothing of a damaged one.

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use imagewright_catalog::{
    Build, BuildState, Group, Kept, Role, SecretKind, SecretRecord, Subject, Timings, Token, TokenScope,
};
use imagewright_model::Secret;
use imagewright_records::{BackupError, PendingLogin, Records, StoredAnswer, StoredEvents, TokenHash, Url};
use imagewright_testkit::postgres::Postgres;
use serde_json::{Value, json};

use crate::{add_image, add_person, administrator, at, name, on_both};

on_both!(
    all_comes_back,
    a_backup_is_of_one_moment,
    nothing_is_taken_from_a_damaged_one,
    records_are_not_mixed,
);

/// Something in every table.
async fn fill(records: &Records) {
    let mut work = records.begin().await.unwrap();
    let ada = add_person(&mut work, "ada").await;
    work.set_password(&ada.id, "hash").await.unwrap();
    let group = Group { id: work.new_group_id(), name: name("ml"), display_name: None, created_at: at(1) };
    work.insert_group(&group).await.unwrap();
    work.set_member(&group.id, &ada.id, Role::Admin).await.unwrap();
    let token = Token {
        id: work.new_token_id(),
        name: "laptop \u{1f4bb}\n\"\\".to_owned(),
        scope: TokenScope::Pull,
        expires_at: None,
        last_used_at: Some(at(3)),
        created_at: at(2),
    };
    let hash = |text: &str| TokenHash(text.to_owned());
    work.insert_token(&ada.id, &token, &hash("00")).await.unwrap();
    work.insert_session(&ada.id, &hash("01"), at(10), at(1)).await.unwrap();
    work.offer_setup(&hash("02"), at(10)).await.unwrap();
    let login =
        PendingLogin { nonce: Secret::new("n"), verifier: Secret::new("v"), return_to: "/".to_owned() };
    work.begin_login((&hash("03"), &hash("04")), &login, (at(1), at(10))).await.unwrap();
    let secret = SecretRecord {
        id: work.new_secret_id(),
        name: name("here"),
        kind: SecretKind::Pull,
        host: "registry.example".to_owned(),
        username: None,
        kept: Kept::Stored,
        created_at: at(1),
        changed_at: at(1),
    };
    work.insert_secret(&secret, Some("sealed")).await.unwrap();
    let new = json!({"tags": ["x"], "visibility": {"groups": ["ml"]}});
    let image = add_image(&mut work, "tools", new, 1).await;
    let gone = add_image(&mut work, "gone", json!({}), 1).await;
    work.delete_image(&gone).await.unwrap();
    work.fact("store", "here").await.unwrap();
    let build = Build {
        id: work.new_build_id(),
        image: image.id.clone(),
        image_name: image.name.clone(),
        number: 1,
        state: BuildState::Queued,
        spec: json!({"base": "x"}),
        pull_secret: None,
        upgrade: false,
        lock: None,
        digest: None,
        size: None,
        error: None,
        requested_by: Some(ada.id.clone()),
        requested_by_name: "ada".to_owned(),
        retry_of: None,
        attempts: 0,
        cancel_requested: false,
        timings: Timings { queued_at: at(1), started_at: None, finished_at: None },
    };
    work.insert_build(&build).await.unwrap();
    let events = StoredEvents { first: 0, lines: vec!["{}".to_owned(), "{}".to_owned()] };
    work.append_events(&build.id, &events).await.unwrap();
    let answer = StoredAnswer { request: "r".to_owned(), answer: "{}".to_owned() };
    work.insert_answer((&ada.id, "k"), &answer, (at(1), at(0))).await.unwrap();
    work.insert_repository("ml/tools", &image.id).await.unwrap();
    work.count_pull(&image.id, at(0).to_zoned(jiff::tz::TimeZone::UTC).date()).await.unwrap();
    let subject = (Subject::Image, image.id.as_str(), "tools");
    work.note_change(&administrator(), subject, "added", (None, Some(&image)), at(1)).await.unwrap();
    work.commit().await.unwrap();
}

async fn backup(records: &Records) -> Vec<u8> {
    let mut backup = Vec::new();
    let copied = records.back_up(at(7), &mut backup).await.unwrap();
    assert_eq!(copied.made_at, at(7));
    backup
}

fn lines(backup: &[u8]) -> Vec<String> {
    let mut text = String::new();
    zstd::stream::read::Decoder::new(backup).unwrap().read_to_string(&mut text).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn packed(lines: &[String]) -> Vec<u8> {
    zstd::stream::encode_all(format!("{}\n", lines.join("\n")).as_bytes(), 1).unwrap()
}

/// A new file with no records.
async fn empty() -> (tempfile::TempDir, Records) {
    let folder = tempfile::tempdir().unwrap();
    let records = Records::open(&Url::file(&folder.path().join("other.db"))).await.unwrap();
    (folder, records)
}

fn rows(lines: &[String], table: &str) -> usize {
    let begins = |line: &&String| line.starts_with('{');
    let heading = format!("{{\"table\":\"{table}\",");
    let place = lines.iter().position(|line| line.starts_with(&heading)).unwrap();
    lines[place + 1..].iter().take_while(|line| !begins(line)).count()
}

async fn all_comes_back(records: Records) {
    fill(&records).await;
    let made = backup(&records).await;
    let told = lines(&made);
    let tables: Vec<Value> = told
        .iter()
        .filter(|line| line.starts_with("{\"table\""))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(tables.len(), 20);
    for table in &tables {
        assert!(rows(&told, table["table"].as_str().unwrap()) > 0, "{table} has no rows");
    }
    let (_folder, other) = empty().await;
    // What a server leaves that has only been started is no obstacle.
    let mut work = other.begin().await.unwrap();
    work.fact("store", "there").await.unwrap();
    work.offer_setup(&TokenHash("09".to_owned()), at(10)).await.unwrap();
    work.commit().await.unwrap();
    let copied = other.restore(made.as_slice()).await.unwrap();
    assert_eq!((copied.rows, copied.made_at), (told.len() as u64 - 22, at(7)));
    assert_eq!(lines(&backup(&other).await), told);
    other.close().await;
}

async fn a_backup_is_of_one_moment(records: Records) {
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (records, stop) = (records.clone(), Arc::clone(&stop));
        async move {
            let mut count = 0;
            while !stop.load(Ordering::SeqCst) {
                let mut work = records.begin().await.unwrap();
                let id = work.new_group_id();
                let group =
                    Group { id, name: name(&format!("g-{count}")), display_name: None, created_at: at(1) };
                work.insert_group(&group).await.unwrap();
                let subject = (Subject::Group, group.id.as_str(), group.name.as_str());
                work.note_change(&administrator(), subject, "added", (None, Some(&group)), at(1))
                    .await
                    .unwrap();
                work.commit().await.unwrap();
                count += 1;
            }
            count
        }
    });
    let mut seen = Vec::new();
    for _ in 0..20 {
        let told = lines(&backup(&records).await);
        assert_eq!(rows(&told, "groups"), rows(&told, "audit"));
        seen.push(rows(&told, "groups"));
    }
    stop.store(true, Ordering::SeqCst);
    let made: usize = writer.await.unwrap();
    assert!(seen[0] < seen[19] && seen[19] <= made, "nothing was written meanwhile: {seen:?} of {made}");
}

async fn nothing_is_taken_from_a_damaged_one(records: Records) {
    fill(&records).await;
    let made = backup(&records).await;
    let told = lines(&made);
    let change = |at: usize, line: &str| {
        let mut changed = told.clone();
        changed[at] = line.to_owned();
        packed(&changed)
    };
    let without = |at: usize| {
        let mut less = told.clone();
        less.remove(at);
        packed(&less)
    };
    let row = told.iter().position(|line| line.starts_with('[')).unwrap();
    let changed_row = told[row].replace("\"ada\"", "\"eve\"");
    let short_row = told[row].replacen("\"ada\",", "", 1);
    let other_schema = told[0].replacen("\"schema\":\"", "\"schema\":\"0", 1);
    let mut flipped = made.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x10;
    let longer = [told.clone(), vec!["{}".to_owned()]].concat();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("cut off", made[..made.len() - 1].to_vec(), "cannot be read to its end"),
        ("half", made[..made.len() / 2].to_vec(), "cannot be read to its end"),
        ("flipped", flipped, ""),
        ("empty", Vec::new(), "is no backup"),
        ("text", b"people\n".to_vec(), "is no backup"),
        ("other text", packed(&["{}".to_owned()]), "is no backup"),
        ("without its end", without(told.len() - 1), "it is cut off"),
        ("without a row", without(row), "is damaged: its rows do not go together"),
        ("another row", change(row, &changed_row), "digest is another"),
        ("a short row", change(row, &short_row), "does not fit its table"),
        ("longer", packed(&longer), "goes on behind its end"),
        ("another schema", change(0, &other_schema), "has other tables than this one"),
    ];
    let (_folder, other) = empty().await;
    let before = lines(&backup(&other).await);
    for (case, damaged, expected) in cases {
        let error = other.restore(damaged.as_slice()).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{case}: {error}");
        assert!(error.hint().is_some(), "{case}");
        assert_eq!(lines(&backup(&other).await), before, "{case}");
    }
    other.restore(made.as_slice()).await.unwrap();
    other.close().await;
}

async fn records_are_not_mixed(records: Records) {
    let (_folder, other) = empty().await;
    fill(&other).await;
    let made = backup(&other).await;
    let mut work = records.begin().await.unwrap();
    add_person(&mut work, "bob").await;
    work.commit().await.unwrap();
    let error = records.restore(made.as_slice()).await.unwrap_err();
    assert!(matches!(error, BackupError::NotEmpty { table: "people" }), "{error}");
    let mut work = records.begin().await.unwrap();
    let bob = work.person("bob").await.unwrap().unwrap().person.id;
    work.delete_person(&bob).await.unwrap();
    work.commit().await.unwrap();
    records.restore(made.as_slice()).await.unwrap();
    assert_eq!(lines(&backup(&records).await), lines(&made));
    other.close().await;
}

mod across {
    use super::*;

    mod needs_postgres {
        use super::*;

        /// As people grow: from a file into a server of its own, and back.
        #[test]
        #[ignore = "needs postgres"]
        fn from_one_database_to_the_other_and_back() {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let postgres = Postgres::start();
            runtime.block_on(async {
                let (_folder, file) = empty().await;
                fill(&file).await;
                let first = backup(&file).await;
                let server = Records::open(&postgres.database("grown").parse().unwrap()).await.unwrap();
                server.restore(first.as_slice()).await.unwrap();
                let second = backup(&server).await;
                assert_eq!(lines(&second), lines(&first));
                let (_folder, back) = empty().await;
                back.restore(second.as_slice()).await.unwrap();
                assert_eq!(lines(&backup(&back).await), lines(&first));
                for records in [file, server, back] {
                    records.close().await;
                }
            });
        }
    }
}
