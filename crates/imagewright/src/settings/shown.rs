//! Every setting with its value and where that comes from, without what is secret.

use std::path::{Path, PathBuf};

use figment::Figment;
use figment::value::Value as Found;
use imagewright_model::{BuildkitSettings, DockerSettings, PythonSettings, SecretUrl, TrustSettings};
use serde::Serialize;
use serde_json::{Value, json};

use super::error::variable;
use super::{Sources, machine};
use crate::failure::Failure;

/// What holds where nothing is set is said there and nowhere else; a test demands a row for each setting.
const DOCUMENTATION: &str = include_str!("../../../../docs/configuration.md");

/// These say where a secret is. If one holds the secret itself, that is an error later, and nothing to be shown.
const PLACES: [&str; 2] = ["server.secrets-key", "server.oidc.client-secret"];
const HIDDEN: &str = "****";

/// A setting.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Setting {
    /// Its name, as `apt.mirror`.
    pub(crate) name: String,
    /// What is set; null where nothing is.
    pub(crate) value: Value,
    /// What holds where nothing is set, in words.
    pub(crate) default: String,
    pub(crate) origin: Origin,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Origin {
    pub(crate) layer: Layer,
    /// The file, variable or flag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<String>,
}

/// The later one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Layer {
    Default,
    Machine,
    SystemFile,
    UserFile,
    Variable,
    Flag,
}

impl Layer {
    /// In words.
    fn words(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Machine => "machine",
            Self::SystemFile => "system file",
            Self::UserFile => "user file",
            Self::Variable => "variable",
            Self::Flag => "flag",
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.layer.words())?;
        self.place.as_ref().map_or(Ok(()), |place| write!(f, " {place}"))
    }
}

/// All settings, in the order of their documentation. `root` is the flag of that name, where it was given.
pub(crate) fn all(sources: &Sources, root: Option<&Path>) -> Result<Vec<Setting>, Failure> {
    let figment = sources.figment();
    // What is wrong somewhere is an error here as everywhere.
    Sources::settings(&figment)?;
    let machine = of_machine();
    let mut settings = Vec::new();
    for (name, default) in documented() {
        let setting = |name: String, value, origin| Setting { name, value, default: default.clone(), origin };
        let machine = machine.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        match (figment.find_value(&name).ok().filter(is_filled), machine, root) {
            (_, _, Some(root)) if name == "root" => {
                let origin = Origin { layer: Layer::Flag, place: Some("--root".to_owned()) };
                settings.push(setting(name, json!(root), origin));
            }
            // Users fill such a table, and each entry may come from elsewhere.
            (Some(Found::Dict(_, entries)), _, _) => {
                for (key, value) in entries {
                    let entry = format!("{name}.{}", quoted(&key));
                    let origin = origin(sources, &figment, &value, &name);
                    settings.push(setting(entry, shown(&name, &value), origin));
                }
            }
            (Some(value), _, _) => {
                let origin = origin(sources, &figment, &value, &name);
                settings.push(setting(name.clone(), shown(&name, &value), origin));
            }
            (None, Some(value), _) => {
                settings.push(setting(name, value.clone(), Origin { layer: Layer::Machine, place: None }));
            }
            (None, None, _) => {
                settings.push(setting(name, Value::Null, Origin { layer: Layer::Default, place: None }));
            }
        }
    }
    Ok(settings)
}

/// Whether a value counts: lists and tables without entries give way to what lies below.
fn is_filled(value: &Found) -> bool {
    !matches!(value, Found::Dict(_, entries) if entries.is_empty())
        && !matches!(value, Found::Array(_, entries) if entries.is_empty())
}

/// Names and defaults, from the tables of the documentation.
fn documented() -> impl Iterator<Item = (String, String)> {
    DOCUMENTATION.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split('|').map(str::trim);
        let (name, variable, _flag, default) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
        let name = name.strip_prefix('`')?.strip_suffix('`')?;
        variable.starts_with("`IMAGEWRIGHT_").then(|| (name.to_owned(), without_links(default)))
    })
}

/// Text of the documentation as it is read elsewhere: `[below](#there)` is `below`.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, (label, after))) =
        rest.split_once('[').and_then(|(before, link)| Some((before, link.split_once("](")?)))
    {
        plain += before;
        plain += label;
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    (plain + rest).replace('`', "")
}

fn origin(sources: &Sources, figment: &Figment, value: &Found, name: &str) -> Origin {
    let file =
        figment.get_metadata(first_tag(value)).and_then(|metadata| metadata.source.as_ref()?.file_path());
    let (layer, place) = match file {
        Some(file) if file == sources.system => (Layer::SystemFile, file.display().to_string()),
        Some(file) => (Layer::UserFile, file.display().to_string()),
        None => {
            let path: Vec<String> = name.split('.').map(str::to_owned).collect();
            (Layer::Variable, variable(&path))
        }
    };
    Origin { layer, place: Some(place) }
}

/// Lists are taken as a whole, so their first entry tells.
fn first_tag(value: &Found) -> figment::value::Tag {
    match value {
        Found::Array(tag, entries) => entries.first().map_or(*tag, first_tag),
        other => other.tag(),
    }
}

