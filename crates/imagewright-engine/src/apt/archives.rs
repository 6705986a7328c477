//! The archives of a solution: what their indexes say of them, and whether the cache holds them.

use std::fs::{self, File};
use std::io;

use imagewright_oci::Hasher;

use super::answers::archive_parts;
use super::surroundings::Caches;
use crate::error::EngineError;
use crate::parallel;
use crate::step::SolvedPackage;

/// Makes `--print-uris` tell the hash that a solution names; by itself apt tells MD5 or nothing.
pub(super) const TELL_SHA256: [&str; 2] = ["-o", "Acquire::ForceHash=SHA256"];

/// The solution in the output of `--print-uris`, in the order of the archives' names; none where apt does not tell the
/// hash of each.
pub(super) fn solution_of(output: &str) -> Option<Vec<SolvedPackage>> {
    let mut archives: Vec<(&str, &str)> = Vec::new();
    for line in output.lines() {
        let Some((_, rest)) = line.strip_prefix('\'').and_then(|line| line.split_once("' ")) else {
            continue;
        };
        let (name, about) = rest.split_once(' ')?;
        archives.push((name, about.trim_end().split(' ').next_back()?.strip_prefix("SHA256:")?));
    }
    archives.sort_unstable();
    let package = |(archive, sha256): (&str, &str)| {
        let (name, version, architecture) = archive_parts(archive);
        SolvedPackage { name, version, architecture, sha256: vec![sha256.to_owned()] }
    };
    Some(archives.into_iter().map(package).collect())
}

/// Which of `archives`, which are those of `solution`, the cache lacks. Those with other bytes are removed from it.
pub(super) fn lacking(
    caches: &Caches,
    archives: &[String],
    solution: &[SolvedPackage],
    threads: usize,
) -> Result<Vec<String>, EngineError> {
    let wanted: Vec<(&String, &SolvedPackage)> = archives.iter().zip(solution).collect();
    let lacking = parallel::map(&wanted, threads, |(name, package)| {
        let path = caches.archive(name);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some((*name).clone())),
            Err(error) => return Err(EngineError::io("open", &path)(error)),
        };
        let mut hasher = Hasher::default();
        io::copy(&mut file, &mut hasher).map_err(EngineError::io("read", &path))?;
        let found = hasher.finish();
        if package.sha256.iter().any(|sha256| sha256 == found.hex()) {
            return Ok(None);
        }
        // apt takes what is as long as it should be.
        fs::remove_file(&path).map_err(EngineError::io("remove", &path))?;
        Ok(Some((*name).clone()))
    })?;
    Ok(lacking.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_solution_is_read_from_what_apt_prints() {
        let output = "Reading package lists...\n\
            'http://mirror.example/pool/git_2.39_amd64.deb' git_1%3a2.39_amd64.deb 7257748 SHA256:ab01\n\
            'http://mirror.example/pool/b.deb' brotli_1.0.9-2_all.deb 274704 SHA256:cd02\n";
        let package = |name: &str, version: &str, architecture: &str, hash: &str| SolvedPackage {
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: architecture.to_owned(),
            sha256: vec![hash.to_owned()],
        };
        let expected =
            vec![package("brotli", "1.0.9-2", "all", "cd02"), package("git", "1:2.39", "amd64", "ab01")];
        assert_eq!(solution_of(output), Some(expected));
        assert_eq!(solution_of("Reading package lists...\n"), Some(Vec::new()));
        for untold in ["MD5Sum:ab", ""] {
            assert_eq!(
                solution_of(&format!("{output}'http://mirror.example/c' c_1_all.deb 7 {untold}\n")),
                None
            );
        }
    }
}
