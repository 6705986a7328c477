//! Writes a lock: the same packages give the same text.

use std::fmt::Write as _;

use super::{Artifact, FileSource, Location, Lock, LockedPackage, VcsSource};

/// The text of `pylock.toml` with exactly what `lock` holds: one wheel, source distribution, archive, folder or commit for
/// each package, packages by name, without user names and passwords in addresses.
pub fn write_lock(lock: &Lock) -> String {
    let mut text = String::from("lock-version = \"1.0\"\n");
    if !lock.environments.is_empty() {
        let environments: Vec<String> = lock.environments.iter().map(|text| quoted(text)).collect();
        line(&mut text, "environments", &format!("[{}]", environments.join(", ")));
    }
    if let Some(versions) = &lock.requires_python {
        line(&mut text, "requires-python", &quoted(&versions.to_string()));
    }
    line(&mut text, "created-by", "\"imagewright\"");
    if lock.packages.is_empty() {
        line(&mut text, "packages", "[]");
    }
    let mut packages: Vec<&LockedPackage> = lock.packages.iter().collect();
    packages.sort_by(|one, other| one.name.cmp(&other.name));
    for package in packages {
        text.push_str("\n[[packages]]\n");
        line(&mut text, "name", &quoted(package.name.as_ref()));
        if let Some(version) = &package.version {
            line(&mut text, "version", &quoted(&version.to_string()));
        }
        let (key, value) = artifact(&package.artifact);
        line(&mut text, key, &value);
        if let Artifact::Directory { content: Some(content), .. } = &package.artifact {
            line(&mut text, "tool", &format!("{{ imagewright = {{ content = {} }} }}", quoted(content)));
        }
    }
    text
}

fn artifact(artifact: &Artifact) -> (&'static str, String) {
    match artifact {
        Artifact::Vcs(vcs) => ("vcs", repository(vcs)),
        Artifact::Directory { path, editable, subdirectory, content: _ } => {
            let mut table = InlineTable::default();
            table.text("path", path);
            if let Some(editable) = editable {
                table.raw("editable", &editable.to_string());
            }
            table.optional("subdirectory", subdirectory.as_deref());
            ("directory", table.finish())
        }
        // An archive has no name of its own in this format.
        Artifact::Archive { file, subdirectory } => ("archive", source(file, false, subdirectory.as_deref())),
        Artifact::Sdist { file } => ("sdist", source(file, true, None)),
        Artifact::Wheel { file, .. } => ("wheels", format!("[{}]", source(file, true, None))),
    }
}

fn repository(vcs: &VcsSource) -> String {
    let mut table = InlineTable::default();
    table.text("type", &vcs.kind);
    table.location(&vcs.location);
    table.optional("requested-revision", vcs.requested_revision.as_deref());
    table.text("commit-id", &vcs.commit_id);
    table.optional("subdirectory", vcs.subdirectory.as_deref());
    table.finish()
}

fn source(file: &FileSource, named: bool, subdirectory: Option<&str>) -> String {
    let mut table = InlineTable::default();
    if named && file.location.file_name().as_ref() != Some(&file.name) {
        table.text("name", &file.name);
    }
    table.location(&file.location);
    if let Some(size) = file.size {
        table.raw("size", &size.to_string());
    }
    let mut hashes = InlineTable::default();
    for (algorithm, digits) in file.hashes.iter() {
        hashes.text(&key(algorithm), digits);
    }
    table.raw("hashes", &hashes.finish());
    table.optional("subdirectory", subdirectory);
    table.finish()
}

#[derive(Default)]
struct InlineTable(Vec<String>);

impl InlineTable {
    fn raw(&mut self, key: &str, value: &str) {
        self.0.push(format!("{key} = {value}"));
    }

    fn text(&mut self, key: &str, value: &str) {
        self.raw(key, &quoted(value));
    }

    fn optional(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    fn location(&mut self, location: &Location) {
        match location {
            Location::Url(address) => self.text("url", &address.without_credentials()),
            Location::Path(path) => self.text("path", path),
        }
    }

    fn finish(&self) -> String {
        if self.0.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", self.0.join(", ")) }
    }
}

fn line(text: &mut String, key: &str, value: &str) {
    writeln!(text, "{key} = {value}").expect("a text takes whatever is written to it");
}

/// A key of TOML, quoted where it must be.
fn key(text: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !text.is_empty() && text.bytes().all(bare) { text.to_owned() } else { quoted(text) }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ if character.is_control() => {
                write!(quoted, "\\u{:04x}", u32::from(character))
                    .expect("a text takes whatever is written to it");
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}
