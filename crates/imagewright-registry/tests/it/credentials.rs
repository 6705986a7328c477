//! Credential files of Docker and Podman, and credential helpers.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use imagewright_model::{ErrorKind, Secret};
use imagewright_registry::{Credential, CredentialError, CredentialFiles, CredentialSource, KeptIn};
use serde_json::{Value, json};
use tempfile::TempDir;

fn files(folder: &Path) -> CredentialFiles {
    CredentialFiles {
        podman: vec![folder.join("auth.json")],
        docker: Some(folder.join("docker/config.json")),
        write_podman: false,
        helper_path: Some(format!("{}:/usr/bin:/bin", folder.join("bin").display()).into()),
    }
}

fn write(path: &Path, value: &Value) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, value.to_string()).unwrap();
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// A credential helper that keeps each secret in a file beside it.
fn install_helper(folder: &Path) -> PathBuf {
    let script = r#"#!/bin/sh
store="$(dirname "$0")/kept"
mkdir -p "$store"
input="$(cat)"
case "$1" in
get) file="$store/$(printf %s "$input" | tr -c 'a-z0-9.\n' _)"
     if [ -e "$file" ]; then cat "$file"; else echo "credentials not found in native keychain"; exit 1; fi ;;
store) server="$(printf %s "$input" | sed 's/.*"ServerURL":"\([^"]*\)".*/\1/')"
     printf %s "$input" > "$store/$(printf %s "$server" | tr -c 'a-z0-9.\n' _)" ;;
erase) rm "$store/$(printf %s "$input" | tr -c 'a-z0-9.\n' _)" ;;
esac
"#;
    let path = folder.join("bin/docker-credential-keep");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn files_of_both_programs_are_read() {
    let folder = TempDir::new().unwrap();
    let files = files(folder.path());
    let get = |registry: &str, repository: &str| files.credential(registry, repository).unwrap();
    assert_eq!(get("registry.example", "a"), None, "no file is no credentials");
    write(
        &folder.path().join("auth.json"),
        &json!({ "auths": {
            "registry.example": { "auth": "bWU6cG9kbWFu" },
            "registry.example/team": { "auth": "bWU6dGVhbQ==" },
        } }),
    );
    write(
        &folder.path().join("docker/config.json"),
        &json!({ "auths": {
            "registry.example": { "auth": "bWU6ZG9ja2Vy" },
            "https://index.docker.io/v1/": { "auth": "bWU6aHVi" },
            "https://token.example": { "auth": "bWU6", "identitytoken": "identity" },
            "plain.example": { "username": "me", "password": "plain" },
            "empty.example": {},
        } }),
    );
    let me = |password: &str| Some(Credential::password("me", password));
    assert_eq!(get("registry.example", "a"), me("podman"), "Podman's file comes first");
    assert_eq!(get("registry.example", "team/a"), me("team"), "the closest entry holds");
    assert_eq!(get("registry.example", "teams/a"), me("podman"));
    assert_eq!(get("docker.io", "library/python"), me("hub"));
    assert_eq!(get("token.example", "a"), Some(Credential::IdentityToken(Secret::new("identity"))));
    assert_eq!(get("plain.example", "a"), me("plain"));
    assert_eq!(get("empty.example", "a"), None);
    assert_eq!(get("other.example", "a"), None);
}

#[test]
fn a_login_is_kept_as_docker_keeps_it() {
    let folder = TempDir::new().unwrap();
    let files = files(folder.path());
    let path = folder.path().join("docker/config.json");
    write(
        &path,
        &json!({ "zeta": 1, "auths": { "old.example": { "auth": "bWU6b2xk" } }, "HttpHeaders": { "a": "b" } }),
    );
    let kept = files.store("registry.example", &Credential::password("me", "s:ecret")).unwrap();
    assert_eq!(kept, KeptIn::File(path.clone()));
    files.store("docker.io", &Credential::password("me", "hub")).unwrap();
    let value = read(&path);
    assert_eq!(value["zeta"], 1, "fields of others stay");
    assert_eq!(value["HttpHeaders"], json!({ "a": "b" }));
    assert_eq!(value["auths"]["old.example"]["auth"], "bWU6b2xk");
    assert_eq!(value["auths"]["registry.example"], json!({ "auth": "bWU6czplY3JldA==" }));
    assert_eq!(value["auths"]["https://index.docker.io/v1/"], json!({ "auth": "bWU6aHVi" }));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing temporary stays");
    assert_eq!(
        files.credential("registry.example", "a").unwrap(),
        Some(Credential::password("me", "s:ecret"))
    );
    assert_eq!(files.erase("registry.example").unwrap(), [KeptIn::File(path.clone())]);
    assert_eq!(files.erase("registry.example").unwrap(), []);
    assert_eq!(files.credential("registry.example", "a").unwrap(), None);
    assert_eq!(read(&path)["auths"]["old.example"]["auth"], "bWU6b2xk");
}

#[test]
fn a_login_goes_where_podman_looks_when_it_is_to() {
    let folder = TempDir::new().unwrap();
    let files = CredentialFiles { write_podman: true, ..files(folder.path()) };
    let kept = files.store("docker.io", &Credential::IdentityToken(Secret::new("token"))).unwrap();
    assert_eq!(kept, KeptIn::File(folder.path().join("auth.json")));
    assert_eq!(
        read(&folder.path().join("auth.json")),
        json!({ "auths": { "docker.io": { "identitytoken": "token" } } })
    );
    let nowhere = CredentialFiles::default();
    let error = nowhere.store("docker.io", &Credential::password("me", "x")).unwrap_err();
    assert!(matches!(error, CredentialError::NoFile));
}

#[test]
fn a_link_to_a_file_elsewhere_stays_a_link() {
    let folder = TempDir::new().unwrap();
    let files = files(folder.path());
    let (real, link) = (folder.path().join("dotfiles/config.json"), folder.path().join("docker/config.json"));
    write(&real, &json!({}));
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    symlink(&real, &link).unwrap();
    files.store("registry.example", &Credential::password("me", "x")).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(read(&real)["auths"]["registry.example"].is_object());
}

#[test]
fn helpers_keep_what_they_are_configured_for() {
    let folder = TempDir::new().unwrap();
    let helper = install_helper(folder.path());
    let files = files(folder.path());
    let path = folder.path().join("docker/config.json");
    write(&path, &json!({ "credHelpers": { "registry.example": "keep" } }));
    assert_eq!(files.credential("registry.example", "a").unwrap(), None);
    let credential = Credential::password("me", "in the helper");
    assert_eq!(files.store("registry.example", &credential).unwrap(), KeptIn::Helper("keep".to_owned()));
    assert!(!fs::read_to_string(&path).unwrap().contains("helper\""), "the secret is not in the file");
    assert_eq!(read(&path)["auths"]["registry.example"], json!({}));
    assert_eq!(files.credential("registry.example", "a").unwrap(), Some(credential));
    assert_eq!(files.erase("registry.example").unwrap(), [KeptIn::Helper("keep".to_owned())]);
    assert_eq!(fs::read_dir(helper.with_file_name("kept")).unwrap().count(), 0);
    assert_eq!(files.credential("registry.example", "a").unwrap(), None);

    write(&path, &json!({ "credsStore": "keep" }));
    let token = Credential::IdentityToken(Secret::new("identity"));
    files.store("docker.io", &token).unwrap();
    assert!(
        helper.with_file_name("kept").join("https___index.docker.io_v1_").exists(),
        "under the name all helpers use"
    );
    assert_eq!(files.credential("docker.io", "library/python").unwrap(), Some(token));
}

#[test]
fn helpers_that_fail_are_named_without_secrets() {
    let folder = TempDir::new().unwrap();
    let files = files(folder.path());
    let path = folder.path().join("docker/config.json");
    let ask = |name: &str| {
        write(&path, &json!({ "credsStore": name }));
        files.credential("registry.example", "a").unwrap_err()
    };
    let error = ask("gone");
    assert_eq!(error.kind(), ErrorKind::Machine);
    assert!(error.hint().unwrap().contains("docker-credential-gone"));
    assert!(matches!(ask("../evil"), CredentialError::HelperName { .. }));
    for (name, script, words) in [
        (
            "locked",
            "echo 'the keychain is locked'; exit 1",
            "could not get the credentials of `registry.example`: the keychain is locked",
        ),
        ("chatty", "echo secret-in-wrong-place", "something else than credentials"),
        ("silent", "exit 1", "it does not say why"),
    ] {
        let program = folder.path().join("bin").join(format!("docker-credential-{name}"));
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let error = ask(name);
        assert!(error.to_string().contains(words), "{error}");
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}

#[test]
fn damaged_files_are_named_without_secrets() {
    let folder = TempDir::new().unwrap();
    let files = files(folder.path());
    let path = folder.path().join("docker/config.json");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    for (text, words) in [
        (
            r#"{"auths": {"registry.example": {"auth": "c2VjcmV0"}}}"#,
            "the credentials for `registry.example`",
        ),
        (r#"{"auths": {"registry.example": {"auth": "secret!"}}}"#, "the credentials for `registry.example`"),
        (r#"{"auths": {"registry.example": {"auth": "secret"#, "is not a file of credentials"),
        ("[\"secret\"]", "is not a file of credentials"),
    ] {
        fs::write(&path, text).unwrap();
        let error = files.credential("registry.example", "a").unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    fs::write(&path, "[]").unwrap();
    assert!(files.store("registry.example", &Credential::password("me", "x")).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "[]", "what is not understood is not overwritten");
}
