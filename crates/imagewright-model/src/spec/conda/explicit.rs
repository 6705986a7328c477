//! Lists of files, as `conda list --explicit` and conda-lock write them.
//!
//! Each line is asked for as what it names: this file of this channel with this hash. So a channel that holds other bytes
//! under the name does not do.

use super::{CondaPackage, CondaSpecError, split_subdir};
use crate::spec::{Origin, PartialSpec, SpecError};

/// What such a list begins with.
pub(super) const HEADING: &str = "@EXPLICIT";
/// Endings of packages.
const ENDINGS: [&str; 2] = [".conda", ".tar.bz2"];

/// Reads an explicit list.
pub(super) fn read_explicit(source: &str, text: &str) -> Result<PartialSpec, SpecError> {
    let lines = (1..).zip(text.trim_start_matches('\u{feff}').lines().map(str::trim));
    let mut lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let wrong = |number, error: CondaSpecError| SpecError::new(Origin::line(source, number), error);
    match lines.next() {
        Some((_, HEADING)) => {}
        Some((number, _)) => return Err(wrong(number, CondaSpecError::NoHeading)),
        None => return Err(wrong(1, CondaSpecError::NoHeading)),
    }
    listed(Origin::file(source), lines.map(|(number, line)| (Origin::line(source, number), line)))
}

/// The packages that the lines of a list stand for.
pub(super) fn listed<'l>(
    list: Origin,
    lines: impl Iterator<Item = (Origin, &'l str)>,
) -> Result<PartialSpec, SpecError> {
    let mut spec = PartialSpec { conda_explicit: Some(list), ..PartialSpec::default() };
    for (origin, line) in lines {
        let asked = specification(line).map_err(|error| SpecError::new(origin.clone(), error))?;
        let package = CondaPackage::parse(&asked, origin.clone())?;
        if let Some(before) = spec.conda.iter().find(|before| before.name == package.name) {
            let before = before.origin.to_string();
            return Err(SpecError::new(origin, CondaSpecError::ListedTwice { name: package.name, before }));
        }
        spec.conda.push(package);
    }
    Ok(spec)
}

/// The match specification of a line: `ADDRESS#HASH`.
fn specification(line: &str) -> Result<String, CondaSpecError> {
    let shown = || line.rsplit('/').next().unwrap_or(line).to_owned();
    let (address, hash) = line.split_once('#').unwrap_or((line, ""));
    let no_file = || CondaSpecError::NoFile(shown());
    let (folder, file) = address.rsplit_once('/').ok_or_else(no_file)?;
    let (channel, subdir) = split_subdir(folder);
    let subdir = subdir.ok_or_else(no_file)?;
    let stem = ENDINGS.iter().find_map(|ending| file.strip_suffix(ending)).ok_or_else(no_file)?;
    let mut parts = stem.rsplitn(3, '-');
    let (Some(build), Some(version), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(no_file());
    };
    let is_plain = |text: &str| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.!+".contains(c);
        !text.is_empty() && text.chars().all(is_part)
    };
    if !is_plain(build) || !is_plain(version) || !is_plain(name) {
        return Err(no_file());
    }
    let hex = hash.rsplit(':').next().unwrap_or_default().to_ascii_lowercase();
    let kind = match (hex.bytes().all(|byte| byte.is_ascii_hexdigit()), hex.len()) {
        (true, 32) => "md5",
        (true, 64) => "sha256",
        _ => return Err(CondaSpecError::NoFileHash(shown())),
    };
    Ok(format!("{channel}/{subdir}::{name}={version}={build}[fn='{file}',{kind}='{hex}']"))
}
