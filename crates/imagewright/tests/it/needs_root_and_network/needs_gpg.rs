//! Archives with signatures, met by the image's own apt.

use imagewright_testkit::archive::{Archive, ReleaseInfo};
use imagewright_testkit::http::HttpServer;

use super::seed::{BASE, context};

#[test]
#[ignore = "needs root, network and gpg"]
fn a_mirror_signed_by_a_stranger() {
    let context = context();
    let codename =
        context.run(["image", "run", BASE, "--", "sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME"]);
    let archive = Archive::new().unwrap();
    archive.publish(&ReleaseInfo::of(codename.success().stdout.trim()), &[]).unwrap();
    let server = HttpServer::serve(archive.folder()).unwrap();
    let outcome = context.run(["build", "--base", BASE, "--apt", "tree", "--mirror", &server.url()]);
    context.assert_nothing_unfinished();
    assert_eq!(outcome.code, Some(4), "{outcome}");
    assert!(
        outcome.stderr.contains("hint: the archive must be signed by a key the base trusts"),
        "{outcome}"
    );
}
