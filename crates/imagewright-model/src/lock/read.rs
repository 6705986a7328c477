//! Reads a lock. What is wrong is named with its line and column.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::{Spanned, Table, Value};

use super::{
    ArchivePlace, ImageLock, LOCK_VERSION, LockedApt, LockedBase, LockedConda, LockedCondaPackage,
    LockedDebian, LockedKernel, LockedPython,
};
use crate::spec::toml_text::{self, origin_at};
use crate::spec::{Problem, SpecError};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: Spanned<u32>,
    spec: Spanned<String>,
    platform: Spanned<String>,
    #[serde(default)]
    transforms: BTreeMap<String, u32>,
    base: Base,
    apt: Option<Apt>,
    conda: Option<Conda>,
    python: Option<Python>,
    pip: Option<Spanned<Pip>>,
    kernel: Option<Kernel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kernel {
    asked: String,
    sha256: Spanned<String>,
}

/// What every version of the format has.
#[derive(Deserialize)]
struct Head {
    version: Spanned<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Base {
    key: Spanned<String>,
    name: String,
    digest: Option<Spanned<String>>,
    distribution: Option<String>,
    #[serde(default)]
    packages: Vec<Debian>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Apt {
    key: Spanned<String>,
    asked: Vec<String>,
    #[serde(default)]
    packages: Vec<Debian>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Debian {
    name: Spanned<String>,
    version: String,
    architecture: String,
    sha256: Spanned<String>,
    size: u64,
    suite: Option<String>,
    filename: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Conda {
    key: Spanned<String>,
    asked: Vec<String>,
    prefix: Spanned<String>,
    #[serde(default)]
    packages: Vec<CondaPackage>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CondaPackage {
    name: Spanned<String>,
    version: String,
    build: String,
    channel: String,
    subdir: String,
    filename: Spanned<String>,
    url: Option<String>,
    sha256: Spanned<String>,
    md5: Option<String>,
    size: u64,
    #[serde(default)]
    depends: Vec<String>,
    #[serde(default)]
    constrains: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Python {
    interpreter: String,
    version: String,
    environment: String,
}

/// Beside these, the entries of a `pylock.toml`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Pip {
    key: Spanned<String>,
    asked: Vec<String>,
    lock_version: Spanned<String>,
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: Spanned<String>,
    #[expect(dead_code, reason = "read to see that it is text")]
    version: Option<String>,
    directory: Option<Spanned<IgnoredAny>>,
    tool: Option<Tools>,
}

#[derive(Deserialize)]
struct Tools {
    imagewright: Option<Tool>,
}

/// What we add to an entry.
#[derive(Deserialize)]
struct Tool {
    content: Option<IgnoredAny>,
}

impl Package {
    /// Whether it says what a folder must hold.
    fn has_content(&self) -> bool {
        let tool = self.tool.as_ref().and_then(|tools| tools.imagewright.as_ref());
        tool.is_some_and(|tool| tool.content.is_some())
    }
}

impl ImageLock {
    /// Reads a lock; `source` is the name it has in errors.
    ///
    /// # Errors
    /// Names file, line and column of what is not a lock of a version that is known here.
    pub fn parse(source: &str, text: &str) -> Result<Self, SpecError> {
        let reader = Reader { source, text };
        let document: Document = toml_text::parse(source, text).map_err(|error| {
            // A later version may have another shape, and then that it is a later version is what counts.
            let version = toml::from_str::<Head>(text).ok().map(|head| head.version);
            match version.filter(|version| *version.get_ref() != LOCK_VERSION) {
                Some(version) => reader.unknown_version(&version),
                None => SpecError::new(error.origin().clone(), Problem::Lock(error.problem().to_string())),
            }
        })?;
        if *document.version.get_ref() != LOCK_VERSION {
            return Err(reader.unknown_version(&document.version));
        }
        reader.lock(document)
    }
}

struct Reader<'a> {
    source: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    fn lock(&self, document: Document) -> Result<ImageLock, SpecError> {
        let Document { spec, platform, transforms, base, apt, conda, python, pip, kernel, .. } = document;
        let pip = match (python, pip) {
            (None, None) => None,
            (Some(python), Some(pip)) => Some(self.pip(python, pip)?),
            (Some(_), None) => return Err(self.wrong(0, "there is a section `python` and none `pip`")),
            (None, Some(pip)) => {
                return Err(self.wrong(pip.span().start, "there is a section `pip` and none `python`"));
            }
        };
        let apt = apt.map(|apt| {
            let packages = self.packages(apt.packages)?;
            Ok::<_, SpecError>(LockedApt { key: self.value(&apt.key)?, asked: apt.asked, packages })
        });
        Ok(ImageLock {
            spec: self.value(&spec)?,
            platform: self.value(&platform)?,
            transforms,
            base: self.base(base)?,
            apt: apt.transpose()?,
            conda: conda.map(|conda| self.conda(conda)).transpose()?,
            pip,
            kernel: kernel.map(|kernel| self.kernel(kernel)).transpose()?,
        })
    }

    fn kernel(&self, kernel: Kernel) -> Result<LockedKernel, SpecError> {
        self.check_sha256(&kernel.sha256)?;
        Ok(LockedKernel { asked: kernel.asked, sha256: kernel.sha256.into_inner() })
    }

    fn base(&self, base: Base) -> Result<LockedBase, SpecError> {
        let Base { key, name, digest, distribution, packages } = base;
        if digest.is_some() == distribution.is_some() {
            let text = "the base has either a digest or a distribution";
            return Err(self.wrong(key.span().start, text));
        }
        Ok(LockedBase {
            key: self.value(&key)?,
            name,
            digest: digest.map(|digest| self.value(&digest)).transpose()?,
            distribution,
            packages: self.packages(packages)?,
        })
    }

    fn packages(&self, packages: Vec<Debian>) -> Result<Vec<LockedDebian>, SpecError> {
        packages.into_iter().map(|package| self.package(package)).collect()
    }

    fn package(&self, package: Debian) -> Result<LockedDebian, SpecError> {
        let Debian { name, version, architecture, sha256, size, suite, filename } = package;
        self.check_sha256(&sha256)?;
        // These become arguments of apt and lines of its files.
        let word = |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '/');
        if name.get_ref().starts_with('-')
            || ![name.get_ref(), &version, &architecture].into_iter().all(|text| word(text))
        {
            return Err(self.wrong(name.span().start, "name, version and architecture are one word each"));
        }
        let archive = match (suite, filename) {
            (None, None) => None,
            (Some(suite), Some(filename)) => Some(ArchivePlace { suite, filename }),
            _ => return Err(self.wrong(name.span().start, "`suite` and `filename` go together")),
        };
        Ok(LockedDebian {
            name: name.into_inner(),
            version,
            architecture,
            sha256: sha256.into_inner(),
            size,
            archive,
        })
    }

    fn check_sha256(&self, sha256: &Spanned<String>) -> Result<(), SpecError> {
        let lower_hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        match sha256.get_ref().len() == 64 && sha256.get_ref().bytes().all(lower_hexadecimal) {
            true => Ok(()),
            false => Err(self.wrong(sha256.span().start, "a SHA-256 has 64 hexadecimal digits")),
        }
    }

    fn conda(&self, conda: Conda) -> Result<LockedConda, SpecError> {
        let Conda { key, asked, prefix, packages } = conda;
        let is_path = |path: &str| {
            let named = |name: &str| !name.is_empty() && !matches!(name, "." | "..");
            path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(named))
        };
        if !is_path(prefix.get_ref()) {
            return Err(self.wrong(prefix.span().start, "the prefix is an absolute path"));
        }
        let packages = packages.into_iter().map(|package| self.conda_package(package));
        let packages = packages.collect::<Result<_, _>>()?;
        Ok(LockedConda { key: self.value(&key)?, asked, prefix: prefix.into_inner(), packages })
    }

    fn conda_package(&self, package: CondaPackage) -> Result<LockedCondaPackage, SpecError> {
        self.check_sha256(&package.sha256)?;
        // These become parts of addresses and names of files.
        let word = |text: &str| {
            !text.is_empty()
                && !text.starts_with('.')
                && !text.contains(|c: char| c.is_whitespace() || c == '/')
        };
        let words = [package.name.get_ref(), &package.version, &package.build, &package.subdir];
        if !words.into_iter().chain([package.filename.get_ref()]).all(|text| word(text)) {
            return Err(
                self.wrong(package.name.span().start, "name, version, build and file are one word each")
            );
        }
        Ok(LockedCondaPackage {
            name: package.name.into_inner(),
            version: package.version,
            build: package.build,
            channel: package.channel,
            subdir: package.subdir,
            filename: package.filename.into_inner(),
            url: package.url,
            sha256: package.sha256.into_inner(),
            md5: package.md5,
            size: package.size,
            depends: package.depends,
            constrains: package.constrains,
        })
    }

    fn pip(&self, python: Python, pip: Spanned<Pip>) -> Result<LockedPython, SpecError> {
        let pip = pip.into_inner();
        if !pip.lock_version.get_ref().starts_with("1.") {
            let text =
                format!("lock version `{}` is not one this program knows (1.0)", pip.lock_version.get_ref());
            return Err(self.wrong(pip.lock_version.span().start, text));
        }
        for package in &pip.packages {
            if package.name.get_ref().is_empty() {
                return Err(self.wrong(package.name.span().start, "a package has no name"));
            }
            if let Some(directory) = package.directory.as_ref().filter(|_| !package.has_content()) {
                let text = format!(
                    "`{}` is locked to a folder, and not to what that must hold",
                    package.name.get_ref()
                );
                return Err(self.wrong(directory.span().start, text));
            }
        }
        let mut table: Table = toml::from_str(self.text).expect("the text was read before");
        let Some(Value::Table(mut document)) = table.remove("pip") else {
            unreachable!("the section was read before");
        };
        document.remove("key");
        document.remove("asked");
        Ok(LockedPython {
            key: self.value(&pip.key)?,
            asked: pip.asked,
            interpreter: python.interpreter,
            version: python.version,
            environment: python.environment,
            document,
        })
    }

    fn value<T: FromStr<Err: Display>>(&self, text: &Spanned<String>) -> Result<T, SpecError> {
        text.get_ref().parse().map_err(|error: T::Err| self.wrong(text.span().start, error.to_string()))
    }

    fn unknown_version(&self, version: &Spanned<u32>) -> SpecError {
        let text = format!(
            "version {} of the lock is not one this program knows ({LOCK_VERSION})",
            version.get_ref()
        );
        self.wrong(version.span().start, text)
    }

    fn wrong(&self, start: usize, text: impl Into<String>) -> SpecError {
        SpecError::new(origin_at(self.source, self.text, start), Problem::Lock(text.into()))
    }
}
