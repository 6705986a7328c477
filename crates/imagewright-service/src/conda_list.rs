//! The list of exact conda packages that a spec names, or that its folder holds.

use std::fs;
use std::path::Path;

use imagewright_engine::read_conda_lock;
use imagewright_model::spec::{CondaList, CondaSpecError, NamedFile, PartialSpec, Problem, SpecError};
use imagewright_oci::Platform;

use crate::ServiceError;
use crate::folder::read_text;

/// The spec with the packages of its list for its platform.
pub(crate) fn with_conda_list(mut spec: PartialSpec) -> Result<PartialSpec, ServiceError> {
    let named = spec.conda_lock.take();
    if let Some(named) = &named {
        spec.conda_lists = vec![read(named)?];
    }
    let platform = spec.platform.clone().unwrap_or_else(Platform::host);
    let had_lock = spec.pip_locked.is_some();
    let spec = spec.with_conda_list(&platform, &read_conda_lock)?;
    if let Some(NamedFile { path, origin }) = named {
        let locked = spec.pip_locked.as_ref().filter(|_| !had_lock);
        let has_folders =
            locked.is_some_and(|lock| lock.packages.iter().any(|package| package.path.is_some()));
        if has_folders && !lies_in(&path, &spec.folder) {
            let problem = CondaSpecError::FoldersElsewhere(path.display().to_string());
            return Err(SpecError::new(origin, problem).into());
        }
    }
    Ok(spec)
}

fn read(named: &NamedFile) -> Result<CondaList, SpecError> {
    let NamedFile { path, origin } = named;
    let shown = path.display().to_string();
    match read_text(path) {
        Ok(Some(text)) => Ok(CondaList::new(&shown, text)),
        Ok(None) => Err(SpecError::new(origin.clone(), Problem::NoSuchFile(shown))),
        Err(error) => Err(SpecError::new(origin.clone(), Problem::Read(error))),
    }
}

/// Whether a file lies in a folder; none given is where the user stands.
fn lies_in(file: &Path, folder: &Path) -> bool {
    let absolute =
        |path: &Path| fs::canonicalize(if path.as_os_str().is_empty() { Path::new(".") } else { path }).ok();
    let parent = file.parent().and_then(absolute);
    parent.is_some() && parent == absolute(folder)
}
