//! Names of records: the rule, and how one is made of a display name.

/// Elyra's rule for names that are created or updated: `^[a-z]([a-z0-9-_]*[a-z,0-9])?$`. The comma at the end is a slip
/// of theirs; records that have it can be updated.
pub fn is_valid_name(name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut characters = name.chars();
    let first = characters.next();
    let last = characters.next_back();
    first.is_some_and(|c| c.is_ascii_lowercase())
        && last.is_none_or(|c| is_word(c) || c == ',')
        && characters.all(|c| is_word(c) || c == '-' || c == '_')
}

/// The name Elyra gives to a record with this display name; none where no character is left to make it of.
pub fn generated_name(display_name: &str) -> Option<String> {
    let mut name = String::new();
    let mut after_blank = false;
    for character in display_name.to_lowercase().chars() {
        let is_blank = is_blank(character);
        match character {
            _ if is_blank && !after_blank => name.push('_'),
            'a'..='z' | '0'..='9' | '-' | '_' => name.push(character),
            _ => (),
        }
        after_blank = is_blank;
    }
    let first = name.chars().next()?;
    if !first.is_ascii_lowercase() {
        name.insert_str(0, "a_");
    }
    if !name.ends_with(|c: char| c.is_ascii_alphanumeric()) {
        name.push_str("_0");
    }
    Some(name)
}

/// White space to Python, which counts four separators of old that Unicode's property leaves out.
fn is_blank(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_as_elyra_makes_them() {
        let cases = [
            ("My runtime image", Some("my_runtime_image")),
            ("PyTorch 2.5.1 (with GPU support)", Some("pytorch_251_with_gpu_support")),
            ("1st", Some("a_1st")),
            ("trail  ", Some("trail__0")),
            ("a\u{a0}\u{1c} b", Some("a_b")),
            ("_x-", Some("a__x-_0")),
            ("Größe", Some("gre")),
            ("\u{212a}elvin", Some("kelvin")),
            ("!!!", None),
            ("", None),
        ];
        for (display_name, name) in cases {
            assert_eq!(generated_name(display_name).as_deref(), name, "{display_name}");
            assert!(name.is_none_or(is_valid_name), "{display_name}");
        }
    }

    #[test]
    fn the_rule_for_names_is_elyras() {
        for name in ["a", "ab", "a1", "a-b_c9", "a,", "x--y"] {
            assert!(is_valid_name(name), "{name}");
        }
        for name in ["", "1a", "A", "aB", "a-", "a_", "-a", "a b", "a.b", "a,b", "ä", "a\n"] {
            assert!(!is_valid_name(name), "{name}");
        }
    }
}
