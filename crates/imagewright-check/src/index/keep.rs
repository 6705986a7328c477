//! Which files of a layer rules read.

/// What is kept of a file's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// All of it.
    Whole,
    /// All of it, if it is a script.
    Script,
    /// What stands before the first empty line.
    Headers,
}

/// The longest text that is kept, and the most of a file whose headers are.
const LARGEST: u64 = 64 << 10;
const LARGEST_METADATA: u64 = 256 << 10;
/// The longest script that is kept from a folder of programs, most of which are of no interest.
const LARGEST_PROGRAM: u64 = 4 << 10;

/// Files that are kept by their path.
const PATHS: [&str; 9] = [
    "etc/passwd",
    "etc/group",
    "etc/os-release",
    "usr/lib/os-release",
    "etc/pip.conf",
    "etc/xdg/pip/pip.conf",
    "opt/conda/.condarc",
    "opt/conda/conda-meta/pinned",
    "usr/local/bin/pip.conf",
];
/// Folders whose small files are all kept: configuration of Jupyter, and what first processes start.
const FOLDERS: [&str; 9] = [
    "etc/jupyter/",
    "usr/local/etc/jupyter/",
    "opt/conda/etc/jupyter/",
    "etc/services.d/",
    "etc/cont-init.d/",
    "etc/s6-overlay/",
    "usr/local/bin/kernel-launchers/",
    "usr/local/bin/before-notebook.d/",
    "usr/local/bin/start-notebook.d/",
];
/// Folders where scripts are kept that an image was given, rather than brought by a package.
const OF_IMAGES: [&str; 8] =
    ["usr/local/bin/", "usr/local/sbin/", "opt/", "srv/", "app/", "home/", "etc/", "root/"];

/// What is kept of a file, and how many of its bytes are looked at.
pub(super) fn kept(path: &str, mode: u32, size: u64) -> Option<(Keep, u64)> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    if let Some(keep) = of_python(folder, name) {
        let limit = if keep == Keep::Headers { LARGEST_METADATA } else { LARGEST };
        return Some((keep, limit.min(size)));
    }
    let is_kept = PATHS.contains(&path)
        || FOLDERS.iter().any(|folder| path.starts_with(folder))
        || (name == "kernel.json" && folder.contains("kernels/"));
    if is_kept {
        return (size <= LARGEST).then_some((Keep::Whole, size));
    }
    if mode & 0o111 == 0 {
        return None;
    }
    let is_of_image = folder.is_empty() || OF_IMAGES.iter().any(|folder| path.starts_with(folder));
    let is_library = path.contains("/lib/") || path.contains("/lib64/");
    let limit = match folder {
        _ if is_of_image && !is_library && !is_programs(folder) => LARGEST,
        "usr/local/bin" | "usr/local/sbin" => LARGEST,
        folder if is_programs(folder) => LARGEST_PROGRAM,
        _ => return None,
    };
    (size <= limit).then_some((Keep::Script, size))
}

/// Whether programs lie here, most of which a package brought.
fn is_programs(folder: &str) -> bool {
    matches!(folder.rsplit('/').next(), Some("bin" | "sbin"))
}

/// What says which packages a Python has, and which environment it is.
fn of_python(folder: &str, name: &str) -> Option<Keep> {
    match name {
        "METADATA" if folder.ends_with(".dist-info") => Some(Keep::Headers),
        "PKG-INFO" if folder.ends_with(".egg-info") => Some(Keep::Headers),
        "direct_url.json" if folder.ends_with(".dist-info") => Some(Keep::Whole),
        "pyvenv.cfg" => Some(Keep::Whole),
        name if name.ends_with(".egg-info") => Some(Keep::Headers),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_files_are_kept() {
        let site = "usr/lib/python3/dist-packages";
        for (path, mode, size, expected) in [
            ("etc/passwd".to_owned(), 0o644, 900, Some(Keep::Whole)),
            ("etc/shadow".to_owned(), 0o640, 900, None),
            (format!("{site}/a-1.dist-info/METADATA"), 0o644, 900_000, Some(Keep::Headers)),
            (format!("{site}/a-1.dist-info/RECORD"), 0o644, 900, None),
            (format!("{site}/a-1.egg-info"), 0o644, 900, Some(Keep::Headers)),
            ("usr/share/jupyter/kernels/python3/kernel.json".to_owned(), 0o644, 300, Some(Keep::Whole)),
            ("srv/kernel.json".to_owned(), 0o644, 300, None),
            ("usr/local/bin/start.sh".to_owned(), 0o755, 9_000, Some(Keep::Script)),
            ("usr/local/bin/start.sh".to_owned(), 0o644, 9_000, None),
            ("usr/local/bin/large".to_owned(), 0o755, 9_000_000, None),
            ("entrypoint.sh".to_owned(), 0o755, 100, Some(Keep::Script)),
            ("usr/bin/pip".to_owned(), 0o755, 300, Some(Keep::Script)),
            ("usr/bin/ldd".to_owned(), 0o755, 5_000, None),
            ("opt/conda/lib/python3.13/x.py".to_owned(), 0o755, 300, None),
            ("opt/app/run".to_owned(), 0o755, 3_000, Some(Keep::Script)),
            ("etc/services.d/jupyterlab/run".to_owned(), 0o644, 300, Some(Keep::Whole)),
        ] {
            assert_eq!(kept(&path, mode, size).map(|(keep, _)| keep), expected, "{path} {mode:o}");
        }
        assert_eq!(kept("a/x.dist-info/METADATA", 0, 10 << 20), Some((Keep::Headers, LARGEST_METADATA)));
    }
}
