//! A package as a channel lists it.

use imagewright_oci::Digest;
use rattler_conda_types::package::{CondaArchiveType, DistArchiveIdentifier, DistArchiveType};
use rattler_conda_types::{PackageName, PackageRecord, RepoDataRecord};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::Channel;
use crate::package::{InstalledPython, Metadata, PackageError};

/// A package of a channel, or of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Package(pub(crate) RepoDataRecord);

impl Package {
    /// Which of two versions is newer.
    pub fn compare_version(&self, other: &Self) -> std::cmp::Ordering {
        self.record().version.cmp(&other.record().version)
    }

    /// A package below `base`, in the list of `subdir`; none where the file is of another form than packages have, or has a name that
    /// no package has.
    pub(crate) fn listed(
        channel: &Channel,
        (subdir, base): (&str, &Url),
        file: &str,
        mut record: PackageRecord,
    ) -> Option<Self> {
        let (version, build) = (record.version.to_string(), record.build.as_str());
        if ![file, record.name.as_normalized(), &version, build].into_iter().all(is_plain) {
            return None;
        }
        subdir.clone_into(&mut record.subdir);
        let identifier = DistArchiveIdentifier::try_from_filename(file)?;
        if !matches!(
            identifier.archive_type,
            DistArchiveType::Conda(CondaArchiveType::Conda | CondaArchiveType::TarBz2)
        ) {
            return None;
        }
        let url = base.join(file).ok()?;
        let channel = Some(channel.address().to_string());
        Some(Self(RepoDataRecord { package_record: record, identifier, url, channel }))
    }

    /// A package of an environment, from the text of its record in `conda-meta`.
    pub fn installed(text: &str) -> Option<Self> {
        // Old records lack what a channel says of a package.
        let mut record: serde_json::Value = serde_json::from_str(text).ok()?;
        let fields = record.as_object_mut()?;
        let stem = |fields: &serde_json::Map<String, serde_json::Value>| {
            let text =
                |key| fields.get(key).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
            format!("{}-{}-{}", text("name"), text("version"), text("build"))
        };
        let name = format!("{}.conda", stem(fields));
        let file = fields.entry("fn").or_insert_with(|| name.clone().into());
        if file.as_str().and_then(DistArchiveIdentifier::try_from_filename).is_none() {
            *file = name.clone().into();
        }
        let url = fields.entry("url").or_insert_with(|| "".into());
        if url.as_str().is_none_or(|url| Url::parse(url).is_err()) {
            *url = format!("{}unknown/{name}", crate::channel::NAMED).into();
        }
        for key in ["files", "paths_data", "link"] {
            fields.remove(key);
        }
        serde_json::from_value(record).ok().map(Self)
    }

    /// A package that a lock names: as it describes itself, with what the lock says it needs.
    pub fn locked(place: &LockedPlace, metadata: &Metadata) -> Result<Self, PackageError> {
        let index = metadata.index.clone();
        let size = Some(place.size);
        let (sha256, md5) = (
            rattler_digest::parse_digest_from_hex::<rattler_digest::Sha256>(&place.sha256),
            place.md5.as_deref().and_then(rattler_digest::parse_digest_from_hex::<rattler_digest::Md5>),
        );
        let invalid = |reason: String| PackageError::Metadata {
            file: "info/index.json".to_owned(),
            source: std::io::Error::new(std::io::ErrorKind::InvalidData, reason),
        };
        let mut record = PackageRecord::from_index_json(index, size, sha256, md5)
            .map_err(|error| invalid(error.to_string()))?;
        record.subdir.clone_from(&place.subdir);
        record.depends.clone_from(&place.depends);
        record.constrains.clone_from(&place.constrains);
        let identifier = DistArchiveIdentifier::try_from_filename(&place.file)
            .ok_or_else(|| PackageError::Format { name: place.file.clone() })?;
        let channel = Some(place.channel.address().to_string());
        let package =
            Self(RepoDataRecord { package_record: record, identifier, url: place.url.clone(), channel });
        let (found, expected) = (package.shown(), place.shown());
        match found == expected {
            true => Ok(package),
            false => Err(PackageError::Other { expected, found }),
        }
    }

