//! Writes a bundle: the body first, to where it can be read again, and then the head and the body.

use std::io::{self, Read, Seek, SeekFrom, Write};

use imagewright_oci::{Algorithm, Hasher};
use zstd::stream::write::Encoder;

use crate::head::Head;
use crate::line::{Fact, Line, Place};
use crate::{BundleError, LARGEST_BODY, LARGEST_PLAIN, LONGEST_LINE, MOST_LINES, PrivateKey, Summary};

/// Bundles are written once and read often.
const LEVEL: i32 = 9;

/// A bundle in the making.
pub struct BundleWriter<S: Read + Write + Seek> {
    encoder: Encoder<'static, Digesting<S>>,
    facts: u64,
    places: u64,
    plain: u64,
}

impl<S: Read + Write + Seek> BundleWriter<S> {
    /// Begins one. The body is kept in `spool`, which is empty, until it is complete.
    pub fn new(spool: S) -> Result<Self, BundleError> {
        let inner = Digesting { inner: spool, hasher: Algorithm::Sha256.hasher(), size: 0 };
        let encoder = Encoder::new(inner, LEVEL).map_err(BundleError::writing)?;
        Ok(Self { encoder, facts: 0, places: 0, plain: 0 })
    }

    /// Adds where a layer can be had; before any fact.
    ///
    /// # Panics
    ///
    /// When there are facts already.
    pub fn place(&mut self, place: Place) -> Result<(), BundleError> {
        assert_eq!(self.facts, 0, "places come before facts");
        self.places += 1;
        self.line(&Line::Place(place))
    }

    /// Adds a fact.
    pub fn fact(&mut self, fact: Fact) -> Result<(), BundleError> {
        self.facts += 1;
        self.line(&Line::Fact(fact))
    }

    fn line(&mut self, line: &Line) -> Result<(), BundleError> {
        let mut text =
            serde_json::to_vec(line).map_err(|source| BundleError::writing(io::Error::other(source)))?;
        text.push(b'\n');
        if text.len() as u64 > LONGEST_LINE {
            return Err(BundleError::TooLarge { what: "a fact", limit: LONGEST_LINE });
        }
        self.plain += text.len() as u64;
        self.encoder.write_all(&text).map_err(BundleError::writing)
    }

    /// Writes the bundle to `out`; with a key, signed. The same facts, places and key give the same bytes.
    pub fn finish(self, key: Option<&PrivateKey>, out: &mut impl Write) -> Result<Summary, BundleError> {
        let Digesting { mut inner, hasher, size } = self.encoder.finish().map_err(BundleError::writing)?;
        let (facts, places, plain) = (self.facts, self.places, self.plain);
        let summary = Summary { facts, places, plain, size, digest: hasher.finish() };
        if facts + places > MOST_LINES {
            return Err(BundleError::TooMany { limit: MOST_LINES });
        }
        if size > LARGEST_BODY || plain > LARGEST_PLAIN {
            return Err(BundleError::TooLarge { what: "the bundle", limit: LARGEST_BODY });
        }
        let head = Head::new(summary.clone(), key);
        inner.seek(SeekFrom::Start(0)).map_err(BundleError::reading)?;
        out.write_all(head.text().as_bytes()).map_err(BundleError::writing)?;
        io::copy(&mut inner, out).map_err(BundleError::writing)?;
        out.flush().map_err(BundleError::writing)?;
        Ok(summary)
    }
}

/// Counts and digests what passes.
struct Digesting<S> {
    inner: S,
    hasher: Hasher,
    size: u64,
}

impl<S: Write> Write for Digesting<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
