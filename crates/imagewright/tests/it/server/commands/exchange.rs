//! `imagewright catalog export` and `import`, and what others do with it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use imagewright_testkit::context::TestContext;
use serde_json::{Value, json};

use super::{machine_of, names, run_with};
use crate::server::support::TestServer;
use crate::support::{context, context_with_image};

const MANIFEST: &str = "apiVersion: primehub.io/v1alpha1
kind: Image
metadata: {name: tools}
spec: {displayName: Tools, type: both, url: '127.0.0.1:1/tools:1', urlForGpu: '127.0.0.1:1/tools:gpu', other: 1}
";

#[test]
fn the_catalogue_comes_in_and_goes_out() {
    let server = TestServer::start();
    let root = server.administrator();
    let machine = machine_of(&server, &root);
    let imported =
        run_with(&machine, &["catalog", "import", "primehub", "-", "--for-all"], MANIFEST).success();
    assert_eq!(names(&imported), ["tools"]);
    assert!(imported.stderr.contains("warning: `tools`: "), "{imported}");
    assert!(
        run_with(&machine, &["catalog", "import", "primehub", "-"], MANIFEST)
            .stdout
            .contains("there already")
    );
    drop(run_with(&machine, &["catalog", "import", "primehub", "-"], "kind: Pod").exits(4));
    drop(machine.run(["catalog", "import", "primehub", "nowhere.yaml"]).exits(3));

    let profiles = machine.run(["catalog", "export", "jupyterhub", "--gpu"]).success().stdout;
    assert!(profiles.contains("image: 127.0.0.1:1/tools:gpu"), "{profiles}");
    let records = machine.run(["catalog", "export", "elyra"]).success().json();
    assert_eq!(records["tools"]["metadata"]["image_name"], "127.0.0.1:1/tools:1");
    let file = machine.work().join("images.yaml");
    drop(machine.run(["catalog", "export", "primehub", "--output", file.to_str().unwrap()]).success());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
    drop(machine.run(["catalog", "remove", "tools", "--yes"]).success());
    drop(machine.run(["catalog", "import", "primehub", file.to_str().unwrap()]).success());
    assert_eq!(names(&machine.run(["catalog", "list"]).success()), ["tools"]);
    drop(machine.run(["catalog", "export", "nothing"]).exits(2));
    drop(machine.run(["catalog", "export", "primehub", "--output", "nowhere/file"]).exits(3));
}

#[test]
fn a_catalogue_to_begin_with_comes_in() {
    let server = TestServer::start();
    let root = server.administrator();
    let machine = machine_of(&server, &root);
    let tried = machine.run(["catalog", "import", "starter", "--dry-run"]).success();
    assert_eq!(names(&tried), ["pandas", "pytorch", "tensorflow", "tensorflow-gpu", "r", "anaconda"]);
    assert!(tried.stdout.contains("would be added"), "{tried}");
    let added =
        machine.run(["catalog", "import", "starter", "pandas", "r", "--for-all", "--json"]).success().json();
    assert_eq!((&added[0]["added"], added.as_array().unwrap().len()), (&json!(true), 2));
    let again = machine.run(["catalog", "import", "starter", "pandas"]).success();
    assert!(again.stdout.contains("there already"), "{again}");
    let unknown = machine.run(["catalog", "import", "starter", "panda"]).exits(4);
    assert!(unknown.stderr.contains("there is no `panda` among them, but pandas, pytorch"), "{unknown}");
    let shown = machine.run(["catalog", "show", "r", "--json"]).success().json();
    assert_eq!((&shown["spec"]["kernel"], &shown["tags"]), (&json!("r"), &json!(["starter"])));
}

/// The credentials in the manifest of a secret, as `docker login` would have written them.
fn credentials_of(manifest: &str) -> Value {
    let words: Vec<&str> = manifest.split_whitespace().collect();
    let at = words.iter().position(|word| *word == ".dockerconfigjson:").unwrap();
    let encoded = words[at + 1..].iter().find(|word| **word != ">-").unwrap();
    serde_json::from_slice(&BASE64.decode(encoded).unwrap()).unwrap()
}

