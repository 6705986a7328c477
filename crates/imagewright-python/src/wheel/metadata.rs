//! What a wheel says about itself: `WHEEL` for installers, `METADATA` for everybody.

use std::fmt::Write as _;
use std::str::FromStr;

use pep440_rs::Version;

use super::file_name::normalized_name;
use super::headers::Headers;
use super::{WheelError, WheelFileName};

/// A licence longer than this is its text, not its name.
const LONGEST_LICENSE: usize = 200;

/// What `METADATA` says of the package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The name of the package as its author writes it.
    pub name: String,
    /// The version as its author writes it.
    pub version: String,
    /// What the package is, in a line.
    pub summary: Option<String>,
    /// The licence as an SPDX expression.
    pub license_expression: Option<String>,
    /// The licence as older packages name it; not where the whole text of a licence stands in its place.
    pub license: Option<String>,
    /// The licences among the package's classifiers, as `License :: OSI Approved :: MIT License`.
    pub license_classifiers: Vec<String>,
    /// The files that hold licences, from the folder `licenses` of its metadata.
    pub license_files: Vec<String>,
    /// Who wrote it, by name and by address.
    pub author: Option<String>,
    /// Addresses of who wrote it, as in mail; often with their names.
    pub author_email: Option<String>,
    /// Who cares for it, where that is somebody else.
    pub maintainer: Option<String>,
    /// Addresses of who cares for it.
    pub maintainer_email: Option<String>,
    /// Its home page.
    pub home_page: Option<String>,
    /// Other pages, as `Label, https://…`.
    pub project_urls: Vec<String>,
    /// The versions of Python it runs on.
    pub requires_python: Option<String>,
    /// What it requires, one requirement each.
    pub requires_dist: Vec<String>,
}

impl Metadata {
    /// Reads the text and compares it with the file's name.
    pub(super) fn parse(text: &str, file_name: &WheelFileName) -> Result<Self, WheelError> {
        let headers = Headers::parse(text);
        let known = |name| headers.first(name).filter(|value| !value.is_empty() && *value != "UNKNOWN");
        let required = |name| known(name).map(str::to_owned).ok_or_else(|| missing(file_name, name));
        let license = known("License").filter(|text| text.len() <= LONGEST_LICENSE && !text.contains('\n'));
        let classifiers = headers.all("Classifier").filter(|classifier| classifier.starts_with("License ::"));
        let metadata = Self {
            name: required("Name")?,
            version: required("Version")?,
            summary: known("Summary").map(str::to_owned),
            license_expression: known("License-Expression").map(str::to_owned),
            license: license.map(str::to_owned),
            license_classifiers: classifiers.map(str::to_owned).collect(),
            license_files: headers.all("License-File").map(str::to_owned).collect(),
            author: known("Author").map(str::to_owned),
            author_email: known("Author-email").map(str::to_owned),
            maintainer: known("Maintainer").map(str::to_owned),
            maintainer_email: known("Maintainer-email").map(str::to_owned),
            home_page: known("Home-page").map(str::to_owned),
            project_urls: headers.all("Project-URL").map(str::to_owned).collect(),
            requires_python: known("Requires-Python").map(str::to_owned),
            requires_dist: headers.all("Requires-Dist").map(str::to_owned).collect(),
        };
        if metadata.is_of(file_name) {
            Ok(metadata)
        } else {
            let found = format!("{} {}", metadata.name, metadata.version);
            Err(WheelError::OtherPackage { wheel: file_name.to_string(), found })
        }
    }

    /// Whether it is the package that the file's name says; a local version may be in the name alone.
    fn is_of(&self, file_name: &WheelFileName) -> bool {
        let expected = file_name.version();
        let is_version =
            |version: &Version| version == expected || *version == expected.clone().without_local();
        normalized_name(&self.name) == file_name.name()
            && Version::from_str(&self.version).is_ok_and(|v| is_version(&v))
    }
}

fn missing(file_name: &WheelFileName, field: &str) -> WheelError {
    WheelError::Malformed { wheel: file_name.to_string(), reason: format!("its `METADATA` has no `{field}`") }
}

/// The package URL of a package of an index.
pub(super) fn package_url(name: &str, version: &Version) -> String {
    let mut url = format!("pkg:pypi/{name}@");
    for byte in version.to_string().bytes() {
        match byte {
            b'+' | b'!' => write!(url, "%{byte:02X}").expect("writing to a string cannot fail"),
            _ => url.push(byte.into()),
        }
    }
    url
}

/// What `WHEEL` says of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WheelFile {
    /// Whether its files go to where pure Python is.
    pub(super) root_is_purelib: bool,
    /// The version of the format, where it is one that is not wholly known.
    pub(super) newer_format: Option<String>,
}

