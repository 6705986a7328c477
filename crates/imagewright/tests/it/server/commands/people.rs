//! `imagewright groups`, `people`, `secrets`, `tokens`, and `login --server`.

use serde_json::{Value, json};

use super::{machine_of, names, run_with};
use crate::server::support::TestServer;
use crate::support::context;

#[test]
fn groups_and_who_is_in_them() {
    let server = TestServer::start();
    let root = server.administrator();
    let ada = server.add_user("ada", &[]);
    let (machine, of_ada) = (machine_of(&server, &root), machine_of(&server, &ada));
    drop(machine.run(["groups", "add", "ml", "--display-name", "Machine learning"]).success());
    drop(machine.run(["groups", "add", "ml"]).exits(5));
    drop(machine.run(["groups", "add", "M L"]).exits(4));
    assert_eq!(names(&machine.run(["groups", "list"]).success()), ["ml"]);
    assert_eq!(of_ada.run(["groups", "list", "--json"]).success().json(), json!([]));
    drop(machine.run(["groups", "set-role", "ml", "ada", "member"]).success());
    drop(of_ada.run(["groups", "set-role", "ml", "ada", "admin"]).exits(7));
    drop(machine.run(["groups", "set-role", "ml", "ada", "admin"]).success());
    let members = of_ada.run(["groups", "members", "ml"]).success().stdout;
    assert!(members.contains("ada    admin"), "{members}");
    drop(machine.run(["groups", "set-role", "ml", "ada", "owner"]).exits(2));
    drop(machine.run(["groups", "rename", "ml", "ML"]).success());
    assert_eq!(machine.run(["groups", "list", "--json"]).success().json()[0]["display_name"], "ML");
    drop(machine.run(["groups", "remove-member", "ml", "ada"]).success());
    drop(of_ada.run(["groups", "members", "ml"]).exits(3));

    let new = json!({"display_name": "a", "reference": "127.0.0.1:1/a:1", "owner": {"group": "ml"}});
    root.post("/images", &new).is(201);
    drop(machine.run(["groups", "remove", "ml"]).exits(2));
    let owns = machine.run(["groups", "remove", "ml", "--yes"]).exits(5);
    assert!(owns.stderr.contains("it owns"), "{owns}");
    drop(machine.run(["groups", "remove", "ml", "--images", "system", "--yes"]).success());
    drop(machine.run(["groups", "remove", "ml", "--yes"]).exits(3));
}

#[test]
fn people_as_administrators_look_after_them() {
    let server = TestServer::start();
    let root = server.administrator();
    let machine = machine_of(&server, &root);
    let add =
        ["people", "add", "ada", "--display-name", "Ada", "--email", "ada@mail.example", "--password-stdin"];
    drop(run_with(&machine, &add, "correct horse battery\n").success());
    let login = |password: &str| {
        let body = json!({"name": "ada", "password": password});
        server.anonymous().post("/session", &body).status
    };
    assert_eq!((login("correct horse battery"), login("wrong")), (201, 401));
    drop(run_with(&machine, &["people", "set-password", "ada"], "another long password").success());
    assert_eq!((login("correct horse battery"), login("another long password")), (401, 201));
    drop(machine.run(["people", "disable", "ada"]).success());
    assert_eq!(login("another long password"), 401);
    let listed = machine.run(["people", "list"]).success().stdout;
    let row = listed.lines().find(|line| line.starts_with("ada")).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["ada", "disabled", "Ada", "ada@mail.example"]);
    drop(machine.run(["people", "enable", "ada"]).success());
    assert_eq!(names(&machine.run(["people", "list", "mail.example"]).success()), ["ada"]);
    drop(machine.run(["people", "edit", "ada", "--admin", "true", "--email", ""]).success());
    let shown = machine.run(["people", "show", "ada"]).success().stdout;
    assert!(shown.contains("Administrator   yes\n") && !shown.contains("Email"), "{shown}");
    drop(machine.run(["people", "edit", "ada"]).exits(2));
    drop(machine.run(["people", "remove", "ada"]).exits(2));
    drop(machine.run(["people", "remove", "ada", "--yes"]).success());
    drop(machine.run(["people", "show", "ada"]).exits(3));
    // There is always one left.
    drop(machine.run(["people", "disable", "root"]).exits(5));
    let bob = server.add_user("bob", &[]);
    drop(machine_of(&server, &bob).run(["people", "list"]).exits(7));
}

