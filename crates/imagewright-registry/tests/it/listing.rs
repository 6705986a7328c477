//! Tags and referrers.

use imagewright_model::ErrorKind;
use imagewright_oci::Digest;
use imagewright_testkit::registry::{Fault, Options, TestRegistry};
use serde_json::json;

use crate::support::{INDEX, Image, MANIFEST, client, descriptor, index, reference};

#[test]
fn tags_come_page_by_page() {
    for page_size in [0, 1, 3, 7, 100] {
        let registry = TestRegistry::with(Options { page_size, ..Options::default() }).unwrap();
        let tags: Vec<String> = (10..17).map(|number| format!("v{number}")).collect();
        tags.iter().for_each(|tag| drop(Image::small(1).put_into(&registry, "team/app", tag)));
        let repository = client().repository(&reference(&registry, "team/app"));
        assert_eq!(repository.tags().unwrap(), tags, "{page_size}");
    }
}

#[test]
fn a_repository_without_tags_and_one_that_is_not_there() {
    let registry = TestRegistry::start().unwrap();
    registry.put_blob("empty", b"blob");
    let tags = |name: &str| client().repository(&reference(&registry, name)).tags();
    assert!(tags("empty").unwrap().is_empty());
    let error = tags("gone").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().ends_with("/gone`"), "{error}");
}

#[test]
fn odd_lists_are_errors() {
    let registry = TestRegistry::start().unwrap();
    let repository = client().repository(&reference(&registry, "app"));
    let list = r#"{"tags":["a"]}"#.to_owned();
    let again = "link: </v2/app/tags/list?n=1000>; rel=\"next\"";
    registry.fail("GET", "/tags/", &Fault::Status(200, again, list), 1);
    assert!(repository.tags().unwrap_err().to_string().contains("do not end"));
    registry.fail("GET", "/tags/", &Fault::Status(200, "", "<html>".to_owned()), 1);
    assert!(repository.tags().unwrap_err().to_string().contains("something else than a list"));
    registry.fail("GET", "/tags/", &Fault::Status(200, "", r#"{"tags":null}"#.to_owned()), 1);
    assert!(repository.tags().unwrap().is_empty());
}

#[test]
fn referrers_come_from_the_list_or_from_the_tag_that_stands_for_it() {
    for has_no_referrers in [false, true] {
        let registry = TestRegistry::with(Options { has_no_referrers, ..Options::default() }).unwrap();
        let image = Image::small(1);
        let subject = image.put_into(&registry, "app", "1");
        let signature = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.example.signature",
            "config": descriptor("application/vnd.oci.empty.v1+json", b"{}"), "layers": [],
            "subject": descriptor(MANIFEST, &image.bytes()),
        });
        let digest = registry.put_manifest("app", "", MANIFEST, signature.to_string().as_bytes());
        if has_no_referrers {
            let entry = descriptor(MANIFEST, signature.to_string().as_bytes());
            registry.put_manifest("app", &subject.to_string().replace(':', "-"), INDEX, &index(&[entry]));
        }
        let repository = client().repository(&reference(&registry, "app"));
        let found = repository.referrers(&subject).unwrap();
        assert_eq!(found.iter().map(|entry| &entry.digest).collect::<Vec<_>>(), [&digest]);
        assert!(repository.referrers(&Digest::of(b"nobody")).unwrap().is_empty());
    }
}
