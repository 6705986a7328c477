//! Distributions of the base that others replace: a layer that takes their files away, below those of the new ones.
//!
//! What belongs to the package manager of a distribution or to conda stays where it is, and is shadowed: taking its
//! files away would break the books of whoever put them there.

use std::collections::BTreeSet;

use imagewright_layer::{Entry, EntryKind, LayerPath, PackageWriter};
use imagewright_oci::Digest;
use imagewright_store::BlobWriter;

use super::interpreter::{Installed, PythonFacts};
use super::layout::Layout;
use super::select::Chosen;
use crate::error::EngineError;
use crate::package_layer::{FolderEntry, PACKAGE_TIME, PackageLayer};
use crate::root_view::RootView;
use crate::step::{self, StepContext};

/// Whoever writes one of these into `INSTALLER` keeps books of its own.
const OTHER_MANAGERS: [&str; 5] = ["debian", "dpkg", "rpm", "conda", "apk"];

/// The distributions that `packages` replace.
pub(super) fn replaced<'f>(facts: &'f PythonFacts, packages: &[Chosen]) -> Vec<&'f Installed> {
    let wanted: BTreeSet<&str> = packages.iter().map(Chosen::name).collect();
    let ours = |installed: &&Installed| !OTHER_MANAGERS.contains(&installed.installer.as_str());
    in_target(facts).filter(|installed| wanted.contains(installed.name.as_str())).filter(ours).collect()
}

/// The distributions that lie where packages go.
pub(super) fn in_target(facts: &PythonFacts) -> impl Iterator<Item = &Installed> {
    let is_new = facts.new_environment().is_some();
    facts.installed.iter().filter(move |installed| installed.in_target && !is_new)
}

/// A layer without the files of `installed`; none where there are none.
pub(super) fn layer(
    context: StepContext<'_>,
    layout: &Layout,
    installed: &[&Installed],
) -> Result<Option<PackageLayer>, EngineError> {
    if installed.is_empty() {
        return Ok(None);
    }
    let site = context.site;
    let shared: Vec<_> = layout.shared().map(|folder| (folder, layout.folder(folder))).collect();
    let what = (context.parent(), installed, shared, site.compression.to_string());
    let key: Digest = step::key("replaced", &what);
    let known: Option<Option<PackageLayer>> = site.store.get_fact("replaced", &key)?;
    let is_there = |layer: &Option<PackageLayer>| layer.as_ref().is_none_or(|layer| layer.is_stored(site));
    if let Some(known) = known.filter(is_there) {
        return Ok(known);
    }
    let bench = context.bench()?;
    let view = bench.view();
    let files: BTreeSet<String> = installed.iter().flat_map(|installed| files_of(&view, installed)).collect();
    let layer = match removals(&view, layout, &files) {
        (_, gone) if gone.is_empty() => None,
        (folders, gone) => Some(PackageLayer::write(site, folders, |writer| write(writer, &gone))?),
    };
    site.store.put_fact("replaced", &key, &layer)?;
    Ok(layer)
}

fn write(writer: &mut PackageWriter<BlobWriter>, entries: &[Entry]) -> Result<(), EngineError> {
    for entry in entries {
        let written = writer.append(entry, &mut std::io::empty());
        written.map_err(|source| EngineError::PackageLayer { source })?;
    }
    Ok(())
}

/// The files of a distribution that are there, by its `RECORD`, and the bytecode of its modules.
fn files_of(view: &RootView, installed: &Installed) -> Vec<String> {
    let Some((site_packages, _)) = installed.metadata.rsplit_once('/') else { return Vec::new() };
    let record = view.read_to_string(format!("{}/RECORD", installed.metadata)).unwrap_or_default();
    let mut files: Vec<String> =
        record.lines().map(first_field).map(|path| join(site_packages, &path)).collect();
    let modules: Vec<(String, String)> = files
        .iter()
        .filter_map(|file| file.strip_suffix(".py"))
        .filter_map(|module| module.rsplit_once('/'))
        .map(|(folder, stem)| (format!("{folder}/__pycache__"), format!("{stem}.")))
        .collect();
    for (folder, stem) in modules {
        let names = view.list(&folder).into_iter().filter_map(|name| name.into_string().ok());
        files.extend(names.filter(|name| name.starts_with(&stem)).map(|name| format!("{folder}/{name}")));
    }
    // What wrote no RECORD left at least this.
    let metadata = view.list(&installed.metadata).into_iter().filter_map(|name| name.into_string().ok());
    files.extend(metadata.map(|name| format!("{}/{name}", installed.metadata)));
    files.retain(|file| view.exists(file));
    files
}

/// The first field of a line of comma-separated values.
fn first_field(line: &str) -> String {
    match line.strip_prefix('"') {
        Some(quoted) => {
            let mut field = String::new();
            let mut rest = quoted.chars().peekable();
            while let Some(character) = rest.next() {
                match character {
                    '"' if rest.peek() == Some(&'"') => field.extend(rest.next()),
                    '"' => break,
                    other => field.push(other),
                }
            }
            field
        }
        None => line.split(',').next().unwrap_or_default().to_owned(),
    }
}

/// `path`, from `folder`, without `..`.
fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = if path.starts_with('/') { Vec::new() } else { folder.split('/').collect() };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/").trim_start_matches('/'))
}

/// Entries that take files away, and the folders on the way. A folder that nothing would be left in goes as a whole.
fn removals(view: &RootView, layout: &Layout, files: &BTreeSet<String>) -> (Vec<FolderEntry>, Vec<Entry>) {
    let mut removed = files.clone();
    let mut folders: BTreeSet<(std::cmp::Reverse<usize>, &str)> = BTreeSet::new();
    for file in files {
        let above = file.match_indices('/').map(|(end, _)| &file[..end]);
        folders.extend(above.map(|folder| (std::cmp::Reverse(folder.len()), folder)));
    }
    // The innermost come first, so what is decided for them counts for those around them.
    for (_, folder) in
        folders.into_iter().filter(|(_, folder)| !folder.is_empty() && !layout.is_shared(folder))
    {
        let names = view.list(folder);
        let goes =
            |name: &std::ffi::OsString| removed.contains(&format!("{folder}/{}", name.to_string_lossy()));
        if names.iter().all(goes) {
            for name in names {
                removed.remove(&format!("{folder}/{}", name.to_string_lossy()));
            }
            removed.insert(folder.to_owned());
        }
    }
    let removed: Vec<LayerPath> =
        removed.iter().filter_map(|path| LayerPath::parse(path.as_bytes()).ok()).collect();
    let mut around = layout.folders_of(&removed, []);
    for folder in &mut around {
        let path = format!("/{}", folder.path);
        if let Some((mode, uid, gid)) = view.directory(&path).filter(|_| !layout.is_shared(&path)) {
            (folder.mode, folder.uid, folder.gid) = (mode, uid, gid);
        }
    }
    let gone = removed
        .into_iter()
        .map(|path| Entry { mtime: PACKAGE_TIME, ..Entry::new(path, EntryKind::Whiteout, 0) });
    (around, gone.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_installers_write_them() {
        let cases = [
            ("numpy/__init__.py,sha256=abc,10", "/lib/site/numpy/__init__.py"),
            ("\"odd,\"\"name.py\",,", "/lib/site/odd,\"name.py"),
            ("../../bin/f2py,,", "/bin/f2py"),
            ("/etc/x,,", "/etc/x"),
            ("../../../../escape,,", "/escape"),
        ];
        for (line, path) in cases {
            assert_eq!(join("/lib/site", &first_field(line)), path, "{line}");
        }
    }
}
