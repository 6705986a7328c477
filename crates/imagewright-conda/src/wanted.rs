//! Match specifications: what is asked of a package.

use rattler_conda_types::{
    MatchSpec, PackageName, PackageNameMatcher, ParseMatchSpecError, ParseMatchSpecOptions,
};
use std::sync::Arc;

use crate::{Channel, Package};

/// A package as it is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    pub(crate) spec: MatchSpec,
    name: PackageName,
    text: String,
    channel: Option<Channel>,
}

/// Why a text asks for no package.
#[derive(Debug, thiserror::Error)]
pub enum WantedError {
    /// It is no match specification.
    #[error("it is no match specification")]
    Malformed(#[source] ParseMatchSpecError),
    /// It asks for what cannot be honoured.
    #[error("{0}")]
    Unsupported(&'static str),
}

impl Wanted {
    /// Reads a match specification as people write it, without the channel and the architecture, which are told apart.
    pub fn parse(text: &str, channel: Option<Channel>, subdir: Option<&str>) -> Result<Self, WantedError> {
        let options = ParseMatchSpecOptions::lenient().with_exact_names_only(true);
        let mut spec = MatchSpec::from_str(text, options).map_err(WantedError::Malformed)?;
        let unsupported = |reason| Err(WantedError::Unsupported(reason));
        if spec.channel.is_some() || spec.subdir.is_some() || spec.namespace.is_some() {
            return unsupported("channel, architecture and namespace do not belong here");
        }
        if spec.url.is_some() {
            return unsupported("a package cannot be asked for by its address");
        }
        if spec.extras.is_some() || spec.flags.is_some() || spec.condition.is_some() {
            return unsupported("extras, flags and conditions are not supported");
        }
        let PackageNameMatcher::Exact(name) = &spec.name else {
            return unsupported("a package is asked for by one name");
        };
        let name = name.clone();
        spec.channel = channel.as_ref().map(|channel| Arc::new(channel.known()));
        spec.subdir = subdir.map(str::to_owned);
        Ok(Self { spec, name, text: text.to_owned(), channel })
    }

    /// Any version of a package.
    pub fn any(name: &str) -> Result<Self, WantedError> {
        Self::parse(name, None, None)
    }

    /// The name of the package, normalised.
    pub fn name(&self) -> &str {
        self.name.as_normalized()
    }

    /// What was asked for, without the channel.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a package of its name is of the folder, and the file, that are asked for: the solver looks at neither.
    pub(crate) fn allows(&self, package: &Package) -> bool {
        let is =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        is(&self.spec.subdir, package.subdir()) && is(&self.spec.file_name, &package.file())
    }

    /// The channel that it must come from.
    pub fn channel(&self) -> Option<&Channel> {
        self.channel.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use rattler_conda_types::{Matches, PackageRecord, Version};

    use super::*;

    fn record(name: &str, version: &str, build: &str) -> PackageRecord {
        let version: Version = version.parse().unwrap();
        PackageRecord::new(PackageName::new_unchecked(name), version, build.parse().unwrap())
    }

    #[test]
    fn specifications_are_read_as_people_write_them() {
        let numpy = |version: &str, build: &str| record("numpy", version, build);
        let cases = [
            ("numpy", numpy("2.0", "0"), true),
            ("NumPy", numpy("2.0", "0"), true),
            ("numpy==1.17*", numpy("1.17.3", "0"), true),
            ("numpy==1.17*", numpy("1.18.0", "0"), false),
            ("numpy=1.17", numpy("1.17.3", "0"), true),
            ("numpy 1.17.*", numpy("1.17.3", "0"), true),
            ("numpy>=1.17,<2", numpy("1.26", "0"), true),
            ("numpy>=1.17,<2", numpy("2.0", "0"), false),
            ("numpy >=1.8,<2|==2.0", numpy("2.0", "0"), true),
            // With a build, one `=` means this version and no other, as in conda.
            ("numpy=1.17=py37*", numpy("1.17", "py37_0"), true),
            ("numpy=1.17=py37*", numpy("1.17.3", "py37_0"), false),
            ("numpy=1.17=py37*", numpy("1.17", "py38_0"), false),
            ("numpy 1.17.3 py37_0", numpy("1.17.3", "py37_0"), true),
            ("numpy[version='>=1',build=*cuda*]", numpy("1.5", "h0_cuda12"), true),
            ("numpy[version='>=1',build=*cuda*]", numpy("1.5", "h0_cpu"), false),
            ("numpy=2.*=*cuda*", numpy("2.5", "cuda_1"), true),
            ("numpy~=1.17.1", numpy("1.17.9", "0"), true),
            ("numpy!=1.17.1", numpy("1.17.1", "0"), false),
            ("numpy[build_number='>=1']", numpy("1.17.1", "0"), false),
        ];
        for (text, record, expected) in cases {
            let wanted = Wanted::parse(text, None, None).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(wanted.name(), "numpy");
            assert_eq!(wanted.spec.matches(&record), expected, "{text} {} {}", record.version, record.build);
        }
    }

    #[test]
    fn channels_are_told_apart() {
        let channel = Channel::new("conda-forge").unwrap();
        let wanted = Wanted::parse("numpy", Some(channel.clone()), Some("noarch")).unwrap();
        assert_eq!(
            wanted.spec.channel.as_ref().unwrap().base_url.as_str(),
            "https://channels.invalid/conda-forge/"
        );
        assert_eq!((wanted.spec.subdir.as_deref(), wanted.channel()), (Some("noarch"), Some(&channel)));
        for text in [
            "conda-forge::numpy",
            "a:b:numpy",
            "https://mirror.example/x-1-0.conda",
            "numpy*",
            "num*py",
            "numpy[",
            "numpy[when=x]",
            "numpy[extras=[x]]",
        ] {
            assert!(Wanted::parse(text, None, None).is_err(), "{text}");
        }
    }
}
