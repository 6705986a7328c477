//! Pushes to Debian's registry, killed at any moment.

use imagewright_testkit::debian_registry::DebianRegistry;
use imagewright_testkit::storm::rage;

use super::registries::{Glass, PushScene};

impl Glass for DebianRegistry {
    fn host(&self) -> String {
        self.host()
    }

    fn tagged(&self, repository: &str, tag: &str) -> Option<String> {
        self.tagged(repository, tag)
    }

    fn uploads(&self, repository: &str) -> usize {
        self.begun_blobs(repository)
    }
}

#[test]
#[ignore = "needs docker-registry"]
fn a_push() {
    rage("push to Debian's registry", 24, &mut PushScene::new(DebianRegistry::plain()));
}
