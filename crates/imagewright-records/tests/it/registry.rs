//! Repositories of the registry, and pulls.

use imagewright_records::Records;
use serde_json::json;

use crate::{add_image, at, on_both};

on_both!(a_repository_has_one_entry, pulls_are_counted_by_day);

async fn a_repository_has_one_entry(records: Records) {
    let mut work = records.begin().await.unwrap();
    let tools = add_image(&mut work, "ml-tools", json!({}), 1).await;
    let plain = add_image(&mut work, "plain", json!({}), 1).await;
    work.insert_repository("ml/tools", &tools.id).await.unwrap();
    work.commit().await.unwrap();

    let mut work = records.begin().await.unwrap();
    for (repository, image) in
        [("ml/tools", Some(&tools)), ("ml-tools", Some(&tools)), ("plain", Some(&plain)), ("ml/other", None)]
    {
        assert_eq!(work.image_of_repository(repository).await.unwrap().as_ref(), image, "{repository}");
    }
    assert_eq!(work.repositories().await.unwrap(), [("ml/tools".to_owned(), tools.id.clone())]);
    let mut names = work.all_image_names().await.unwrap();
    names.sort();
    assert_eq!(names, [(tools.name.clone(), tools.id.clone()), (plain.name, plain.id)]);
    // With the entry its repository goes, and the next one of that name is another.
    work.delete_image(&tools).await.unwrap();
    assert_eq!(work.image_of_repository("ml/tools").await.unwrap(), None);
    work.commit().await.unwrap();
}

async fn pulls_are_counted_by_day(records: Records) {
    let mut work = records.begin().await.unwrap();
    let image = add_image(&mut work, "a", json!({}), 1).await;
    let day = |number: i64| at(number * 86_400).to_zoned(jiff::tz::TimeZone::UTC).date();
    for number in [0, 1, 1] {
        work.count_pull(&image.id, day(number)).await.unwrap();
    }
    work.count_pull(&imagewright_catalog::ImageId::new("gone"), day(0)).await.unwrap();
    assert_eq!(work.pulls(&image.id).await.unwrap(), [(day(1), 2), (day(0), 1)]);
    work.commit().await.unwrap();
}