/// A machine that has these credentials and nothing else.
fn node(credentials: &Value) -> TestContext {
    let node = context();
    let folder = node.home().join(".docker");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config.json"), credentials.to_string()).unwrap();
    node
}

/// Pushes an image for everybody, and gives its name.
fn pushed(server: &TestServer, token: &str) -> String {
    let name = format!("{}/tiny:1", server.address);
    let machine = context_with_image();
    drop(run_with(&machine, &["login", &server.address, "-u", "root", "--password-stdin"], token).success());
    drop(machine.run(["push", "demo/tiny:1", &name]).success());
    name
}

#[test]
fn nodes_pull_with_the_secret_they_are_given() {
    let server = TestServer::start();
    let root = server.administrator();
    let name = pushed(&server, &root.token());
    root.change("/images/tiny", &json!({"visibility": {"global": true}})).is(200);
    let nodes = server.add_user("nodes", &[]);
    let machine = machine_of(&server, &nodes);
    let make = ["catalog", "export", "kubernetes-pull-secret", "--name", "images", "--namespace", "hub"];
    let manifest = machine.run(make.iter().chain(&["--expires", "90d"])).success().stdout;
    assert!(manifest.contains("kind: Secret\n") && manifest.contains("namespace: hub\n"), "{manifest}");
    let credentials = credentials_of(&manifest);
    let login = &credentials["auths"][&server.address];
    assert_eq!(login["username"], "nodes");
    // It pulls and does nothing else.
    let only_pulls = server.with_token(login["password"].as_str().unwrap()).get("/me").is(403);
    assert!(only_pulls["detail"].as_str().unwrap().contains("good for pulling images"), "{only_pulls}");
    assert!(context().run(["pull", &name]).code != Some(0));
    drop(node(&credentials).run(["pull", &name]).success());

    // The token is one of theirs, called what it is for, and ends when they say.
    let tokens = machine.run(["tokens", "list"]).success().stdout;
    assert!(tokens.contains("pull secret hub/images"), "{tokens}");
    drop(machine.run(["tokens", "revoke", "pull secret hub/images"]).success());
    assert!(node(&credentials).run(["pull", &name]).code != Some(0));

    // One that takes its place is made before it ends.
    drop(machine.run(make).success());
    drop(machine.run(make).success());
    assert!(machine.run(["tokens", "list"]).success().stdout.contains("pull secret hub/images 2"));
    let file = machine.work().join("secret.yaml");
    drop(machine.run(make.iter().chain(&["--output", file.to_str().unwrap()])).success());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    for (wrong, code) in [(["--namespace", "a.b"], 4), (["--name", "A"], 4), (["--expires", "soon"], 2)] {
        let arguments = ["catalog", "export", "kubernetes-pull-secret", "--name", "images"];
        let arguments = if wrong[0] == "--name" { &arguments[..3] } else { &arguments[..] };
        drop(machine.run(arguments.iter().chain(&wrong)).exits(code));
    }
    let over = nodes.post(
        "/exports/kubernetes-pull-secret",
        &json!({"name": "images", "expires_at": "2020-01-01T00:00:00Z"}),
    );
    assert_eq!(over.is(422)["errors"][0]["pointer"], "/expires_at");
}

mod needs_skopeo {
    use std::process::Command;

    use imagewright_testkit::context::Outcome;

    use super::*;

    #[test]
    #[ignore = "needs skopeo"]
    fn skopeo_pulls_with_it() {
        let server = TestServer::start();
        let root = server.administrator();
        let name = pushed(&server, &root.token());
        let machine = machine_of(&server, &root);
        let make = ["catalog", "export", "kubernetes-pull-secret", "--name", "images"];
        let manifest = machine.run(make).success().stdout;
        let file = machine.write("auth.json", &credentials_of(&manifest).to_string());
        let image = format!("docker://{name}");
        let inspect = |arguments: &[&str]| {
            let mut command = Command::new("skopeo");
            command.args(["inspect", "--tls-verify=false"]).args(arguments).arg(&image);
            Outcome::of(command.env("HOME", machine.home()).env_remove("REGISTRY_AUTH_FILE"))
        };
        assert!(inspect(&["--no-creds"]).code != Some(0));
        assert!(inspect(&["--authfile", file.to_str().unwrap()]).success().json()["Digest"].is_string());
    }
}
