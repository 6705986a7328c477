//! Who may do what, through the API: each role × each operation × what it is done to.
//!
//! A row is an operation of the OpenAPI document on one object; a letter is what one caller gets: `+` it is done, `l` a login is needed (401),
//! `f` it is forbidden (403), `u` there is no such thing (404), `c` it is not possible as things are (409). An operation without a row fails the test.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use super::support::{Caller, TestServer};
use crate::support::context;

/// Nobody; somebody without a group; a member of `ml`; who looks after `ml`; who looks after `bio`; the administrator; somebody disabled who
/// was an administrator; the administrator with a token that has expired.
const CALLERS: [&str; 8] =
    ["anonymous", "outsider", "member", "ml-admin", "bio-admin", "root", "disabled", "expired"];

struct Row {
    /// As the document has it.
    operation: &'static str,
    /// On which object.
    path: &'static str,
    body: Value,
    expected: &'static str,
    /// What the administrator does after it was done, so that it can be done again.
    undo: Vec<(&'static str, &'static str, Value)>,
}

fn row(operation: &'static str, path: &'static str, body: Value, expected: &'static str) -> Row {
    Row { operation, path, body, expected, undo: Vec::new() }
}

impl Row {
    fn undo(mut self, method: &'static str, path: &'static str, body: Value) -> Self {
        self.undo.push((method, path, body));
        self
    }
}

fn image(name: &str) -> Value {
    let (owner, visibility) = match name {
        "open" => (json!("system"), json!({"global": true})),
        "hidden" => (json!("system"), json!({})),
        "shared" => (json!("system"), json!({"groups": ["ml"]})),
        "ml-own" => (json!({"group": "ml"}), json!({})),
        "bio-own" => (json!({"group": "bio"}), json!({})),
        name => panic!("no image {name}"),
    };
    json!({
        "display_name": name, "name": name, "reference": "127.0.0.1:1/a:1", "owner": owner, "visibility": visibility,
    })
}

fn kernelspec(name: &str) -> Value {
    json!({"proxy": "docker", "language": "python", "name": name})
}

