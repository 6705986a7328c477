//! The package indexes that pip and uv of this machine are set to: variables first, then uv's file, then pip's.

use std::path::{Path, PathBuf};

use imagewright_model::{PythonSettings, SecretUrl};
use ini::{Ini, ParseOption};
use serde::Deserialize;

use super::machine::variable;

/// Gathers them.
pub(super) fn of_machine() -> PythonSettings {
    let from_files = uv_files()
        .iter()
        .find_map(|path| read_uv(path))
        .or_else(|| pip_files().iter().find_map(|path| read_pip(path)));
    let from_files = from_files.unwrap_or_default();
    PythonSettings {
        index: variable(&["UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"])
            .map(SecretUrl::new)
            .or(from_files.index),
        extra_indexes: listed(&["UV_INDEX", "UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL"])
            .unwrap_or(from_files.extra_indexes),
        find_links: listed(&["UV_FIND_LINKS", "PIP_FIND_LINKS"])
            .unwrap_or(from_files.find_links)
            .into_iter()
            .filter(is_there)
            .collect(),
        uv: None,
    }
}

fn uv_files() -> Vec<PathBuf> {
    let named = variable(&["UV_CONFIG_FILE"]).map(PathBuf::from);
    let user = config_home().map(|folder| folder.join("uv/uv.toml"));
    named.into_iter().chain(user).chain([PathBuf::from("/etc/uv/uv.toml")]).collect()
}

fn pip_files() -> Vec<PathBuf> {
    let named = variable(&["PIP_CONFIG_FILE"]).map(PathBuf::from);
    let user = config_home().map(|folder| folder.join("pip/pip.conf"));
    let legacy = variable(&["HOME"]).map(|home| Path::new(&home).join(".pip/pip.conf"));
    named.into_iter().chain(user).chain(legacy).chain([PathBuf::from("/etc/pip.conf")]).collect()
}

fn config_home() -> Option<PathBuf> {
    let named = variable(&["XDG_CONFIG_HOME"]).map(PathBuf::from);
    named.or_else(|| Some(Path::new(&variable(&["HOME"])?).join(".config")))
}

/// A folder that is not there counts for nothing, as with pip.
fn is_there(place: &SecretUrl) -> bool {
    let text = place.expose();
    let path = text.strip_prefix("file://").unwrap_or(text);
    !path.starts_with('/') || Path::new(path).is_dir()
}

fn listed(names: &[&str]) -> Option<Vec<SecretUrl>> {
    variable(names).map(|text| split(&text))
}

fn split(text: &str) -> Vec<SecretUrl> {
    text.split_whitespace().map(SecretUrl::new).collect()
}

fn read_uv(path: &Path) -> Option<PythonSettings> {
    parse_uv(&std::fs::read_to_string(path).ok()?)
}

fn read_pip(path: &Path) -> Option<PythonSettings> {
    parse_pip(&std::fs::read_to_string(path).ok()?)
}

/// The part of `uv.toml` that names indexes.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct UvFile {
    index: Vec<UvIndex>,
    index_url: Option<SecretUrl>,
    extra_index_url: Vec<SecretUrl>,
    find_links: Vec<SecretUrl>,
}

#[derive(Deserialize)]
struct UvIndex {
    url: SecretUrl,
    #[serde(default)]
    default: bool,
}

/// A file that cannot be read is uv's to complain of, not ours.
fn parse_uv(text: &str) -> Option<PythonSettings> {
    let file: UvFile = toml::from_str(text).ok()?;
    let (default, extra): (Vec<_>, Vec<_>) = file.index.into_iter().partition(|index| index.default);
    let settings = PythonSettings {
        index: default.into_iter().next().map(|index| index.url).or(file.index_url),
        extra_indexes: extra.into_iter().map(|index| index.url).chain(file.extra_index_url).collect(),
        find_links: file.find_links,
        uv: None,
    };
    names_something(settings)
}

fn parse_pip(text: &str) -> Option<PythonSettings> {
    let lists = ParseOption {
        enabled_escape: false,
        enabled_indented_mutiline_value: true,
        ..ParseOption::default()
    };
    let file = Ini::load_from_str_opt(text, lists).ok()?;
    // pip reads the section of its command over the general one.
    let get =
        |name: &str| ["install", "global"].iter().find_map(|section| file.section(Some(*section))?.get(name));
    let settings = PythonSettings {
        index: get("index-url").map(SecretUrl::new),
        extra_indexes: get("extra-index-url").map(split).unwrap_or_default(),
        find_links: get("find-links").map(split).unwrap_or_default(),
        uv: None,
    };
    names_something(settings)
}

fn names_something(settings: PythonSettings) -> Option<PythonSettings> {
    let names =
        settings.index.is_some() || !settings.extra_indexes.is_empty() || !settings.find_links.is_empty();
    names.then_some(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_of_pip_and_uv_are_understood() {
        let pip = "[global]\nindex-url = https://me:p%40ss@mirror.example/simple\ncert = /ca.pem\n\
                   [install]\nextra-index-url =\n    https://a.example/simple\n    https://b.example/simple\n";
        let pip = parse_pip(pip).unwrap();
        assert_eq!(pip.index.unwrap().expose(), "https://me:p%40ss@mirror.example/simple");
        let extra: Vec<_> = pip.extra_indexes.iter().map(SecretUrl::expose).collect();
        assert_eq!(extra, ["https://a.example/simple", "https://b.example/simple"]);

        let uv = "[[index]]\nurl = \"https://a.example/simple\"\n[[index]]\nurl = \"https://m.example/simple\"\ndefault = true\n";
        let uv = parse_uv(uv).unwrap();
        assert_eq!(uv.index.unwrap().expose(), "https://m.example/simple");
        assert_eq!(uv.extra_indexes.len(), 1);

        assert!(parse_pip("[global]\ncert = /ca.pem\n").is_none());
        assert!(parse_uv("[pip]\nstrict = true\n").is_none());
    }
}
