//! Checks a stored layer against what its image says of it.

use std::io::{self, Read};

use imagewright_oci::{Descriptor, DiffId, Hasher};

use crate::{LayerDigests, LayerError, decompress};

/// Reads a stored layer to its end and compares digest, size and diff id. What is in the layer is not looked at.
pub fn verify_layer(
    reader: impl Read,
    descriptor: &Descriptor,
    diff_id: &DiffId,
) -> Result<LayerDigests, LayerError> {
    let mut stored = Counted::new(reader, descriptor.digest.algorithm().hasher());
    // A broken stream is judged after its digest: most often it is not the stream it should be.
    let plain = digest_plain(&mut stored, diff_id.digest().algorithm().hasher());
    io::copy(&mut stored, &mut io::sink()).map_err(|source| LayerError::Read { source })?;

    let (digest, size) = (stored.hasher.finish(), stored.size);
    if size != descriptor.size {
        let digest = descriptor.digest.clone();
        return Err(LayerError::Size { digest, expected: descriptor.size, found: size });
    }
    if digest != descriptor.digest {
        return Err(LayerError::Digest { expected: descriptor.digest.clone(), found: digest });
    }
    let (found, uncompressed_size) = plain.map_err(|source| LayerError::Read { source })?;
    if found != *diff_id {
        return Err(LayerError::DiffId { digest, expected: diff_id.clone(), found });
    }
    Ok(LayerDigests {
        digest,
        size,
        diff_id: found,
        uncompressed_size,
        media_type: descriptor.media_type.clone(),
    })
}

fn digest_plain(stored: impl Read, hasher: Hasher) -> io::Result<(DiffId, u64)> {
    let mut plain = Counted::new(decompress(stored)?, hasher);
    io::copy(&mut plain, &mut io::sink())?;
    Ok((DiffId::new(plain.hasher.finish()), plain.size))
}

/// Hashes and counts what is read through it.
struct Counted<R> {
    reader: R,
    hasher: Hasher,
    size: u64,
}

impl<R> Counted<R> {
    fn new(reader: R, hasher: Hasher) -> Self {
        Self { reader, hasher, size: 0 }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(buffer)?;
        self.hasher.update(&buffer[..length]);
        self.size += length as u64;
        Ok(length)
    }
}
