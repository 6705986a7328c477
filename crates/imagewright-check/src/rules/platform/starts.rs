//! The texts by which a notebook image starts: its command, scripts, services and configuration files of Jupyter; and what
//! they set.

use crate::profile::ProfileSubject;

/// Folders with what starts.
const FOLDERS: [&str; 7] = [
    "/etc/services.d",
    "/etc/cont-init.d",
    "/etc/s6-overlay",
    "/etc/jupyter",
    "/usr/local/etc/jupyter",
    "/opt/conda/etc/jupyter",
    "/usr/local/bin",
];
/// More files than start anything.
const MOST: usize = 5_000;

/// All that starts, line by line: where it stands, and the line without comments.
pub(super) struct Starting {
    texts: Vec<(String, String)>,
}

impl Starting {
    pub(super) fn of(subject: &ProfileSubject<'_>) -> Self {
        let command = subject.command().join(" ");
        let mut texts = vec![("the command".to_owned(), command)];
        for folder in FOLDERS.into_iter().filter_map(|folder| subject.view.find(folder)) {
            for entry in folder.below(MOST) {
                if let Some(text) = entry.text() {
                    texts.push((entry.path(), without_comments(text)));
                }
            }
        }
        // Scripts that the command names, wherever they lie.
        for word in subject.command().iter().filter(|word| word.starts_with('/')) {
            if let Some(text) = subject.view.text(word) {
                texts.push((word.clone(), without_comments(text)));
            }
        }
        for name in ["NOTEBOOK_ARGS", "JUPYTERHUB_SINGLEUSER_ARGS"] {
            texts.extend(subject.variable(name).map(|value| (format!("`{name}`"), value)));
        }
        Self { texts }
    }

    /// Where a text stands.
    pub(super) fn place_of(&self, text: &str) -> Option<&str> {
        self.texts.iter().find(|(_, whole)| whole.contains(text)).map(|(place, _)| place.as_str())
    }

    pub(super) fn has(&self, text: &str) -> bool {
        self.place_of(text).is_some()
    }

    /// What a setting of Jupyter is set to: `--ServerApp.ip=0.0.0.0`, `c.ServerApp.ip = "0.0.0.0"`, `"ip": "0.0.0.0"`.
    pub(super) fn settings(&self, name: &str) -> Vec<String> {
        self.texts.iter().flat_map(|(_, text)| settings(text, name)).collect()
    }

    /// Where a variable gets a value: `NAME=…`, `export NAME=…`, `os.environ["NAME"] = …`.
    pub(super) fn assigns(&self, name: &str) -> Option<&str> {
        let is_assigned = |text: &str| {
            text.lines().any(|line| {
                let line = line.trim_start().trim_start_matches("export ").trim_start();
                let shell = line.strip_prefix(name).is_some_and(|rest| rest.starts_with('='));
                let python = ["\"", "'"].iter().any(|quote| {
                    let key = format!("environ[{quote}{name}{quote}]");
                    line.split_once(&key).is_some_and(|(_, rest)| {
                        let rest = rest.trim_start();
                        rest.starts_with('=') && !rest.starts_with("==")
                    })
                });
                shell || python
            })
        };
        // The command itself is no script, and what is written before a program there is for it alone.
        let found = self.texts.iter().find(|(_, text)| is_assigned(text));
        found.map(|(place, _)| place.as_str())
    }
}

fn without_comments(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#') || line.starts_with("#!"));
    lines.collect::<Vec<_>>().join("\n")
}

fn settings(text: &str, name: &str) -> Vec<String> {
    let mut values = Vec::new();
    for (at, _) in text.match_indices(name) {
        let before = text[..at].chars().next_back();
        if !matches!(before, Some('.' | '-' | '"' | '\'')) {
            continue;
        }
        let rest = text[at + name.len()..].trim_start_matches(['"', '\'']).trim_start_matches(' ');
        let Some(rest) = rest.strip_prefix('=').or_else(|| rest.strip_prefix(':')) else { continue };
        let rest = rest.trim_start_matches(' ');
        let value = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => rest[1..].split(quote).next().unwrap_or_default(),
            _ => rest
                .split(|letter: char| letter.is_whitespace() || ",)}\"'".contains(letter))
                .next()
                .unwrap_or_default(),
        };
        values.push(value.to_owned());
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_they_are_written() {
        let text = "exec jupyter lab --ip=0.0.0.0 --ServerApp.token=\"\" \\\n  --ServerApp.allow_origin='*'\n\
                    c.ServerApp.port = 8888\n{\"ServerApp\": {\"password\": \"\", \"allow_remote_access\": true}}";
        for (name, expected) in [
            ("ip", "0.0.0.0"),
            ("token", ""),
            ("allow_origin", "*"),
            ("port", "8888"),
            ("password", ""),
            ("allow_remote_access", "true"),
        ] {
            assert_eq!(settings(text, name), [expected], "{name}");
        }
        assert!(settings("skip = 1\nzip: 2\n--ips=3", "ip").is_empty());
    }

    #[test]
    fn assignments_are_told_from_uses_and_comments() {
        let of = |text: &str| {
            let starting = Starting { texts: vec![("x".to_owned(), without_comments(text))] };
            starting.assigns("NB_PREFIX").is_some()
        };
        for text in ["NB_PREFIX=/", "  export NB_PREFIX=/x", "os.environ['NB_PREFIX'] = '/'"] {
            assert!(of(text), "{text}");
        }
        for text in [
            "# NB_PREFIX=/",
            "--base_url=${NB_PREFIX}",
            "os.environ['NB_PREFIX'] == '/'",
            "x = os.environ['NB_PREFIX']",
        ] {
            assert!(!of(text), "{text}");
        }
    }
}
