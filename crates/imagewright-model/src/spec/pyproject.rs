//! `pyproject.toml`: the dependencies of a project. Whether the project itself is installed, the folder decides.

use std::collections::BTreeMap;
use std::str::FromStr;

use pep508_rs::pep440_rs::VersionSpecifiers;
use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

use super::{Note, Origin, PartialSpec, PipRequirement, Problem, RequiresPython, SpecError, toml_text};

#[derive(Deserialize)]
struct Document {
    project: Option<Project>,
    #[serde(default)]
    tool: BTreeMap<String, toml::Table>,
    #[serde(rename = "build-system")]
    build_system: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Project {
    name: Option<String>,
    #[serde(default)]
    dependencies: Vec<Spanned<String>>,
    requires_python: Option<Spanned<String>>,
    #[serde(default)]
    dynamic: Vec<Spanned<String>>,
}

/// Tables of `[tool.uv]` that change what a dependency means.
const UV_TABLES: [&str; 4] = ["sources", "index", "constraint-dependencies", "override-dependencies"];

/// Reads the dependencies of a `pyproject.toml`. `alone`: nothing else says which Python packages are wanted;
/// `installed`: the project is going to be installed, so that only its own build needs to know its dependencies.
///
/// # Errors
/// Refuses a file from which the dependencies cannot be read, or cannot be read alone.
pub(super) fn read_pyproject(
    source: &str,
    text: &str,
    alone: bool,
    installed: bool,
) -> Result<PartialSpec, SpecError> {
    let document: Document = toml_text::parse(source, text)?;
    refuse_tools(source, &document, installed)?;
    let Some(project) = document.project else {
        if installed {
            return Ok(PartialSpec::default());
        }
        if alone || document.build_system.is_some() {
            return Err(problem(
                Origin::file(source),
                "there is no [project] section, so no dependencies can be read".to_owned(),
                "add [project] with `dependencies`, or list them in requirements.txt and say \
                 `ignore: [pyproject.toml]` in image.yaml",
            ));
        }
        let note = "it has no [project] section: only settings of tools, nothing is taken from it";
        return Ok(PartialSpec {
            notes: vec![Note::new(Origin::file(source), note)],
            ..PartialSpec::default()
        });
    };
    let at = |offset: usize| toml_text::origin_at(source, text, offset);
    let mut dynamic = project.dynamic.iter().filter(|_| !installed);
    if let Some(dynamic) = dynamic.find(|entry| entry.get_ref() == "dependencies") {
        return Err(problem(
            at(dynamic.span().start),
            "the dependencies are dynamic: only the project's own build could tell them".to_owned(),
            "list them under `dependencies`, or lock them into pylock.toml",
        ));
    }
    let parse = |entry: &Spanned<String>| PipRequirement::parse(entry.get_ref(), at(entry.span().start));
    let pip = project.dependencies.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let requires_python =
        project.requires_python.map(|entry| requires_python(&entry, at(entry.span().start)));
    if installed {
        return Ok(PartialSpec {
            requires_python: requires_python.transpose()?.into_iter().collect(),
            ..PartialSpec::default()
        });
    }
    let name = project.name.as_deref().unwrap_or("the project");
    let note = format!("the dependencies of `{name}` are installed, not `{name}` itself");
    Ok(PartialSpec {
        pip,
        requires_python: requires_python.transpose()?.into_iter().collect(),
        notes: vec![Note::new(Origin::file(source), &note)],
        ..PartialSpec::default()
    })
}

fn refuse_tools(source: &str, document: &Document, installed: bool) -> Result<(), SpecError> {
    let poetry = document.tool.get("poetry").is_some_and(|poetry| poetry.contains_key("dependencies"));
    if poetry && document.project.is_none() && !installed {
        return Err(problem(
            Origin::file(source),
            "the dependencies stand under [tool.poetry], which only Poetry reads".to_owned(),
            "move them to [project], or export them with `poetry export` to requirements.txt",
        ));
    }
    let uv = document.tool.get("uv");
    match UV_TABLES.iter().find(|name| uv.is_some_and(|uv| uv.contains_key(**name))) {
        Some(name) => Err(problem(
            Origin::file(source),
            format!(
                "[tool.uv] has `{name}`, which would change what the dependencies mean and is not honoured"
            ),
            "lock them with `uv export --format pylock.toml -o pylock.toml`, and say `ignore: [pyproject.toml]` \
             in image.yaml",
        )),
        None => Ok(()),
    }
}

fn requires_python(entry: &Spanned<String>, origin: Origin) -> Result<RequiresPython, SpecError> {
    let text = entry.get_ref().clone();
    match VersionSpecifiers::from_str(&text) {
        Ok(_) => Ok(RequiresPython { text, origin }),
        Err(_) => Err(problem(
            origin,
            format!("`{text}` does not say which versions of Python are wanted"),
            "write it like `>=3.11`",
        )),
    }
}

fn problem(origin: Origin, text: String, remedy: &str) -> SpecError {
    SpecError::new(origin, Problem::Project { text, remedy: remedy.to_owned() })
}