fn images() -> Vec<Row> {
    let change = || json!({"description": "changed"});
    let new = |owner: Value, visibility: Value| {
        json!({
            "display_name": "new", "name": "new", "reference": "127.0.0.1:1/a:1", "owner": owner,
            "visibility": visibility,
        })
    };
    let ml = || json!({"group": "ml"});
    let add = |owner, visibility, expected| {
        row("POST /images", "/images", new(owner, visibility), expected).undo(
            "DELETE",
            "/images/new",
            Value::Null,
        )
    };
    let delete = |path, name, expected| {
        row("DELETE /images/{name}", path, Value::Null, expected).undo("POST", "/images", image(name))
    };
    let mut rows = vec![
        row("GET /images", "/images", Value::Null, "l+++++ll"),
        row("GET /offers", "/offers", Value::Null, "l+++++ll"),
        row("GET /offers", "/offers?group=ml", Value::Null, "lu++u+ll"),
        add(json!("system"), json!({}), "lffff+ll"),
        add(ml(), json!({}), "lff+f+ll"),
        add(ml(), json!({"groups": ["ml"]}), "lff+f+ll"),
        add(ml(), json!({"groups": ["bio"]}), "lffff+ll"),
        add(ml(), json!({"global": true}), "lffff+ll"),
        delete("/images/open", "open", "lffff+ll"),
        delete("/images/hidden", "hidden", "luuuu+ll"),
        delete("/images/shared", "shared", "luffu+ll"),
        delete("/images/ml-own", "ml-own", "luf+u+ll"),
        delete("/images/bio-own", "bio-own", "luuu++ll"),
        // An image is taken into no group by who does not look after it, and given to none that is another's.
        row("PATCH /images/{name}", "/images/open", json!({"owner": {"group": "ml"}}), "lffff+ll").undo(
            "PATCH",
            "/images/open",
            json!({"owner": "system"}),
        ),
        row("PATCH /images/{name}", "/images/ml-own", json!({"owner": {"group": "bio"}}), "luffu+ll").undo(
            "PATCH",
            "/images/ml-own",
            json!({"owner": {"group": "ml"}}),
        ),
        row("PATCH /images/{name}", "/images/ml-own", json!({"visibility": {"global": true}}), "luffu+ll")
            .undo("PATCH", "/images/ml-own", json!({"visibility": null})),
    ];
    for (name, seen, changed) in [
        ("open", "l+++++ll", "lffff+ll"),
        ("hidden", "luuuu+ll", "luuuu+ll"),
        ("shared", "lu++u+ll", "luffu+ll"),
        ("ml-own", "lu++u+ll", "luf+u+ll"),
        ("bio-own", "luuu++ll", "luuu++ll"),
    ] {
        let path = |end: &str| -> &'static str { format!("/images/{name}{end}").leak() };
        rows.push(row("GET /images/{name}", path(""), Value::Null, seen));
        rows.push(row("PATCH /images/{name}", path(""), change(), changed));
        let refused: &'static str = seen.replace('+', "i").leak();
        rows.push(row("GET /images/{name}/checks", path("/checks?for=nothing"), Value::Null, refused));
        rows.push(row("GET /images/{name}/kernelspecs", path("/kernelspecs"), Value::Null, seen));
        let make = row(
            "POST /images/{name}/kernelspecs/archive",
            path("/kernelspecs/archive"),
            kernelspec("new"),
            seen,
        );
        rows.push(make);
        let offered: String = seen
            .chars()
            .zip(CALLERS)
            .map(|(letter, caller)| if letter == '+' && caller != "root" { 'f' } else { letter })
            .collect();
        rows.push(
            row("POST /images/{name}/kernelspecs", path("/kernelspecs"), kernelspec("new"), offered.leak())
                .undo("DELETE", "/kernelspecs/new", Value::Null),
        );
        rows.push(row("GET /images/{name}/dependents", path("/dependents"), Value::Null, changed));
        rows.push(row("GET /images/{name}/history", path("/history"), Value::Null, changed));
    }
    rows.extend(copies());
    rows
}

/// Who sees an image makes another one of it where they may add one.
fn copies() -> impl Iterator<Item = Row> {
    let ml = || json!({"name": "new", "owner": {"group": "ml"}});
    [
        ("open", json!({"name": "new"}), "lffff+ll"),
        ("open", ml(), "lff+f+ll"),
        (
            "open",
            json!({"name": "new", "owner": {"group": "ml"}, "visibility": {"global": true}}),
            "lffff+ll",
        ),
        ("hidden", ml(), "luuuu+ll"),
        ("shared", ml(), "luf+u+ll"),
        ("ml-own", json!({"name": "new"}), "luf+u+ll"),
        ("bio-own", ml(), "luuuf+ll"),
    ]
    .into_iter()
    .map(|(name, body, expected)| {
        let path: &'static str = format!("/images/{name}/duplicate").leak();
        row("POST /images/{name}/duplicate", path, body, expected).undo("DELETE", "/images/new", Value::Null)
    })
}

