//! Layers of which the facts are here and the bytes are not: whether they are in reach, and having them brought.
//!
//! A layer of a package follows from the package, so another store's facts name it as well as ours would. An image may
//! name it where it is here, or where a registry that is noted in `origins/`, or that the image goes to, has it just now. Where neither holds, it is
//! brought or made before it is named: a package alone, since an image mostly has it joined with others, can be cut out of
//! the joined layer, whose registry has it; and what is brought is proven by its digest. Nothing here is an error: what is
//! out of reach is made of its package, as ever.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::slice;

use imagewright_layer::end_of_archive;
use imagewright_model::Progress;
use imagewright_oci::{Descriptor, Digest, Reference};
use imagewright_store::{Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::error::EngineError;
use crate::package_layer::{self, JoinedLayer, PackageLayer};
use crate::parallel;
use crate::step::StepContext;
use crate::workbench::Site;

/// The kind of the facts that tell in which layer the segment of another lies. They are made of those about joined layers.
pub(crate) const SEGMENT: &str = "segment";
/// As many joined layers are cut at once.
const AT_ONCE: usize = 4;
/// Gaps of so many bytes are read over; where there is more between two segments, the layer is opened anew.
const READ_OVER: u64 = 1 << 20;

/// Where the segment of a layer lies beside in the layer itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Segment {
    /// The joined layer.
    of: Descriptor,
    offset: u64,
}

/// Whether an image may name the layer: it is here, or a registry has it. Without a network what was noted counts, as for
/// the layers of bases.
pub(crate) fn is_in_reach(site: Site<'_>, layer: &Descriptor) -> Result<bool, StoreError> {
    if site.store.has_blob(&layer.digest) {
        return Ok(true);
    }
    match site.outside.offline {
        true => Ok(site.store.has_layer(&layer.digest)),
        false => Ok(places(site, layer)?.is_some()),
    }
}

/// Whether a layer is here, or it was noted where it or its segment can be had: a guess, which asks nobody.
pub(crate) fn is_promised(store: &Store, layer: &PackageLayer) -> Result<bool, StoreError> {
    if store.has_layer(layer.digest()) {
        return Ok(true);
    }
    let segment: Option<Segment> = store.peek_fact(SEGMENT, layer.digest())?;
    Ok(segment.is_some_and(|segment| store.has_layer(&segment.of.digest)))
}

/// Notes in which joined layer the segments of others lie.
pub(crate) fn note_segments(store: &Store, joined: &JoinedLayer) -> Result<(), StoreError> {
    let mut offset = joined.layer.head;
    for part in &joined.parts {
        let of = joined.layer.layer.descriptor.clone();
        store.put_fact(SEGMENT, &part.layer, &Segment { of, offset })?;
        offset += part.length;
    }
    Ok(())
}

/// Brings those of the layers that are not here and that a registry has, by themselves or within others.
pub(crate) fn bring(context: StepContext<'_>, layers: &[&PackageLayer]) -> Result<(), EngineError> {
    let site = context.site;
    if site.outside.offline {
        return Ok(());
    }
    let (mut whole, mut within) = (Vec::new(), BTreeMap::<Digest, Joined<'_>>::new());
    for layer in layers.iter().filter(|layer| !layer.is_stored(site)) {
        if let Some(places) = places(site, &layer.layer.descriptor)? {
            whole.push((&layer.layer.descriptor, places));
        } else if let Some(Segment { of, offset }) = site.store.get_fact(SEGMENT, layer.digest())? {
            let joined = within.entry(of.digest.clone());
            joined.or_insert_with(|| Joined { of, pieces: Vec::new() }).pieces.push((offset, layer));
        }
    }
    if !whole.is_empty() {
        let output = context.report.output();
        let fetching = |message: &str, progress: Progress| output.progress(message, progress);
        // Those that did not come are made.
        drop(site.remote.fetch(&whole, site.cancel.stop(), &fetching));
    }
    let joined: Vec<Joined<'_>> = within.into_values().collect();
    if !joined.is_empty() {
        context.report.status(format!("taking packages out of {} layers", joined.len()));
    }
    parallel::map(&joined, AT_ONCE, |joined| joined.cut(site))?;
    match site.cancel.is_cancelled() {
        true => Err(EngineError::Cancelled),
        false => Ok(()),
    }
}

/// Where a layer can be had just now; none where it cannot. The registry that the image goes to is asked, too.
fn places(site: Site<'_>, layer: &Descriptor) -> Result<Option<Vec<Reference>>, StoreError> {
    let places = site.store.origins(&layer.digest)?;
    let has = |places: &[Reference]| site.remote.has_layer(layer, places, site.cancel.stop());
    if !places.is_empty() && has(&places) {
        return Ok(Some(places));
    }
    let Some(target) = site.layers.target.filter(|target| has(slice::from_ref(target))) else {
        return Ok(None);
    };
    site.store.note_origin(&layer.digest, target)?;
    Ok(Some(vec![target.clone()]))
}

/// A joined layer, and layers whose segments lie in it.
struct Joined<'a> {
    of: Descriptor,
    pieces: Vec<(u64, &'a PackageLayer)>,
}

impl Joined<'_> {
    /// Puts the layers into the store, as far as that works.
    fn cut(&self, site: Site<'_>) -> Result<(), StoreError> {
        let places = match site.store.has_blob(&self.of.digest) {
            true => Vec::new(),
            false => match places(site, &self.of)? {
                Some(places) => places,
                None => return Ok(()),
            },
        };
        let mut pieces = self.pieces.clone();
        pieces.sort_by_key(|(offset, _)| *offset);
        let mut open: Option<(u64, Box<dyn Read + Send>)> = None;
        for (offset, layer) in pieces {
            let near =
                open.take().filter(|(at, _)| offset.checked_sub(*at).is_some_and(|gap| gap <= READ_OVER));
            let (at, mut reader) = match near {
                Some(near) => near,
                None => match self.open(site, &places, offset) {
                    Some(reader) => (offset, reader),
                    None => return Ok(()),
                },
            };
            if io::copy(&mut reader.by_ref().take(offset - at), &mut io::sink()).is_err() {
                return Ok(());
            }
            // What is wrong with the machine and not with what came is told when the layer is made.
            if put(site, layer, &mut reader).is_err() {
                return Ok(());
            }
            open = Some((offset + layer.segment(), reader));
        }
        Ok(())
    }

    fn open(&self, site: Site<'_>, places: &[Reference], offset: u64) -> Option<Box<dyn Read + Send>> {
        if places.is_empty() {
            let mut blob = site.store.open_blob(&self.of.digest).ok()?;
            blob.seek(SeekFrom::Start(offset)).ok()?;
            return Some(Box::new(blob));
        }
        site.remote.open_layer(&self.of, places, offset, site.cancel.stop()).ok()
    }
}

/// Puts a layer together around its segment. It enters the store only where it is the layer that it should be.
fn put(site: Site<'_>, layer: &PackageLayer, segment: &mut dyn Read) -> Result<(), EngineError> {
    let blob = site.store.blob_path(layer.digest());
    let broken = |source| EngineError::Io { action: "write", path: blob.clone(), source };
    let mut writer = site.store.blob_writer()?;
    let head = package_layer::head(site, &layer.folders)?;
    writer.write_all(&head).map_err(broken)?;
    io::copy(&mut segment.take(layer.segment()), &mut writer).map_err(broken)?;
    writer.write_all(&end_of_archive(site.compression).map_err(broken)?).map_err(broken)?;
    Ok(writer.commit(layer.digest())?)
}
