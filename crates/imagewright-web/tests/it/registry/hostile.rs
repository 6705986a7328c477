//! What is wrong, by mistake or on purpose, is refused and leaves nothing.

use std::convert::Infallible;
use std::io;

use axum::body::Body;
use imagewright_oci::Digest;
use serde_json::{Value, json};

use crate::support::{INDEX, MANIFEST, TestServer, run};

#[test]
fn other_bytes_than_the_digest_says_are_dropped() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        let digest = Digest::of(b"right");
        let once = format!("/v2/a/blobs/uploads/?digest={digest}");
        root.post(&once, "wrong").await.refused(400, "DIGEST_INVALID");
        let upload = root.post("/v2/a/blobs/uploads/", "").await.is(202).header("location").to_owned();
        root.send("PUT", &format!("{upload}?digest={digest}"), &[], "wrong")
            .await
            .refused(400, "DIGEST_INVALID");
        root.get(&upload).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
        assert_eq!(server.blobs(), 0);
        for digest in ["", "x", "sha256:", "sha256:zz", "md5:00"] {
            root.post(&format!("/v2/a/blobs/uploads/?digest={digest}"), "x")
                .await
                .refused(400, "DIGEST_INVALID");
            root.get(&format!("/v2/a/blobs/x:{}", digest.replace('/', "%2F")))
                .await
                .refused(400, "DIGEST_INVALID");
        }
        let long = Digest::of(b"x").to_string().replace("sha256", "sha512");
        root.get(&format!("/v2/a/blobs/{long}")).await.refused(400, "DIGEST_INVALID");
    });
}

#[test]
fn names_lead_nowhere_else() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        let names = [
            "..",
            "../a",
            "a/../b",
            "%2e%2e",
            "%2e%2e%2fa",
            "a%2f..%2fb",
            "A",
            "a%00",
            "a%0a",
            "a//b",
            "%2fetc",
            "-a",
        ];
        for name in names {
            for path in ["manifests/1", "tags/list", "blobs/sha256:00"] {
                root.get(&format!("/v2/{name}/{path}")).await.refused(400, "NAME_INVALID");
            }
            root.post(&format!("/v2/{name}/blobs/uploads/"), "").await.refused(400, "NAME_INVALID");
        }
        for tag in ["..", ".a", "-a", "a%00b", &"a".repeat(129)] {
            let answer = root.put(&format!("/v2/a/manifests/{tag}"), MANIFEST, "{}").await.is(400);
            assert!(
                ["MANIFEST_INVALID", "NAME_INVALID"]
                    .contains(&answer.json()["errors"][0]["code"].as_str().unwrap())
            );
        }
        for id in ["..", "x", "%2e%2e%2f%2e%2e", &"0".repeat(33)] {
            let answer = root.get(&format!("/v2/a/blobs/uploads/{id}")).await;
            assert!([404, 400].contains(&answer.status.as_u16()), "{id}: {answer:?}");
        }
        for path in [
            "/v2/x",
            "/v2/a/other/1",
            "/v2/manifests/1",
            "/v2/a/manifests/b%2fc",
            "/v2/a/blobs/sha256:..%2fx",
        ] {
            root.get(path).await.refused(404, "UNSUPPORTED");
        }
        for (method, path) in
            [("POST", "/v2/a/manifests/1"), ("PUT", "/v2/a/blobs/uploads/"), ("PATCH", "/v2/a/tags/list")]
        {
            root.send(method, path, &[], "").await.refused(405, "UNSUPPORTED");
        }
        assert!(std::fs::read_dir(server.folder.path().join("store/repositories")).unwrap().count() == 0);
    });
}

