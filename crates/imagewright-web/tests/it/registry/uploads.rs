//! Blobs come in, whole and in pieces, and go out again.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};

use imagewright_oci::Digest;

use crate::support::{TestServer, run};

#[test]
fn a_blob_is_sent_at_once_or_in_two_steps() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        root.get("/v2/").await.is(200);
        let digest = Digest::of(b"blob");
        root.head(&format!("/v2/a/blobs/{digest}")).await.is(404);
        let answer = root.post(&format!("/v2/a/blobs/uploads/?digest={digest}"), "blob").await.is(201);
        assert_eq!(answer.header("location"), format!("/v2/a/blobs/{digest}"));
        assert_eq!(answer.header("docker-content-digest"), digest.to_string());
        let begun = root.post("/v2/a/blobs/uploads/", "").await.is(202);
        let other = Digest::of(b"other");
        let finish = format!("{}?digest={other}", begun.header("location"));
        root.send("PUT", &finish, &[], "other").await.is(201);
        for (digest, bytes) in [(&digest, "blob"), (&other, "other")] {
            let found = root.head(&format!("/v2/a/blobs/{digest}")).await.is(200);
            assert_eq!(found.header("content-length"), bytes.len().to_string());
            assert_eq!(root.get(&format!("/v2/a/blobs/{digest}")).await.is(200).text(), bytes);
        }
        // An upload that is finished is none any more.
        root.send("PUT", &finish, &[], "other").await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    });
}

#[test]
fn pieces_come_in_order() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        let begun = root.post("/v2/a/b/c/blobs/uploads/", "").await.is(202);
        let upload = begun.header("location").to_owned();
        assert!(upload.starts_with("/v2/a/b/c/blobs/uploads/"), "{upload}");
        let piece = |range: &'static str, body: &'static str| {
            let (root, upload) = (root.clone(), upload.clone());
            async move { root.send("PATCH", &upload, &[("content-range", range)], body).await }
        };
        let answer = piece("0-2", "abc").await.is(202);
        assert_eq!((answer.header("range"), answer.header("location")), ("0-2", upload.as_str()));
        for range in
            ["0-2", "4-6", "2-4", "nonsense", "3-18446744073709551616", "3-1", "18446744073709551615-0"]
        {
            let refused = piece(range, "def").await.refused(416, "BLOB_UPLOAD_INVALID");
            assert_eq!(refused.header("range"), "0-2", "{range}");
        }
        piece("3-18446744073709551614", "def").await.refused(400, "SIZE_INVALID");
        let status = root.get(&upload).await.is(204);
        assert_eq!(status.header("range"), "0-5", "what came is kept");
        // Without a range a piece goes to the end.
        root.send("PATCH", &upload, &[], "ghi").await.is(202);
        let digest = Digest::of(b"abcdefghijkl");
        let end = [("content-range", "9-11")];
        root.send("PUT", &format!("{upload}?digest={digest}"), &end, "jkl").await.is(201);
        assert_eq!(root.get(&format!("/v2/a/b/c/blobs/{digest}")).await.is(200).text(), "abcdefghijkl");
    });
}

#[test]
fn an_upload_outlives_a_restart() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        let authorization = root.authorization.clone().unwrap();
        let upload = root.post("/v2/a/blobs/uploads/", "").await.is(202).header("location").to_owned();
        let large = vec![7_u8; 3 << 20];
        root.send("PATCH", &upload, &[], large.clone()).await.is(202);
        let server = server.restarted().await;
        let root = server.anonymous().with(&authorization);
        let status = root.get(&upload).await.is(204);
        assert_eq!(status.header("range"), format!("0-{}", large.len() - 1));
        root.send("PATCH", &upload, &[], "end").await.is(202);
        let whole = [large, b"end".to_vec()].concat();
        let digest = Digest::of(&whole);
        root.send("PUT", &format!("{upload}?digest={digest}"), &[], "").await.is(201);
        assert_eq!(root.get(&format!("/v2/a/blobs/{digest}")).await.is(200).body, whole);
    });
}

#[test]
fn an_upload_is_given_up() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        let upload = root.post("/v2/a/blobs/uploads/", "").await.is(202).header("location").to_owned();
        root.delete(&upload).await.is(204);
        for method in ["GET", "PATCH", "DELETE"] {
            root.send(method, &upload, &[], "").await.refused(404, "BLOB_UPLOAD_UNKNOWN");
        }
        // It is of one repository, and of no other.
        let upload = root.post("/v2/a/blobs/uploads/", "").await.is(202).header("location").to_owned();
        root.get(&upload.replace("/a/", "/b/")).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
        root.get(&upload).await.is(204);
    });
}

#[test]
fn parts_of_a_blob() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        root.push_blob("a", b"0123456789").await;
        let path = format!("/v2/a/blobs/{}", Digest::of(b"0123456789"));
        let part = root.send("GET", &path, &[("range", "bytes=2-4")], "").await.is(206);
        assert_eq!((part.header("content-range"), part.text().as_str()), ("bytes 2-4/10", "234"));
        let tail = root.send("GET", &path, &[("range", "bytes=7-")], "").await.is(206);
        assert_eq!(tail.text(), "789");
        let beyond = root.send("GET", &path, &[("range", "bytes=10-")], "").await.is(416);
        assert_eq!(beyond.header("content-range"), "bytes */10");
    });
}

#[test]
fn a_blob_is_mounted_or_sent() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        root.push_blob("a", b"blob").await;
        let digest = Digest::of(b"blob");
        let mount = |from: &str| format!("/v2/b/blobs/uploads/?mount={digest}&from={from}");
        root.get(&format!("/v2/b/blobs/{digest}")).await.refused(404, "BLOB_UNKNOWN");
        root.post(&mount("c"), "").await.is(202);
        root.post(&format!("/v2/b/blobs/uploads/?mount={digest}"), "").await.is(202);
        root.post(&mount("a"), "").await.is(201);
        assert_eq!(root.get(&format!("/v2/b/blobs/{digest}")).await.is(200).text(), "blob");
        root.delete(&format!("/v2/b/blobs/{digest}")).await.is(202);
        root.get(&format!("/v2/b/blobs/{digest}")).await.refused(404, "BLOB_UNKNOWN");
        assert_eq!(root.get(&format!("/v2/a/blobs/{digest}")).await.is(200).text(), "blob");
    });
}

/// A process that is being started has all files open for a moment, those that are locked included.
#[test]
fn pieces_follow_each_other_while_processes_are_started() {
    run(async {
        let server = TestServer::start().await;
        let root = server.administrator().await;
        let stop = AtomicBool::new(false);
        let location = root.post("/v2/a/blobs/uploads/", "").await.is(202).header("location").to_owned();
        let starting = || {
            while !stop.load(Ordering::SeqCst) {
                assert!(std::process::Command::new("true").status().unwrap().success());
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(starting);
            scope.spawn(starting);
            let pieces = async {
                for _ in 0..500 {
                    root.send("PATCH", &location, &[], "piece").await.is(202);
                }
            };
            let done = tokio::task::block_in_place(|| {
                let runtime = tokio::runtime::Handle::current();
                std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(pieces)))
            });
            stop.store(true, Ordering::SeqCst);
            done.unwrap();
        });
    });
}
