//! A server with a store and records of its own, and those who ask it.

use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use imagewright_catalog::{Group, Membership, Name, NewPerson, Principal, Role, TokenScope};
use imagewright_model::BuildSettings;
use imagewright_oci::Digest;
use imagewright_records::{Records, Url};
use imagewright_sandbox::Helper;
use imagewright_server::distribution::DistributionSettings;
use imagewright_server::{NewToken, Server};
use imagewright_service::metadata::RuntimeImages;
use imagewright_service::{CredentialFiles, Machine, RegistrySettings, Service};
use imagewright_web::{Access, App, router};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

pub(crate) const HOST: &str = "images.example";
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

pub(crate) struct TestServer {
    pub(crate) folder: TempDir,
    pub(crate) server: Server,
    pub(crate) records: Records,
    router: Router,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Whoever asks, with a value for `Authorization`.
#[derive(Clone)]
pub(crate) struct Caller<'a> {
    server: &'a TestServer,
    pub(crate) authorization: Option<String>,
}

pub(crate) fn run<F: Future<Output = ()>>(test: F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(test);
}

fn service(folder: &TempDir) -> Service {
    let helper = Helper { program: "/nonexistent".into(), arguments: Vec::new() };
    let (build, machine) = (BuildSettings::default(), Machine::default());
    let (registry, credentials) = (RegistrySettings::default(), CredentialFiles::default());
    Service::open(&folder.path().join("store"), helper, build, machine, registry, credentials).unwrap()
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::with(false, Timestamp::now).await
    }

    pub(crate) async fn with(anonymous_pull: bool, clock: fn() -> Timestamp) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), anonymous_pull, clock).await
    }

    async fn start_in(folder: TempDir, anonymous_pull: bool, clock: fn() -> Timestamp) -> Self {
        let records = Records::open(&Url::file(&folder.path().join("records.db"))).await.unwrap();
        let settings = DistributionSettings { host: Some(HOST.to_owned()), scheme: None, anonymous_pull };
        let server = Server::new(records.clone(), service(&folder).into())
            .with_registry(settings)
            .with_runtime_images(RuntimeImages::in_folder(&folder.path().join("elyra"), None))
            .with_clock(clock);
        let router = router(App::new(server.clone(), Access::default()));
        Self { folder, server, records, router }
    }

    /// The same records and the same store, in a process that knows nothing of this one.
    pub(crate) async fn restarted(self) -> Self {
        let Self { folder, records, .. } = self;
        records.close().await;
        Self::start_in(folder, false, Timestamp::now).await
    }

    pub(crate) async fn add_group(&self, name: &str) {
        let mut work = self.records.begin().await.unwrap();
        let group = Group {
            id: work.new_group_id(),
            name: name.parse().unwrap(),
            display_name: None,
            created_at: Timestamp::UNIX_EPOCH,
        };
        work.insert_group(&group).await.unwrap();
        work.commit().await.unwrap();
    }

    /// Somebody, with a token to log in with.
    pub(crate) async fn add(&self, name: &str, admin: bool, groups: &[(&str, Role)]) -> Caller<'_> {
        let by = Principal::server();
        let new = NewPerson { name: name.to_owned(), admin, ..NewPerson::default() };
        let person = self.server.add_person(&by, new, None).await.unwrap();
        let memberships: Vec<Membership> = groups
            .iter()
            .map(|(group, role)| Membership { group: group.parse::<Name>().unwrap(), role: *role })
            .collect();
        let mut work = self.records.begin().await.unwrap();
        work.claim_memberships(&person.id, &memberships).await.unwrap();
        work.commit().await.unwrap();
        let new = NewToken { name: "t".to_owned(), scope: TokenScope::All, expires_at: None };
        let token = self.server.issue_token_to(&by, &person.id, new).await.unwrap().secret;
        let authorization = format!("Basic {}", STANDARD.encode(format!("{name}:{}", token.expose())));
        Caller { server: self, authorization: Some(authorization) }
    }

    pub(crate) async fn administrator(&self) -> Caller<'_> {
        self.add("root", true, &[]).await
    }

    pub(crate) fn anonymous(&self) -> Caller<'_> {
        Caller { server: self, authorization: None }
    }

    /// All files of the store that are blobs.
    pub(crate) fn blobs(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("store/blobs/sha256")).unwrap().count()
    }
}

impl<'a> Caller<'a> {
    pub(crate) fn with(&self, authorization: &str) -> Caller<'a> {
        Caller { server: self.server, authorization: Some(authorization.to_owned()) }
    }

    /// With the token that somebody like this is given.
    pub(crate) async fn with_token(&self, scopes: &[&str]) -> Caller<'a> {
        let query: Vec<String> = scopes.iter().map(|scope| format!("scope={scope}")).collect();
        let answer = self.get(&format!("/v2/token?service=x&{}", query.join("&"))).await.is(200);
        let token = answer.json()["token"].as_str().unwrap().to_owned();
        self.with(&format!("Bearer {token}"))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], Vec::new()).await
    }

    pub(crate) async fn head(&self, path: &str) -> Answer {
        self.send("HEAD", path, &[], Vec::new()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], Vec::new()).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.send("POST", path, &[], body).await
    }

    pub(crate) async fn put(&self, path: &str, content_type: &str, body: impl Into<Body>) -> Answer {
        self.send("PUT", path, &[("content-type", content_type)], body).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", HOST);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.server.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Sends a blob at once.
    pub(crate) async fn push_blob(&self, repository: &str, bytes: &[u8]) -> Value {
        let digest = Digest::of(bytes);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        self.post(&path, bytes.to_vec()).await.is(201);
        json!({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": bytes.len()})
    }

    /// Sends an image of one layer, and gives its digest.
    pub(crate) async fn push_image(&self, repository: &str, tag: &str, text: &str) -> String {
        let manifest = self.image_in(repository, text).await;
        let path = format!("/v2/{repository}/manifests/{tag}");
        self.put(&path, MANIFEST, manifest.clone()).await.is(201);
        Digest::of(manifest.as_bytes()).to_string()
    }

    /// Sends the blobs of an image, and gives its manifest.
    pub(crate) async fn image_in(&self, repository: &str, text: &str) -> String {
        let layer = self.push_blob(repository, text.as_bytes()).await;
        let config = json!({
            "architecture": "amd64", "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        });
        let mut config = self.push_blob(repository, config.to_string().as_bytes()).await;
        config["mediaType"] = "application/vnd.oci.image.config.v1+json".into();
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}).to_string()
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{:?} {}", self.headers, self.text());
        self
    }

    /// An error of the registry.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Self {
        let answer = self.is(status);
        assert_eq!(answer.json()["errors"][0]["code"], code, "{}", answer.text());
        answer
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", self.text()))
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("no `{name}` in {:?}", self.headers))
            .to_str()
            .unwrap()
    }
}
