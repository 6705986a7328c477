//! A list of all packages of a channel, made such that names can be looked up.
//!
//! ```text
//! records   {"fn":"NAME-VERSION-BUILD.conda","record":{…}} a line, in the order of the list
//! index     where the records of each name are, as JSON
//! length    of the index, 8 bytes
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};

use imagewright_python::zip::ReadAt;
use rattler_conda_types::PackageRecord;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use url::Url;

use super::RepodataError;
use crate::channel::has_secret;
use crate::{Channel, Package};

const TRAILER: u64 = 8;
/// The list of the largest channel has about 300 MB.
const LARGEST_INDEX: u64 = 512 << 20;

/// A table of packages.
pub struct Table<S> {
    source: S,
    index: Index,
}

#[derive(Default, Serialize, Deserialize)]
struct Index {
    /// Where the packages are, where that is not beside the list.
    base_url: Option<String>,
    /// Where the records of a name are, and how long they are.
    names: BTreeMap<String, Vec<(u64, u64)>>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "fn")]
    file: String,
    record: Box<RawValue>,
}

/// Makes a table of a `repodata.json`.
pub fn write_table(repodata: impl Read, out: impl Write) -> Result<(), RepodataError> {
    let mut writer = Writer { out, at: 0, index: Index::default(), failed: None };
    let mut json = serde_json::Deserializer::from_reader(repodata);
    let read = Document(&mut writer).deserialize(&mut json).and_then(|()| json.end());
    match (writer.failed, read) {
        (Some(error), _) => return Err(RepodataError::Write(error)),
        (None, Err(error)) => return Err(RepodataError::Json(error)),
        (None, Ok(())) => {}
    }
    let index = serde_json::to_vec(&writer.index).map_err(RepodataError::Json)?;
    let length = (index.len() as u64).to_le_bytes();
    let mut out = writer.out;
    let written = out.write_all(&index).and_then(|()| out.write_all(&length)).and_then(|()| out.flush());
    written.map_err(RepodataError::Write)
}

impl<S: ReadAt> Table<S> {
    /// Opens a table.
    pub fn open(source: S) -> Result<Self, RepodataError> {
        let end = source.size().checked_sub(TRAILER).ok_or(RepodataError::Broken)?;
        let length = read(&source, end, TRAILER)?;
        let length = u64::from_le_bytes(length.try_into().map_err(|_| RepodataError::Broken)?);
        let start =
            end.checked_sub(length).filter(|_| length <= LARGEST_INDEX).ok_or(RepodataError::Broken)?;
        let index =
            serde_json::from_slice(&read(&source, start, length)?).map_err(|_| RepodataError::Broken)?;
        Ok(Self { source, index })
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.index.names.keys().map(String::as_str)
    }

    /// The packages of a name; the list is that of `subdir` of a channel.
    pub fn packages(
        &self,
        channel: &Channel,
        subdir: &str,
        name: &str,
    ) -> Result<Vec<Package>, RepodataError> {
        let base = base(channel, subdir, self.index.base_url.as_deref())?;
        let mut packages = Vec::new();
        for (at, length) in self.index.names.get(name).into_iter().flatten() {
            let lines = read(&self.source, *at, *length)?;
            for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let Line { file, record } =
                    serde_json::from_slice(line).map_err(|_| RepodataError::Broken)?;
                let record: PackageRecord = serde_json::from_str(record.get())
                    .map_err(|source| RepodataError::Record { file: file.clone(), source })?;
                packages.extend(Package::listed(channel, (subdir, &base), &file, record));
            }
        }
        Ok(packages)
    }
}

/// Where the packages of a folder of a channel are.
pub(super) fn base(channel: &Channel, subdir: &str, base_url: Option<&str>) -> Result<Url, RepodataError> {
    let own = channel.subdir(subdir);
    let wrong = || RepodataError::Address(base_url.unwrap_or(&own).to_owned());
    let own = Url::parse(&own).map_err(|_| wrong())?;
    let base = match base_url {
        None => own,
        Some(base) => own.join(&format!("{}/", base.trim_end_matches('/'))).map_err(|_| wrong())?,
    };
    if has_secret(&base) {
        return Err(RepodataError::Secret);
    }
    // A list must not lead to files of the machine that reads it.
    if matches!(base.scheme(), "http" | "https") { Ok(base) } else { Err(wrong()) }
}

fn read(source: &impl ReadAt, at: u64, length: u64) -> Result<Vec<u8>, RepodataError> {
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| RepodataError::Broken)?];
    let mut filled = 0;
    while filled < bytes.len() {
        match source.read_at(&mut bytes[filled..], at + filled as u64).map_err(RepodataError::Read)? {
            0 => return Err(RepodataError::Broken),
            count => filled += count,
        }
    }
    Ok(bytes)
}

struct Writer<W> {
    out: W,
    at: u64,
    index: Index,
    failed: Option<std::io::Error>,
}

impl<W: Write> Writer<W> {
    fn add(&mut self, file: &str, record: &RawValue) -> Result<(), serde_json::Error> {
        #[derive(Deserialize)]
        struct Named<'a> {
            #[serde(borrow)]
            name: Cow<'a, str>,
        }
        let Named { name } = serde_json::from_str(record.get())?;
        // A record of several lines would be several records.
        let record = match record.get().contains('\n') {
            true => serde_json::from_str::<serde_json::Value>(record.get())?.to_string(),
            false => record.get().to_owned(),
        };
        let line = format!("{{\"fn\":{},\"record\":{record}}}\n", serde_json::Value::from(file));
        if let Err(error) = self.out.write_all(line.as_bytes()) {
            let failed = serde_json::Error::custom("it could not be kept");
            self.failed = Some(error);
            return Err(failed);
        }
        let length = line.len() as u64;
        let spans = match self.index.names.get_mut(name.as_ref()) {
            Some(spans) => spans,
            None => self.index.names.entry(name.to_lowercase()).or_default(),
        };
        match spans.last_mut().filter(|(at, length)| at + length == self.at) {
            Some((_, last)) => *last += length,
            None => spans.push((self.at, length)),
        }
        self.at += length;
        Ok(())
    }
}

/// The whole document.
struct Document<'w, W>(&'w mut Writer<W>);

impl<'de, W: Write> DeserializeSeed<'de> for Document<'_, W> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, W: Write> Visitor<'de> for Document<'_, W> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of packages")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        #[derive(Deserialize)]
        struct Info {
            base_url: Option<String>,
        }
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "info" => {
                    self.0.index.base_url = map.next_value::<Option<Info>>()?.and_then(|info| info.base_url);
                }
                "packages" | "packages.conda" => map.next_value_seed(Packages(self.0))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// The packages of one form.
struct Packages<'w, W>(&'w mut Writer<W>);

impl<'de, W: Write> DeserializeSeed<'de> for Packages<'_, W> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, W: Write> Visitor<'de> for Packages<'_, W> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("packages by the names of their files")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(file) = map.next_key::<String>()? {
            let record: Box<RawValue> = map.next_value()?;
            self.0.add(&file, &record).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}
