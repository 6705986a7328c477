//! The registry of a running server, used by our own client and by others.

use std::fs;
use std::process::{Command, Stdio};

use imagewright_records::{Records, Url};
use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::random::Random;
use imagewright_testkit::registry::TestRegistry;
use serde_json::{Value, json};

use super::support::TestServer;
use crate::storm::{assert_sound, noisy_image};
use crate::support::{context, context_with_image, tiny_image};

/// A machine of its own, logged in as the person with a token, with the image `demo/tiny:1`.
pub(super) fn client(server: &TestServer, person: &str, token: &str) -> TestContext {
    let client = context_with_image();
    drop(login(&client, server, person, token).success());
    client
}

pub(crate) fn login(client: &TestContext, server: &TestServer, person: &str, token: &str) -> Outcome {
    let arguments = ["login", &server.address, "-u", person, "--password-stdin"];
    let mut command = client.command(arguments);
    let mut process =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut process.stdin.take().unwrap(), token.as_bytes()).unwrap();
    process.wait_with_output().map(Outcome::from).unwrap()
}

fn digest_of(context: &TestContext, image: &str) -> String {
    let shown = context.run(["image", "show", image, "--json"]).success().json();
    shown["manifest_digest"].as_str().or(shown["digest"].as_str()).unwrap_or_default().to_owned()
}

#[test]
fn our_own_client_pushes_and_pulls() {
    let server = TestServer::start();
    let token = server.administrator().token();
    let client = client(&server, "root", &token);
    let name = format!("{}/team/tiny:1", server.address);
    drop(client.run(["push", "demo/tiny:1", &name]).success());
    let other = context();
    // Who has not logged in gets nothing, and with a wrong password one does not log in.
    assert!(other.run(["pull", &name]).code != Some(0));
    assert!(login(&other, &server, "root", "iw_wrong").code != Some(0));
    drop(login(&other, &server, "root", &token).success());
    drop(other.run(["pull", &name]).success());
    assert_eq!(digest_of(&other, &name), digest_of(&client, "demo/tiny:1"));
    let copy = format!("{}/team/copy:2", server.address);
    drop(other.run(["image", "copy", &name, &copy]).success());
    assert_sound(&server.context);
}

#[test]
fn what_is_built_here_is_pulled_at_once_and_its_base_fetched_through() {
    let upstream = TestRegistry::start().unwrap();
    let base = format!("{}/demo/base:1", upstream.host());
    drop(context_with_image().run(["push", "demo/tiny:1", &base]).success());
    let server = TestServer::start();
    let root = server.administrator();
    let name = format!("{}/built:1", server.address);
    drop(server.context.run(["build", "--base", &base, "-l", "a=b", "-t", &name]).success());
    assert_eq!(
        upstream.count("GET", "/blobs/sha256"),
        1,
        "the configuration alone: {:?}",
        upstream.requests()
    );
    let client = client(&server, "root", &root.token());
    // Nobody has an entry for it: nobody gets it.
    assert!(client.run(["pull", &name]).code != Some(0));
    root.post("/images", &json!({"display_name": "built", "reference": name})).is(201);
    drop(client.run(["pull", &name]).success());
    assert_eq!(digest_of(&client, &name), digest_of(&server.context, &name));
    // With the entry its images go from the list of tags.
    root.delete("/images/built").is(204);
    root.post("/images", &json!({"display_name": "built", "reference": name})).is(201);
    let other = self::client(&server, "root", &root.token());
    assert!(other.run(["pull", &name]).code != Some(0));
    assert_sound(&server.context);
}

/// A server with the entry `built`, and its image as if it had been built here.
fn with_built_image(owner: &Value) -> (TestServer, String, Value) {
    const NAME: &str = "images.example:8340/built:1";
    let context = context().env("IMAGEWRIGHT_SERVER__PUBLIC_ADDRESS", "http://images.example:8340");
    let server = TestServer::start_in(context, &[]);
    let token = server.administrator().token();
    server.with_token(&token).post("/groups", &json!({"name": "ml"})).is(201);
    tiny_image().write_layout(&server.context.work().join("tiny"), "tiny").unwrap();
    drop(server.context.run(["image", "import", "oci:tiny", "--tag", NAME]).success());
    let entry = json!({"display_name": "built", "reference": NAME, "owner": owner});
    server.with_token(&token).post("/images", &entry).is(201);
    assert!(is_pulled(&server, &token));
    (server, token, entry)
}

fn is_pulled(server: &TestServer, token: &str) -> bool {
    let address = format!("http://{}/v2/built/manifests/1", server.address);
    let settings = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build();
    let request = ureq::Agent::new_with_config(settings).get(address);
    request.header("authorization", format!("Bearer {token}")).call().unwrap().status() == 200
}

