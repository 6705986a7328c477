//! Splits what follows a keyword into words, quotes and escapes left in them.

/// Words between white space that is neither quoted nor escaped.
pub(crate) fn split_quoted(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match quote {
            None if letter.is_whitespace() => {
                words.extend(word.take());
                continue;
            }
            None if matches!(letter, '"' | '\'') => quote = Some(letter),
            Some(open) if open == letter => quote = None,
            _ => {}
        }
        let current = word.get_or_insert_default();
        current.push(letter);
        if letter == escape && quote != Some('\'') {
            current.extend(letters.next());
        }
    }
    words.extend(word);
    words
}

/// The flags (`--name`, `--name=value`) at the beginning, and what follows them.
pub(crate) fn split_flags(text: &str, escape: char) -> (Vec<String>, &str) {
    let mut flags = Vec::new();
    let mut rest = text.trim_start();
    while rest.starts_with("--") {
        let length = first_word(rest, escape);
        let word = &rest[..length];
        rest = rest[length..].trim_start();
        if word == "--" {
            break;
        }
        flags.push(unquoted(word, escape));
    }
    (flags, rest)
}

/// Bytes of the first word.
fn first_word(text: &str, escape: char) -> usize {
    let mut quote = None;
    let mut letters = text.char_indices();
    while let Some((index, letter)) = letters.next() {
        match quote {
            None if letter.is_whitespace() => return index,
            None if matches!(letter, '"' | '\'') => quote = Some(letter),
            Some(open) if open == letter => quote = None,
            _ => {}
        }
        if letter == escape && quote != Some('\'') {
            letters.next();
        }
    }
    text.len()
}

/// A word without its quotes and escapes.
fn unquoted(word: &str, escape: char) -> String {
    let mut text = String::new();
    let mut quote = None;
    let mut letters = word.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            // A variable that is not to be replaced must stay recognisable as such.
            _ if letter == escape && quote != Some('\'') => match letters.next() {
                Some('$') => text.extend([escape, '$']),
                next => text.extend(next),
            },
            _ => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_at_white_space_that_is_not_quoted() {
        let cases: [(&str, &[&str]); 6] = [
            ("  a  b\tc ", &["a", "b", "c"]),
            (r#"a="b c" d='e f'g"#, &[r#"a="b c""#, "d='e f'g"]),
            (r"a=b\ c d", &[r"a=b\ c", "d"]),
            (r#""a\"b" c"#, &[r#""a\"b""#, "c"]),
            (r"'a\' b", &[r"'a\'", "b"]),
            ("", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(split_quoted(text, '\\'), expected, "{text}");
        }
    }

    #[test]
    fn flags_end_at_the_first_other_word() {
        let (flags, rest) = split_flags(r#"--mount=type=bind,target="/a b" --network=none echo --not"#, '\\');
        assert_eq!(flags, ["--mount=type=bind,target=/a b", "--network=none"]);
        assert_eq!(rest, "echo --not");
        assert_eq!(split_flags("-- --a", '\\'), (Vec::new(), "--a"));
    }
}
