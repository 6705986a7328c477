//! Keys, as people handle them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use insta::assert_snapshot;

use super::support::{Packages, bundle, key};
use crate::support::context;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_private_key_is_its_owners_alone() {
    let context = context();
    let short = key(&context, "team.key");
    let [private, public] = ["team.key", "team.pub"].map(|name| context.work().join(name));
    assert_eq!((mode(&private), mode(&public) & 0o044), (0o600, 0o044));
    assert!(short.starts_with("ed25519:") && short.len() == 52, "{short}");
    let secret = fs::read_to_string(&private).unwrap();
    let again = context.run(["facts", "keygen", "team.key"]).exits(5);
    assert!(again.stderr.contains("error: cannot write `team.key`"), "{again}");
    assert_eq!(fs::read_to_string(&private).unwrap(), secret);
    fs::remove_file(&private).unwrap();
    drop(context.run(["facts", "keygen", "team.key"]).exits(5));
    assert!(!private.exists(), "half a pair is of no use");
}

#[test]
fn a_private_key_that_others_may_read_does_not_sign() {
    let (context, _, _) = bundle(&Packages::serve());
    fs::set_permissions(context.work().join("team.key"), fs::Permissions::from_mode(0o640)).unwrap();
    assert_snapshot!(context.run(["facts", "export", "--all", "--key", "team.key", "-o", "again.facts"]), @r"
    exit: 7
    ----- stderr -----
    error: others may read the private key `team.key`: its mode is 640
    hint: `chmod 600 team.key`; if others had it, make a new one
    ");
    assert!(!context.work().join("again.facts").exists());
}

#[test]
fn what_is_no_key_is_named() {
    let context = context();
    context.write("other.key", "hello\n");
    fs::set_permissions(context.work().join("other.key"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_snapshot!(context.run(["facts", "export", "--all", "--key", "other.key", "-o", "x.facts"]), @r"
    exit: 4
    ----- stderr -----
    error: `other.key` is not usable
    caused by: this is no private key: those are PEM files of an Ed25519 key, without a passphrase
    hint: `imagewright facts keygen` makes a pair of keys
    ");
    assert_snapshot!(context.run(["facts", "import", "x.facts", "--trust", "ed25519:AAAA"]), @r"
    exit: 4
    ----- stderr -----
    error: this is no public key: those are `ed25519:` and 44 more characters, or a PEM file of an Ed25519 key
    hint: `imagewright facts keygen` makes a pair of keys
    ");
    assert_snapshot!(context.run(["facts", "import", "x.facts", "--trust", "nowhere.pub"]), @r"
    exit: 3
    ----- stderr -----
    error: cannot read `nowhere.pub`
    caused by: No such file or directory (os error 2)
    ");
}
