//! Who may build on what, and with which secret it is pulled.

use std::path::Path;
use std::sync::Arc;

use imagewright_catalog::{
    Kept, Membership, Name, NewImage, PersonId, Principal, Role, SecretKind, SecretRecord,
};
use imagewright_records::{Records, Url, Work};
use imagewright_server::distribution::DistributionSettings;
use imagewright_server::{NewBuild, Server, ServerError};
use imagewright_service::Service;
use jiff::Timestamp;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn service(root: &Path) -> Service {
    let helper = imagewright_sandbox::Helper { program: "/nowhere".into(), arguments: Vec::new() };
    let machine = imagewright_service::Machine {
        apt_sources: Vec::new(),
        os_release: String::new(),
        keyrings: "/nowhere".into(),
        docker_socket: "/nowhere".into(),
        uv_candidates: Vec::new(),
    };
    let credentials = imagewright_service::CredentialFiles {
        write_podman: false,
        podman: Vec::new(),
        docker: None,
        helper_path: None,
    };
    Service::open(root, helper, Default::default(), machine, Default::default(), credentials).unwrap()
}

/// Somebody who looks after the group `ml`.
fn ada() -> Principal {
    let memberships = vec![Membership { group: name("ml"), role: Role::Admin }];
    Principal { person: Some(PersonId::new("ada")), name: "ada".to_owned(), admin: false, memberships }
}

async fn add_image(work: &mut Work, named: &str, mut new: Value) {
    new["display_name"] = json!(named);
    let new: NewImage = serde_json::from_value(new).unwrap();
    let image = new.into_image(work.new_image_id(), name(named), None, NOW).unwrap();
    work.insert_image(&image).await.unwrap();
}

async fn add_secret(work: &mut Work, named: &str, kind: SecretKind, host: &str) {
    let secret = SecretRecord {
        id: work.new_secret_id(),
        name: name(named),
        kind,
        host: host.to_owned(),
        username: Some("robot".to_owned()),
        kept: Kept::Environment("NO_SUCH_VARIABLE".to_owned()),
        created_at: NOW,
        changed_at: NOW,
    };
    work.insert_secret(&secret, None).await.unwrap();
}

/// Asks for a build of `mine` on a base; gives the secret for it, or where the problem is and what.
async fn ask(
    server: &Server,
    principal: &Principal,
    base: &str,
    secret: Option<&str>,
) -> Result<Option<Name>, (String, String)> {
    let new = NewBuild { spec: Some(json!({"base": base})), pull_secret: secret.map(name), upgrade: false };
    match server.request_build(principal, &name("mine"), new, false).await {
        Ok(build) => Ok(build.pull_secret),
        Err(ServerError::Invalid(invalid)) => {
            Err((invalid.0[0].pointer.clone(), invalid.0[0].detail.clone()))
        }
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_base_is_for_those_who_could_pull_it() {
    let folder = tempfile::tempdir().unwrap();
    let records = Records::open(&Url::file(&folder.path().join("records.db"))).await.unwrap();
    let mut work = records.begin().await.unwrap();
    let ours = json!({"group": "ml"});
    add_image(&mut work, "mine", json!({"spec": {"base": "bootstrap"}, "owner": ours})).await;
    let pulled =
        json!({"reference": "registry.example/a:1", "pull_secret": "pull", "visibility": {"global": true}});
    add_image(&mut work, "seen", pulled).await;
    add_image(&mut work, "unseen", json!({"reference": "127.0.0.1:1/b:1"})).await;
    add_image(&mut work, "theirs", json!({"spec": {"base": "bootstrap"}})).await;
    add_secret(&mut work, "pull", SecretKind::Pull, "registry.example").await;
    add_secret(&mut work, "other", SecretKind::Pull, "other.example").await;
    add_secret(&mut work, "push", SecretKind::Push, "registry.example").await;
    work.commit().await.unwrap();
    let reached =
        DistributionSettings { host: Some("images.example".to_owned()), ..DistributionSettings::default() };
    let server = Server::new(records, Arc::new(service(&folder.path().join("store")))).with_registry(reached);
    let (ada, root) = (ada(), Principal::server());

    // The secret of the entry, of which one need not know; or another that fits.
    assert_eq!(ask(&server, &ada, "registry.example/a:1", None).await, Ok(Some(name("pull"))));
    assert_eq!(ask(&server, &ada, "registry.example/a:1", Some("pull")).await, Ok(Some(name("pull"))));
    for (secret, said) in
        [("none", "there is no secret"), ("push", "not for pulling"), ("other", "is for `other.example`")]
    {
        let (pointer, detail) = ask(&server, &ada, "registry.example/a:1", Some(secret)).await.unwrap_err();
        assert!(pointer == "/pull_secret" && detail.contains(said), "{pointer}: {detail}");
    }
    let (pointer, _) = ask(&server, &ada, "bootstrap", Some("pull")).await.unwrap_err();
    assert_eq!(pointer, "/pull_secret");

    // What is not on offer to her, in the catalogue or not, she must be able to pull by herself.
    for base in ["127.0.0.1:1/b:1", "127.0.0.1:1/nowhere:1"] {
        let (pointer, detail) = ask(&server, &ada, base, None).await.unwrap_err();
        assert!(pointer == "/spec/base" && detail.contains("did not give it"), "{detail}");
        assert_eq!(ask(&server, &root, base, None).await, Ok(None));
    }

    // Results of others, of whatever number, and of images that are not there, are one and the same.
    for base in ["images.example/theirs:1", "images.example/nothing:1"] {
        let (pointer, detail) = ask(&server, &ada, base, None).await.unwrap_err();
        assert_eq!(
            (pointer.as_str(), detail),
            ("/spec/base", format!("there is no image `{base}` on this server"))
        );
    }
    assert_eq!(ask(&server, &ada, "images.example/mine:1", None).await, Ok(None));
    assert_eq!(ask(&server, &ada, "bootstrap", None).await, Ok(None));
}
