//! Names and versions of packages for whoever is typing them: from the lists of indexes, channels and archives that a build would ask.
//!
//! A list is fetched once a day and kept as lines; what it names is looked for in there. Nothing here decides anything: solvers
//! ask for themselves.

mod listed;

use std::collections::HashSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use imagewright_conda::Channel;
use imagewright_model::spec::Distribution;
use imagewright_oci::Digest;

use crate::bootstrap;
use crate::conda::{CondaError, ListedChannels};
use crate::error::EngineError;
use crate::fetch::{Fetcher, PARTIAL_PREFIX};
use crate::outside::Outside;
use crate::pip::{self, ListedIndexes};
use crate::uv::Uv;
use crate::{Engine, base};

pub(crate) use listed::Names;
use listed::write_lines;
pub use listed::{ListedName, Match};

/// How long a list counts.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// Raised when lists are kept in another shape.
const VERSION: u32 = 1;

/// Which packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packages {
    /// Of a distribution's archive: the machine's, and its newest suite, where nothing is said.
    Debian {
        /// Which distribution.
        distribution: Option<Distribution>,
        /// Which suite.
        suite: Option<String>,
    },
    /// Of conda channels; where none is named, of those that are configured.
    Conda {
        /// Their names or addresses.
        channels: Vec<String>,
    },
    /// Of the package indexes.
    Python,
}

/// What was asked for.
#[derive(Clone, Debug)]
pub struct NamesQuery<'a> {
    /// Which packages.
    pub packages: Packages,
    /// How the name begins, or a part of it.
    pub text: &'a str,
    /// Names that come first of equally good ones.
    pub preferred: &'a HashSet<String>,
    /// How many are wanted.
    pub limit: usize,
}

/// What is known of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundNames {
    /// The best ones, best first.
    pub names: Vec<ListedName>,
    /// Whether a list was there to look in.
    pub is_listed: bool,
}

impl Engine {
    /// Looks for names in the lists that are here, however old they are. Asks nobody.
    pub fn names(&self, query: &NamesQuery<'_>) -> Result<FoundNames, EngineError> {
        let mut found = FoundNames::default();
        let mut wanted = Match::new(query.text, query.limit, query.preferred);
        for path in self.kept_lists(&query.packages)? {
            // Another process may be collecting.
            let Ok(bytes) = fs::read(&path) else { continue };
            found.is_listed = true;
            wanted.look_through(&bytes);
        }
        found.names = wanted.best();
        Ok(found)
    }

    /// Brings the lists of packages up to date, those that are older than a day. Others may bring the same ones meanwhile: then
    /// nothing is done, and the answer is no.
    pub fn refresh_names(&self, packages: &Packages) -> Result<bool, EngineError> {
        let stale = |path: &PathBuf| !is_fresh(path);
        if !self.kept_lists(packages)?.iter().any(stale) {
            return Ok(true);
        }
        let Some(_lock) = self.store.try_lock(&format!("names {packages:?}"))? else { return Ok(false) };
        for (number, path) in self.kept_lists(packages)?.into_iter().enumerate() {
            if stale(&path) {
                keep(&path, &self.list(packages, number)?)?;
            }
        }
        Ok(true)
    }

    /// The versions of a package, newest first; none where there is no such package.
    pub fn versions(&self, packages: &Packages, name: &str) -> Result<Vec<String>, EngineError> {
        match packages {
            // An archive has one version of a package at a time.
            Packages::Debian { .. } => {
                let nothing = HashSet::new();
                let query =
                    NamesQuery { packages: packages.clone(), text: name, preferred: &nothing, limit: 1 };
                let found = self.names(&query)?.names.into_iter().find(|listed| listed.name == name);
                Ok(found.into_iter().filter_map(|listed| listed.version).collect())
            }
            Packages::Conda { channels } => {
                let channels = self.channels(channels)?;
                self.listed_channels(&channels)?.versions(name)
            }
            Packages::Python => self.listed_indexes()?.versions(name),
        }
    }

    /// Where the lists of packages are kept.
    fn kept_lists(&self, packages: &Packages) -> Result<Vec<PathBuf>, EngineError> {
        let keys = match packages {
            Packages::Debian { .. } => vec![format!("{packages:?}")],
            Packages::Conda { channels } => self
                .channels(channels)?
                .iter()
                .map(|channel| format!("conda {}", channel.address()))
                .collect(),
            Packages::Python => {
                let python = &self.settings.python;
                // The default index is uv's own business.
                let default = python.index.as_ref().map(imagewright_model::SecretUrl::redacted);
                let further = python.extra_indexes.iter().map(|index| format!("pip {}", index.redacted()));
                std::iter::once(format!("pip {default:?}")).chain(further).collect()
            }
        };
        let folder = self.store.cache_dir("names")?;
        let path = |key: &String| folder.join(Digest::of(format!("{VERSION} {key}").as_bytes()).hex());
        Ok(keys.iter().map(path).collect())
    }

    /// One of the lists, from where it is had.
    fn list(&self, packages: &Packages, number: usize) -> Result<Names, EngineError> {
        match packages {
            Packages::Debian { distribution, suite } => {
                let platform = self.platform(None)?;
                let (machine, settings) = (&self.machine, &self.settings.apt);
                let request =
                    base::bootstrap_request(machine, settings, *distribution, suite.as_deref(), &platform)?;
                let cache = self.store.cache_dir("bootstrap")?;
                Ok(bootstrap::names(&request, &Fetcher::new(&self.settings.trust)?, &cache)?)
            }
            Packages::Conda { channels } => {
                let channels = self.channels(channels)?;
                self.listed_channels(&channels[number..=number])?.names()
            }
            Packages::Python => self.listed_indexes()?.names(number),
        }
    }

    fn channels(&self, named: &[String]) -> Result<Vec<Channel>, EngineError> {
        let named = if named.is_empty() { &self.settings.conda.channels } else { named };
        let channel = |name: &String| {
            Channel::new(name).ok_or_else(|| {
                CondaError::Channel(imagewright_model::SecretUrl::new(name.as_str()).redacted()).into()
            })
        };
        named.iter().map(channel).collect()
    }

    fn listed_channels<'a>(&'a self, channels: &'a [Channel]) -> Result<ListedChannels<'a>, EngineError> {
        let architecture = self.platform(None)?.architecture;
        ListedChannels::new(&self.store, &self.settings, channels, &architecture)
    }

    fn listed_indexes(&self) -> Result<ListedIndexes, EngineError> {
        let default = || {
            let uv = Uv::find(&self.store, self.settings.python.uv.as_deref(), &self.machine.uv_candidates)?;
            let architecture = self.platform(None)?.architecture;
            pip::default_index(&self.store, &uv, &Outside::new(&self.settings), &architecture)
        };
        ListedIndexes::find(&self.settings, default)
    }
}

fn is_fresh(path: &Path) -> bool {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| {
        // A clock that was set back makes nothing older.
        SystemTime::now().duration_since(modified).is_ok_and(|age| age < LIFETIME)
    })
}

fn keep(path: &Path, names: &Names) -> Result<(), EngineError> {
    let io = |source| EngineError::Io { action: "write", path: path.to_owned(), source };
    let folder = path.parent().expect("a list lies in a folder");
    let mut file = tempfile::Builder::new().prefix(PARTIAL_PREFIX).tempfile_in(folder).map_err(io)?;
    let mut out = std::io::BufWriter::new(file.as_file_mut());
    write_lines(names, &mut out).and_then(|()| out.flush()).map_err(io)?;
    drop(out);
    file.persist(path).map_err(|error| io(error.error))?;
    Ok(())
}