impl WheelFile {
    /// Reads the text; refuses later formats, and takes what else it says as uv does.
    pub(super) fn parse(text: &str, file_name: &WheelFileName) -> Result<Self, WheelError> {
        let headers = Headers::parse(text);
        let wheel = file_name.to_string();
        let version = headers.first("Wheel-Version").unwrap_or_default().to_owned();
        let Some((major, minor)) = version.split_once('.') else {
            let reason = "its `WHEEL` has no `Wheel-Version`".to_owned();
            return Err(WheelError::Malformed { wheel, reason });
        };
        // Before the format had a version, some tools wrote 0.1.
        let newer_format = match (major, minor) {
            ("1", "0") | ("0", "1") => None,
            ("1", _) => Some(version),
            _ => return Err(WheelError::Format { wheel, version }),
        };
        Ok(Self { root_is_purelib: headers.first("Root-Is-Purelib") == Some("true"), newer_format })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_name(version: &str) -> WheelFileName {
        format!("foo_bar-{version}-py3-none-any.whl").parse().unwrap()
    }

    #[test]
    fn metadata_is_read() {
        let text = "Metadata-Version: 2.4\nName: Foo.Bar\nVersion: 1.00\nSummary: UNKNOWN\nLicense: MIT\n\
            License-Expression: MIT OR Apache-2.0\nClassifier: License :: OSI Approved :: MIT License\n\
            Classifier: Topic :: Software\nRequires-Python: >=3.9\nRequires-Dist: a; extra == 'x'\nRequires-Dist: b\n\
            License-File: LICENSE\nAuthor: A\nAuthor-email: a@mirror.example\nMaintainer-Email: B <b@mirror.example>\n\
            Home-page: UNKNOWN\nProject-URL: Source, https://mirror.example/x\n\nbody";
        let metadata = Metadata::parse(text, &file_name("1.0")).unwrap();
        assert_eq!((metadata.name.as_str(), metadata.version.as_str()), ("Foo.Bar", "1.00"));
        assert_eq!(metadata.summary, None);
        assert_eq!(metadata.license.as_deref(), Some("MIT"));
        assert_eq!(metadata.license_expression.as_deref(), Some("MIT OR Apache-2.0"));
        assert_eq!(metadata.license_classifiers, ["License :: OSI Approved :: MIT License"]);
        assert_eq!(metadata.requires_python.as_deref(), Some(">=3.9"));
        assert_eq!(metadata.requires_dist, ["a; extra == 'x'", "b"]);
        assert_eq!((metadata.author.as_deref(), metadata.maintainer), (Some("A"), None));
        assert_eq!(metadata.author_email.as_deref(), Some("a@mirror.example"));
        assert_eq!(metadata.maintainer_email.as_deref(), Some("B <b@mirror.example>"));
        assert_eq!((metadata.home_page, metadata.license_files), (None, vec!["LICENSE".to_owned()]));
        assert_eq!(metadata.project_urls, ["Source, https://mirror.example/x"]);
        let text = format!("Name: foo-bar\nVersion: 1\nLicense: Copyright\n {}\n", "all rights".repeat(50));
        assert_eq!(Metadata::parse(&text, &file_name("1.0")).unwrap().license, None);
    }

    #[test]
    fn metadata_must_agree_with_the_name() {
        let cases = [
            ("foo-bar", "1.0", "1.0", true),
            ("FOO__BAR", "1", "1.0", true),
            ("foo-bar", "1.0", "1.0+cu118", true),
            ("foo-bar", "1.0+cu118", "1.0+cu118", true),
            ("foo-bar", "1.0+cu118", "1.0", false),
            ("foo-bar", "1.0.post1", "1.0", false),
            ("foo-bar", "unknown", "1.0", false),
            ("foobar", "1.0", "1.0", false),
        ];
        for (name, version, expected, agrees) in cases {
            let parsed =
                Metadata::parse(&format!("Name: {name}\nVersion: {version}\n"), &file_name(expected));
            assert_eq!(parsed.is_ok(), agrees, "{name} {version}");
            assert!(agrees || matches!(parsed, Err(WheelError::OtherPackage { .. })));
        }
        for text in ["", "Name: foo-bar\n", "Version: 1.0\n", "\nName: foo-bar\nVersion: 1.0"] {
            assert!(
                matches!(Metadata::parse(text, &file_name("1.0")), Err(WheelError::Malformed { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn formats_of_wheels() {
        let parse = |text: &str| WheelFile::parse(text, &file_name("1.0"));
        let pure = parse("Wheel-Version: 1.0\nRoot-Is-Purelib: true\n").unwrap();
        assert_eq!(pure, WheelFile { root_is_purelib: true, newer_format: None });
        // Only the one word counts, as for uv.
        assert!(!parse("Wheel-Version: 1.0\nRoot-Is-Purelib: True\n").unwrap().root_is_purelib);
        assert_eq!(
            parse("Wheel-Version: 1.9\nWheel-Version: 2.0").unwrap().newer_format.as_deref(),
            Some("1.9")
        );
        assert_eq!(parse("Wheel-Version: 0.1\n").unwrap().newer_format, None);
        assert!(matches!(parse("Wheel-Version: 2.0\n"), Err(WheelError::Format { .. })));
        for text in ["", "Wheel-Version: 1\n", "Root-Is-Purelib: true"] {
            assert!(matches!(parse(text), Err(WheelError::Malformed { .. })), "{text}");
        }
    }

    #[test]
    fn package_urls() {
        let version = "1!2.0+cu118".parse().unwrap();
        assert_eq!(package_url("foo-bar", &version), "pkg:pypi/foo-bar@1%212.0%2Bcu118");
    }
}
