//! Who may what: who sees an entry pulls, who may change it pushes, and nobody learns of what is not theirs.

use imagewright_catalog::Role;
use imagewright_oci::Digest;
use serde_json::json;

use crate::support::{Caller, MANIFEST, TestServer, run};

/// Two groups with an image each, and people in them.
struct Scene<'a> {
    root: Caller<'a>,
    /// Looks after the group `ml`.
    ada: Caller<'a>,
    /// Is in the group `ml`.
    mia: Caller<'a>,
    /// Looks after the group `bio`.
    ben: Caller<'a>,
    /// Is in no group.
    zoe: Caller<'a>,
}

async fn scene(server: &TestServer) -> Scene<'_> {
    for group in ["ml", "bio"] {
        server.add_group(group).await;
    }
    let scene = Scene {
        root: server.administrator().await,
        ada: server.add("ada", false, &[("ml", Role::Admin)]).await,
        mia: server.add("mia", false, &[("ml", Role::Member)]).await,
        ben: server.add("ben", false, &[("bio", Role::Admin)]).await,
        zoe: server.add("zoe", false, &[]).await,
    };
    scene.ada.push_image("ml/tools", "1", "secret of ml").await;
    scene.ben.push_image("bio/tools", "1", "secret of bio").await;
    scene.root.push_image("hidden", "1", "secret of root").await;
    scene.root.push_image("open", "1", "for all").await;
    let change = serde_json::from_value(json!({"visibility": {"global": true}})).unwrap();
    let by = imagewright_catalog::Principal::server();
    server.server.change_image(&by, &"open".parse().unwrap(), None, change).await.unwrap();
    scene
}

async fn listed(who: &Caller<'_>) -> serde_json::Value {
    who.get("/v2/_catalog").await.is(200).json()["repositories"].clone()
}

#[test]
fn groups_do_not_see_each_others_images() {
    run(async {
        let server = TestServer::start().await;
        let scene = scene(&server).await;
        let repositories = ["ml/tools", "bio/tools", "hidden", "open", "none"];
        let pulls = [
            (&scene.root, "yyyy-"),
            (&scene.ada, "y--y-"),
            (&scene.mia, "y--y-"),
            (&scene.ben, "-y-y-"),
            (&scene.zoe, "---y-"),
        ];
        for (who, expected) in pulls {
            for (repository, may) in repositories.iter().zip(expected.chars()) {
                let answers = [
                    who.get(&format!("/v2/{repository}/manifests/1")).await,
                    who.get(&format!("/v2/{repository}/tags/list")).await,
                    who.with_token(&[&format!("repository:{repository}:pull")])
                        .await
                        .get(&format!("/v2/{repository}/manifests/1"))
                        .await,
                ];
                for answer in answers {
                    match may {
                        'y' => drop(answer.is(200)),
                        // What may not be seen is told as what is not there.
                        _ if *repository == "none" => drop(answer.is(404)),
                        _ => drop(answer.refused(404, "NAME_UNKNOWN")),
                    }
                }
            }
        }
        assert_eq!(listed(&scene.root).await, json!(["bio/tools", "hidden", "ml/tools", "open"]));
        assert_eq!(listed(&scene.mia).await, json!(["ml/tools", "open"]));
        assert_eq!(listed(&scene.zoe).await, json!(["open"]));
    });
}

#[test]
fn who_may_not_change_an_entry_does_not_push() {
    run(async {
        let server = TestServer::start().await;
        let scene = scene(&server).await;
        let blob = Digest::of(b"secret of ml");
        let pushes = [
            (&scene.mia, vec!["ml/tools", "ml/new", "open", "new"]),
            (&scene.ada, vec!["bio/tools", "bio/new", "open", "hidden", "new", "mlx/new", "other/new"]),
            (&scene.zoe, vec!["ml/tools", "open", "hidden", "none"]),
        ];
        for (who, repositories) in pushes {
            for repository in repositories {
                let begin = format!("/v2/{repository}/blobs/uploads/");
                who.post(&begin, "").await.refused(403, "DENIED");
                let put = format!("/v2/{repository}/manifests/1");
                who.put(&put, MANIFEST, "{}").await.refused(403, "DENIED");
                who.delete(&put).await.refused(403, "DENIED");
                who.delete(&format!("/v2/{repository}/blobs/{blob}")).await.refused(403, "DENIED");
                let all = format!("repository:{repository}:pull,push,delete");
                who.with_token(&[&all]).await.post(&begin, "").await.refused(403, "DENIED");
            }
        }
        scene.ada.push_image("ml/new", "1", "another").await;
        scene.root.push_image("ml/tools", "2", "by root").await;
    });
}

