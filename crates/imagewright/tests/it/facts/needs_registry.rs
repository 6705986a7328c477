//! The same with the registry that Debian packages, and keys with openssl.

use std::fs;
use std::process::Command;

use imagewright_testkit::debian_registry::DebianRegistry;

use super::sharing::{Registry, nothing_moves_that_is_known, packages_do_without_a_registry};
use super::support::key;
use crate::support::context;

impl Registry for DebianRegistry {
    fn host(&self) -> String {
        self.host()
    }

    fn blobs(&self, repository: &str) -> usize {
        self.begun_blobs(repository)
    }
}

#[test]
#[ignore = "needs docker-registry"]
fn nothing_moves_that_another_machine_knows() {
    nothing_moves_that_is_known(&DebianRegistry::plain());
}

#[test]
#[ignore = "needs docker-registry"]
fn where_the_registry_is_gone_packages_are_fetched_as_ever() {
    packages_do_without_a_registry(DebianRegistry::plain());
}

/// An independent program reads both files, and finds that they belong together.
#[test]
#[ignore = "needs openssl"]
fn openssl_reads_the_keys() {
    let context = context();
    drop(key(&context, "team.key"));
    let arguments = ["pkey", "-in", "team.key", "-pubout"];
    let output = Command::new("openssl").args(arguments).current_dir(context.work()).output().unwrap();
    let public = fs::read_to_string(context.work().join("team.pub")).unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), public);
}
