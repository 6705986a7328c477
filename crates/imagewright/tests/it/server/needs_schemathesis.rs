//! All that the description of the API allows, and much that it does not: no request makes the server fail, and every answer is as described.

use std::process::Command;

use super::support::TestServer;
use crate::support::context;

/// What is drawn is the same each time.
const SEED: &str = "1";
/// How many requests each operation gets at most by chance, beside the examples and edges.
const EXAMPLES: &str = "80";
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,unsupported_method";

fn asks_all(server: &TestServer, token: Option<&str>) {
    let folder = server.context.folder().join("schemathesis");
    std::fs::create_dir_all(&folder).unwrap();
    let mut command =
        Command::new(imagewright_testkit::shared::folder().join("schemathesis/bin/schemathesis"));
    command
        .args(["run", "--phases", "examples,coverage,fuzzing", "--checks", CHECKS])
        .args(["--seed", SEED, "--max-examples", EXAMPLES, "--generation-deterministic"])
        .args(["--request-timeout", "60", "--warnings", "off", "--no-shrink", "--continue-on-failure"])
        .args(["--suppress-health-check", "all"])
        .arg(format!("http://{}/api/v1/openapi.json", server.address))
        .current_dir(&folder)
        .env_clear()
        .envs([("HOME", folder.display().to_string()), ("NO_COLOR", "1".to_owned())]);
    if let Some(token) = token {
        command.arg("--header").arg(format!("Authorization: Bearer {token}"));
    }
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("Fuzzing"), "{told}");
}

#[test]
#[ignore = "needs schemathesis"]
fn an_administrator_asks_for_everything() {
    let server = TestServer::start_in(context().env("IMAGEWRIGHT_SERVER__BUILDS__WORKERS", "0"), &[]);
    let token = server.administrator().token();
    asks_all(&server, Some(&token));
}

#[test]
#[ignore = "needs schemathesis"]
fn nobody_asks_for_everything() {
    let server = TestServer::start();
    drop(server.administrator());
    asks_all(&server, None);
}
