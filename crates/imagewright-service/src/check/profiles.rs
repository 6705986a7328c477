//! Profiles by name, and those of a site by their file.

use std::fs;
use std::path::Path;

use imagewright_check::{Profile, ProfileError, ProfileFile};

use crate::ServiceError;

/// A profile is written by hand; more than this is none.
const LARGEST: u64 = 1 << 20;

/// The profiles of a list, as `--for` has it: names, and files of profiles of a site, with a slash in them or `.toml` at the
/// end.
///
/// # Errors
/// Names what is no profile.
pub fn profiles(names: &[String]) -> Result<Vec<Profile>, ServiceError> {
    let mut profiles: Vec<Profile> = Vec::new();
    for name in names.iter().flat_map(|names| names.split(',')).map(str::trim) {
        let profile = match name.contains('/') || name.ends_with(".toml") {
            true => of_file(Path::new(name))?,
            false => Profile::named(name)?,
        };
        if !profiles.iter().any(|known| known.name == profile.name) {
            profiles.push(profile);
        }
    }
    Ok(profiles)
}

fn of_file(path: &Path) -> Result<Profile, ServiceError> {
    let shown = path.display().to_string();
    let file = ProfileFile::parse(&shown, &text(path)?)?;
    let requirements = match file.requirements() {
        Some(named) => Some(text(&path.parent().unwrap_or(Path::new("")).join(named))?),
        None => None,
    };
    Ok(file.profile(requirements.as_deref())?)
}

fn text(path: &Path) -> Result<String, ServiceError> {
    let unreadable = |source| ServiceError::Read { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        let file = path.display().to_string();
        return Err(ProfileError::File { file, reason: "it is no file of this kind".to_owned() }.into());
    }
    fs::read_to_string(path).map_err(unreadable)
}
