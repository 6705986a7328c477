//! Zip archives made by hand, and a layer in memory.

use std::io::{self, Read, Write};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use imagewright_layer::Deflated;
use imagewright_layer::{Entry, EntryKind, LayerError, LayerPath};
use imagewright_python::wheel::{InstallOptions, Installed, LayerSink, Scheme, Wheel, WheelError};
use sha2::{Digest as _, Sha256};

/// A member to be packed.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) name: Vec<u8>,
    pub(crate) body: Vec<u8>,
    pub(crate) deflated: bool,
    pub(crate) mode: u32,
    /// Sizes stand behind the contents, as tools write that cannot go back.
    pub(crate) descriptor: bool,
    /// Sizes are written with 64 bits.
    pub(crate) large: bool,
    pub(crate) extra: Vec<u8>,
}

impl Member {
    pub(crate) fn new(name: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Self {
        let (name, body) = (name.as_ref().to_vec(), body.as_ref().to_vec());
        Self {
            name,
            body,
            deflated: true,
            mode: 0o100_644,
            descriptor: false,
            large: false,
            extra: Vec::new(),
        }
    }

    pub(crate) fn stored(self) -> Self {
        Self { deflated: false, ..self }
    }

    pub(crate) fn mode(self, mode: u32) -> Self {
        Self { mode, ..self }
    }
}

/// An archive, and where its parts are, so that they can be spoilt.
#[derive(Clone)]
pub(crate) struct Zip {
    pub(crate) bytes: Vec<u8>,
    pub(crate) local: Vec<usize>,
    pub(crate) central: Vec<usize>,
    pub(crate) end: usize,
}

impl Zip {
    pub(crate) fn of(members: &[Member]) -> Self {
        let mut zip = Self { bytes: Vec::new(), local: Vec::new(), central: Vec::new(), end: 0 };
        let bodies: Vec<_> = members.iter().map(|member| zip.append(member)).collect();
        let directory = zip.bytes.len();
        for (position, (member, body)) in members.iter().zip(&bodies).enumerate() {
            zip.list(position, member, body.len());
        }
        zip.end = zip.bytes.len();
        let (count, size) = (short(members.len()), word(zip.end - directory));
        zip.put(b"PK\x05\x06\0\0\0\0");
        zip.put(&[count, count].concat());
        zip.put(&[size, word(directory)].concat());
        zip.put(&[0; 2]);
        zip
    }