    /// Its name, normalised.
    pub fn name(&self) -> &str {
        self.record().name.as_normalized()
    }

    /// Its version, as it was written.
    pub fn version(&self) -> String {
        self.record().version.to_string()
    }

    /// Which build of the version it is.
    pub fn build(&self) -> &str {
        self.record().build.as_str()
    }

    /// The number of its build.
    pub fn build_number(&self) -> u64 {
        self.record().build_number
    }

    /// Name, version and build.
    pub fn shown(&self) -> String {
        format!("{} {} {}", self.name(), self.version(), self.build())
    }

    /// The name of its file.
    pub fn file(&self) -> String {
        self.0.identifier.to_file_name()
    }

    /// The folder of the channel that it is in.
    pub fn subdir(&self) -> &str {
        &self.record().subdir
    }

    /// The channel that it comes from; none where that is not known.
    pub fn channel(&self) -> Option<Channel> {
        Channel::at(self.0.channel.as_deref()?)
    }

    /// Its address; made up where the channel goes by a name.
    pub fn url(&self) -> &Url {
        &self.0.url
    }

    /// SHA-256 of its file, where the channel tells it.
    pub fn sha256(&self) -> Option<Digest> {
        format!("sha256:{}", hexadecimal(&self.record().sha256?)).parse().ok()
    }

    /// MD5 of its file, hexadecimal, where the channel tells it.
    pub fn md5(&self) -> Option<String> {
        Some(hexadecimal(&self.record().md5?))
    }

    /// Bytes of its file, where the channel tells them.
    pub fn size(&self) -> Option<u64> {
        self.record().size
    }

    /// What must be installed with it.
    pub fn depends(&self) -> &[String] {
        &self.record().depends
    }

    /// What must hold for others that are installed with it.
    pub fn constrains(&self) -> &[String] {
        &self.record().constrains
    }

    /// The names of packages that it needs, normalised.
    pub fn needs(&self) -> impl Iterator<Item = String> {
        let names = self
            .depends()
            .iter()
            .map(|spec| PackageName::normalized_name_from_matchspec_str(spec).into_owned());
        names.filter(|name| !name.starts_with("__"))
    }

    /// Whether both are the same build of a package, wherever they come from.
    pub fn is_same(&self, other: &Self) -> bool {
        let parts =
            |package: &Self| (package.name().to_owned(), package.version(), package.build().to_owned());
        parts(self) == parts(other)
    }

    /// The Python that the package is, where it is one.
    pub fn python(&self) -> Result<Option<InstalledPython>, PackageError> {
        match self.name() {
            "python" => {
                let site_packages = self.record().python_site_packages_path.as_deref();
                InstalledPython::of(&self.version(), site_packages).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Whether a file holds this package; says which it holds if not.
    pub fn check(&self, metadata: &Metadata) -> Result<(), PackageError> {
        let index = &metadata.index;
        let found = format!("{} {} {}", index.name.as_normalized(), index.version, index.build);
        let expected = self.shown();
        if found == expected { Ok(()) } else { Err(PackageError::Other { expected, found }) }
    }

    pub(crate) fn record(&self) -> &PackageRecord {
        &self.0.package_record
    }
}

/// What a lock says of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedPlace {
    /// Its name, normalised.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Which build of the version.
    pub build: String,
    /// The channel.
    pub channel: Channel,
    /// The folder of the channel.
    pub subdir: String,
    /// The name of the file.
    pub file: String,
    /// The address of the file.
    pub url: Url,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// MD5 of the file, hexadecimal.
    pub md5: Option<String>,
    /// Bytes of the file.
    pub size: u64,
    /// What must be installed with it.
    pub depends: Vec<String>,
    /// What must hold for others.
    pub constrains: Vec<String>,
}

impl LockedPlace {
    fn shown(&self) -> String {
        format!("{} {} {}", self.name, self.version, self.build)
    }
}

/// Whether a text can be part of the name of a file.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('.')
        && !text.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control())
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