/// A value without passwords and tokens.
fn shown(name: &str, value: &Found) -> Value {
    let value: Value = value.deserialize().unwrap_or_default();
    match &value {
        Value::String(text) if PLACES.contains(&name) => {
            let is_place = ["file:", "environment:"].iter().any(|kind| text.starts_with(kind));
            if is_place { value } else { json!(HIDDEN) }
        }
        _ => without_secrets(value),
    }
}

fn without_secrets(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(SecretUrl::new(text).redacted()),
        Value::Array(entries) => entries.into_iter().map(without_secrets).collect(),
        Value::Object(entries) => {
            Value::Object(entries.into_iter().map(|(key, value)| (key, without_secrets(value))).collect())
        }
        other => other,
    }
}

/// A key as TOML has it.
fn quoted(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let key = SecretUrl::new(key).redacted();
    if key.chars().all(is_bare) && !key.is_empty() { key } else { format!("{key:?}") }
}

/// What is set because other tools of this machine are.
fn of_machine() -> Vec<(&'static str, Value)> {
    let super::Settings { trust, python, docker, buildkit, .. } = machine::settings();
    let TrustSettings { ca_bundle, http_proxy, https_proxy, no_proxy, offline: _ } = trust;
    let PythonSettings { index, extra_indexes, find_links, uv: _ } = python;
    let DockerSettings { host, certificates, import: _ } = docker;
    let BuildkitSettings { host: buildkit, certificates: _ } = buildkit;
    let path = |path: Option<PathBuf>| path.map(|path| path.display().to_string());
    let all = [
        ("trust.ca-bundle", json!(path(ca_bundle))),
        ("trust.http-proxy", json!(http_proxy)),
        ("trust.https-proxy", json!(https_proxy)),
        ("trust.no-proxy", json!(no_proxy)),
        ("python.index", json!(index)),
        ("python.extra-indexes", json!(extra_indexes)),
        ("python.find-links", json!(find_links)),
        ("docker.host", json!(host.map(SecretUrl::new))),
        ("docker.certificates", json!(path(certificates))),
        ("buildkit.host", json!(buildkit.map(SecretUrl::new))),
    ];
    all.into_iter().filter(|(_, value)| !value.is_null() && *value != json!([])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(settings: &[Setting], name: &str) -> (Value, String) {
        let setting = settings.iter().find(|setting| setting.name == name);
        let setting = setting.unwrap_or_else(|| panic!("{name} in {settings:#?}"));
        (setting.value.clone(), setting.origin.to_string())
    }

    #[test]
    fn the_upper_file_is_named_where_it_wins() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let system = write(
            "system.toml",
            "engine = \"auto\"\n[server]\nsecrets-key = \"0123\"\n[server.oidc]\nclient-secret = \"file:/run/s\"\n\
             [registry]\nmirrors = { \"registry.example\" = [\"https://me:word@mirror.example\"] }\n\
             [server.builds]\nworkers = 3\n[facts]\ntrusted-keys = [\"a\"]\n",
        );
        let user = write(
            "user.toml",
            "engine = \"docker\"\n[registry]\nmirrors = { lab = [\"b\"] }\n[facts]\ntrusted-keys = []\n",
        );
        let place = |file: &Path, layer: &str| format!("{layer} {}", file.display());
        let (by_system, by_user) = (place(&system, "system file"), place(&user, "user file"));
        let sources = Sources { system, user: Some(user) };
        let settings = all(&sources, Some(Path::new("/srv/store"))).unwrap();
        assert_eq!(of(&settings, "engine"), (json!("docker"), by_user.clone()));
        assert_eq!(of(&settings, "server.builds.workers"), (json!(3), by_system.clone()));
        assert_eq!(of(&settings, "server.secrets-key"), (json!("****"), by_system.clone()));
        assert_eq!(of(&settings, "server.oidc.client-secret"), (json!("file:/run/s"), by_system.clone()));
        assert_eq!(
            of(&settings, "registry.mirrors.\"registry.example\""),
            (json!(["https://****@mirror.example"]), by_system)
        );
        assert_eq!(of(&settings, "registry.mirrors.lab"), (json!(["b"]), by_user));
        assert_eq!(of(&settings, "root"), (json!("/srv/store"), "flag --root".to_owned()));
        // A list without entries says nothing.
        assert_eq!(of(&settings, "facts.trusted-keys"), (Value::Null, "default".to_owned()));
        assert_eq!(of(&settings, "docker.import"), (Value::Null, "default".to_owned()));
    }

    #[test]
    fn defaults_are_told_in_words() {
        let known: Vec<(String, String)> = documented().collect();
        let default = |name: &str| known.iter().find(|(known, _)| known == name).unwrap().1.as_str();
        assert_eq!(default("server.builds.longest-log"), "64MiB");
        assert_eq!(default("docker.host"), "what docker uses, see below");
        assert!(known.iter().all(|(_, default)| !default.is_empty()));
    }
}