#[test]
fn secrets_go_in_and_do_not_come_out() {
    let server = TestServer::start();
    let root = server.administrator();
    let machine = machine_of(&server, &root);
    let add = ["secrets", "add", "team", "--kind", "pull", "--host", "registry.example", "-u", "robot"];
    drop(run_with(&machine, &add, "s3cret\n").success());
    drop(run_with(&machine, &add[..], "").exits(2));
    let elsewhere =
        ["secrets", "add", "cluster", "--kind", "pull", "--host", "registry.example", "--kubernetes", "x"];
    drop(machine.run(elsewhere).success());
    let both = [&elsewhere[..], &["--file", "/run/secrets/x"]].concat();
    drop(machine.run(both).exits(2));
    let listed = machine.run(["secrets", "list"]).success();
    assert_eq!(names(&listed), ["team", "cluster"]);
    assert!(
        listed.stdout.contains("robot   here") && listed.stdout.contains("kubernetes x"),
        "{}",
        listed.stdout
    );
    assert!(!machine.run(["secrets", "list", "--json"]).success().stdout.contains("s3cret"));

    // For another host it is needed anew, and here it always is.
    drop(run_with(&machine, &["secrets", "replace", "team", "--host", "other.example"], "other").success());
    drop(run_with(&machine, &["secrets", "replace", "cluster"], "here now").success());
    let kept = |name: &str| root.get(&format!("/secrets/{name}")).is(200);
    assert_eq!(
        (&kept("team")["host"], &kept("team")["username"]),
        (&json!("other.example"), &json!("robot"))
    );
    assert_eq!(kept("cluster")["kept"], "stored");
    drop(machine.run(["secrets", "replace", "cluster", "--kubernetes", "y"]).success());
    assert_eq!(kept("cluster")["kept"], json!({"kubernetes": "y"}));
    drop(machine.run(["secrets", "replace", "none", "--kubernetes", "y"]).exits(3));
    drop(machine.run(["secrets", "remove", "team"]).exits(2));
    drop(machine.run(["secrets", "remove", "team", "--yes"]).success());
    root.get("/secrets/team").is(404);
}

#[test]
fn tokens_are_made_and_ended() {
    let server = TestServer::start();
    let root = server.administrator();
    let machine = machine_of(&server, &root);
    let made = machine.run(["tokens", "add", "laptop", "--expires", "30d"]).success().stdout;
    let other = server.with_token(&made);
    other.get("/me").is(200);
    let tokens = machine.run(["tokens", "list", "--json"]).success().json();
    let laptop =
        |tokens: &Value| tokens.as_array().unwrap().iter().filter(|it| it["name"] == "laptop").count();
    assert!(laptop(&tokens) == 1 && !tokens.to_string().contains(made.trim()));
    drop(machine.run(["tokens", "add", "laptop"]).exits(5));
    drop(machine.run(["tokens", "revoke", "laptop"]).success());
    other.get("/me").is(401);
    drop(machine.run(["tokens", "revoke", "laptop"]).exits(3));
}

#[test]
fn login_knows_servers_and_registries() {
    let server = TestServer::start();
    let root = server.administrator();
    let address = format!("http://{}", server.address);
    let machine = context();
    let login = ["login", "--server", &address];
    drop(run_with(&machine, &login, "iw_wrong").exits(7));
    drop(run_with(&machine, &login, &root.token()).success());
    assert_eq!(machine.run(["groups", "list", "--json"]).success().json(), json!([]));
    // The registry at the same address is another matter.
    assert!(!machine.home().join(".docker/config.json").exists());
    drop(machine.run(["logout", "--server", &address]).success());
    drop(machine.run(["groups", "list"]).exits(2));
    let usage = |arguments: &[&str]| machine.run(arguments).exits(2);
    assert!(usage(&["login"]).stderr.contains("<REGISTRY>"));
    drop(usage(&["login", "registry.example"]));
    drop(usage(&["login", "registry.example", "--server", &address]));
    drop(usage(&["logout"]));
}
