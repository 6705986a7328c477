//! Entries: kept as they are, found by all that is asked, changed by one at a time.

use imagewright_catalog::{
    Action, AuditFilter, ImageFilter, ImageOrder, Membership, Object, OrderBy, PageRequest, PersonId,
    Principal, Role, Subject, may,
};
use imagewright_records::{Records, RecordsError};
use serde_json::{Value, json};

use crate::{add_image, administrator, at, name, on_both};

on_both!(
    entries_come_back,
    names_are_unique,
    lists_are_filtered,
    lists_are_sorted_and_paged,
    lists_hold_what_may_be_seen,
    two_who_change_do_not_overwrite,
    what_is_not_committed_is_undone,
    changes_leave_a_trail,
);

async fn entries_come_back(records: Records) {
    let mut work = records.begin().await.unwrap();
    let entry = json!({
        "display_name": "Größe 100%_\\", "description": "a\nb", "tags": ["x", "ü"], "type": "universal",
        "gpu_reference": "registry.example/a:gpu", "pull_policy": "IfNotPresent", "pull_secret": "here",
        "owner": {"group": "ml"}, "visibility": {"groups": ["bio", "ml"]},
    });
    let image = add_image(&mut work, "a", entry, 1).await;
    work.commit().await.unwrap();
    let mut look = records.look().await.unwrap();
    assert_eq!(look.image(&name("a")).await.unwrap().unwrap().image, image);
    assert_eq!(look.image(&name("b")).await.unwrap(), None);
}

async fn names_are_unique(records: Records) {
    let mut work = records.begin().await.unwrap();
    add_image(&mut work, "a", json!({}), 1).await;
    add_image(&mut work, "a-2", json!({}), 1).await;
    assert_eq!(work.free_image_name(&name("a")).await.unwrap(), name("a-3"));
    assert_eq!(work.free_image_name(&name("b")).await.unwrap(), name("b"));
    let mut second = work.image(&name("a")).await.unwrap().unwrap().image;
    second.id = work.new_image_id();
    let error = work.insert_image(&second).await.unwrap_err();
    assert!(matches!(&error, RecordsError::Taken { what: "image", name } if name == "a"), "{error}");
}

async fn lists_are_filtered(records: Records) {
    let mut work = records.begin().await.unwrap();
    for (named, entry) in [
        ("a", json!({"display_name": "PyTorch 100%", "tags": ["deep", "two words"], "type": "gpu"})),
        ("b", json!({"display_name": "Größe", "tags": ["deep"], "owner": {"group": "ml"}})),
        ("c", json!({"display_name": "c_d", "spec": {"base": "x"}, "visibility": {"groups": ["ml"]}})),
        ("d", json!({"display_name": "D", "description": "pytorch, too", "visibility": {"global": true}})),
    ] {
        add_image(&mut work, named, entry, 1).await;
    }
    for (filter, expected) in [
        (json!({}), "abcd"),
        (json!({"search": "PYTORCH"}), "ad"),
        (json!({"search": "too pytorch"}), "d"),
        (json!({"search": "GRÖSSE"}), ""),
        (json!({"search": "GRÖß"}), "b"),
        (json!({"search": "100%"}), "a"),
        (json!({"search": "c_d"}), "c"),
        (json!({"search": "_"}), "c"),
        (json!({"search": "universal"}), "bcd"),
        (json!({"type": "gpu"}), "a"),
        (json!({"source": "built"}), "c"),
        (json!({"tags": ["deep"]}), "ab"),
        (json!({"tags": ["two words", "deep"]}), "a"),
        (json!({"tags": ["deep", "none"]}), ""),
        (json!({"owner": "ml"}), "b"),
        (json!({"group": "ml"}), "bcd"),
        (json!({"system": false}), "b"),
        (json!({"state": "not_ready"}), "c"),
        (json!({"state": "ready", "type": "gpu"}), "a"),
        (json!({"pinned": true}), ""),
        (json!({"deprecated": false}), "abcd"),
    ] {
        let wanted: ImageFilter = serde_json::from_value(filter.clone()).unwrap();
        assert_eq!(names(&mut work, &administrator(), &wanted).await, expected, "{filter}");
    }
}

async fn names(work: &mut imagewright_records::Work, principal: &Principal, filter: &ImageFilter) -> String {
    let page = work.images(principal, filter, OrderBy::default(), &PageRequest::first()).await.unwrap();
    page.items.iter().map(|listed| listed.image.name.as_str()).collect()
}

async fn lists_are_sorted_and_paged(records: Records) {
    let mut work = records.begin().await.unwrap();
    // Where languages sort otherwise than bytes do, and where keys are equal.
    let displayed = ["b", "B", "a-b", "ab", "ä", "a b", "_", "Z"];
    for (index, display_name) in displayed.iter().enumerate() {
        let entry = json!({"display_name": display_name, "tags": [format!("{index}")]});
        add_image(&mut work, &format!("n{index}"), entry, i64::try_from(index).unwrap() % 3).await;
    }
    for order in [
        ImageOrder::Name,
        ImageOrder::DisplayName,
        ImageOrder::Type,
        ImageOrder::Created,
        ImageOrder::Changed,
    ] {
        for descending in [false, true] {
            let order = OrderBy { order, descending };
            let whole = work
                .images(&administrator(), &ImageFilter::default(), order, &PageRequest::first())
                .await
                .unwrap();
            let keys: Vec<String> = whole.items.iter().map(|it| it.image.sort_key(order.order)).collect();
            let mut sorted = keys.clone();
            sorted.sort();
            if descending {
                sorted.reverse();
            }
            assert_eq!(keys, sorted, "{order:?}");
            let mut page = PageRequest { after: None, limit: 3 };
            let mut joined = Vec::new();
            loop {
                let part =
                    work.images(&administrator(), &ImageFilter::default(), order, &page).await.unwrap();
                joined.extend(part.items);
                let Some(next) = part.next else { break };
                page.after = Some(next.parse().unwrap());
            }
            assert_eq!(joined, whole.items, "{order:?}");
        }
    }
}

