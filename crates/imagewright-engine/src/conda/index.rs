//! What channels have: looked up, and kept for the next time.
//!
//! A channel lists its packages in shards, one for each name, or in one document. What it offers is found out once and noted;
//! afterwards its list is asked for with the tag it had, so that what has not changed is not sent again.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek};
use std::path::{Path, PathBuf};

use imagewright_conda::repodata::{RepodataError, ShardIndex, Table, write_table};
use imagewright_conda::{Channel, Package};
use imagewright_model::SecretUrl;
use imagewright_oci::Digest;
use imagewright_python::zip::FileAt;
use serde::{Deserialize, Serialize};
use url::Url;

use super::error::CondaError;
use super::places::Places;
use crate::error::EngineError;
use crate::fetch::changed::Changed;
use crate::fetch::{Expected, FetchError, Fetcher};
use crate::parallel;
use crate::reporter::StepReporter;

/// How many shards are fetched at once.
const AT_ONCE: usize = 16;
/// No list of packages is larger, packed or not.
const LARGEST: u64 = 8 << 30;
/// Raised when a list is kept in another shape.
const VERSION: u32 = 1;
/// The forms of a list, best first.
const FORMS: [Form; 3] = [Form::Shards, Form::Zstd, Form::Json];

/// How a channel lists its packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    Shards,
    Zstd,
    Json,
}

impl Form {
    fn file(self) -> &'static str {
        match self {
            Self::Shards => "repodata_shards.msgpack.zst",
            Self::Zstd => "repodata.json.zst",
            Self::Json => "repodata.json",
        }
    }
}

/// What is known of a list that is kept.
#[derive(Serialize, Deserialize)]
struct Note {
    version: u32,
    form: Form,
    etag: Option<String>,
}

/// The lists of some channels.
pub(super) struct Indexes<'a> {
    pub(super) fetcher: &'a Fetcher,
    pub(super) places: &'a Places<'a>,
    /// Where lists are kept.
    pub(super) folder: PathBuf,
    /// Whether only what is kept counts.
    pub(super) offline: bool,
}

/// The list of one folder of a channel.
pub(super) struct Index {
    channel: Channel,
    subdir: String,
    list: List,
}

enum List {
    /// The channel has no such folder.
    Nothing,
    Shards(Box<ShardIndex>),
    Table(Box<Table<FileAt>>),
}