fn groups() -> Vec<Row> {
    let member = || json!({"role": "member"});
    let name = || json!({"display_name": "x"});
    vec![
        row("GET /groups", "/groups", Value::Null, "l+++++ll"),
        row("POST /groups", "/groups", json!({"name": "new"}), "lffff+ll").undo(
            "DELETE",
            "/groups/new",
            Value::Null,
        ),
        row("GET /groups/{name}", "/groups/ml", Value::Null, "lu++u+ll"),
        row("GET /groups/{name}", "/groups/bio", Value::Null, "luuu++ll"),
        row("GET /groups/{name}", "/groups/none", Value::Null, "luuuuull"),
        row("PATCH /groups/{name}", "/groups/ml", name(), "luffu+ll"),
        row("PATCH /groups/{name}", "/groups/bio", name(), "luuuf+ll"),
        row("DELETE /groups/{name}", "/groups/empty", Value::Null, "luuuu+ll").undo(
            "POST",
            "/groups",
            json!({"name": "empty"}),
        ),
        row("DELETE /groups/{name}", "/groups/none", Value::Null, "luuuuull"),
        row("GET /groups/{name}/members", "/groups/ml/members", Value::Null, "lu++u+ll"),
        row("GET /groups/{name}/members", "/groups/bio/members", Value::Null, "luuu++ll"),
        row("PUT /groups/{name}/members/{person}", "/groups/ml/members/subject", member(), "luf+u+ll"),
        row("PUT /groups/{name}/members/{person}", "/groups/bio/members/subject", member(), "luuu++ll"),
        row("DELETE /groups/{name}/members/{person}", "/groups/ml/members/subject", Value::Null, "luf+u+ll")
            .undo("PUT", "/groups/ml/members/subject", member()),
        row("DELETE /groups/{name}/members/{person}", "/groups/bio/members/subject", Value::Null, "luuu++ll")
            .undo("PUT", "/groups/bio/members/subject", member()),
    ]
}

fn people() -> Vec<Row> {
    let password = || json!({"password": "correct horse battery"});
    let token = || json!({"name": "new"});
    vec![
        row("GET /me", "/me", Value::Null, "l+++++ll"),
        // Nobody here has a password: it is allowed, and refused for what was sent.
        row("PUT /me/password", "/me/password", json!({"current": "", "password": ""}), "liiiiill"),
        row("GET /people", "/people", Value::Null, "lffff+ll"),
        row("POST /people", "/people", json!({"name": "new"}), "lffff+ll").undo(
            "DELETE",
            "/people/new",
            Value::Null,
        ),
        row("GET /people/{name}", "/people/subject", Value::Null, "lffff+ll"),
        row("GET /people/{name}", "/people/none", Value::Null, "lffffull"),
        row("PATCH /people/{name}", "/people/subject", json!({"display_name": "x"}), "lffff+ll"),
        row("PATCH /people/{name}", "/people/outsider", json!({"admin": true}), "lffff+ll").undo(
            "PATCH",
            "/people/outsider",
            json!({"admin": false}),
        ),
        row("PUT /people/{name}/password", "/people/subject/password", password(), "lffff+ll"),
        row("DELETE /people/{name}", "/people/removable", Value::Null, "lffff+ll").undo(
            "POST",
            "/people",
            json!({"name": "removable"}),
        ),
        row("GET /tokens", "/tokens", Value::Null, "l+++++ll"),
        // Each issues one of their own; another's is not there.
        row("POST /tokens", "/tokens", token(), "l+++++ll"),
        row("DELETE /tokens/{id}", "/tokens/00000000-0000-7000-8000-000000000000", Value::Null, "luuuuull"),
        row("DELETE /tokens/{id}", "/tokens/TOKEN-OF-SUBJECT", Value::Null, "luuuuull"),
        row("GET /audit", "/audit", Value::Null, "lffff+ll"),
        row("GET /settings", "/settings", Value::Null, "lffff+ll"),
        row("GET /storage", "/storage", Value::Null, "lffff+ll"),
        row("GET /suggestions", "/suggestions?kind=image&text=a", Value::Null, "lff+++ll"),
        row(
            "POST /specs/read",
            "/specs/read",
            json!({"files": [{"name": "a.txt", "text": "six"}]}),
            "lff+++ll",
        ),
        row("GET /registries", "/registries", Value::Null, "lffff+ll"),
        row("GET /kernelspecs", "/kernelspecs", Value::Null, "l+++++ll"),
        row("GET /kernelspecs/{kernelspec}/archive", "/kernelspecs/here/archive", Value::Null, "l+++++ll"),
        row("GET /kernelspecs/{kernelspec}/archive", "/kernelspecs/none/archive", Value::Null, "luuuuull"),
        row("DELETE /kernelspecs/{kernelspec}", "/kernelspecs/here", Value::Null, "lffff+ll").undo(
            "POST",
            "/images/open/kernelspecs",
            kernelspec("here"),
        ),
        row("POST /registries/check", "/registries/check", json!({"host": "none.example"}), "lffffull"),
    ]
}

