//! Manifests, tags, referrers, and what pushes do to the catalogue.

use imagewright_oci::Digest;
use serde_json::json;

use crate::support::{HOST, INDEX, MANIFEST, TestServer, run};

#[test]
fn a_manifest_is_had_by_tag_and_digest_until_it_is_removed() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        let digest = root.push_image("a", "1", "one").await;
        for name in ["1", &digest] {
            let path = format!("/v2/a/manifests/{name}");
            let head = root.head(&path).await.is(200);
            let got = root.get(&path).await.is(200);
            for answer in [&head, &got] {
                assert_eq!(answer.header("docker-content-digest"), digest);
                assert_eq!(answer.header("content-type"), MANIFEST);
                assert_eq!(answer.header("content-length"), got.body.len().to_string());
            }
            assert!(head.body.is_empty() && Digest::of(&got.body).to_string() == digest);
        }
        root.push_image("a", "2", "one").await;
        root.delete("/v2/a/manifests/2").await.is(202);
        root.get("/v2/a/manifests/2").await.refused(404, "MANIFEST_UNKNOWN");
        root.get("/v2/a/manifests/1").await.is(200);
        root.delete(&format!("/v2/a/manifests/{digest}")).await.is(202);
        root.get("/v2/a/manifests/1").await.refused(404, "MANIFEST_UNKNOWN");
        root.delete(&format!("/v2/a/manifests/{digest}")).await.refused(404, "MANIFEST_UNKNOWN");
    });
}

#[test]
fn a_push_makes_an_entry_and_later_ones_move_its_pin() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        let first = root.push_image("team/tools", "1", "one").await;
        let read = |name: &'static str| {
            let server = &server;
            async move {
                let principal = imagewright_catalog::Principal::server();
                server.server.image(&principal, &name.parse().unwrap()).await.unwrap().image
            }
        };
        let entry = read("team-tools").await;
        assert_eq!(entry.reference, Some(format!("{HOST}/team/tools:1")));
        assert_eq!(entry.pin.as_ref().map(|pin| pin.digest.to_string()), Some(first.clone()));
        assert_eq!(entry.pin.unwrap().platforms, ["linux/amd64"]);
        // Another tag is none of the entry's business; its own is.
        root.push_image("team/tools", "2", "two").await;
        assert_eq!(read("team-tools").await.revision, 1);
        let third = root.push_image("team/tools", "1", "three").await;
        let entry = read("team-tools").await;
        assert_eq!((entry.revision, entry.pin.unwrap().digest.to_string()), (2, third));
        // The entry's own name leads to the same repository.
        root.get("/v2/team-tools/manifests/2").await.is(200);
        let list = root.get("/v2/team/tools/tags/list").await.is(200).json();
        assert_eq!(list, json!({"name": "team/tools", "tags": ["1", "2"]}));
        let history = server
            .server
            .image_history(
                &imagewright_catalog::Principal::server(),
                &"team-tools".parse().unwrap(),
                &imagewright_catalog::PageRequest { after: None, limit: 10 },
            )
            .await
            .unwrap();
        let actions: Vec<&str> = history.items.iter().map(|entry| entry.action.as_str()).collect();
        assert_eq!(actions, ["image.pushed", "image.pushed", "image.added"]);
    });
}

#[test]
fn what_an_entry_had_is_not_had_by_the_next_of_its_name() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        let digest = root.push_image("a", "1", "one").await;
        let by = imagewright_catalog::Principal::server();
        server.server.delete_image(&by, &"a".parse().unwrap(), None).await.unwrap();
        root.get("/v2/a/manifests/1").await.refused(404, "MANIFEST_UNKNOWN");
        root.push_image("a", "2", "two").await;
        root.get("/v2/a/manifests/1").await.refused(404, "MANIFEST_UNKNOWN");
        root.get(&format!("/v2/a/manifests/{digest}")).await.refused(404, "MANIFEST_UNKNOWN");
        root.get(&format!("/v2/a/blobs/{}", Digest::of(b"one"))).await.refused(404, "BLOB_UNKNOWN");
    });
}

