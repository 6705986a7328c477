//! What package indexes have, for whoever types names: the simple repository interface (PEP 503, PEP 691).

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::process::Stdio;
use std::str::FromStr;

use imagewright_model::{BuildSettings, SecretUrl};
use imagewright_store::Store;
use pep440_rs::Version;
use serde::Deserialize;

use super::error::PipError;
use super::guess::{LIKELY_MINOR, likely};
use super::solve::stand_in;
use crate::error::EngineError;
use crate::fetch::{FetchError, Fetcher};
use crate::names::Names;
use crate::outside::Outside;
use crate::uv::Uv;

/// The largest list that is read. The one of the default index has 40 MB.
const LARGEST: u64 = 512 << 20;

/// The indexes that a build would ask, the default one first.
pub(crate) struct ListedIndexes {
    indexes: Vec<SecretUrl>,
    fetcher: Fetcher,
}

impl ListedIndexes {
    /// Those of the settings; where they name no default one, it is asked for.
    pub(crate) fn find(
        settings: &BuildSettings,
        default: impl FnOnce() -> Result<SecretUrl, EngineError>,
    ) -> Result<Self, EngineError> {
        let python = &settings.python;
        let default = python.index.clone().map_or_else(default, Ok)?;
        let indexes = std::iter::once(default).chain(python.extra_indexes.iter().cloned()).collect();
        Ok(Self { indexes, fetcher: Fetcher::new(&settings.trust)? })
    }

