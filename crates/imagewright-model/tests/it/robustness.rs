//! No text makes a parser panic, whatever the libraries below it think of it.

use std::collections::BTreeMap;

use imagewright_model::spec::{
    AptPackage, LockedPip, Origin, PartialSpec, PipRequirement, SpecFlags, read_folder,
};
use proptest::prelude::*;

/// Pieces of the languages that are read here, and anything between them.
fn text() -> impl Strategy<Value = String> {
    let pieces = "a|B|1|é|-|_|\\.|,|;| |\t|\n|\\\\|#|@|:|/|://|file:|https://|u:p@|\\$\\{A\\}|\\[|\\]|\\{|\\}|\\(|\\)|\"|'|==|>=|=>|~=|!|\
                  \\*|--|--hash=|-r |-c |-i |sha256:|python_version|extra|in|not|and|or|base: |apt: |pip: |env: |&a |\\*a|\
                  bootstrap|oci:|\\[project\\]|dependencies|\\[\\[packages\\]\\]|name|\\PC";
    proptest::collection::vec(pieces, 0..16).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(text in text()) {
        let _ = PartialSpec::from_yaml("image.yaml", &text);
        let _ = AptPackage::parse_file("apt.txt", &text);
        let _ = LockedPip::parse("pylock.toml", &text);
        for file in ["requirements.txt", "pyproject.toml", "pylock.toml", "apt.txt", "image.yaml"] {
            let _ = read_folder(&BTreeMap::from([(file.to_owned(), text.clone())])).and_then(PartialSpec::finish);
        }
        if let Err(error) = PipRequirement::parse(&text, Origin::flag("--pip")) {
            let _ = (error.to_string(), error.hint());
        }
        let base = SpecFlags { base: Some(text.clone()), ..SpecFlags::default() };
        let rest = SpecFlags { user: Some(text.clone()), env: vec![text.clone()], port: vec![text], ..SpecFlags::default() };
        for flags in [base, rest] {
            let _ = PartialSpec::from_flags(&flags).map_err(|error| (error.to_string(), error.hint()));
        }
    }

    #[test]
    fn what_is_accepted_is_one_line_for_uv(text in text()) {
        if let Ok(requirement) = PipRequirement::parse(&text, Origin::flag("--pip")) {
            let line = requirement.line(|_| "file:///srv/x".to_owned());
            prop_assert!(!line.starts_with('-') && !line.contains(['\n', '\r']) && !line.ends_with('\\'), "{line}");
            prop_assert!(!line.contains(" --") && !line.contains("\t--"), "{line}");
        }
    }
}