#[test]
fn an_index_names_what_is_there() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        let image = root.image_in("a", "one").await;
        let digest = Digest::of(image.as_bytes());
        let entry = json!({
            "mediaType": MANIFEST, "digest": digest, "size": image.len(),
            "platform": {"architecture": imagewright_oci::Platform::host().architecture, "os": "linux"},
        });
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).to_string();
        root.put("/v2/a/manifests/1", INDEX, index.clone()).await.refused(400, "MANIFEST_BLOB_UNKNOWN");
        root.put(&format!("/v2/a/manifests/{digest}"), MANIFEST, image).await.is(201);
        root.put("/v2/a/manifests/1", INDEX, index).await.is(201);
        let ask = |accept: &'static str| {
            let root = root.clone();
            async move { root.send("GET", "/v2/a/manifests/1", &[("accept", accept)], "").await }
        };
        for accept in [INDEX, "*/*", "application/x, application/vnd.oci.image.index.v1+json;q=0.5"] {
            assert_eq!(ask(accept).await.is(200).header("content-type"), INDEX);
        }
        // Who knows no indexes gets the image.
        let image = ask(MANIFEST).await.is(200);
        assert_eq!(
            (image.header("content-type"), image.header("docker-content-digest")),
            (MANIFEST, &*digest.to_string())
        );
        ask("text/html").await.refused(404, "MANIFEST_UNKNOWN");
    });
}

#[test]
fn referrers_are_found_by_what_they_are_about() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        let digest = root.push_image("a", "1", "one").await;
        let empty = root.push_blob("a", b"{}").await;
        let config =
            json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty["digest"], "size": 2});
        let mut pushed = Vec::new();
        for kind in ["sbom", "signature"] {
            let artifact_type = format!("application/vnd.example.{kind}");
            let subject = json!({"mediaType": MANIFEST, "digest": digest, "size": 1});
            let manifest = json!({
                "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": artifact_type, "config": config,
                "layers": [], "subject": subject, "annotations": {"kind": kind},
            });
            let text = manifest.to_string();
            let name = Digest::of(text.as_bytes());
            let answer = root.put(&format!("/v2/a/manifests/{name}"), MANIFEST, text.clone()).await.is(201);
            assert_eq!(answer.header("oci-subject"), digest);
            pushed.push(json!({
                "mediaType": MANIFEST, "digest": name, "size": text.len(), "annotations": {"kind": kind},
                "artifactType": artifact_type,
            }));
        }
        pushed.sort_by_key(|it| it["digest"].as_str().unwrap().to_owned());
        let path = format!("/v2/a/referrers/{digest}");
        let all = root.get(&path).await.is(200);
        assert_eq!(all.header("content-type"), INDEX);
        assert!(!all.headers.contains_key("oci-filters-applied"));
        assert_eq!(all.json()["manifests"], json!(pushed));
        let one = root.get(&format!("{path}?artifactType=application/vnd.example.sbom")).await.is(200);
        assert_eq!(one.header("oci-filters-applied"), "artifactType");
        assert_eq!(one.json()["manifests"].as_array().unwrap().len(), 1);
        let none = root.get(&format!("/v2/a/referrers/{}", Digest::of(b"x"))).await.is(200);
        assert_eq!(none.json()["manifests"], json!([]));
    });
}

#[test]
fn tags_and_repositories_come_in_pages() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        for tag in ["b", "a", "C"] {
            root.push_image("x", tag, "one").await;
        }
        root.push_image("y/z", "1", "one").await;
        let first = root.get("/v2/x/tags/list?n=2").await.is(200);
        assert_eq!(first.json()["tags"], json!(["C", "a"]));
        assert_eq!(first.header("link"), "</v2/x/tags/list?n=2&last=a>; rel=\"next\"");
        let rest = root.get("/v2/x/tags/list?n=2&last=a").await.is(200);
        assert!(rest.json()["tags"] == json!(["b"]) && !rest.headers.contains_key("link"));
        assert_eq!(root.get("/v2/x/tags/list?n=0").await.is(200).json()["tags"], json!([]));
        root.get("/v2/x/tags/list?n=x").await.refused(400, "PAGINATION_NUMBER_INVALID");
        root.get("/v2/none/tags/list").await.refused(404, "NAME_UNKNOWN");
        let repositories = root.get("/v2/_catalog?n=1").await.is(200);
        assert_eq!(repositories.json(), json!({"repositories": ["x"]}));
        assert_eq!(repositories.header("link"), "</v2/_catalog?n=1&last=x>; rel=\"next\"");
        assert_eq!(root.get("/v2/_catalog?last=x").await.is(200).json(), json!({"repositories": ["y/z"]}));
    });
}