#[test]
fn manifests_that_are_none_are_refused() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        let good: Value = serde_json::from_str(&root.image_in("a", "one").await).unwrap();
        let with = |pointer: &str, value: Value| {
            let mut manifest = good.clone();
            *manifest.pointer_mut(pointer).unwrap() = value;
            manifest.to_string()
        };
        let unknown = json!(Digest::of(b"not here"));
        let cases = [
            (MANIFEST, "{".to_owned(), 400, "MANIFEST_INVALID"),
            (MANIFEST, "{}".to_owned(), 400, "MANIFEST_INVALID"),
            (MANIFEST, "\u{0}".to_owned(), 400, "MANIFEST_INVALID"),
            (MANIFEST, with("/schemaVersion", json!(1)), 400, "MANIFEST_INVALID"),
            (MANIFEST, with("/mediaType", json!(INDEX)), 400, "MANIFEST_INVALID"),
            (INDEX, good.to_string(), 400, "MANIFEST_INVALID"),
            ("text/plain", good.to_string(), 400, "MANIFEST_INVALID"),
            (
                "application/vnd.docker.distribution.manifest.v1+prettyjws",
                good.to_string(),
                400,
                "MANIFEST_INVALID",
            ),
            (MANIFEST, with("/layers/0/digest", unknown.clone()), 400, "MANIFEST_BLOB_UNKNOWN"),
            (MANIFEST, with("/config/digest", unknown), 400, "MANIFEST_BLOB_UNKNOWN"),
            (MANIFEST, with("/layers/0/size", json!(1_u64 << 60)), 400, "SIZE_INVALID"),
            (MANIFEST, with("/layers/0/digest", json!("sha256:../x")), 400, "MANIFEST_INVALID"),
            (MANIFEST, format!("{}{good}", " ".repeat(4 << 20)), 413, "MANIFEST_INVALID"),
            (MANIFEST, "[".repeat(100_000), 400, "MANIFEST_INVALID"),
        ];
        for (content_type, body, status, code) in cases {
            root.put("/v2/a/manifests/1", content_type, body).await.refused(status, code);
        }
        let other = format!("/v2/a/manifests/{}", Digest::of(b"other"));
        root.put(&other, MANIFEST, good.to_string()).await.refused(400, "DIGEST_INVALID");
        // Nothing of that is seen: there is not even an entry.
        root.get("/v2/a/tags/list").await.refused(404, "NAME_UNKNOWN");
        root.put("/v2/a/manifests/1", MANIFEST, good.to_string()).await.is(201);
    });
}

#[test]
fn what_came_of_a_body_that_breaks_off_is_kept() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        let upload = root.post("/v2/a/blobs/uploads/", "").await.is(202).header("location").to_owned();
        let pieces: [io::Result<&str>; 2] = [Ok("abc"), Err(io::Error::other("broken"))];
        let broken = Body::from_stream(tokio_stream::iter(pieces));
        root.send("PATCH", &upload, &[], broken).await.refused(400, "BLOB_UPLOAD_INVALID");
        assert_eq!(root.get(&upload).await.is(204).header("range"), "0-2");
        // A piece that is longer or shorter than it says is an error, and the state can be asked for.
        let longer = Body::from_stream(tokio_stream::iter([Ok::<_, Infallible>("defg")]));
        root.send("PATCH", &upload, &[("content-range", "3-4")], longer).await.refused(400, "SIZE_INVALID");
        assert_eq!(root.get(&upload).await.is(204).header("range"), "0-2");
        let digest = Digest::of(b"abcd");
        root.send("PUT", &format!("{upload}?digest={digest}"), &[], "d").await.is(201);
    });
}

#[test]
fn a_blob_that_a_manifest_names_stays() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        root.push_image("a", "1", "one").await;
        let layer = format!("/v2/a/blobs/{}", Digest::of(b"one"));
        root.delete(&layer).await.refused(403, "DENIED");
        root.get(&layer).await.is(200);
        root.delete("/v2/a/manifests/1").await.is(202);
        root.delete(&format!("/v2/a/blobs/{}", Digest::of(b"none"))).await.refused(404, "BLOB_UNKNOWN");
    });
}

#[test]
fn one_upload_is_sent_by_one_connection() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        let upload = root.post("/v2/a/blobs/uploads/", "").await.is(202).header("location").to_owned();
        let (sender, receiver) = tokio::sync::mpsc::channel::<io::Result<&str>>(1);
        let slow = Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(receiver));
        sender.send(Ok("abc")).await.unwrap();
        let sending = root.send("PATCH", &upload, &[], slow);
        let other = async {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            root.send("PATCH", &upload, &[], "x").await.refused(409, "BLOB_UPLOAD_INVALID");
            drop(sender);
        };
        let (sent, ()) = tokio::join!(sending, other);
        assert_eq!(sent.is(202).header("range"), "0-2");
    });
}