/// A server is killed right between the transaction that removes an entry and the removal of what belonged to it.
#[test]
fn what_a_crash_left_of_a_removed_entry_belongs_to_nobody() {
    let (server, token, entry) = with_built_image(&json!("system"));
    let context = server.kill();
    let file = context.root().join("server/records.db");
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let records = Records::open(&Url::file(&file)).await.unwrap();
        let mut work = records.begin().await.unwrap();
        let image = work.image(&"built".parse().unwrap()).await.unwrap().unwrap().image;
        work.delete_image(&image).await.unwrap();
        work.commit().await.unwrap();
        records.close().await;
    });
    let server = TestServer::start_in(context, &[]);
    server.with_token(&token).post("/images", &entry).is(201);
    assert!(!is_pulled(&server, &token));
    assert_sound(&server.context);
}

#[test]
fn with_a_group_go_the_images_of_its_entries() {
    let (server, token, mut entry) = with_built_image(&json!({"group": "ml"}));
    let root = server.with_token(&token);
    root.delete("/groups/ml?images=delete").is(204);
    entry["owner"] = json!("system");
    root.post("/images", &entry).is(201);
    assert!(!is_pulled(&server, &token));
    assert_sound(&server.context);
}

#[test]
fn a_collection_keeps_what_was_pushed() {
    let server = TestServer::start();
    let token = server.administrator().token();
    let client = client(&server, "root", &token);
    let name = format!("{}/team/tiny:1", server.address);
    drop(client.run(["push", "demo/tiny:1", &name]).success());
    drop(server.context.run(["gc"]).success());
    let other = self::client(&server, "root", &token);
    drop(other.run(["pull", &name]).success());
    assert_sound(&server.context);
}

/// A server is killed while images are pushed to it: a tag stands for nothing or for all of an image, and the push can be done
/// again.
#[test]
fn a_server_is_killed_during_pushes() {
    const KILLS: u64 = 12;
    let mut server = TestServer::start();
    let token = server.administrator().token();
    let client = context();
    // A new image for each push: blobs that another repository has are mounted and not sent.
    let image = |number: u64| {
        let name = format!("demo/noisy:{number}");
        let folder = format!("layout-{number}");
        noisy_image(number).write_layout(&client.work().join(&folder), &name).unwrap();
        drop(client.run(["image", "import", &format!("oci:{folder}")]).success());
        name
    };
    drop(login(&client, &server, "root", &token).success());
    let first = image(0);
    let begin = std::time::Instant::now();
    drop(client.run(["push", &first, &format!("{}/measure:1", server.address)]).success());
    let whole = begin.elapsed();
    let (mut random, seed) = Random::from_environment("server");
    let mut taken = 0;
    for kill in 0..KILLS {
        let (repository, image) = (format!("storm/{kill}"), image(kill + 1));
        let target = |server: &TestServer| format!("{}/{repository}:1", server.address);
        let mut push = client.command(["push", &image, &target(&server)]);
        let mut push = push.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(random.fraction()));
        let surroundings = server.kill();
        drop(push.kill());
        drop(push.wait());
        assert_sound(&surroundings);
        server = TestServer::start_in(surroundings, &[]);
        drop(login(&client, &server, "root", &token).success());
        let other = context();
        drop(login(&other, &server, "root", &token).success());
        let pulled = other.run(["pull", &target(&server)]);
        taken += u64::from(pulled.code == Some(0));
        assert!(matches!(pulled.code, Some(0 | 3)), "seed {seed}, kill {kill}: {pulled}");
        drop(client.run(["push", &image, &target(&server)]).success());
        drop(other.run(["pull", &target(&server)]).success());
        assert_eq!(digest_of(&other, &target(&server)), digest_of(&client, &image));
    }
    assert!(taken < KILLS, "no kill came before the end of a push: seed {seed}");
    assert_sound(&server.context);
}

/// Runs a program with a home of its own.
fn run(home: &TestContext, program: &str, arguments: &[&str]) -> Outcome {
    let mut command = Command::new(program);
    command.args(arguments).env("HOME", home.folder()).env("XDG_RUNTIME_DIR", home.folder());
    Outcome::of(command.env_remove("REGISTRY_AUTH_FILE"))
}

mod needs_skopeo {
    use super::*;

