//! Writes a lock: the same lock gives the same text, a package a paragraph, so that differences are easy to read.

use std::fmt::Write as _;

use toml::{Table, Value};

use super::values::{inline, key, list, quoted};
use super::{ImageLock, LOCK_VERSION, LockedConda, LockedDebian};

const HEADING: &str = "\
# Made by imagewright: the versions that were decided on. Builds keep to them until the spec changes or --upgrade
# asks for newer ones. See docs/locking.md.
";

/// What comes first in an entry of `packages`.
const FIRST_KEYS: [&str; 2] = ["name", "version"];

impl ImageLock {
    /// How the text of every lock begins.
    pub fn heading() -> &'static str {
        HEADING.lines().next().unwrap_or_default()
    }

    /// The text of the lock.
    pub fn to_text(&self) -> String {
        let mut text = Text(HEADING.to_owned());
        text.raw("version", &LOCK_VERSION.to_string());
        text.text("spec", &self.spec.to_string());
        text.text("platform", &self.platform.to_string());
        text.heading("[transforms]");
        for (name, version) in &self.transforms {
            text.raw(&key(name), &version.to_string());
        }
        let base = &self.base;
        text.heading("[base]");
        text.text("key", &base.key.to_string());
        text.text("name", &base.name);
        if let Some(digest) = &base.digest {
            text.text("digest", &digest.to_string());
        }
        if let Some(distribution) = &base.distribution {
            text.text("distribution", distribution);
        }
        text.debian("base", &base.packages);
        if let Some(apt) = &self.apt {
            text.heading("[apt]");
            text.text("key", &apt.key.to_string());
            text.raw("asked", &list(apt.asked.iter().map(|asked| quoted(asked))));
            text.debian("apt", &apt.packages);
        }
        if let Some(conda) = &self.conda {
            text.conda(conda);
        }
        if let Some(pip) = &self.pip {
            text.heading("[python]");
            text.text("interpreter", &pip.interpreter);
            text.text("version", &pip.version);
            text.text("environment", &pip.environment);
            text.heading("[pip]");
            text.text("key", &pip.key.to_string());
            text.raw("asked", &list(pip.asked.iter().map(|asked| quoted(asked))));
            text.document(&pip.document, "pip.");
        }
        if let Some(kernel) = &self.kernel {
            text.heading("[kernel]");
            text.text("asked", &kernel.asked);
            text.text("sha256", &kernel.sha256);
        }
        text.0
    }
}

/// The text of a `pylock.toml`.
pub(super) fn pylock(document: &Table) -> String {
    let mut text = Text(String::new());
    text.document(document, "");
    text.0
}

struct Text(String);

impl Text {
    fn heading(&mut self, heading: &str) {
        self.line(&format!("\n{heading}"));
    }

    fn raw(&mut self, key: &str, value: &str) {
        self.line(&format!("{key} = {value}"));
    }

    fn text(&mut self, key: &str, value: &str) {
        self.raw(key, &quoted(value));
    }

    fn line(&mut self, line: &str) {
        writeln!(self.0, "{line}").expect("a text takes what is written to it");
    }

    fn debian(&mut self, section: &str, packages: &[LockedDebian]) {
        for package in packages {
            self.heading(&format!("[[{section}.packages]]"));
            self.text("name", &package.name);
            self.text("version", &package.version);
            self.text("architecture", &package.architecture);
            self.text("sha256", &package.sha256);
            self.raw("size", &package.size.to_string());
            if let Some(archive) = &package.archive {
                self.text("suite", &archive.suite);
                self.text("filename", &archive.filename);
            }
        }
    }

    fn conda(&mut self, conda: &LockedConda) {
        let texts = |texts: &[String]| list(texts.iter().map(|text| quoted(text)));
        self.heading("[conda]");
        self.text("key", &conda.key.to_string());
        self.raw("asked", &texts(&conda.asked));
        self.text("prefix", &conda.prefix);
        for package in &conda.packages {
            self.heading("[[conda.packages]]");
            self.text("name", &package.name);
            self.text("version", &package.version);
            self.text("build", &package.build);
            self.text("channel", &package.channel);
            self.text("subdir", &package.subdir);
            self.text("filename", &package.filename);
            if let Some(url) = &package.url {
                self.text("url", url);
            }
            self.text("sha256", &package.sha256);
            if let Some(md5) = &package.md5 {
                self.text("md5", md5);
            }
            self.raw("size", &package.size.to_string());
            for (key, specifications) in [("depends", &package.depends), ("constrains", &package.constrains)]
            {
                if !specifications.is_empty() {
                    self.raw(key, &texts(specifications));
                }
            }
        }
    }

    /// The entries of a `pylock.toml`, with `prefix` before the name of each table.
    fn document(&mut self, document: &Table, prefix: &str) {
        let packages = document.get("packages").and_then(Value::as_array);
        for (name, value) in document.iter().filter(|(name, _)| *name != "packages") {
            self.raw(&key(name), &inline(value));
        }
        if packages.is_none_or(Vec::is_empty) {
            self.raw("packages", "[]");
        }
        for package in packages.into_iter().flatten().filter_map(Value::as_table) {
            self.heading(&format!("[[{prefix}packages]]"));
            let first = FIRST_KEYS.iter().filter_map(|name| package.get_key_value(*name));
            let others = package.iter().filter(|(name, _)| !FIRST_KEYS.contains(&name.as_str()));
            for (name, value) in first.chain(others) {
                self.raw(&key(name), &inline(value));
            }
        }
    }
}