fn secrets() -> Vec<Row> {
    let secret = || json!({"name": "new", "kind": "pull", "host": "registry.example", "secret": "x"});
    let removable =
        || json!({"name": "removable", "kind": "pull", "host": "registry.example", "secret": "x"});
    vec![
        row("GET /secrets", "/secrets", Value::Null, "lff+++ll"),
        row("POST /secrets", "/secrets", secret(), "lffff+ll").undo("DELETE", "/secrets/new", Value::Null),
        row("GET /secrets/{name}", "/secrets/removable", Value::Null, "lff+++ll"),
        row("GET /secrets/{name}", "/secrets/none", Value::Null, "lffuuull"),
        row("PATCH /secrets/{name}", "/secrets/removable", json!({"username": "x"}), "lffff+ll"),
        row("DELETE /secrets/{name}", "/secrets/removable", Value::Null, "lffff+ll").undo(
            "POST",
            "/secrets",
            removable(),
        ),
    ]
}

/// Builds of `built-ml` and `built-bio`, which wait for a server that builds.
fn builds() -> Vec<Row> {
    let spec = || json!({"spec": {"base": "bootstrap", "no-such-field": 1}});
    vec![
        row("GET /builds", "/builds", Value::Null, "l+++++ll"),
        row("GET /images/{name}/builds", "/images/built-ml/builds", Value::Null, "lu++u+ll"),
        row("GET /images/{name}/builds", "/images/built-bio/builds", Value::Null, "luuu++ll"),
        // It is not known what is in an image that lies elsewhere.
        row("GET /images/{name}/contents", "/images/ml-own/contents", Value::Null, "luccucll"),
        row("GET /images/{name}/pulls", "/images/ml-own/pulls", Value::Null, "lu++u+ll"),
        row("GET /images/{name}/contents", "/images/bio-own/contents", Value::Null, "luuuccll"),
        row("GET /images/{name}/pulls", "/images/bio-own/pulls", Value::Null, "luuu++ll"),
        row("POST /images/{name}/builds", "/images/built-ml/builds?plan=false", json!({}), "luf+u+ll"),
        row("POST /images/{name}/builds", "/images/built-bio/builds?plan=false", json!({}), "luuu++ll"),
        row("GET /builds/{id}", "/builds/BUILD-OF-ML", Value::Null, "luu+u+ll"),
        row("GET /builds/{id}", "/builds/BUILD-OF-BIO", Value::Null, "luuu++ll"),
        // Builds are seen by who may change the image. Whoever cancels second finds it cancelled; what has no result is compared to nothing.
        row("POST /builds/{id}/cancel", "/builds/BUILD-OF-ML/cancel", Value::Null, "luu+ucll"),
        row("POST /builds/{id}/cancel", "/builds/BUILD-OF-BIO/cancel", Value::Null, "luuu+cll"),
        row("GET /builds/{id}/events", "/builds/BUILD-OF-ML/events", Value::Null, "luu+u+ll"),
        row("GET /builds/{id}/events", "/builds/BUILD-OF-BIO/events", Value::Null, "luuu++ll"),
        row("GET /builds/{id}/log", "/builds/BUILD-OF-ML/log", Value::Null, "luu+u+ll"),
        row("GET /builds/{id}/log", "/builds/BUILD-OF-BIO/log", Value::Null, "luuu++ll"),
        row(
            "GET /builds/{id}/diff/{other}",
            "/builds/BUILD-OF-ML/diff/BUILD-OF-BIO",
            Value::Null,
            "luucucll",
        ),
        row("POST /builds/{id}/retry", "/builds/BUILD-OF-ML/retry", Value::Null, "luu+u+ll"),
        row("POST /builds/{id}/retry", "/builds/BUILD-OF-BIO/retry", Value::Null, "luuu++ll"),
        // What is wrong with a spec is told to those who may make images.
        row("POST /plans", "/plans", spec(), "lffiiill"),
    ]
}

