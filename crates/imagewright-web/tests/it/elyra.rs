//! Elyra's runtime images under the tokens and roles of the server.

use imagewright_catalog::{AuditFilter, PageRequest};
use serde_json::json;

use crate::support::{TestServer, run};

const RECORDS: &str = "/elyra/metadata/runtime-images";
const NEW: &str =
    r#"{"schema_name": "runtime-image", "display_name": "A b", "metadata": {"image_name": "a/b"}}"#;

#[test]
fn who_has_logged_in_reads_and_administrators_change() {
    run(async {
        let server = TestServer::start().await;
        let bearer = |caller: &crate::support::Caller<'_>| {
            let decoded = caller.authorization.as_ref().unwrap().trim_start_matches("Basic ").to_owned();
            let decoded =
                base64::Engine::decode(&base64::engine::general_purpose::STANDARD, decoded).unwrap();
            let text = String::from_utf8(decoded).unwrap();
            format!("Bearer {}", text.split_once(':').unwrap().1)
        };
        let root = server.administrator().await;
        let root = root.with(&bearer(&root));
        let ada = server.add("ada", false, &[]).await;
        let ada = ada.with(&bearer(&ada));
        ada.post(RECORDS, NEW).await.is(403);
        let made = root.post(RECORDS, NEW).await.is(201);
        assert_eq!(made.header("location"), format!("{RECORDS}/a_b"));
        let record = format!("{RECORDS}/a_b");
        assert_eq!(ada.get(&record).await.is(200).json()["display_name"], "A b");
        for method in ["PUT", "DELETE"] {
            ada.send(method, &record, &[], NEW).await.is(403);
            server.anonymous().send(method, &record, &[], NEW).await.is(401);
        }
        server.anonymous().get(RECORDS).await.is(401);
        let path = server.folder.path().join("elyra/metadata/runtime-images/a_b.json");
        assert!(path.is_file(), "Elyra itself would find it there");
        root.delete(&record).await.is(204);
        assert_eq!(root.get(RECORDS).await.is(200).json(), json!({"runtime-images": []}));
        let mut look = server.records.look().await.unwrap();
        let page = PageRequest { after: None, limit: 10 };
        let trail = look.audit(&AuditFilter::default(), &page).await.unwrap().items;
        let actions: Vec<(&str, &str)> =
            trail.iter().map(|it| (it.action.as_str(), it.subject_name.as_str())).take(2).collect();
        assert_eq!(actions, [("runtime_image.deleted", "a_b"), ("runtime_image.added", "a_b")]);
    });
}
