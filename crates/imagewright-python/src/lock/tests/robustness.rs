//! Whatever a lock holds, reading it ends with packages or a refusal.

use proptest::collection::vec;
use proptest::prelude::*;

use super::writing::EVERY_KIND;
use super::*;

/// Pieces that mean something in a lock.
const PIECES: [&str; 16] =
    ["\"", "'", "[[", "]]", "{", "}", "=", "\n", "\\u0000", "é", "..", "%", "in extras", " and (", "1.", "-"];

/// A change at a place: what is taken away, and what is put there.
fn change() -> impl Strategy<Value = (prop::sample::Index, usize, String)> {
    let piece = prop_oneof![
        prop::sample::select(&PIECES[..]).prop_map(str::to_owned),
        "[ -~é]{0,4}",
        Just(String::new()),
    ];
    (any::<prop::sample::Index>(), 0_usize..12, piece)
}

fn changed(text: &str, changes: Vec<(prop::sample::Index, usize, String)>) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for (place, length, piece) in changes {
        let start = place.index(characters.len() + 1);
        let end = (start + length).min(characters.len());
        characters.splice(start..end, piece.chars());
    }
    characters.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn changed_locks_are_read_or_refused(changes in vec(change(), 1..6), of_uv in any::<bool>()) {
        let original = if of_uv { UV.to_owned() } else { lock(EVERY_KIND) };
        let text = changed(&original, changes);
        match select(&text, &Wish::default()) {
            Ok(selection) => {
                let lock = Lock { packages: selection.packages, ..Lock::default() };
                let again = select(&write_lock(&lock), &Wish::default());
                let again = again.unwrap_or_else(|error| panic!("{error}\n{}", write_lock(&lock))).packages;
                prop_assert_eq!(Lock { packages: again, ..Lock::default() }.identity(), lock.identity());
            }
            Err(error) => {
                let lines = u32::try_from(text.lines().count()).unwrap() + 1;
                let line = error.place().position.map_or(1, |(line, _)| line);
                prop_assert!((1..=lines).contains(&line), "{}", error);
                prop_assert!(!error.hint().is_empty());
            }
        }
    }

    #[test]
    fn markers_are_read_or_refused(changes in vec(change(), 1..6)) {
        let marker = "'web' in extras and (python_version >= '3.9' or platform_machine in 'x86_64 aarch64') \
                      or \"dev\" not in dependency_groups and python_full_version == '3.11.*'";
        let report = debian();
        if let Ok(marker) = changed(marker, changes).parse::<crate::markers::Marker>() {
            marker.holds(&report.markers, &crate::markers::Wanted::default());
        }
    }
}