impl Indexes<'_> {
    /// Opens the lists of channels for an architecture and for all, in the order of the channels.
    pub(super) fn open(
        &self,
        channels: &[Channel],
        subdir: &str,
        report: &StepReporter<'_>,
    ) -> Result<Vec<Index>, EngineError> {
        report.status(format!("looking up packages of {}", names(channels)));
        self.opened(channels, subdir)
    }

    /// The same, where nobody is told.
    pub(super) fn opened(&self, channels: &[Channel], subdir: &str) -> Result<Vec<Index>, EngineError> {
        fs::create_dir_all(&self.folder).map_err(EngineError::io("create", &self.folder))?;
        let wanted: Vec<(&Channel, &str)> =
            channels.iter().flat_map(|channel| [(channel, subdir), (channel, "noarch")]).collect();
        let indexes = parallel::map(&wanted, AT_ONCE, |(channel, subdir)| self.index(channel, subdir))?;
        for (channel, pair) in channels.iter().zip(indexes.chunks(2)) {
            if pair.iter().all(|index| matches!(index.list, List::Nothing)) {
                return Err(CondaError::NoSuchChannel(channel.name().to_owned()).into());
            }
        }
        Ok(indexes)
    }

    /// All packages of some names, list by list.
    pub(super) fn packages(
        &self,
        indexes: &[Index],
        names: &[String],
    ) -> Result<Vec<Vec<Package>>, EngineError> {
        let wanted: Vec<(usize, &String)> =
            (0..indexes.len()).flat_map(|number| names.iter().map(move |name| (number, name))).collect();
        let found = parallel::map(&wanted, AT_ONCE, |(number, name)| self.of_name(&indexes[*number], name))?;
        let mut packages: Vec<Vec<Package>> = vec![Vec::new(); indexes.len()];
        for ((number, _), found) in wanted.iter().zip(found) {
            packages[*number].extend(found);
        }
        Ok(packages)
    }

    fn of_name(&self, index: &Index, name: &str) -> Result<Vec<Package>, EngineError> {
        let Index { channel, subdir, list } = index;
        let wrong = |source| EngineError::from(broken(channel, subdir, source));
        match list {
            List::Nothing => Ok(Vec::new()),
            List::Table(table) => table.packages(channel, subdir, name).map_err(wrong),
            List::Shards(shards) => {
                let Some(place) = shards.place(name) else { return Ok(Vec::new()) };
                let path = self.folder.join(format!("{}.msgpack.zst", place.sha256.hex()));
                let expected = Expected { size: None, digest: Some(place.sha256) };
                let url = self.places.real(&place.url);
                self.fetcher
                    .fetch_cached(&url, &expected, &path, &mut |_| {})
                    .map_err(|source| CondaError::Lookup { channel: channel.name().to_owned(), source })?;
                let bytes = fs::read(&path).map_err(EngineError::io("read", &path))?;
                shards.packages(&bytes).map_err(wrong)
            }
        }
    }

    fn index(&self, channel: &Channel, subdir: &str) -> Result<Index, EngineError> {
        let list = self.list(channel, subdir)?;
        Ok(Index { channel: channel.clone(), subdir: subdir.to_owned(), list })
    }

    fn list(&self, channel: &Channel, subdir: &str) -> Result<List, EngineError> {
        let url = |form: Form| {
            let url = format!("{}{}", channel.subdir(subdir), form.file());
            self.places.real(&Url::parse(&url).expect("a name in a folder of a channel has an address"))
        };
        // Two machines' mirrors, or two channels, may have a list of the same name.
        let key = Digest::of(without_credentials(&url(Form::Json)).as_bytes());
        let kept = |ending: &str| self.folder.join(format!("{}.{ending}", key.hex()));
        let (note_path, list_path) = (kept("json"), kept("list"));
        let note = fs::read(&note_path).ok().and_then(|text| serde_json::from_slice::<Note>(&text).ok());
        let note = note.filter(|note| note.version == VERSION && list_path.is_file());
        let lookup = |source| CondaError::Lookup { channel: channel.name().to_owned(), source };
        if self.offline && !matches!(url(Form::Json).expose().split_once(':'), Some(("file", _))) {
            let note = note.ok_or_else(|| lookup(FetchError::Offline { url: url(Form::Json) }))?;
            return self.read(channel, subdir, note.form, &list_path);
        }
        let known = note.as_ref().map(|note| note.form);
        for form in known.into_iter().chain(FORMS.into_iter().filter(|form| Some(*form) != known)) {
            let etag = note.as_ref().filter(|note| note.form == form).and_then(|note| note.etag.as_deref());
            match self.fetch(&url(form), form, etag, &list_path) {
                Err(Lookup::Fetch(FetchError::NotFound { .. })) => {}
                // Some servers say of what they do not have that it is forbidden.
                Err(Lookup::Fetch(FetchError::Refused { status: 403, .. })) if form != Form::Json => {}
                Err(Lookup::Fetch(source)) => return Err(lookup(source).into()),
                Err(Lookup::Index(source)) => return Err(broken(channel, subdir, source).into()),
                Err(Lookup::Engine(error)) => return Err(error),
                Ok(changed) => {
                    if let Changed::Yes(etag) = changed {
                        write_note(&note_path, &Note { version: VERSION, form, etag })?;
                    }
                    return self.read(channel, subdir, form, &list_path);
                }
            }
        }
        Ok(List::Nothing)
    }

    /// Brings a list to `path`, where it is not what it was.
    fn fetch(&self, url: &SecretUrl, form: Form, etag: Option<&str>, path: &Path) -> Result<Changed, Lookup> {
        let io = |source| EngineError::Io { action: "write", path: path.to_owned(), source };
        let temporary =
            || tempfile::Builder::new().prefix(crate::fetch::PARTIAL_PREFIX).tempfile_in(&self.folder);
        let mut fetched = temporary().map_err(io)?;
        let changed = self.fetcher.fetch_changed(url, etag, LARGEST, fetched.as_file_mut(), &mut |_| {});
        let changed = changed.map_err(|error| error.at(path))?;
        if changed == Changed::No {
            return Ok(changed);
        }
        if form == Form::Shards {
            fetched.persist(path).map_err(|error| io(error.error))?;
            return Ok(changed);
        }
        fetched.as_file_mut().rewind().map_err(io)?;
        let source = BufReader::new(fetched.as_file());
        let mut table = temporary().map_err(io)?;
        let out = BufWriter::new(table.as_file_mut());
        let written = match form {
            Form::Zstd => {
                let plain = zstd::Decoder::new(source).map_err(RepodataError::Read)?;
                write_table(BufReader::new(Limited { inner: plain, left: LARGEST }), out)
            }
            Form::Json | Form::Shards => write_table(source, out),
        };
        written.map_err(|error| match error {
            RepodataError::Write(source) => Lookup::Engine(io(source)),
            error => Lookup::Index(error),
        })?;
        table.persist(path).map_err(|error| io(error.error))?;
        Ok(changed)
    }

    fn read(&self, channel: &Channel, subdir: &str, form: Form, path: &Path) -> Result<List, EngineError> {
        let wrong = |source| EngineError::from(broken(channel, subdir, source));
        let unreadable = |source| EngineError::Io { action: "read", path: path.to_owned(), source };
        if form == Form::Shards {
            let bytes = fs::read(path).map_err(unreadable)?;
            return Ok(List::Shards(Box::new(ShardIndex::parse(channel, subdir, &bytes).map_err(wrong)?)));
        }
        let file = File::open(path).and_then(FileAt::new).map_err(unreadable)?;
        Ok(List::Table(Box::new(Table::open(file).map_err(wrong)?)))
    }
}