    /// All names of one of the indexes. One that has no list of all names has none.
    pub(crate) fn names(&self, number: usize) -> Result<Names, EngineError> {
        let url = below(&self.indexes[number], "");
        let mut names = Names::new();
        match self.page(&url) {
            Ok(page) => each_project(page, &mut |name| drop(names.insert(normalised(name), None)))
                .map_err(|source| PipError::Index { url, source })?,
            Err(FetchError::NotFound { .. } | FetchError::Refused { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(names)
    }

    /// The versions of a package, newest first, those that are releases before all others.
    pub(crate) fn versions(&self, name: &str) -> Result<Vec<String>, EngineError> {
        let name = normalised(name);
        let mut versions: Vec<Version> = Vec::new();
        for index in &self.indexes {
            let url = below(index, &format!("{name}/"));
            match self.page(&url) {
                Ok(page) => each_file(page, &mut |file| versions.extend(version_of(file, &name)))
                    .map_err(|source| PipError::Index { url, source })?,
                Err(FetchError::NotFound { .. } | FetchError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        versions.sort_by(|one, other| {
            one.any_prerelease().cmp(&other.any_prerelease()).then_with(|| other.cmp(one))
        });
        versions.dedup();
        Ok(versions.iter().map(ToString::to_string).collect())
    }

    fn page(&self, url: &SecretUrl) -> Result<File, FetchError> {
        let target = |source| FetchError::Target { url: url.clone(), source };
        let mut file = tempfile::tempfile().map_err(target)?;
        self.fetcher.fetch_changed(url, None, LARGEST, &mut file, &mut |_| {})?;
        file.rewind().map_err(target)?;
        Ok(file)
    }
}

/// The index that uv asks where nobody names one. It is in no setting of ours: uv says it.
pub(crate) fn default_index(
    store: &Store,
    uv: &Uv,
    outside: &Outside,
    architecture: &str,
) -> Result<SecretUrl, EngineError> {
    let python = stand_in(&store.cache_dir("interpreters")?, &likely(LIKELY_MINOR, architecture))?;
    let arguments = ["pip", "compile", "-", "--emit-index-url", "--no-header", "--offline", "--python"];
    let mut command = uv.host_command(outside, &arguments);
    command.arg(&python).stdin(Stdio::null());
    let output = command.output().map_err(EngineError::io("run", "uv"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let url = said.lines().find_map(|line| line.strip_prefix("--index-url "));
    Ok(SecretUrl::new(url.ok_or(PipError::NoIndex)?.trim()))
}

fn below(index: &SecretUrl, path: &str) -> SecretUrl {
    SecretUrl::new(format!("{}/{path}", index.expose().trim_end_matches('/')))
}

/// A name as PEP 503 has it in addresses.
fn normalised(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            letter => normal.push(letter.to_ascii_lowercase()),
        }
    }
    normal
}

/// The version that a file of a project is of.
fn version_of(file: &str, name: &str) -> Option<Version> {
    let version = match file.strip_suffix(".whl") {
        Some(stem) => stem.split('-').nth(1)?,
        None => {
            let stem =
                [".tar.gz", ".zip", ".tar.bz2", ".tgz"].iter().find_map(|end| file.strip_suffix(end))?;
            // Old names may have a hyphen in themselves.
            let (project, version) = stem.rsplit_once('-')?;
            (normalised(project) == name).then_some(version)?
        }
    };
    Version::from_str(version).ok()
}

#[derive(Deserialize)]
struct Projects {
    projects: Vec<Project>,
}

#[derive(Deserialize)]
struct Project {
    name: String,
}

#[derive(Deserialize)]
struct Files {
    files: Vec<ProjectFile>,
}

#[derive(Deserialize)]
struct ProjectFile {
    filename: String,
    #[serde(default)]
    yanked: serde_json::Value,
}

impl ProjectFile {
    /// A reason, even an empty one, says that it is.
    fn is_yanked(&self) -> bool {
        !matches!(self.yanked, serde_json::Value::Null | serde_json::Value::Bool(false))
    }
}

fn each_project(page: impl Read, on_name: &mut dyn FnMut(&str)) -> io::Result<()> {
    let mut page = BufReader::with_capacity(128 * 1024, page);
    if is_json(&mut page)? {
        let list: Projects = serde_json::from_reader(page)?;
        list.projects.iter().for_each(|project| on_name(&project.name));
        return Ok(());
    }
    each_link(page, &mut |_, text| on_name(text))
}

fn each_file(page: impl Read, on_file: &mut dyn FnMut(&str)) -> io::Result<()> {
    let mut page = BufReader::with_capacity(128 * 1024, page);
    if is_json(&mut page)? {
        let list: Files = serde_json::from_reader(page)?;
        list.files.iter().filter(|file| !file.is_yanked()).for_each(|file| on_file(&file.filename));
        return Ok(());
    }
    each_link(page, &mut |attributes, text| {
        if !attributes.contains("data-yanked") {
            on_file(text);
        }
    })
}

fn is_json(page: &mut impl BufRead) -> io::Result<bool> {
    let begin = page.fill_buf()?;
    Ok(begin.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{'))
}

/// The links of a page: their attributes and their texts.
fn each_link(mut page: impl BufRead, on_link: &mut dyn FnMut(&str, &str)) -> io::Result<()> {
    let mut piece = Vec::new();
    loop {
        piece.clear();
        // A page that never ends a piece is none.
        if (&mut page).take(1 << 20).read_until(b'<', &mut piece)? == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&piece);
        let text = text.strip_suffix('<').unwrap_or(&text);
        if let Some((attributes, text)) = text.split_once('>')
            && attributes.get(..2).is_some_and(|begin| begin.eq_ignore_ascii_case("a "))
        {
            on_link(attributes, text.trim());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn projects(page: &str) -> Vec<String> {
        let mut names = Vec::new();
        each_project(page.as_bytes(), &mut |name| names.push(name.to_owned())).unwrap();
        names
    }

    fn files(page: &str) -> Vec<String> {
        let mut names = Vec::new();
        each_file(page.as_bytes(), &mut |name| names.push(name.to_owned())).unwrap();
        names
    }

    #[test]
    fn both_forms_of_a_list_are_read() {
        let html = "<!DOCTYPE html><html><body>\n<a href=\"six/\">six</a>\n<A HREF='/simple/numpy/'> NumPy </A><br/><b>no</b></body>";
        assert_eq!(projects(html), ["six", "NumPy"]);
        assert_eq!(projects(r#" {"meta": {"api-version": "1.1"}, "projects": [{"name": "six"}]}"#), ["six"]);
        assert_eq!(projects(""), [""; 0]);
        assert!(each_project("{".as_bytes(), &mut |_| {}).is_err());
    }

    #[test]
    fn yanked_files_do_not_count() {
        let html = "<a href=\"a-1.whl#sha256=ab\" data-yanked=\"\">a-1-py3-none-any.whl</a><a href=\"x\">a-2.tar.gz</a>";
        assert_eq!(files(html), ["a-2.tar.gz"]);
        let json = r#"{"files": [{"filename": "a", "yanked": "bad"}, {"filename": "b", "yanked": false}, {"filename": "c"}, {"filename": "d", "yanked": ""}]}"#;
        assert_eq!(files(json), ["b", "c"]);
    }

    #[test]
    fn versions_stand_in_the_names_of_files() {
        for (file, expected) in [
            ("scikit_learn-1.5.0-cp313-cp313-manylinux_2_17_x86_64.whl", Some("1.5.0")),
            ("scikit-learn-0.9.tar.gz", Some("0.9")),
            ("scikit-learn-0.9.exe", None),
            ("other-1.tar.gz", None),
            ("scikit_learn-odd-py3-none-any.whl", None),
            ("scikit-learn", None),
        ] {
            assert_eq!(
                version_of(file, "scikit-learn").map(|version| version.to_string()).as_deref(),
                expected
            );
        }
    }
}
