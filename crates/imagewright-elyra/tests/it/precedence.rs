//! Of files with one name in several folders, one counts.

use imagewright_elyra::{Change, MetadataError, Strictness, Update};

use crate::{Place, text};

#[test]
fn the_highest_readable_file_is_listed_and_a_wrong_one_hides_it() {
    let place = Place::new();
    for name in ["low", "both", "broken", "wrong"] {
        place.put(&format!("site/{name}.json"), &text("Site", "a/b"));
    }
    place.put("own/both.json", &text("Own", "a/b"));
    place.put("own/broken.json", "{");
    place.put("own/wrong.json", &text("Own", ""));
    assert_eq!(place.listed(false), ["both Own", "broken Site", "low Site"]);
    assert_eq!(
        place.listed(true),
        ["both Own", "broken  ValueError", "low Site", "wrong Own ValidationError"]
    );
    for name in ["broken", "wrong"] {
        assert!(matches!(place.records.get(name), Err(MetadataError::Problem(_))), "{name}");
    }
}

#[test]
fn what_is_broken_in_a_lower_folder_harms_no_higher_one() {
    let place = Place::new();
    place.put("site/x.json", "{");
    place.put("own/x.json", &text("Own", "a/b"));
    assert!(place.records.get("x").is_ok());
    assert_eq!(place.listed(true), ["x Own"]);
}

#[test]
fn a_lower_record_is_changed_in_a_copy_and_comes_back() {
    let place = Place::new();
    place.put("site/x.json", &text("Site", "a/b"));
    let change = Change { display_name: Some("Own".into()), ..Change::default() };
    place.records.change("x", &change, Update::Merge, Strictness::Lenient).unwrap();
    assert_eq!(place.listed(false), ["x Own"]);
    assert_eq!(std::fs::read_to_string(place.path("site/x.json")).unwrap(), text("Site", "a/b"));
    place.records.remove("x").unwrap();
    assert_eq!(place.listed(false), ["x Site"]);
    assert!(matches!(place.records.remove("x"), Err(MetadataError::NotPermitted(_))));
    let taken = place.records.create(&place.records.get("x").unwrap().0);
    assert!(matches!(taken, Err(MetadataError::Exists { .. })), "a name is taken in whichever folder");
}

#[test]
fn what_somebody_else_wrote_meanwhile_is_kept() {
    let place = Place::new();
    place.put("own/x.json", &text("One", "a/b"));
    place.put("site/y.json", &text("One", "a/b"));
    for name in ["x", "y"] {
        let (record, entry) = place.records.get(name).unwrap();
        place.put(&format!("own/{name}.json"), &text("Other", "a/b"));
        let result = place.records.update(&record, &entry.version());
        assert!(matches!(result, Err(MetadataError::Changed(_))), "{name}: {result:?}");
    }
    // One that is gone does not come back.
    let (record, entry) = place.records.get("x").unwrap();
    std::fs::remove_file(place.path("own/x.json")).unwrap();
    assert!(matches!(place.records.update(&record, &entry.version()), Err(MetadataError::Changed(_))));
    assert_eq!(place.listed(true), ["y Other"]);
}
