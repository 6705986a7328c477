//! Words and operators of a shell's text.

use super::End;

/// A piece of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    /// What ends a command.
    End(End),
    /// `(`
    Open,
    /// `)`
    Close,
}

/// Reads one piece after the other. Redirections, comments and here-documents are passed over.
pub(super) struct Lexer<'a> {
    letters: std::iter::Peekable<std::vec::IntoIter<char>>,
    variable: &'a dyn Fn(&str) -> Option<String>,
    /// The words that end here-documents which begin on the next line, and whether tabs go before them.
    heredocs: Vec<(String, bool)>,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &str, variable: &'a dyn Fn(&str) -> Option<String>) -> Self {
        let letters = text.chars().collect::<Vec<_>>().into_iter().peekable();
        Self { letters, variable, heredocs: Vec::new() }
    }

    fn take(&mut self, letter: char) -> bool {
        self.letters.next_if_eq(&letter).is_some()
    }

    fn skip_line(&mut self) {
        while self.letters.next_if(|letter| *letter != '\n').is_some() {}
    }

    /// Blanks, continued lines and comments.
    fn skip_blanks(&mut self) {
        loop {
            match self.letters.peek() {
                Some(letter) if letter.is_whitespace() && *letter != '\n' => drop(self.letters.next()),
                Some('#') => self.skip_line(),
                Some('\\') => {
                    let mut ahead = self.letters.clone();
                    ahead.next();
                    match ahead.next() {
                        Some('\n') => self.letters = ahead,
                        _ => return,
                    }
                }
                _ => return,
            }
        }
    }

    /// What follows a `<` or `>`; the first of them is gone.
    fn skip_redirection(&mut self, letter: char) {
        if letter == '<' && self.take('<') {
            if self.take('<') {
                self.skip_blanks();
                self.word();
                return;
            }
            let tabs_go = self.take('-');
            self.skip_blanks();
            let name = self.word();
            self.heredocs.push((name, tabs_go));
            return;
        }
        while self.letters.next_if(|next| matches!(next, '>' | '&' | '|')).is_some() {}
        self.skip_blanks();
        self.word();
    }

    /// The here-documents that were announced on the line that has just ended.
    fn skip_heredocs(&mut self) {
        for (name, tabs_go) in std::mem::take(&mut self.heredocs) {
            while self.letters.peek().is_some() {
                let mut line = String::new();
                while let Some(letter) = self.letters.next_if(|letter| *letter != '\n') {
                    line.push(letter);
                }
                self.letters.next();
                let line = if tabs_go { line.trim_start_matches('\t') } else { &line };
                if line == name {
                    break;
                }
            }
        }
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(letter) = self.letters.peek().copied() {
            if letter.is_whitespace() || matches!(letter, ';' | '&' | '|' | '(' | ')' | '<' | '>') {
                break;
            }
            self.letters.next();
            match letter {
                '\'' => self.quoted(&mut word),
                '"' => self.double_quoted(&mut word),
                '$' => self.dollar(&mut word),
                '`' => self.backticks(&mut word),
                '\\' => match self.letters.next() {
                    Some('\n') | None => {}
                    Some(next) => word.push(next),
                },
                _ => word.push(letter),
            }
        }
        word
    }

    fn quoted(&mut self, word: &mut String) {
        while let Some(letter) = self.letters.next().filter(|letter| *letter != '\'') {
            word.push(letter);
        }
    }

    fn double_quoted(&mut self, word: &mut String) {
        while let Some(letter) = self.letters.next().filter(|letter| *letter != '"') {
            match letter {
                '$' => self.dollar(word),
                '`' => self.backticks(word),
                '\\' => match self.letters.next() {
                    Some('\n') | None => {}
                    Some(next @ ('"' | '\\' | '$' | '`')) => word.push(next),
                    Some(next) => word.extend(['\\', next]),
                },
                _ => word.push(letter),
            }
        }
    }

    fn backticks(&mut self, word: &mut String) {
        word.push('`');
        for letter in self.letters.by_ref() {
            word.push(letter);
            if letter == '`' {
                break;
            }
        }
    }

    fn dollar(&mut self, word: &mut String) {
        match self.letters.peek().copied() {
            Some('(') => {
                word.push('$');
                self.balanced('(', ')', word);
            }
            Some('{') => {
                let mut braced = String::new();
                self.balanced('{', '}', &mut braced);
                let inner = braced.trim_start_matches('{').trim_end_matches('}');
                let name = inner.split_once([':', '-']).map_or(inner, |(name, _)| name);
                match (self.variable)(name) {
                    Some(value) => word.push_str(&value),
                    None => word.extend(["$", if inner == "@" { "@" } else { &braced }]),
                }
            }
            Some('\'') => {}
            Some(letter @ ('@' | '*' | '#' | '?' | '$' | '!')) => {
                self.letters.next();
                word.extend(['$', letter]);
            }
            _ => {
                let mut name = String::new();
                while let Some(letter) =
                    self.letters.next_if(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
                {
                    name.push(letter);
                }
                match (self.variable)(&name) {
                    Some(value) if !name.is_empty() => word.push_str(&value),
                    _ => word.extend(["$", &name]),
                }
            }
        }
    }

    /// A bracketed text with all that is bracketed in it, as it stands there.
    fn balanced(&mut self, open: char, close: char, word: &mut String) {
        let mut depth = 0_u32;
        let mut quote = None;
        while let Some(letter) = self.letters.next() {
            word.push(letter);
            match (quote, letter) {
                (None, '\'' | '"') => quote = Some(letter),
                (Some(opened), _) if opened == letter => quote = None,
                (None, _) if letter == open => depth += 1,
                (None, _) if letter == close => {
                    depth -= 1;
                    if depth == 0 {
                        return;
                    }
                }
                (_, '\\') => word.extend(self.letters.next()),
                _ => {}
            }
        }
    }
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            self.skip_blanks();
            let letter = *self.letters.peek()?;
            match letter {
                '\n' => {
                    self.letters.next();
                    self.skip_heredocs();
                    return Some(Token::End(End::Sequence));
                }
                ';' => {
                    while self.take(';') {}
                    return Some(Token::End(End::Sequence));
                }
                '(' => {
                    self.letters.next();
                    return Some(Token::Open);
                }
                ')' => {
                    self.letters.next();
                    return Some(Token::Close);
                }
                '|' => {
                    self.letters.next();
                    let or = self.take('|');
                    self.take('&');
                    return Some(Token::End(if or { End::Sequence } else { End::Pipe }));
                }
                '&' => {
                    self.letters.next();
                    if self.take('&') {
                        return Some(Token::End(End::Sequence));
                    }
                    match self.letters.peek() {
                        Some('>') => self.skip_redirection('>'),
                        _ => return Some(Token::End(End::Background)),
                    }
                }
                '<' | '>' => {
                    self.letters.next();
                    self.skip_redirection(letter);
                }
                _ => {
                    let word = self.word();
                    let is_descriptor = word.chars().all(|letter| letter.is_ascii_digit());
                    if !(is_descriptor && matches!(self.letters.peek(), Some('<' | '>'))) {
                        return Some(Token::Word(word));
                    }
                }
            }
        }
    }
}
