//! Where the files of a package go in an image.

use std::collections::BTreeSet;

use imagewright_layer::LayerPath;

use crate::wheel::WheelError;

/// Directories below `data` that many packages put files into; they belong to no single one.
const COMMON_DATA: [&str; 5] = ["etc", "share", "share/doc", "share/man", "share/man/man1"];

/// The directories of an interpreter, by what goes there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheme {
    /// Packages without compiled parts.
    pub purelib: LayerPath,
    /// Packages with compiled parts.
    pub platlib: LayerPath,
    /// Scripts.
    pub scripts: LayerPath,
    /// Everything else that packages bring: below it are `share`, `etc` and so on.
    pub data: LayerPath,
    /// The parent of the folders with headers, one for each package.
    pub include: LayerPath,
    /// The absolute path of the interpreter, for the first lines of scripts.
    pub python: String,
    /// The minor version of the interpreter, a Python 3.
    pub python_minor: u8,
    /// User and group of everything that is installed.
    pub owner: (u32, u32),
}

impl Scheme {
    /// The directories that belong to the interpreter and not to a package, parents first and without the root. They
    /// are not among the entries of an installed wheel: whoever writes the layer knows how they look below it.
    pub fn shared_directories(&self) -> BTreeSet<LayerPath> {
        let common = COMMON_DATA.iter().filter_map(|name| self.data.join(name).ok());
        let roots = [&self.purelib, &self.platlib, &self.scripts, &self.data, &self.include];
        let all = roots.into_iter().cloned().chain(common);
        all.flat_map(|path| ancestors(&path).chain([path]).collect::<Vec<_>>())
            .filter(|path| !path.is_root())
            .collect()
    }

    /// Checks what the types do not say.
    pub(super) fn check(&self) -> Result<(), WheelError> {
        let is_line = !self.python.contains(char::is_control);
        if self.python.starts_with('/') && is_line {
            Ok(())
        } else {
            Err(WheelError::Scheme { path: self.python.clone() })
        }
    }
}

/// The directories above a path, the root excluded, from the nearest on.
pub(super) fn ancestors(path: &LayerPath) -> impl Iterator<Item = LayerPath> + use<> {
    std::iter::successors(path.parent(), LayerPath::parent).filter(|path| !path.is_root())
}

/// The way from a directory to a path, as `RECORD` has it: `../../../bin/x`.
pub(super) fn relative(path: &LayerPath, directory: &LayerPath) -> String {
    let (path, directory) = (path.as_path(), directory.as_path());
    let common =
        path.components().zip(directory.components()).take_while(|(one, other)| one == other).count();
    let up = directory.components().skip(common).map(|_| "..".into());
    let down = path.components().skip(common).map(|component| component.as_os_str().to_string_lossy());
    up.chain(down).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> LayerPath {
        LayerPath::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn shared_directories_come_with_their_parents() {
        let site = path("/opt/venv/lib/python3.13/site-packages");
        let scheme = Scheme {
            purelib: site.clone(),
            platlib: site,
            scripts: path("/opt/venv/bin"),
            data: path("/opt/venv"),
            include: path("/opt/venv/include/site/python3.13"),
            python: "/opt/venv/bin/python".to_owned(),
            python_minor: 13,
            owner: (0, 0),
        };
        let shared: Vec<_> = scheme.shared_directories().iter().map(ToString::to_string).collect();
        let expected = [
            "opt",
            "opt/venv",
            "opt/venv/bin",
            "opt/venv/etc",
            "opt/venv/include",
            "opt/venv/include/site",
            "opt/venv/include/site/python3.13",
            "opt/venv/lib",
            "opt/venv/lib/python3.13",
            "opt/venv/lib/python3.13/site-packages",
            "opt/venv/share",
            "opt/venv/share/doc",
            "opt/venv/share/man",
            "opt/venv/share/man/man1",
        ];
        assert_eq!(shared, expected);
        assert!(scheme.check().is_ok());
        for python in ["python", "", "/bin/a\nb"] {
            let scheme = Scheme { python: python.to_owned(), ..scheme.clone() };
            assert!(matches!(scheme.check(), Err(WheelError::Scheme { .. })));
        }
    }

    #[test]
    fn relative_paths() {
        let cases = [
            ("v/bin/x", "v/lib/p/site", "../../../bin/x"),
            ("v/lib/p/site/a/b.py", "v/lib/p/site", "a/b.py"),
            ("v/lib64/p/a.so", "v/lib/p", "../../lib64/p/a.so"),
            ("x", "", "x"),
            ("x", "a", "../x"),
        ];
        for (to, from, expected) in cases {
            assert_eq!(relative(&path(to), &path(from)), expected);
        }
    }
}
