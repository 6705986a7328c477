//! `imagewright catalog`.

use serde_json::{Value, json};

use super::{machine_of, names, run_at_terminal};
use crate::server::support::TestServer;
use crate::support::context;

/// Nothing listens there.
const REFERENCE: &str = "127.0.0.1:1/team/tools:1";

#[test]
fn an_image_from_its_adding_to_its_removal() {
    let server = TestServer::start();
    let root = server.administrator();
    let machine = machine_of(&server, &root);
    root.post("/groups", &json!({"name": "ml"})).is(201);
    let added =
        machine.run(["catalog", "add", REFERENCE, "--tag", "x", "--tag", "y", "--for", "ml"]).success();
    assert_eq!(added.stdout, "tools\n");
    assert!(added.stderr.contains("warning: `127.0.0.1:1/team/tools:1` could not be looked up"), "{added}");
    let again =
        machine.run(["catalog", "add", REFERENCE, "--display-name", "Tools", "--json"]).success().json();
    assert_eq!((&again["name"], &again["display_name"]), (&json!("tools-2"), &json!("Tools")));

    let edit = |arguments: &[&str]| machine.run(["catalog", "edit", "tools"].iter().chain(arguments));
    drop(edit(&["--description", "For all", "--type", "cpu", "--pull-policy", "if-not-present"]).success());
    let changed = edit(&["--for-all", "--tag", "z", "--json"]).success().json();
    let field = |name: &str| changed[name].clone();
    assert_eq!((field("description"), field("pull_policy")), (json!("For all"), json!("IfNotPresent")));
    assert_eq!((field("type"), field("tags")), (json!("cpu"), json!(["z"])));
    assert_eq!(field("visibility"), json!({"global": true, "groups": ["ml"]}));
    let cleared = edit(&["--clear", "description", "--clear", "for", "--clear", "pull-policy", "--json"]);
    let cleared = cleared.success().json();
    assert_eq!((&cleared["description"], &cleared["pull_policy"]), (&Value::Null, &Value::Null));
    assert_eq!(cleared["visibility"], json!({"global": true, "groups": []}));
    assert!(edit(&["--type", "cpu"]).success().stderr.contains("`tools` was like that already"));
    assert!(edit(&[]).exits(2).stderr.contains("it is not said what to change"));
    assert!(edit(&["--tag", "a", "--clear", "tag"]).exits(2).stderr.contains("given and cleared at once"));
    drop(edit(&["--for-all", "--clear", "for-all"]).exits(2));
    let refused = edit(&["--pull-secret", "none"]).exits(4);
    assert!(refused.stderr.contains("/pull_secret: there is no secret `none`"), "{refused}");

    let deprecated = ["catalog", "deprecate", "tools", "--replaced-by", "tools-2", "--reason", "Old"];
    drop(machine.run(deprecated).success());
    let shown = machine.run(["catalog", "show", "tools"]).success().stdout;
    assert!(shown.contains("Deprecated     yes; use tools-2; Old\n"), "{shown}");
    assert!(!shown.contains("Description"), "{shown}");
    assert_eq!(names(&machine.run(["catalog", "list", "--deprecated"]).success()), ["tools"]);
    let history = machine.run(["catalog", "history", "tools"]).success().stdout;
    let rows: Vec<&str> = history.lines().skip(1).collect();
    assert_eq!(rows.len(), 5, "{history}");
    assert!(rows[0].contains("root   changed   deprecated"), "{history}");
    assert!(rows[4].ends_with("root   added"), "{history}");

    // Nobody is at a terminal who could say yes.
    assert!(machine.run(["catalog", "remove", "tools"]).exits(2).stderr.contains("give --yes"));
    drop(machine.run(["catalog", "remove", "tools", "none", "--yes"]).exits(3));
    drop(machine.run(["catalog", "show", "tools"]).success());
    let asked = run_at_terminal(&machine, &["catalog", "remove", "tools"], "n").exits(130);
    assert!(asked.stdout.contains("remove `tools`, with all builds? [y/N]"), "{}", asked.stdout);
    drop(machine.run(["catalog", "show", "tools"]).success());
    drop(run_at_terminal(&machine, &["catalog", "remove", "tools"], "y").success());
    drop(machine.run(["catalog", "rm", "tools-2", "--yes"]).success());
    assert!(machine.run(["catalog", "show", "tools"]).exits(3).stderr.contains("there is no image `tools`"));
}

