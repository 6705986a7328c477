//! What an image is like before conda packages come: where its environment is, what is in it, and its C library.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::str;

use imagewright_conda::Package;
use imagewright_layer::{Entry, EntryKind};
use imagewright_oci::Digest;
use imagewright_store::Part;
use serde::{Deserialize, Serialize};

use super::error::CondaError;
use crate::error::EngineError;
use crate::root_view::RootView;
use crate::step::{self, StepContext};
use crate::workbench::Workbench;

/// Raised when more is found out.
const VERSION: u32 = 1;
/// Where the environment goes in an image without one.
const DEFAULT_PREFIX: &str = "/opt/conda";
/// What images say where their environment is by.
const VARIABLES: [&str; 3] = ["CONDA_PREFIX", "CONDA_DIR", "MAMBA_ROOT_PREFIX"];
/// Where distributions have the C library.
const LIBRARIES: [&str; 8] = [
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/lib/aarch64-linux-gnu/libc.so.6",
    "/lib/powerpc64le-linux-gnu/libc.so.6",
    "/lib/s390x-linux-gnu/libc.so.6",
    "/lib/riscv64-linux-gnu/libc.so.6",
    "/lib64/libc.so.6",
    "/lib/libc.so.6",
    "/usr/lib/libc.so.6",
];
/// What stands in front of the version in the C library.
const VERSION_MARK: &[u8] = b"release version ";
/// No record of a package is longer.
const LARGEST_RECORD: u64 = 256 << 20;

/// The files that tell of an environment. Another rule gets another name.
const CONDA: Part = Part { name: "conda1", wants: is_wanted };

/// What an image so far is like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CondaFacts {
    /// Path of the environment, without a slash at its end.
    pub(super) prefix: String,
    /// The packages in it, by name.
    pub(super) installed: Vec<Package>,
    /// The version of its GNU C library.
    pub(super) glibc: Option<String>,
    /// What a new folder of the environment is like.
    pub(super) folder: Folder,
    /// Folders on the way to the environment and in it that look otherwise.
    pub(super) folders: BTreeMap<String, Folder>,
}

/// What a folder is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Folder {
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

const ROOT: Folder = Folder { mode: 0o755, uid: 0, gid: 0 };
/// The set-group-id bit, by which new files belong to the group of their folder.
const SET_GROUP_ID: u32 = 0o2000;

impl CondaFacts {
    /// Finds out, or remembers.
    pub(super) fn find(context: StepContext<'_>) -> Result<Self, EngineError> {
        let StepContext { site, draft, epoch, report } = context;
        let paths: Vec<Option<&str>> =
            VARIABLES.iter().chain(["PATH"].iter()).map(|name| draft.config.env(name)).collect();
        let key: Digest = step::key("conda-facts", &(VERSION, context.parent(), &paths));
        if let Some(known) = site.store.get_fact("conda-facts", &key)? {
            return Ok(known);
        }
        let bench = Workbench::on_part(site, draft, CONDA, epoch, report)?;
        let view = bench.view();
        let prefix = prefix(&view, |name| draft.config.env(name));
        let (folder, folders) = folders(&view, &prefix);
        let facts =
            Self { installed: installed(&view, &prefix)?, glibc: glibc(&view), prefix, folder, folders };
        site.store.put_fact("conda-facts", &key, &facts)?;
        Ok(facts)
    }

