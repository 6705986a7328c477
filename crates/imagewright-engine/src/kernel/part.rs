//! What of an image tells of its accounts, its Pythons and its kernels.

use std::str;

use imagewright_layer::{Entry, EntryKind};
use imagewright_store::Part;

use super::launcher::KERNEL_LAUNCHER;

/// The files that are looked at. Another rule gets another name.
pub(super) const KERNEL: Part = Part { name: "kernel2", wants: is_wanted };

/// What says which users and groups there are.
pub(super) const BOOKS: [&str; 3] = ["etc/passwd", "etc/group", "etc/shadow"];
/// Shells, and what runs kernels.
const PROGRAMS: [&str; 6] = ["sh", "bash", "dash", "R", "Rscript", "spark-submit"];

fn is_wanted(entry: &Entry) -> bool {
    match entry.kind {
        EntryKind::File { .. } | EntryKind::HardLink { .. } => {}
        _ => return true,
    }
    let Ok(path) = str::from_utf8(entry.path.as_bytes()) else { return false };
    let parts: Vec<&str> = path.split('/').collect();
    match parts[..] {
        [.., "bin", name] => {
            name.starts_with("python") || name == KERNEL_LAUNCHER || PROGRAMS.contains(&name)
        }
        [.., "kernels", _, "kernel.json"] => true,
        [.., "IRkernel", "DESCRIPTION"] | [.., "ipykernel", "__init__.py"] => true,
        [.., "scala" | "toree", "lib", name] => name.starts_with("toree-assembly") && name.ends_with(".jar"),
        [.., "pyvenv.cfg"] => true,
        _ => BOOKS.contains(&path),
    }
}

#[cfg(test)]
mod tests {
    use imagewright_layer::LayerPath;

    use super::*;

    #[test]
    fn little_of_an_image_is_looked_at() {
        let wanted = [
            "etc/passwd",
            "usr/bin/python3.13",
            "opt/venv/pyvenv.cfg",
            "opt/conda/share/jupyter/kernels/xcpp17/kernel.json",
            "usr/lib/R/site-library/IRkernel/DESCRIPTION",
            "usr/local/bin/imagewright-kernel-launcher",
            "usr/local/lib/python3.13/dist-packages/toree/lib/toree-assembly-0.5.0-incubating.jar",
        ];
        let unwanted =
            ["usr/lib/python3.13/json/__init__.py", "etc/passwd-", "usr/bin/perl", "usr/share/x/kernel.json"];
        for (paths, expected) in [(&wanted[..], true), (&unwanted[..], false)] {
            for path in paths {
                let path = LayerPath::parse(path.as_bytes()).unwrap();
                let entry = Entry::new(path, EntryKind::File { size: 1000 }, 0o644);
                assert_eq!(is_wanted(&entry), expected, "{}", entry.path);
            }
        }
    }
}