fn exchange() -> Vec<Row> {
    let manifest = |group: &str| {
        json!({
            "apiVersion": "primehub.io/v1alpha1", "kind": "Image", "metadata": {"name": "new"},
            "spec": {"type": "cpu", "url": "127.0.0.1:1/a:1", "groupName": group},
        })
    };
    let import = |group, expected| {
        row("POST /imports/primehub", "/imports/primehub", manifest(group), expected).undo(
            "DELETE",
            "/images/new",
            Value::Null,
        )
    };
    vec![
        row("GET /exports/{format}", "/exports/jupyterhub", Value::Null, "l+++++ll"),
        row("GET /exports/{format}", "/exports/elyra?group=ml", Value::Null, "lu++u+ll"),
        row(
            "POST /exports/kubernetes-pull-secret",
            "/exports/kubernetes-pull-secret",
            json!({"name": "images"}),
            "l+++++ll",
        ),
        row("POST /imports/starter", "/imports/starter?only=r", Value::Null, "lffff+ll").undo(
            "DELETE",
            "/images/r",
            Value::Null,
        ),
        import("", "lffff+ll"),
        import("ml", "lff+f+ll"),
    ]
}

/// What decides by itself who comes in: tokens are not looked at.
fn sessions() -> Vec<Row> {
    vec![
        row("POST /session", "/session", json!({"name": "nobody", "password": "x"}), "llllllll"),
        row("DELETE /session", "/session", Value::Null, "++++++++"),
        row("POST /setup", "/setup", json!({"token": "x", "name": "x", "password": "x"}), "llllllll"),
        row("GET /login/oidc", "/login/oidc", Value::Null, "uuuuuuuu"),
        row("GET /login/oidc/callback", "/login/oidc/callback?code=a&state=b", Value::Null, "llllllll"),
    ]
}

fn all_rows() -> impl Iterator<Item = Row> {
    [images(), groups(), people(), secrets(), builds(), exchange(), sessions()].into_iter().flatten()
}

/// Makes all that the rows speak of, and gives what they call what has a name by chance.
fn furnish(server: &TestServer, root: &Caller<'_>) -> Vec<(&'static str, String)> {
    for group in ["ml", "bio", "empty"] {
        root.post("/groups", &json!({"name": group})).is(201);
    }
    for (group, person, role) in
        [("ml", "member", "member"), ("ml", "ml-admin", "admin"), ("bio", "bio-admin", "admin")]
    {
        root.put(&format!("/groups/{group}/members/{person}"), &json!({"role": role})).is(200);
    }
    let subject = server.add_user("subject", &[]);
    root.post("/people", &json!({"name": "removable"})).is(201);
    for group in ["ml", "bio"] {
        root.put(&format!("/groups/{group}/members/subject"), &json!({"role": "member"})).is(200);
    }
    for name in ["open", "hidden", "shared", "ml-own", "bio-own"] {
        root.post("/images", &image(name)).is(201);
    }
    root.post("/images/open/kernelspecs", &kernelspec("here")).is(201);
    root.post(
        "/secrets",
        &json!({"name": "removable", "kind": "pull", "host": "registry.example", "secret": "x"}),
    )
    .is(201);
    root.change("/people/disabled", &json!({"disabled": true})).is(200);
    let mut names = Vec::new();
    for (name, owner, called) in [("built-ml", "ml", "BUILD-OF-ML"), ("built-bio", "bio", "BUILD-OF-BIO")] {
        let spec = json!({"base": "bootstrap"});
        let new = json!({"display_name": name, "name": name, "spec": spec, "owner": {"group": owner}});
        root.post("/images?plan=false", &new).is(201);
        let builds = root.get(&format!("/images/{name}/builds")).is(200);
        names.push((called, builds["items"][0]["id"].as_str().unwrap().to_owned()));
    }
    let token = subject.get("/tokens").is(200)[0]["id"].as_str().unwrap().to_owned();
    names.push(("TOKEN-OF-SUBJECT", token));
    names
}