    /// What a folder is like.
    pub(super) fn folder(&self, path: &str) -> Folder {
        let is_inside =
            path.strip_prefix(&self.prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let usual = if is_inside { self.folder } else { ROOT };
        self.folders.get(path).copied().unwrap_or(usual)
    }

    /// What is written to the image's books already.
    pub(super) fn history(&self, context: StepContext<'_>) -> Result<String, EngineError> {
        let StepContext { site, draft, epoch, report } = context;
        let bench = Workbench::on_part(site, draft, CONDA, epoch, report)?;
        let history = bench.view().read_to_string(format!("{}/conda-meta/history", self.prefix));
        Ok(history.unwrap_or_default())
    }

    /// The files of installed packages that are there, by the books.
    pub(super) fn files_of(
        &self,
        context: StepContext<'_>,
        packages: &[Package],
    ) -> Result<Vec<String>, EngineError> {
        let bench = context.bench()?;
        let view = bench.view();
        let mut files = Vec::new();
        for package in packages {
            let (record, listed) = self.listed(&view, package)?;
            files.extend(listed.iter().map(|file| format!("{}/{file}", self.prefix)));
            files.push(record);
        }
        files.retain(|file| !file.split('/').any(|name| name == "..") && view.exists(file));
        Ok(files)
    }

    /// Those of installed packages that have the file which `path` gives for their name, by the books.
    pub(super) fn with_file(
        &self,
        context: StepContext<'_>,
        mut packages: Vec<Package>,
        path: impl Fn(&str) -> String,
    ) -> Result<Vec<Package>, EngineError> {
        let StepContext { site, draft, epoch, report } = context;
        let bench = Workbench::on_part(site, draft, CONDA, epoch, report)?;
        let view = bench.view();
        let mut scripted = Vec::new();
        for package in packages.drain(..) {
            let (_, listed) = self.listed(&view, &package)?;
            scripted.extend(listed.contains(&path(package.name())).then_some(package));
        }
        Ok(scripted)
    }

    /// The path of a package's record, and the files it lists, from the prefix on.
    fn listed(&self, view: &RootView, package: &Package) -> Result<(String, Vec<String>), CondaError> {
        #[derive(Deserialize)]
        struct Record {
            #[serde(default)]
            files: Vec<String>,
        }
        let record = format!("{}/conda-meta/{}", self.prefix, package.book_file());
        let listed = text(view, &record).and_then(|text| serde_json::from_str::<Record>(&text).ok());
        match listed {
            Some(listed) => Ok((record, listed.files)),
            None => Err(CondaError::BaseRecord(record)),
        }
    }
}

/// Where the environment of an image is, or goes.
fn prefix<'v>(view: &RootView, variable: impl Fn(&str) -> Option<&'v str>) -> String {
    let named = VARIABLES.iter().filter_map(|name| variable(name)).map(str::to_owned);
    let search_path = variable("PATH").unwrap_or_default();
    let on_path = search_path.split(':').filter_map(|folder| {
        let folder = folder.trim_end_matches('/');
        folder.strip_suffix("/bin").or_else(|| folder.strip_suffix("/condabin")).map(str::to_owned)
    });
    let mut candidates = named.chain(on_path).map(|path| path.trim_end_matches('/').to_owned());
    let is_environment =
        |path: &String| path.starts_with('/') && view.is_directory(format!("{path}/conda-meta"));
    candidates.find(is_environment).unwrap_or_else(|| DEFAULT_PREFIX.to_owned())
}

fn installed(view: &RootView, prefix: &str) -> Result<Vec<Package>, EngineError> {
    let books = format!("{prefix}/conda-meta");
    let names = view.list(&books).into_iter().filter_map(|name| name.into_string().ok());
    let mut packages = Vec::new();
    for name in names.filter(|name| name.ends_with(".json")) {
        let path = format!("{books}/{name}");
        let package = text(view, &path).as_deref().and_then(Package::installed);
        packages.push(package.ok_or(CondaError::BaseRecord(path))?);
    }
    packages.sort_by(|one, other| one.name().cmp(other.name()));
    Ok(packages)
}

fn text(view: &RootView, path: &str) -> Option<String> {
    let (host, metadata) = view.find(Path::new(path))?;
    if !metadata.is_file() || metadata.len() > LARGEST_RECORD {
        return None;
    }
    std::fs::read_to_string(host).ok()
}

/// What new folders are like, and those that are otherwise.
fn folders(view: &RootView, prefix: &str) -> (Folder, BTreeMap<String, Folder>) {
    let of = |path: &str| view.directory(path).map(|(mode, uid, gid)| Folder { mode, uid, gid });
    let own = of(prefix).unwrap_or(ROOT);
    let usual = Folder { mode: 0o755 | own.mode & SET_GROUP_ID, ..own };
    let mut folders = BTreeMap::new();
    let ends = prefix.match_indices('/').map(|(end, _)| end).filter(|end| *end > 0);
    for path in ends.map(|end| &prefix[..end]) {
        folders.extend(of(path).filter(|folder| *folder != ROOT).map(|folder| (path.to_owned(), folder)));
    }
    let mut open = vec![prefix.to_owned()];
    while let Some(path) = open.pop() {
        let Some(folder) = of(&path) else { continue };
        if folder != usual {
            folders.insert(path.clone(), folder);
        }
        let inner = view.list(&path).into_iter().filter_map(|name| name.into_string().ok());
        let inner = inner.map(|name| format!("{path}/{name}"));
        // A link to a folder is no folder of the environment.
        open.extend(
            inner.filter(|path| {
                view.find_itself(Path::new(path)).is_some_and(|(_, metadata)| metadata.is_dir())
            }),
        );
    }
    (usual, folders)
}