impl Index {
    /// Names all packages of the list.
    pub(super) fn each_name(&self, on_name: &mut dyn FnMut(&str)) {
        match &self.list {
            List::Nothing => {}
            List::Shards(shards) => shards.names().for_each(on_name),
            List::Table(table) => table.names().for_each(on_name),
        }
    }

    /// The names in the list that are most like one that is not, with how much so.
    pub(super) fn like(&self, name: &str) -> Option<(f64, String)> {
        let scored = |known: &str| (strsim::jaro_winkler(name, known), known.to_owned());
        // Of equally good ones always the same is told, in whatever order they come.
        let best = |one: &(f64, String), other: &(f64, String)| {
            one.0.total_cmp(&other.0).then_with(|| other.1.cmp(&one.1))
        };
        match &self.list {
            List::Nothing => None,
            List::Shards(shards) => shards.names().map(scored).max_by(best),
            List::Table(table) => table.names().map(scored).max_by(best),
        }
    }
}

/// Why a list could not be had.
enum Lookup {
    Fetch(FetchError),
    Index(RepodataError),
    Engine(EngineError),
}

impl From<FetchError> for Lookup {
    fn from(error: FetchError) -> Self {
        Self::Fetch(error)
    }
}

impl From<RepodataError> for Lookup {
    fn from(error: RepodataError) -> Self {
        Self::Index(error)
    }
}

impl From<EngineError> for Lookup {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

fn broken(channel: &Channel, subdir: &str, source: RepodataError) -> CondaError {
    CondaError::Index { channel: channel.name().to_owned(), subdir: subdir.to_owned(), source }
}

fn write_note(path: &Path, note: &Note) -> Result<(), EngineError> {
    let text = serde_json::to_vec(note).expect("notes are plain data");
    let beside = path.parent().unwrap_or(Path::new("."));
    let written = tempfile::Builder::new().prefix(crate::fetch::PARTIAL_PREFIX).tempfile_in(beside);
    let written = written.and_then(|mut file| {
        io::Write::write_all(file.as_file_mut(), &text)?;
        file.persist(path).map_err(|error| error.error)
    });
    written.map(drop).map_err(EngineError::io("write", path))
}

/// An address as it may be kept.
fn without_credentials(url: &SecretUrl) -> String {
    url.redacted()
}

fn names(channels: &[Channel]) -> String {
    channels.iter().map(Channel::name).collect::<Vec<_>>().join(", ")
}

/// Ends with an error where more comes than may.
struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let too_large = || io::Error::other("it unpacks to more than any list of packages has");
        self.left = self.left.checked_sub(count as u64).ok_or_else(too_large)?;
        Ok(count)
    }
}