async fn lists_hold_what_may_be_seen(records: Records) {
    let mut work = records.begin().await.unwrap();
    let mut images = Vec::new();
    for (index, entry) in [
        json!({}),
        json!({"visibility": {"global": true}}),
        json!({"visibility": {"groups": ["ml"]}}),
        json!({"visibility": {"groups": ["ml-secret"]}}),
        json!({"owner": {"group": "ml"}}),
        json!({"owner": {"group": "bio"}}),
        json!({"owner": {"group": "bio"}, "visibility": {"groups": ["ml"]}}),
    ]
    .into_iter()
    .enumerate()
    {
        images.push(add_image(&mut work, &index.to_string(), entry, 1).await);
    }
    let somebody = |memberships: &[(&str, Role)]| Principal {
        person: Some(PersonId::new("p")),
        name: "p".to_owned(),
        admin: false,
        memberships: memberships
            .iter()
            .map(|(group, role)| Membership { group: name(group), role: *role })
            .collect(),
    };
    for principal in [
        Principal::anonymous(),
        somebody(&[]),
        somebody(&[("ml", Role::Member)]),
        somebody(&[("bio", Role::Admin)]),
        somebody(&[("ml", Role::Member), ("bio", Role::Member)]),
        administrator(),
    ] {
        let seen: String = images
            .iter()
            .filter(|image| may(&principal, Action::See, Object::from(*image)).is_ok())
            .map(|image| image.name.as_str())
            .collect();
        assert_eq!(names(&mut work, &principal, &ImageFilter::default()).await, seen, "{principal:?}");
    }
}

async fn two_who_change_do_not_overwrite(records: Records) {
    let mut work = records.begin().await.unwrap();
    let image = add_image(&mut work, "a", json!({}), 1).await;
    work.commit().await.unwrap();
    let change = |value: Value| serde_json::from_value(value).unwrap();
    let first = image.changed(change(json!({"description": "first"})), at(2)).unwrap();
    let second = image.changed(change(json!({"description": "second"})), at(2)).unwrap();
    let mut work = records.begin().await.unwrap();
    work.replace_image(&first, image.revision).await.unwrap();
    work.commit().await.unwrap();
    let mut work = records.begin().await.unwrap();
    let error = work.replace_image(&second, image.revision).await.unwrap_err();
    assert!(matches!(error, RecordsError::Changed { .. }), "{error}");
    let error = work.delete_image(&image).await.unwrap_err();
    assert!(matches!(error, RecordsError::Changed { .. }), "{error}");
    drop(work);
    let found = records.look().await.unwrap().image(&name("a")).await.unwrap().unwrap().image;
    assert_eq!(found, first);
}

async fn what_is_not_committed_is_undone(records: Records) {
    let mut work = records.begin().await.unwrap();
    add_image(&mut work, "a", json!({}), 1).await;
    drop(work);
    assert_eq!(records.look().await.unwrap().image(&name("a")).await.unwrap(), None);
    let mut work = records.begin().await.unwrap();
    add_image(&mut work, "a", json!({}), 1).await;
    work.commit().await.unwrap();
}

async fn changes_leave_a_trail(records: Records) {
    let mut work = records.begin().await.unwrap();
    for number in 0..5 {
        let (before, after) = (json!({"n": number}), json!({"n": number + 1}));
        let subject = (Subject::Image, if number == 2 { "other" } else { "id" }, "a");
        work.note_change(&administrator(), subject, "changed", (Some(&before), Some(&after)), at(number))
            .await
            .unwrap();
    }
    let page = PageRequest { after: None, limit: 3 };
    let first = work.audit(&AuditFilter::of(Subject::Image, "id"), &page).await.unwrap();
    let numbers: Vec<i64> = first.items.iter().map(|entry| entry.number).collect();
    assert_eq!(numbers, [5, 4, 2]);
    let entry = &first.items[0];
    assert_eq!((entry.action.as_str(), entry.actor_name.as_str()), ("image.changed", "root"));
    assert_eq!(
        (entry.at, entry.before.clone(), entry.after.clone()),
        (at(4), Some(json!({"n": 4})), Some(json!({"n": 5})))
    );
    let next = PageRequest { after: Some(first.next.unwrap().parse().unwrap()), limit: 3 };
    assert_eq!(work.audit(&AuditFilter::of(Subject::Image, "id"), &next).await.unwrap().items.len(), 1);
    let counted = [
        (AuditFilter::default(), 5),
        (AuditFilter { since: Some(at(1)), until: Some(at(4)), ..AuditFilter::default() }, 3),
        (AuditFilter { subject_name: Some("a".to_owned()), ..AuditFilter::default() }, 5),
        (AuditFilter { actor_name: Some("root".to_owned()), ..AuditFilter::default() }, 5),
        (AuditFilter { actor_name: Some("ro%".to_owned()), ..AuditFilter::default() }, 0),
        (AuditFilter { action: Some("image.deleted".to_owned()), ..AuditFilter::default() }, 0),
        (AuditFilter { subject: Some(Subject::Person), ..AuditFilter::default() }, 0),
    ];
    for (filter, count) in counted {
        let found = work.audit(&filter, &PageRequest::first()).await.unwrap();
        assert_eq!(found.items.len(), count, "{filter:?}");
    }
}