/// The version of the GNU C library.
fn glibc(view: &RootView) -> Option<String> {
    let found = LIBRARIES.iter().find_map(|path| view.find(Path::new(path)));
    let (host, _) = found.filter(|(_, metadata)| metadata.is_file())?;
    let mut bytes = Vec::new();
    BufReader::new(File::open(host).ok()?).take(64 << 20).read_to_end(&mut bytes).ok()?;
    version_in(&bytes)
}

fn version_in(library: &[u8]) -> Option<String> {
    let start = library.windows(VERSION_MARK.len()).position(|window| window == VERSION_MARK)?;
    let rest = &library[start + VERSION_MARK.len()..];
    let length = rest.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.')?;
    let version = str::from_utf8(&rest[..length]).ok()?.trim_end_matches('.');
    version.contains('.').then(|| version.to_owned())
}

fn is_wanted(entry: &Entry) -> bool {
    if !matches!(entry.kind, EntryKind::File { .. } | EntryKind::HardLink { .. }) {
        return true;
    }
    let Ok(path) = str::from_utf8(entry.path.as_bytes()) else { return false };
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let is_book = folder == "conda-meta" || folder.ends_with("/conda-meta");
    let is_library = (name == "libc.so.6" || name.starts_with("libc-2."))
        && folder.split('/').any(|it| it.starts_with("lib"));
    is_book && (name.ends_with(".json") || name == "history") || is_library
}

#[cfg(test)]
mod tests {
    use imagewright_layer::LayerPath;

    use super::*;

    #[test]
    fn a_c_library_says_its_version() {
        let cases = [
            (
                &b"GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\nCopyright"[..],
                Some("2.36"),
            ),
            (b"GNU C Library (GNU libc) development release version 2.39.9000.\n", Some("2.39.9000")),
            (b"release version x", None),
            (b"musl libc", None),
        ];
        for (bytes, version) in cases {
            assert_eq!(version_in(bytes).as_deref(), version);
        }
    }

    #[test]
    fn an_environment_is_found_where_the_image_says() {
        let root = tempfile::tempdir().unwrap();
        let view = RootView::new(vec![root.path().to_owned()]);
        let none = |_: &str| None;
        assert_eq!(prefix(&view, none), "/opt/conda");
        std::fs::create_dir_all(root.path().join("srv/env/conda-meta")).unwrap();
        std::fs::create_dir_all(root.path().join("opt/tools/bin")).unwrap();
        let search = |name: &str| (name == "PATH").then_some("/opt/tools/bin:/srv/env/bin:/usr/bin");
        assert_eq!(prefix(&view, search), "/srv/env");
        let named = |name: &str| (name == "CONDA_DIR").then_some("/srv/env/");
        assert_eq!(prefix(&view, named), "/srv/env");
        let wrong = |name: &str| (name == "CONDA_DIR").then_some("/opt/tools");
        assert_eq!(prefix(&view, wrong), "/opt/conda");
    }

    #[test]
    fn only_books_and_the_c_library_are_wanted() {
        for (path, expected) in [
            ("opt/conda/conda-meta/python-3.13-0.json", true),
            ("opt/conda/conda-meta/history", true),
            ("usr/lib/x86_64-linux-gnu/libc.so.6", true),
            ("lib/x86_64-linux-gnu/libc-2.31.so", true),
            ("opt/conda/conda-meta/x.txt", false),
            ("opt/conda/bin/python", false),
            ("usr/share/libc.so.6", false),
        ] {
            let path = LayerPath::parse(path.as_bytes()).unwrap();
            let entry = Entry::new(path, EntryKind::File { size: 1 }, 0o644);
            assert_eq!(is_wanted(&entry), expected, "{}", entry.path);
        }
    }
}
