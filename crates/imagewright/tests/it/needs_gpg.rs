//! Archives with signatures; `gpg` makes them.

use std::fs;

use imagewright_testkit::archive::{Archive, ReleaseInfo};
use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::http::HttpServer;

use crate::secrets::{ALL_STYLES, assert_fails_discreetly, with_secret};
use crate::support::context;

/// A signed archive with an empty suite.
fn archive() -> Archive {
    let archive = Archive::new().unwrap();
    archive.publish(&ReleaseInfo::of("trixie"), &[]).unwrap();
    archive
}

/// The words that make a base of what `mirror` offers, if `archive` has signed it.
fn bootstrap(mirror: &str, archive: &Archive) -> Vec<String> {
    let words = ["base", "bootstrap", "debian", "--suite", "trixie", "--mirror", mirror, "--keyring"];
    words.into_iter().map(str::to_owned).chain([archive.keyring().display().to_string()]).collect()
}

#[track_caller]
fn refused(context: &TestContext, mirror: &str, archive: &Archive) -> Outcome {
    let outcome = context.run(bootstrap(mirror, archive)).exits(4);
    context.assert_nothing_unfinished();
    outcome
}

#[test]
#[ignore = "needs gpg"]
fn a_mirror_signed_by_a_stranger_is_refused() {
    let (ours, theirs) = (archive(), archive());
    let server = HttpServer::serve(theirs.folder()).unwrap();
    let outcome = refused(&context(), &server.url(), &ours);
    assert!(outcome.stderr.contains("is not to be trusted"), "{outcome}");
    assert!(outcome.stderr.contains("no key of the keyring"), "{outcome}");
}

#[test]
#[ignore = "needs gpg"]
fn a_release_changed_on_the_way_is_refused() {
    let archive = archive();
    let path = archive.suite_folder("trixie").join("InRelease");
    let changed = fs::read_to_string(&path).unwrap().replace("Suite: stable", "Suite: stablf");
    fs::write(path, changed).unwrap();
    let server = HttpServer::serve(archive.folder()).unwrap();
    let outcome = refused(&context(), &server.url(), &archive);
    assert!(outcome.stderr.contains("its bytes are not those that were signed"), "{outcome}");
}

#[test]
#[ignore = "needs gpg"]
fn a_damaged_list_is_refused_and_the_password_of_the_mirror_told_nowhere() {
    let archive = archive();
    fs::write(archive.suite_folder("trixie").join("main/binary-amd64/Packages.xz"), "damaged").unwrap();
    let server = HttpServer::serve(archive.folder()).unwrap();
    refused(&context(), &server.url(), &archive);
    let words = bootstrap(&with_secret(&server.url()), &archive);
    assert_fails_discreetly(&context(), &words.iter().map(String::as_str).collect::<Vec<_>>(), &ALL_STYLES);
}
