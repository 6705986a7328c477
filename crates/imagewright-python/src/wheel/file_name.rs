//! The file name of a wheel.

use std::fmt;
use std::str::FromStr;

use pep440_rs::Version;

use super::WheelError;

/// What the file name of a wheel says: `NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelFileName {
    text: String,
    name: String,
    version: Version,
    build: Option<String>,
    tags: [Vec<String>; 3],
}

impl WheelFileName {
    /// The name of the package, normalised.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version of the package.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The build tag, where there is one; it begins with a digit.
    pub fn build(&self) -> Option<&str> {
        self.build.as_deref()
    }

    /// The tags of the interpreters it is for.
    pub fn python_tags(&self) -> &[String] {
        &self.tags[0]
    }

    /// The tags of the binary interfaces it is for.
    pub fn abi_tags(&self) -> &[String] {
        &self.tags[1]
    }

    /// The tags of the platforms it is for.
    pub fn platform_tags(&self) -> &[String] {
        &self.tags[2]
    }
}

impl FromStr for WheelFileName {
    type Err = WheelError;

    fn from_str(text: &str) -> Result<Self, WheelError> {
        let wrong = |reason| WheelError::FileName { name: text.to_owned(), reason };
        let stem = text.strip_suffix(".whl").ok_or_else(|| wrong("it does not end in `.whl`"))?;
        let parts: Vec<&str> = stem.split('-').collect();
        let (name, version, build, tags) = match parts[..] {
            [name, version, python, abi, platform] => (name, version, None, [python, abi, platform]),
            [name, version, build, python, abi, platform] => {
                (name, version, Some(build), [python, abi, platform])
            }
            _ => return Err(wrong("it does not have five or six parts with `-` between them")),
        };
        if !is_package_name(name) {
            return Err(wrong("its first part is no package name"));
        }
        if build.is_some_and(|build| !build.starts_with(|letter: char| letter.is_ascii_digit())) {
            return Err(wrong("its third part is no build tag, as it does not begin with a digit"));
        }
        // A `-` within the version is written as `_`.
        let version = Version::from_str(&version.replace('_', "-"));
        let version = version.map_err(|_| wrong("its second part is no version"))?;
        let tags = tags.map(|tags| tags.split('.').map(str::to_owned).collect::<Vec<_>>());
        if tags.iter().flatten().any(String::is_empty) {
            return Err(wrong("one of its tags is empty"));
        }
        let (text, name) = (text.to_owned(), normalized_name(name));
        Ok(Self { text, name, version, build: build.map(str::to_owned), tags })
    }
}

impl fmt::Display for WheelFileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether a package may be called so: letters, digits, and `-`, `_`, `.` between them.
fn is_package_name(name: &str) -> bool {
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let ends = [name.bytes().next(), name.bytes().last()];
    name.as_bytes().iter().all(inner)
        && ends.iter().all(|end| end.is_some_and(|byte| byte.is_ascii_alphanumeric()))
}

/// The name by which a package is known, however it is written: in small letters, with single `-`.
pub(super) fn normalized_name(name: &str) -> String {
    let mut normalized = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '-' | '_' | '.' if normalized.ends_with('-') => {}
            '-' | '_' | '.' => normalized.push('-'),
            _ => normalized.push(letter.to_ascii_lowercase()),
        }
    }
    normalized
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let name: WheelFileName =
            "Foo_.Bar-1!1.0rc1+cu_118-2b-cp311.cp312-abi3-manylinux_2_17_x86_64.any.whl".parse().unwrap();
        assert_eq!(name.name(), "foo-bar");
        assert_eq!(name.version().to_string(), "1!1.0rc1+cu.118");
        assert_eq!(name.build(), Some("2b"));
        assert_eq!(name.python_tags(), ["cp311", "cp312"]);
        assert_eq!(name.abi_tags(), ["abi3"]);
        assert_eq!(name.platform_tags(), ["manylinux_2_17_x86_64", "any"]);
        let name: WheelFileName = "six-1.17.0-py2.py3-none-any.whl".parse().unwrap();
        assert_eq!((name.name(), name.build()), ("six", None));
        assert_eq!(name.to_string(), "six-1.17.0-py2.py3-none-any.whl");
    }

    #[test]
    fn other_names_are_refused() {
        let names = [
            "six-1.0-py3-none-any.zip",
            "six-1.0-none-any.whl",
            "six-1.0-1-2-py3-none-any.whl",
            "six-one-py3-none-any.whl",
            "six-1.0-b1-py3-none-any.whl",
            "six-1.0-py3..py2-none-any.whl",
            "six-1.0-py3--any.whl",
            "-1.0-py3-none-any.whl",
            "../six-1.0-py3-none-any.whl",
            "_six-1.0-py3-none-any.whl",
            ".whl",
            "",
        ];
        for name in names {
            let error = name.parse::<WheelFileName>().unwrap_err();
            assert!(matches!(error, WheelError::FileName { .. }), "{name}");
        }
    }
}