fn callers<'a>(server: &'a TestServer, root: &Caller<'a>) -> Vec<Caller<'a>> {
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(300);
    let expiring = root.post("/tokens", &json!({"name": "expiring", "expires_at": soon})).is(201);
    let expired = server.with_token(expiring["secret"].as_str().unwrap());
    sleep(Duration::from_millis(400));
    vec![
        server.anonymous(),
        server.add_user("outsider", &[]),
        server.add_user("member", &[]),
        server.add_user("ml-admin", &[]),
        server.add_user("bio-admin", &[]),
        root.clone(),
        server.add_user("disabled", &["--admin"]),
        expired,
    ]
}

fn letter(status: u16) -> char {
    match status {
        200..=299 => '+',
        401 => 'l',
        403 => 'f',
        404 => 'u',
        409 => 'c',
        422 => 'i',
        _ => '?',
    }
}

#[test]
fn who_may_do_what() {
    let context = context();
    let kernels = context.folder().join("kernels");
    let context = context.env("IMAGEWRIGHT_SERVER__KERNELS_FOLDER", kernels);
    let server = TestServer::start_in(context.env("IMAGEWRIGHT_SERVER__BUILDS__WORKERS", "0"), &[]);
    let root = server.administrator();
    let callers = callers(&server, &root);
    let names = furnish(&server, &root);
    let mut wrong = Vec::new();
    for row in all_rows() {
        let (method, _) = row.operation.split_once(' ').unwrap();
        let named = |path: String, (called, name): &(&str, String)| path.replace(called, name);
        let path = names.iter().fold(row.path.to_owned(), named);
        let body = if row.body.is_null() { String::new() } else { row.body.to_string() };
        let mut found = String::new();
        for caller in &callers {
            let answer = caller.send(method, &path, &[], &body);
            found.push(letter(answer.status));
            if answer.status < 300 {
                for (method, path, body) in &row.undo {
                    let body = if body.is_null() { String::new() } else { body.to_string() };
                    let undone = root.send(method, path, &[], &body);
                    assert!(undone.status < 300, "{method} {path}: {}", undone.body);
                }
            }
        }
        if found != row.expected {
            wrong.push(format!("{} on {path} with {body}: {found}, not {}", row.operation, row.expected));
        }
    }
    assert!(wrong.is_empty(), "callers are {CALLERS:?}\n{}", wrong.join("\n"));
}

#[test]
fn every_operation_has_a_row() {
    let server = TestServer::start();
    let document = server.anonymous().get("/openapi.json").is(200);
    let paths = document["paths"].as_object().unwrap().iter();
    let operations: BTreeSet<String> = paths
        .flat_map(|(path, item)| {
            let path = path.strip_prefix("/api/v1").unwrap();
            let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
            methods.map(move |method| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
        })
        .collect();
    let covered: BTreeSet<String> = all_rows().map(|row| row.operation.to_owned()).collect();
    assert_eq!(covered, operations);
    // Names of operations are what programs made from the document call them by.
    let names: Vec<&Value> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .filter_map(|operation| operation.get("operationId"))
        .collect();
    let distinct: BTreeSet<&str> = names.iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!((names.len(), distinct.len()), (operations.len(), operations.len()));
}
