//! Logging in at a real provider, as a browser does: npm's `oidc-provider`, which signs with RS256 and tells groups when it is asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use imagewright_testkit::oidc::CLIENT;
use imagewright_testkit::shared;
use serde_json::json;

use super::support::TestServer;
use crate::support::context;

/// What the provider knows us by. Nobody listens there: what is sent there is handed to the server.
const PUBLIC: &str = "http://images.example";
const CALLBACK: &str = "/login/oidc/callback";

struct Provider {
    process: Child,
    issuer: String,
}

impl Provider {
    fn start() -> Self {
        let folder = shared::folder().join("oidc-provider");
        assert!(
            folder.join("made-of").is_file(),
            "no provider in `{}`: scripts/test puts it there",
            folder.display()
        );
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/server/needs_oidc_provider/provider.mjs");
        let mut process = Command::new("node")
            .arg(script)
            .arg(folder)
            .arg(format!("{PUBLIC}/api/v1{CALLBACK}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        // What it says later is read, too: it ends when nobody listens.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let port = line.trim().strip_prefix("listening on ").expect("it listens").to_owned();
        Self { process, issuer: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A browser at the provider, which keeps its cookies.
struct Browser<'a> {
    provider: &'a Provider,
    cookies: BTreeMap<String, String>,
}

impl Browser<'_> {
    /// Asks for a page; where it leads to, or what it holds.
    fn ask(&mut self, address: &str, form: Option<&str>) -> Result<String, String> {
        let address = match address.starts_with('/') {
            true => format!("{}{address}", self.provider.issuer),
            false => address.to_owned(),
        };
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let settings = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).max_redirects(0);
        let agent = ureq::Agent::new_with_config(settings.build());
        let cookies = cookies.join("; ");
        let mut answer = match form {
            None => agent.get(&address).header("cookie", cookies).call(),
            Some(form) => agent
                .post(&address)
                .header("cookie", cookies)
                .header("content-type", "application/x-www-form-urlencoded")
                .send(form),
        }
        .unwrap();
        for set in answer.headers().get_all("set-cookie") {
            let (name, value) = set.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        match answer.headers().get("location") {
            Some(location) => Ok(location.to_str().unwrap().to_owned()),
            None => Err(answer.body_mut().read_to_string().unwrap()),
        }
    }

    /// Goes where it is sent and fills in forms, until it is sent back to us; with which query.
    fn log_in(&mut self, begin: &str, name: &str) -> String {
        let back = format!("{PUBLIC}/api/v1{CALLBACK}?");
        let mut address = begin.to_owned();
        for _ in 0..12 {
            if let Some(query) = address.strip_prefix(&back) {
                return query.to_owned();
            }
            address = match self.ask(&address, None) {
                Ok(next) => next,
                Err(page) => {
                    let form = match page.contains("name=\"login\"") {
                        true => format!("prompt=login&login={name}&password=x"),
                        false => "prompt=consent".to_owned(),
                    };
                    self.ask(&address, Some(&form)).unwrap_or_else(|page| panic!("{address}: {page}"))
                }
            };
        }
        panic!("it ends nowhere: {address}")
    }
}

#[test]
#[ignore = "needs oidc_provider"]
fn people_log_in_with_their_groups() {
    let provider = Provider::start();
    let context = context()
        .env("IMAGEWRIGHT_SERVER__PUBLIC_ADDRESS", PUBLIC)
        .env("IMAGEWRIGHT_SERVER__OIDC__ISSUER", &provider.issuer)
        .env("IMAGEWRIGHT_SERVER__OIDC__CLIENT_ID", CLIENT.0)
        .env("OIDC_SECRET", CLIENT.1)
        .env("IMAGEWRIGHT_SERVER__OIDC__CLIENT_SECRET", "environment:OIDC_SECRET")
        .env("IMAGEWRIGHT_SERVER__OIDC__ADMIN_GROUPS", "[\"operators\"]")
        .env("IMAGEWRIGHT_SERVER__OIDC__GROUP_ADMIN_SUFFIX", "-admins")
        .env("IMAGEWRIGHT_SERVER__OIDC__CREATE_GROUPS", "true");
    let server = TestServer::start_in(context, &[]);
    for (name, admin, role) in [("ada", true, "admin"), ("bob", false, "member"), ("ada", true, "admin")] {
        let begun = server.anonymous().get("/login/oidc?return_to=/images");
        assert_eq!(begun.status, 303, "{}", begun.body);
        let mut browser = Browser { provider: &provider, cookies: BTreeMap::new() };
        let query = browser.log_in(begun.header("location").unwrap(), name);
        let cookie = format!("imagewright-login={}", begun.cookie("imagewright-login").unwrap());
        let ended =
            server.anonymous().send("GET", &format!("{CALLBACK}?{query}"), &[("cookie", &cookie)], "");
        assert_eq!((ended.status, ended.header("location")), (303, Some("/images")), "{}", ended.body);
        let cookie = format!("imagewright={}", ended.cookie("imagewright").unwrap());
        let me = server.anonymous().send("GET", "/me", &[("cookie", &cookie)], "").is(200);
        assert_eq!((&me["name"], &me["admin"]), (&json!(name), &json!(admin)));
        assert_eq!(me["email"], format!("{name}@mail.example"));
        assert_eq!(me["memberships"], json!([{"group": "ml", "role": role}]));
        // The code was for once.
        server.anonymous().send("GET", &format!("{CALLBACK}?{query}"), &[("cookie", &cookie)], "").is(401);
    }
}
