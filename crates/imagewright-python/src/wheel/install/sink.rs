//! What takes the entries of an installed wheel.

use std::io::Read;

use imagewright_layer::{Deflated, Entry, LayerError};

/// A layer being written.
pub trait LayerSink {
    /// Takes an entry; `body` is read for plain files only, and to its end.
    fn append(&mut self, entry: &Entry, body: &mut dyn Read) -> Result<(), LayerError>;

    /// Takes a file as a raw deflate stream. The sink checks size and CRC-32, and shows the plain bytes in order to
    /// `observe`.
    fn append_deflated(
        &mut self,
        entry: &Entry,
        deflated: Deflated,
        stream: &mut dyn Read,
        observe: &mut dyn FnMut(&[u8]),
    ) -> Result<(), LayerError>;
}
