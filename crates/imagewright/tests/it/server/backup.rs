//! Records are copied while a server runs, and go on elsewhere.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::support::{Caller, TestServer};

const LISTS: [&str; 5] = ["/images", "/groups", "/people", "/secrets", "/audit"];

fn lists(caller: &Caller<'_>) -> Vec<Value> {
    LISTS.iter().map(|path| caller.get(path).is(200)).collect()
}

/// From the file of a server into another database, and a server on that.
fn goes_on_in(database: &str) {
    let server = TestServer::start();
    let root = server.administrator();
    root.post("/groups", &json!({"name": "ml"})).is(201);
    let secret = json!({"name": "s", "kind": "pull", "host": "registry.example", "secret": "hidden"});
    root.post("/secrets", &secret).is(201);
    let image =
        json!({"display_name": "A", "reference": "127.0.0.1:1/a:1", "visibility": {"groups": ["ml"]}});
    root.post("/images", &image).is(201);
    drop(server.context.run(["admin", "backup", "records.backup"]).success());
    let (before, token) = (lists(&root), root.token());
    let file = server.context.work().join("records.backup");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    // What comes later is not in it.
    root.post("/groups", &json!({"name": "late"})).is(201);
    let restore = ["admin", "--database", database, "restore", "records.backup"];
    drop(server.context.run(restore).success());
    let refused = server.context.run(restore).exits(5);
    assert!(refused.stderr.contains("`people` has entries"), "{refused}");
    let other = TestServer::start_in(server.stop(), &["--database", database]);
    assert_eq!(lists(&other.with_token(&token)), before);
    drop(other.context.run(["admin", "backup", "records.backup"]).success());
}

#[test]
fn records_go_on_in_another_file() {
    goes_on_in("sqlite:other.db?mode=rwc");
}

#[test]
fn what_is_no_backup_is_refused() {
    let server = TestServer::start();
    let restore =
        |file: &str| server.context.run(["admin", "--database", "sqlite:b.db?mode=rwc", "restore", file]);
    let refused = restore("nowhere").exits(3);
    assert!(refused.stderr.contains("the backup `nowhere` cannot be opened"), "{refused}");
    server.context.write("text", "people");
    let refused = restore("text").exits(4);
    assert!(refused.stderr.contains("is no backup of a server's records"), "{refused}");
    drop(server.context.run(["admin", "backup", "whole"]).success());
    let whole = fs::read(server.context.work().join("whole")).unwrap();
    fs::write(server.context.work().join("half"), &whole[..whole.len() / 2]).unwrap();
    let refused = restore("half").exits(4);
    assert!(refused.stderr.contains("nothing was taken from it"), "{refused}");
    drop(restore("whole").success());
    drop(server.context.run(["admin", "backup", "no/such/folder"]).exits(3));
}

mod needs_postgres {
    use imagewright_testkit::postgres::Postgres;

    #[test]
    #[ignore = "needs postgres"]
    fn records_grow_into_a_database_of_their_own() {
        let postgres = Postgres::start();
        super::goes_on_in(&postgres.database("grown"));
    }
}
