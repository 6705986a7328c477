//! The pages in the documentation are those of the rules.

use std::fs;
use std::path::Path;

use imagewright_check::{index, profiles_page, rules};

#[test]
fn the_documentation_has_the_page_of_every_rule_and_no_other() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rules");
    let pages = rules().map(|rule| (format!("{}.md", rule.name), rule.page()));
    let pages: Vec<_> = pages.chain([("README.md".to_owned(), index())]).collect();
    if std::env::var_os("INSTA_UPDATE").is_some_and(|how| how == "always") {
        fs::create_dir_all(&folder).unwrap();
        for (name, page) in &pages {
            fs::write(folder.join(name), page).unwrap();
        }
    }
    for (name, page) in &pages {
        let found = fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert_eq!(&found, page, "docs/rules/{name}: INSTA_UPDATE=always writes it");
    }
    for entry in fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(pages.iter().any(|(known, _)| *known == name), "docs/rules/{name} is of no rule");
    }
}

/// What stands before the tables, which people write.
const MARK: &str =
    "<!-- From here on, the tables of the profiles: a test of imagewright-check writes them. -->\n\n";

#[test]
fn the_documentation_has_the_tables_of_the_profiles() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/profiles.md");
    let page = fs::read_to_string(&path).unwrap();
    let (text, tables) = page.split_once(MARK).unwrap();
    if std::env::var_os("INSTA_UPDATE").is_some_and(|how| how == "always") {
        fs::write(&path, format!("{text}{MARK}{}", profiles_page())).unwrap();
        return;
    }
    assert_eq!(tables, profiles_page(), "docs/profiles.md: INSTA_UPDATE=always writes it");
}

#[test]
fn every_rule_says_all_there_is_to_say() {
    for rule in rules() {
        let is_name = rule
            .name
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-');
        assert!(is_name, "{}", rule.name);
        assert!(rule.summary.ends_with('.') && !rule.summary.contains('\n'), "{}", rule.name);
        assert!(rule.mend.contains("```"), "{} has no snippet", rule.name);
        assert!(!rule.sources.is_empty() && !rule.why.is_empty(), "{}", rule.name);
        let is_asked = rule.is_for_dockerfiles()
            || rule.is_for_images()
            || rule.is_for_notebooks()
            || rule.profiles().count() > 0;
        assert!(is_asked, "{}", rule.name);
        assert_eq!(rules().filter(|other| other.name == rule.name).count(), 1, "{}", rule.name);
    }
}