#[test]
fn a_list_has_all_that_is_asked_for() {
    let server = TestServer::start();
    let root = server.administrator();
    let machine = machine_of(&server, &root);
    root.post("/groups", &json!({"name": "ml"})).is(201);
    let manifest = |number: usize| {
        format!(
            "apiVersion: primehub.io/v1alpha1\nkind: Image\nmetadata: {{name: image-{number}}}\n\
             spec: {{displayName: 'Image {number}', type: {}, url: '127.0.0.1:1/a:1', groupName: {}}}\n",
            ["cpu", "gpu", "both"][number % 3],
            if number.is_multiple_of(2) { "ml" } else { "''" },
        )
    };
    let manifests: Vec<String> = (0..520).map(manifest).collect();
    let file = machine.write("images.yaml", &manifests.join("---\n"));
    let file = file.to_str().unwrap();
    let tried = machine.run(["catalog", "import", "primehub", file, "--dry-run"]).success();
    assert!(tried.stdout.contains("image-0     would be added\n"), "{}", tried.stdout);
    assert_eq!(names(&machine.run(["catalog", "list"]).success()), [""; 0]);
    drop(machine.run(["catalog", "import", "primehub", file]).success());

    let list = |arguments: &[&str]| {
        let listed = machine.run(["catalog", "list", "--json"].iter().chain(arguments)).success().json();
        let names = listed.as_array().unwrap().iter().map(|image| image["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(list(&[]).len(), 520);
    assert_eq!(list(&["--type", "cpu"]).len(), 174);
    assert_eq!(list(&["--owner-group", "ml"]).len(), 260);
    assert_eq!(list(&["--owner-system"]).len(), 260);
    assert_eq!(list(&["--group", "ml", "--type", "gpu"]).len(), 86);
    assert_eq!(list(&["Image 51", "universal"]), ["image-251", "image-512", "image-515", "image-518"]);
    assert_eq!(list(&["--sort", "display-name", "--descending"])[0], "image-99");
    assert_eq!(list(&["--state", "not-ready"]), [""; 0]);
    assert_eq!(list(&["--source", "built"]), [""; 0]);
    assert_eq!(list(&["--tag", "none"]), [""; 0]);
    let quiet = machine.run(["catalog", "ls", "519", "--quiet"]).success();
    assert_eq!(quiet.stdout, "image-519\n");
    let wrong = machine.run(["catalog", "list", "--type", "tpu"]).exits(2);
    assert!(wrong.stderr.contains("possible values: cpu, gpu, universal"), "{wrong}");
}

#[test]
fn what_a_server_builds_is_made_of_a_spec() {
    let context = context().env("IMAGEWRIGHT_SERVER__BUILDS__WORKERS", "0");
    let server = TestServer::start_in(context, &[]);
    let root = server.administrator();
    let machine = machine_of(&server, &root);
    machine.write("image.yaml", "base: bootstrap\napt: [curl]\n");
    let add =
        |arguments: &[&str]| machine.run(["catalog", "add", "--spec", "image.yaml"].iter().chain(arguments));
    assert!(add(&[]).exits(2).stderr.contains("give --display-name"));
    let added = add(&["--display-name", "Data science", "--no-plan"]).success();
    assert_eq!(added.stdout, "data-science\n");
    assert!(added.stderr.contains("imagewright builds logs --follow data-science"), "{added}");
    let shown = machine.run(["catalog", "show", "data-science"]).success().stdout;
    assert!(shown.contains("State          building\n") && shown.contains("\"curl\""), "{shown}");

    let copy = machine.run(["catalog", "duplicate", "data-science"]).success();
    assert_eq!(copy.stdout, "data-science-copy\n");
    assert!(copy.stderr.contains("imagewright catalog build data-science-copy"), "{copy}");
    assert_eq!(
        names(&machine.run(["catalog", "list", "--state", "not-ready"]).success()),
        ["data-science-copy"]
    );
    let built = machine.run(["catalog", "build", "data-science-copy", "--no-plan"]).success();
    assert_eq!(built.stdout, "data-science-copy:1\n");
    machine.write("other.yaml", "base: bootstrap\napt: [jq]\n");
    let other = ["catalog", "build", "data-science-copy", "--spec", "other.yaml", "--no-plan"];
    assert_eq!(machine.run(other).success().stdout, "data-science-copy:2\n");
    let spec =
        machine.run(["catalog", "show", "data-science-copy", "--json"]).success().json()["spec"].clone();
    assert_eq!(
        spec["apt"],
        machine.run(["builds", "show", "data-science-copy:2", "--json"]).success().json()["spec"]["apt"]
    );
    assert!(spec.to_string().contains("jq"), "{spec}");

    machine.write("docker/Dockerfile", "FROM scratch\n");
    let dockerfile = ["catalog", "add", "--spec", "docker", "--display-name", "a"];
    assert!(machine.run(dockerfile).exits(2).stderr.contains("this is a Dockerfile"));
    drop(machine.run(["catalog", "add", "--spec", "nowhere", "--display-name", "a"]).exits(3));
    drop(machine.run(["catalog", "add", REFERENCE, "--spec", "image.yaml"]).exits(2));
    drop(machine.run(["catalog", "add"]).exits(2));
    let odd = machine.write("odd.yaml", "base: bootstrap\nno-such-key: 1\n");
    let odd = ["catalog", "add", "--spec", odd.to_str().unwrap(), "--display-name", "a"];
    assert!(machine.run(odd).exits(4).stderr.contains("no-such-key"));
}

#[test]
fn what_is_on_offer_is_what_may_be_seen() {
    let server = TestServer::start();
    let root = server.administrator();
    root.post("/groups", &json!({"name": "ml"})).is(201);
    let ada = server.add_user("ada", &[]);
    root.put("/groups/ml/members/ada", &json!({"role": "admin"})).is(200);
    let (machine, of_ada) = (machine_of(&server, &root), machine_of(&server, &ada));
    drop(
        machine.run(["catalog", "add", REFERENCE, "--name", "open", "--for-all", "--type", "gpu"]).success(),
    );
    drop(machine.run(["catalog", "add", REFERENCE, "--name", "closed"]).success());
    let own = ["catalog", "add", REFERENCE, "--name", "own", "--owner-group", "ml"];
    drop(of_ada.run(own).success());
    assert_eq!(names(&of_ada.run(["catalog", "list"]).success()), ["open", "own"]);
    assert_eq!(names(&of_ada.run(["catalog", "offers", "--group", "ml"]).success()), ["own"]);
    assert_eq!(
        names(&of_ada.run(["catalog", "offers", "--group", "ml", "--gpu"]).success()),
        ["open", "own"]
    );
    drop(of_ada.run(["catalog", "show", "closed"]).exits(3));
    drop(of_ada.run(["catalog", "offers", "--group", "bio"]).exits(3));
    drop(of_ada.run(["catalog", "edit", "open", "--tag", "x"]).exits(7));
    drop(of_ada.run(["catalog", "edit", "own", "--for-all"]).exits(7));
    // Whoever looks after a group begins from what they see.
    let copied =
        of_ada.run(["catalog", "duplicate", "open", "--owner-group", "ml", "--name", "mine"]).success();
    assert_eq!(copied.stdout, "mine\n");
    let copy = of_ada.run(["catalog", "show", "mine", "--json"]).success().json();
    assert_eq!((&copy["type"], &copy["visibility"]["global"]), (&json!("gpu"), &json!(false)));
    drop(of_ada.run(["catalog", "duplicate", "open"]).exits(7));
    drop(of_ada.run(["catalog", "duplicate", "own", "--name", "mine"]).exits(5));
    drop(of_ada.run(["catalog", "duplicate", "closed", "--owner-group", "ml"]).exits(3));
}