    #[test]
    #[ignore = "needs skopeo"]
    fn skopeo_copies_lists_inspects_and_deletes() {
        let server = TestServer::start();
        let token = server.administrator().token();
        let home = context();
        noisy_image(1).write_layout(&home.work().join("layout"), "one").unwrap();
        let skopeo = |arguments: &[&str]| run(&home, "skopeo", arguments);
        let host = server.address.as_str();
        let name = format!("docker://{host}/team/noisy");
        let (one, two) = (format!("{name}:1"), format!("docker://{host}/other/noisy:2"));
        let layout = format!("oci:{}:one", home.work().join("layout").display());
        let push = ["copy", "--dest-tls-verify=false", &layout, &one];
        assert!(skopeo(&push).code != Some(0), "nobody has logged in");
        assert!(skopeo(&["login", "--tls-verify=false", "-u", "root", "-p", "wrong", host]).code != Some(0));
        drop(skopeo(&["login", "--tls-verify=false", "-u", "root", "-p", &token, host]).success());
        drop(skopeo(&push).success());
        let both = ["copy", "--src-tls-verify=false", "--dest-tls-verify=false"];
        drop(skopeo(&[&both[..], &[&one, &two]].concat()).success());
        let inspect = |name: &str| skopeo(&["inspect", "--tls-verify=false", name]).success().json();
        assert_eq!(inspect(&one)["Digest"], inspect(&two)["Digest"]);
        let tags = || skopeo(&["list-tags", "--tls-verify=false", &name]).success().json()["Tags"].clone();
        assert_eq!(tags(), json!(["1"]));
        drop(skopeo(&["delete", "--tls-verify=false", &one]).success());
        assert_eq!(tags(), json!([]));
        let folder = format!("dir:{}", home.work().join("out").display());
        drop(skopeo(&["copy", "--src-tls-verify=false", &two, &folder]).success());
        assert_sound(&server.context);
    }
}

/// Logs in, pushes, removes, pulls: with the arguments that each of these programs takes.
fn goes_round(server: &TestServer, run: &dyn Fn(&[&str]) -> Outcome, insecure: &[&str]) {
    let token = server.add_user("ann", &["--admin"]).token();
    let host = server.address.as_str();
    let name = format!("{host}/team/image:1");
    drop(run(&["tag", "demo/tiny:1", &name]).success());
    let with = |first: &[&'static str], last: &[&str]| {
        let arguments: Vec<&str> =
            first.iter().chain(insecure).copied().chain(last.iter().copied()).collect();
        run(&arguments)
    };
    assert!(with(&["push"], &[&name]).code != Some(0), "nobody has logged in");
    assert!(with(&["login"], &["-u", "ann", "-p", "wrong", host]).code != Some(0));
    drop(with(&["login"], &["-u", "ann", "-p", &token, host]).success());
    drop(with(&["push"], &[&name]).success());
    drop(run(&["rmi", &name]).success());
    drop(with(&["pull"], &[&name]).success());
    drop(run(&["logout", host]).success());
    drop(run(&["rmi", &name]).success());
    assert!(with(&["pull"], &[&name]).code != Some(0), "nobody is logged in any more");
    assert_sound(&server.context);
}

mod needs_docker {
    use imagewright_testkit::docker::DockerDaemon;

    use super::*;

    #[test]
    #[ignore = "needs root and docker"]
    fn docker_goes_round() {
        let server = TestServer::start();
        let daemon = DockerDaemon::start();
        load(&daemon);
        goes_round(&server, &|arguments| daemon.docker(arguments.iter().copied()), &[]);
    }

    pub(super) fn load(daemon: &DockerDaemon) {
        let context = context_with_image();
        let archive = context.work().join("image.tar");
        let target = format!("docker-archive:{}", archive.display());
        drop(context.run(["image", "export", "demo/tiny:1", &target]).success());
        drop(daemon.docker(["load", "--input", archive.to_str().unwrap()]).success());
    }
}

mod needs_buildkit {
    use imagewright_testkit::docker::DockerDaemon;

    use super::*;

    #[test]
    #[ignore = "needs root and a newer docker"]
    fn the_newest_docker_goes_round() {
        let server = TestServer::start();
        let daemon = DockerDaemon::start_newest(&imagewright_testkit::shared::folder());
        needs_docker::load(&daemon);
        goes_round(&server, &|arguments| daemon.docker(arguments.iter().copied()), &[]);
    }
}

mod needs_podman {
    use super::*;

    #[test]
    #[ignore = "needs root and podman"]
    fn podman_goes_round() {
        let server = TestServer::start();
        let context = context_with_image();
        let archive = context.work().join("image.tar");
        let target = format!("docker-archive:{}", archive.display());
        drop(context.run(["image", "export", "demo/tiny:1", &target]).success());
        let root = context.folder().join("podman").display().to_string();
        // Podman takes no longer path than 50 bytes.
        let running = tempfile::Builder::new().prefix("iw-").tempdir_in("/tmp").unwrap();
        let run_root = running.path().display().to_string();
        let podman = |arguments: &[&str]| {
            let all = ["--root", &root, "--runroot", &run_root, "--storage-driver", "vfs"];
            run(&context, "podman", &[&all[..], arguments].concat())
        };
        drop(podman(&["load", "--input", archive.to_str().unwrap()]).success());
        goes_round(&server, &podman, &["--tls-verify=false"]);
        drop(fs::remove_dir_all(root));
    }
}