#[test]
fn a_digest_alone_opens_nothing() {
    run(async {
        let server = TestServer::start().await;
        let scene = scene(&server).await;
        let secret = Digest::of(b"secret of bio");
        // Not by a repository of one's own, not by a mount, and not by a manifest that names it.
        scene.ada.get(&format!("/v2/ml/tools/blobs/{secret}")).await.refused(404, "BLOB_UNKNOWN");
        scene.ada.head(&format!("/v2/ml/tools/blobs/{secret}")).await.is(404);
        let mount = format!("/v2/ml/tools/blobs/uploads/?mount={secret}&from=bio/tools");
        scene.ada.post(&mount, "").await.is(202);
        scene.ada.get(&format!("/v2/ml/tools/blobs/{secret}")).await.refused(404, "BLOB_UNKNOWN");
        let config = scene.ada.push_blob("ml/tools", b"{}").await;
        let layer = json!({"mediaType": "x", "digest": secret, "size": 13});
        let manifest =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
        let put = scene.ada.put("/v2/ml/tools/manifests/steal", MANIFEST, manifest.to_string()).await;
        put.refused(400, "MANIFEST_BLOB_UNKNOWN");
        // Nor by an artifact or an upload of others.
        let upload = scene.ben.post("/v2/bio/tools/blobs/uploads/", "").await.is(202);
        scene.ada.get(upload.header("location")).await.refused(403, "DENIED");
    });
}

#[test]
fn who_has_not_logged_in_pulls_where_the_server_is_open() {
    run(async {
        for open in [false, true] {
            let server = TestServer::with(open, jiff::Timestamp::now).await;
            let scene = scene(&server).await;
            let anonymous = server.anonymous();
            let refused = anonymous.get("/v2/open/manifests/1").await.refused(401, "UNAUTHORIZED");
            assert_eq!(
                refused.header("www-authenticate"),
                "Bearer realm=\"http://images.example/v2/token\",service=\"images.example\",\
                 scope=\"repository:open:pull\""
            );
            anonymous.get("/v2/").await.refused(401, "UNAUTHORIZED");
            for (repository, may) in [("open", open), ("hidden", false), ("ml/tools", false), ("none", false)]
            {
                let all = format!("repository:{repository}:pull,push,delete");
                let token = anonymous.with_token(&[&all]).await;
                let answer = token.get(&format!("/v2/{repository}/manifests/1")).await;
                if may {
                    drop(answer.is(200));
                } else {
                    drop(answer.refused(401, "UNAUTHORIZED"));
                }
                token
                    .post(&format!("/v2/{repository}/blobs/uploads/"), "")
                    .await
                    .refused(401, "UNAUTHORIZED");
            }
            drop(scene);
        }
    });
}

#[test]
fn pulls_are_counted() {
    run(async {
        let server = TestServer::start().await;
        let scene = scene(&server).await;
        for _ in 0..3 {
            scene.mia.get("/v2/ml/tools/manifests/1").await.is(200);
        }
        scene.mia.head("/v2/ml/tools/manifests/1").await.is(200);
        let by = imagewright_catalog::Principal::server();
        for attempt in 0.. {
            let pulls = server.server.pulls(&by, &"ml-tools".parse().unwrap()).await.unwrap();
            if pulls.first().is_some_and(|pulls| pulls.count == 3) {
                break;
            }
            assert!(attempt < 200, "{pulls:?}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
}
