//! Facts about packages: exported as signed bundles, imported, shown; and the keys that sign them.

use std::fs::{self, File};
use std::io::{self, BufReader, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use imagewright_engine::{Cancel, ExportRequest, FactsError};
use imagewright_facts::{Bundle, BundleError, Line, PrivateKey, PublicKey};
use imagewright_model::Secret;
use imagewright_oci::Reference;
use imagewright_store::OutputFile;

use crate::registries::OnTransfer;
use crate::{Service, ServiceError};

pub use imagewright_engine::{ExportedFacts, ImportRules, ImportedFacts};

/// Keys are some hundred bytes.
const LONGEST_KEY: u64 = 16 << 10;

/// What is exported, and how.
#[derive(Clone, Debug, Default)]
pub struct FactsExport {
    /// Names, digests or ids of images; none for all packages of the store.
    pub images: Option<Vec<String>>,
    /// Repositories where layers can be had.
    pub places: Vec<Reference>,
    /// The file of the key that signs.
    pub key: Option<PathBuf>,
    /// The file to write.
    pub output: PathBuf,
}

/// What a bundle is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactsDetails {
    /// What it says of itself.
    pub summary: imagewright_facts::Summary,
    /// Who signed it.
    pub signer: Option<PublicKey>,
    /// How many facts it has of each kind, in its order.
    pub kinds: Vec<(String, u64)>,
    /// Repositories where layers can be had, and how many each has.
    pub places: Vec<(Reference, u64)>,
}

/// Why facts, bundles or keys could not be used, with the file.
#[derive(Debug, thiserror::Error)]
#[error("`{}` is not usable", path.display())]
pub struct FactsFileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    #[source]
    pub source: Box<FactsError>,
}

impl Service {
    /// Writes what is known of packages into a file that other stores can take in.
    pub fn export_facts(
        &self,
        export: &FactsExport,
        cancel: &Cancel,
        progress: OnTransfer<'_>,
    ) -> Result<(ExportedFacts, Option<PublicKey>), ServiceError> {
        // A key that cannot be read is told before anything is done.
        let key = export.key.as_deref().map(read_private_key).transpose()?;
        let _lease = self.lease()?;
        let resolve = |names: &Vec<String>| names.iter().map(|name| self.store().resolve(name)).collect();
        let images = export.images.as_ref().map(resolve).transpose()?;
        let request = ExportRequest { images, places: export.places.clone() };
        let mut output = OutputFile::begin(&export.output)?;
        let exported = self.engine.export_facts(&request, key.as_ref(), &mut output, cancel, progress)?;
        output.finish()?;
        Ok((exported, key.map(|key| key.public())))
    }

    /// Takes in what a file says of packages.
    pub fn import_facts(
        &self,
        file: &Path,
        rules: &ImportRules,
        cancel: &Cancel,
    ) -> Result<ImportedFacts, ServiceError> {
        let imported = self.engine.import_facts(&mut open(file)?, rules, cancel);
        imported.map_err(|source| of_file(file, source))
    }

    /// Tells what a file holds. Its signature must be one of the key that it names, which need not be trusted.
    pub fn show_facts(&self, file: &Path) -> Result<FactsDetails, ServiceError> {
        let spool = self.store().spool()?;
        show(file, spool).map_err(|source| of_file(file, source.into()))
    }
}

/// Makes a pair of keys: a private one in `file`, which only its owner may read, and the public one beside it, with `.pub` in
/// place of the ending. Neither may be there already.
pub fn make_facts_key(file: &Path) -> Result<(PublicKey, PathBuf), ServiceError> {
    let public_file = file.with_extension("pub");
    let (key, text) = PrivateKey::generate().map_err(|error| of_file(file, error.into()))?;
    let public = key.public();
    write_new(file, 0o600, text.expose())?;
    if let Err(error) = write_new(&public_file, 0o644, &public.to_pem()) {
        // Half a pair is of no use; that it cannot be removed changes nothing about the error.
        let _ = fs::remove_file(file);
        return Err(error);
    }
    Ok((public, public_file))
}

/// Reads a public key: in its short form, or the file that has it.
pub fn read_public_key(text: &str) -> Result<PublicKey, ServiceError> {
    if text.starts_with("ed25519:") {
        return Ok(text.parse().map_err(FactsError::Key)?);
    }
    let path = Path::new(text);
    let text = read_text(path, File::open(path).map_err(|source| unreadable(path, source))?)?;
    PublicKey::parse(&text).map_err(|error| of_file(path, error.into()))
}

fn read_private_key(path: &Path) -> Result<PrivateKey, ServiceError> {
    let file = File::open(path).map_err(|source| unreadable(path, source))?;
    let mode = file.metadata().map_err(|source| unreadable(path, source))?.mode();
    if mode & 0o077 != 0 {
        return Err(ServiceError::OpenKey { path: path.to_owned(), mode: mode & 0o777 });
    }
    let text = Secret::new(read_text(path, file)?);
    PrivateKey::parse(&text).map_err(|error| of_file(path, error.into()))
}

fn read_text(path: &Path, file: File) -> Result<String, ServiceError> {
    let mut text = String::new();
    file.take(LONGEST_KEY).read_to_string(&mut text).map_err(|source| unreadable(path, source))?;
    Ok(text)
}

fn write_new(path: &Path, mode: u32, text: &str) -> Result<(), ServiceError> {
    let written = File::options().write(true).create_new(true).mode(mode).open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|source| ServiceError::Write { path: path.to_owned(), source })
}

fn open(path: &Path) -> Result<BufReader<File>, ServiceError> {
    Ok(BufReader::new(File::open(path).map_err(|source| unreadable(path, source))?))
}

fn unreadable(path: &Path, source: io::Error) -> ServiceError {
    ServiceError::Read { path: path.to_owned(), source }
}

/// An error of what a file holds, with the file; what is the store's fault is not.
fn of_file(path: &Path, source: FactsError) -> ServiceError {
    match source {
        error @ (FactsError::Store(_) | FactsError::Cancelled) => error.into(),
        source => FactsFileError { path: path.to_owned(), source: Box::new(source) }.into(),
    }
}

fn show(path: &Path, spool: File) -> Result<FactsDetails, BundleError> {
    let file = File::open(path).map_err(|source| BundleError::Io { action: "open", source })?;
    let mut bundle =
        Bundle::open(&mut BufReader::new(file), spool, imagewright_facts::Head::check_signature)?;
    let (mut kinds, mut places) = (Vec::<(String, u64)>::new(), Vec::<(Reference, u64)>::new());
    for line in bundle.lines()? {
        match line? {
            Line::Place(place) => place.at.into_iter().for_each(|at| count(&mut places, at)),
            Line::Fact(fact) => count(&mut kinds, fact.kind),
        }
    }
    Ok(FactsDetails { summary: bundle.head.summary.clone(), signer: bundle.head.signer(), kinds, places })
}

fn count<T: PartialEq>(counts: &mut Vec<(T, u64)>, what: T) {
    match counts.iter_mut().find(|(known, _)| *known == what) {
        Some((_, count)) => *count += 1,
        None => counts.push((what, 1)),
    }
}
