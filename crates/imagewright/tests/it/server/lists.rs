//! The list of images as a page: tags, and pages of it in both directions.

use serde_json::json;

use super::support::TestServer;
use super::visits::Visit;

fn names(page: &str) -> Vec<String> {
    page.split("<strong>").skip(1).map(|rest| rest.split_once('<').unwrap().0.to_owned()).collect()
}

/// Where a link of a page leads to.
fn link(page: &str, rel: &str) -> Option<String> {
    let (before, _) = page.split_once(&format!("rel=\"{rel}\""))?;
    let (_, address) = before.rsplit_once("href=\"")?;
    Some(address.split_once('"')?.0.to_owned())
}

#[test]
fn images_have_all_of_the_tags_that_are_asked_for() {
    let server = TestServer::start();
    let root = server.administrator();
    for (name, tags) in [("A", json!(["x"])), ("B", json!(["x", "y & z"])), ("C", json!(["y & z"]))] {
        let new = json!({"display_name": name, "reference": "127.0.0.1:1/a:1", "tags": tags});
        root.post("/images", &new).is(201);
    }
    server.add_visitor(&root, "ada", true);
    let ada = server.visit("ada");
    let found = |query: &str| names(&ada.get(&format!("/images{query}")).page(200));
    assert_eq!(found(""), ["A", "B", "C"]);
    assert_eq!(found("?tag=x"), ["A", "B"]);
    assert_eq!(found("?tag=x&tag=y+%26+z&tag="), ["B"]);
    let page = ada.get("/images?tag=x&search=a").page(200);
    assert!(page.contains("value=\"x\" checked"), "{page}");
    // A tag in the list is one more; one that is asked for already is not asked for twice.
    let page = ada.get("/images?tag=x").page(200);
    assert!(
        page.contains("href=\"/images?tag=x&tag=y%20%26%20z\"") && page.contains("href=\"/images?tag=x\""),
        "{page}"
    );
    let of_api =
        |query: &str| root.get(&format!("/images{query}")).is(200)["items"].as_array().unwrap().len();
    assert_eq!((of_api("?tag=x"), of_api("?tag=x&tag=y%20%26%20z"), of_api("?tag=none&tag=x")), (2, 1, 0));
}

/// Follows the links that have this relation to the end; gives what was on each page.
fn walk(ada: &Visit<'_>, from: &str, rel: &str) -> (Vec<Vec<String>>, String) {
    let (mut pages, mut at) = (Vec::new(), from.to_owned());
    loop {
        let page = ada.get(&at).page(200);
        pages.push(names(&page));
        let Some(next) = link(&page, rel) else { return (pages, at) };
        assert!(pages.len() < 10, "{at} leads nowhere");
        at = next;
    }
}

#[test]
fn pages_are_walked_forth_and_back() {
    let server = TestServer::start();
    let root = server.administrator();
    let add = |number: usize| {
        // Some have one display name: the identity decides then.
        let display_name = format!("Image {:02}", number / 2);
        root.post(
            "/images",
            &json!({"display_name": display_name, "reference": "127.0.0.1:1/a:1", "tags": ["t"]}),
        )
        .is(201);
    };
    (0..60).for_each(add);
    server.add_visitor(&root, "ada", true);
    let ada = server.visit("ada");
    for begin in ["/images?tag=t", "/images?sort=display_name&descending=true", "/images?sort=changed"] {
        let (forth, last) = walk(&ada, begin, "next");
        assert_eq!(forth.iter().map(Vec::len).collect::<Vec<_>>(), [25, 25, 10], "{begin}");
        let (mut back, first) = walk(&ada, &last, "prev");
        back.reverse();
        assert_eq!(back, forth, "{begin}");
        assert!(!first.contains("cursor"), "{first}");
    }
    // What comes in between is on the page before, and nothing is left out.
    let (_, last) = walk(&ada, "/images?sort=display_name", "next");
    root.post("/images", &json!({"display_name": "Image 00a", "reference": "127.0.0.1:1/a:1"})).is(201);
    let (back, _) = walk(&ada, &last, "prev");
    assert!(back.concat().contains(&"Image 00a".to_owned()), "{back:?}");
}
