//! Another program reads the archive of images.

use std::process::Command;

use imagewright_oci::Digest;
use imagewright_testkit::context::Outcome;
use imagewright_testkit::registry::TestRegistry;

use super::pin::publish;
use super::{create, run};
use crate::support::context;

#[test]
#[ignore = "needs skopeo"]
fn each_image_of_an_archive_is_found_by_the_name_in_its_record() {
    let (context, registry) = (context(), TestRegistry::start().unwrap());
    let (first, _) = publish(&registry, "team/image", "1", "one");
    let (second, _) = publish(&registry, "team/image", "2", "two");
    let tagged = format!("{}/team/image:2", registry.host());
    let pinned = format!("{}/team/image:1@{first}", registry.host());
    drop(create(&context, "tagged", &tagged, &[]).success());
    drop(create(&context, "pinned", &pinned, &[]).success());
    drop(run(&context, "export", &["--directory", "out", "--with-images"]).success());
    for (name, digest) in [(tagged, second), (pinned, first)] {
        let archive = format!("oci-archive:{}:{name}", context.work().join("out/images.tar").display());
        let raw = Outcome::of(Command::new("skopeo").args(["inspect", "--raw", &archive])).success();
        assert_eq!(Digest::of(raw.stdout.as_bytes()).to_string(), digest, "{name}");
    }
}