    /// Overwrites bytes.
    pub(crate) fn patch(mut self, at: usize, bytes: &[u8]) -> Self {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn append(&mut self, member: &Member) -> Vec<u8> {
        let body = if member.deflated { deflate(&member.body) } else { member.body.clone() };
        self.local.push(self.bytes.len());
        let extra = extra_of(member, body.len(), None);
        self.put(b"PK\x03\x04");
        let sizes = if member.descriptor { [[0; 4]; 3] } else { sums(member, body.len()) };
        self.put(&fields(member, sizes));
        self.put(&[short(member.name.len()), short(extra.len())].concat());
        self.put(&member.name);
        self.put(&extra);
        self.put(&body);
        if member.descriptor {
            self.put(b"PK\x07\x08");
            self.put(&sums(member, body.len()).concat());
        }
        body
    }

    fn list(&mut self, position: usize, member: &Member, compressed_size: usize) {
        self.central.push(self.bytes.len());
        let offset = self.local[position];
        let extra = extra_of(member, compressed_size, Some(offset));
        self.put(b"PK\x01\x02\x14\x03");
        self.put(&fields(member, sums(member, compressed_size)));
        self.put(&[short(member.name.len()), short(extra.len()), short(0), short(0), short(0)].concat());
        self.put(&(member.mode << 16).to_le_bytes());
        self.put(&if member.large { [0xff; 4] } else { word(offset) });
        self.put(&member.name);
        self.put(&extra);
    }
}

/// What both headers have between signature and lengths.
fn fields(member: &Member, sums: [[u8; 4]; 3]) -> Vec<u8> {
    let is_utf8 = !member.name.is_ascii() && std::str::from_utf8(&member.name).is_ok();
    let flags = u16::from(member.descriptor) << 3 | u16::from(is_utf8) << 11;
    let method = if member.deflated { 8_u16 } else { 0 };
    let mut fields = [20_u16, flags, method, 0, 0x21].map(u16::to_le_bytes).concat();
    fields.extend(sums.concat());
    fields
}

fn sums(member: &Member, compressed_size: usize) -> [[u8; 4]; 3] {
    let mut crc = Crc::new();
    crc.update(&member.body);
    let sizes =
        [compressed_size, member.body.len()].map(|size| if member.large { [0xff; 4] } else { word(size) });
    [crc.sum().to_le_bytes(), sizes[0], sizes[1]]
}

fn extra_of(member: &Member, compressed_size: usize, offset: Option<usize>) -> Vec<u8> {
    let mut extra = member.extra.clone();
    if member.large {
        let numbers = [Some(member.body.len()), Some(compressed_size), offset];
        let numbers: Vec<u8> =
            numbers.iter().flatten().flat_map(|&number| (number as u64).to_le_bytes()).collect();
        extra.extend([short(1), short(numbers.len())].concat());
        extra.extend(numbers);
    }
    extra
}

fn short(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap().to_le_bytes()
}

fn word(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap().to_le_bytes()
}

pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The members of a wheel `foo 1.0`: those given, what is missing of its metadata, and a `RECORD` that lists all.
pub(crate) fn wheel_members(members: &[Member]) -> Vec<Member> {
    let mut members = members.to_vec();
    let metadata = [
        ("METADATA", "Metadata-Version: 2.1\nName: foo\nVersion: 1.0\n"),
        ("WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
    ];
    for (name, text) in metadata {
        let name = format!("foo-1.0.dist-info/{name}");
        if !members.iter().any(|member| member.name == name.as_bytes()) {
            members.push(Member::new(name, text));
        }
    }
    let record = "foo-1.0.dist-info/RECORD";
    if !members.iter().any(|member| member.name == record.as_bytes()) {
        let files = members.iter().filter(|member| !member.name.ends_with(b"/"));
        let lines: String =
            files.map(|member| line(std::str::from_utf8(&member.name).unwrap(), &member.body)).collect();
        members.push(Member::new(record, lines + record + ",,\n"));
    }
    members
}

/// A line of `RECORD`.
pub(crate) fn line(path: &str, body: &[u8]) -> String {
    let bits: String = Sha256::digest(body).iter().map(|byte| format!("{byte:08b}")).collect();
    let letters: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']).collect();
    let letter = |at: usize| {
        let group = format!("{:0<6}", &bits[at..bits.len().min(at + 6)]);
        letters[usize::from_str_radix(&group, 2).unwrap()]
    };
    let hash: String = (0..bits.len()).step_by(6).map(letter).collect();
    let path = if path.contains(',') { format!("\"{path}\"") } else { path.to_owned() };
    format!("{path},sha256={hash},{}\n", body.len())
}

/// A wheel `foo 1.0` of members, completed.
pub(crate) fn wheel(members: &[Member]) -> Vec<u8> {
    Zip::of(&wheel_members(members)).bytes
}

pub(crate) const WHEEL_NAME: &str = "foo-1.0-py3-none-any.whl";

/// Installs a wheel into a layer, below `/opt/venv`.
pub(crate) fn install(bytes: &[u8]) -> Result<(Installed, Layer), WheelError> {
    install_with(bytes, &venv("/opt/venv/bin/python"), &options())
}

pub(crate) fn install_with(
    bytes: &[u8],
    scheme: &Scheme,
    options: &InstallOptions,
) -> Result<(Installed, Layer), WheelError> {
    let mut layer = Layer::default();
    let installed = Wheel::open(WHEEL_NAME, bytes)?.install(scheme, options, &mut layer)?;
    Ok((installed, layer))
}

/// Directories as a venv has them.
pub(crate) fn venv(python: &str) -> Scheme {
    let path = |path: &str| LayerPath::parse(path.as_bytes()).unwrap();
    let site = path("/opt/venv/lib/python3.11/site-packages");
    Scheme {
        purelib: site.clone(),
        platlib: site,
        scripts: path("/opt/venv/bin"),
        data: path("/opt/venv"),
        include: path("/opt/venv/include/site/python3.11"),
        python: python.to_owned(),
        python_minor: 11,
        owner: (1000, 100),
    }
}

pub(crate) fn options() -> InstallOptions {
    InstallOptions { installer: "uv".to_owned(), requested: true, direct_url: None, mtime: 1_700_000_000 }
}

/// A layer in memory, with the entries that came as deflate streams.
#[derive(Default)]
pub(crate) struct Layer {
    pub(crate) entries: Vec<(Entry, Vec<u8>)>,
    pub(crate) spliced: Vec<LayerPath>,
}

impl Layer {
    /// The contents of a file.
    pub(crate) fn text(&self, path: &str) -> String {
        let path = LayerPath::parse(path.as_bytes()).unwrap();
        let found = self.entries.iter().find(|(entry, _)| entry.path == path);
        let (_, body) = found.unwrap_or_else(|| panic!("`{path}` is not in the layer"));
        String::from_utf8(body.clone()).unwrap()
    }

    /// All entries, each as permissions and path.
    pub(crate) fn listing(&self) -> Vec<String> {
        let shown = |(entry, _): &(Entry, Vec<u8>)| {
            let slash = if entry.kind == EntryKind::Directory { "/" } else { "" };
            format!("{:o} {}{slash}", entry.mode, entry.path)
        };
        self.entries.iter().map(shown).collect()
    }

    fn push(&mut self, entry: &Entry, body: Vec<u8>) -> Result<(), LayerError> {
        if let EntryKind::File { size } = entry.kind
            && size != body.len() as u64
        {
            return Err(LayerError::BodySize { entry: entry.path.to_string(), expected: size });
        }
        self.entries.push((entry.clone(), body));
        Ok(())
    }
}

impl LayerSink for Layer {
    fn append(&mut self, entry: &Entry, body: &mut dyn Read) -> Result<(), LayerError> {
        let mut bytes = Vec::new();
        let read = body.read_to_end(&mut bytes);
        read.map_err(|source| LayerError::Body { entry: entry.path.to_string(), source })?;
        self.push(entry, bytes)
    }

    fn append_deflated(
        &mut self,
        entry: &Entry,
        deflated: Deflated,
        stream: &mut dyn Read,
        observe: &mut dyn FnMut(&[u8]),
    ) -> Result<(), LayerError> {
        let EntryKind::File { size } = entry.kind else { panic!("only files are deflated") };
        let broken = |source| LayerError::Body { entry: entry.path.to_string(), source };
        let mut decoder = flate2::read::DeflateDecoder::new(stream);
        let mut plain = Vec::new();
        decoder.by_ref().take(size + 1).read_to_end(&mut plain).map_err(broken)?;
        observe(&plain);
        let mut crc = Crc::new();
        crc.update(&plain);
        if decoder.total_in() != deflated.compressed_size || crc.sum() != deflated.crc32 {
            return Err(broken(io::ErrorKind::InvalidData.into()));
        }
        self.spliced.push(entry.path.clone());
        self.push(entry, plain)
    }
}
