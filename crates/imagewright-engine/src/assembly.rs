//! Which packages share a layer.
//!
//! The largest have one each. The others are spread over a few buckets by their names, so that one more package makes
//! one bucket anew and leaves every other layer as it is.

use std::collections::BTreeSet;

use imagewright_model::package::PackageRecord;
use imagewright_oci::Digest;

use crate::error::EngineError;
use crate::inventory;
use crate::package_layer::PackageLayer;
use crate::parallel;
use crate::reach;
use crate::step::{StepContext, StepLayer};
use crate::workbench::Site;

/// Raised when the same packages are spread over layers in another way.
pub(crate) const VERSION: u32 = 1;
/// What is smaller goes into a bucket. With 1 MiB and 20 layers Docker took 7 to 19 % longer to pull a notebook image than
/// as one layer.
pub(crate) const OWN_LAYER_FROM: u64 = 4 << 20;
/// As many packages have a layer of their own; fewer where the base has many layers.
const MOST_OWN_LAYERS: usize = 16;
/// As many layers a finished image has at the most. Container runtimes stop at 127, and long before that each layer
/// costs more than it saves.
const MOST_LAYERS: usize = 100;
const BUCKETS: usize = 3;

/// A package's layer, or that of its bytecode.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// What decides the bucket.
    pub(crate) name: String,
    /// Name and version.
    pub(crate) shown: String,
    pub(crate) layer: PackageLayer,
    /// The package, where the layer brings it.
    pub(crate) record: Option<PackageRecord>,
}

/// Joins pieces to layers; `kind` begins what they are called, those named by `apart` are joined with nothing, `below`
/// is the number of layers they come on top of.
pub(crate) fn assemble(
    site: Site<'_>,
    kind: &str,
    pieces: Vec<Piece>,
    apart: &BTreeSet<String>,
    below: usize,
) -> Result<Vec<StepLayer>, EngineError> {
    let groups = group(pieces, apart, below);
    let joined = parallel::map(&groups, site.threads, |group| {
        let layers: Vec<&PackageLayer> = group.iter().map(|piece| &piece.layer).collect();
        let joined = PackageLayer::join(site, &layers)?;
        (site.layers.done)(&joined.layer.descriptor);
        let records: Vec<&PackageRecord> = group.iter().filter_map(|piece| piece.record.as_ref()).collect();
        inventory::put(site.store, &joined.layer, &records)?;
        Ok::<PackageLayer, EngineError>(joined)
    })?;
    let named = groups.iter().zip(joined).map(|(group, joined)| {
        let names: Vec<&str> = group.iter().map(|piece| piece.shown.as_str()).collect();
        StepLayer { layer: joined.layer, title: Some(format!("{kind} {}", names.join(" "))) }
    });
    Ok(named.collect())
}

/// Has pieces made, whose layers need not all be here, until each layer that an image has of them is in reach. `make` is
/// given the names of those whose own layers must be here, and `pieces` what came of it with those that are joined with
/// nothing.
pub(crate) fn in_reach<T>(
    context: StepContext<'_>,
    below: usize,
    make: impl Fn(&BTreeSet<String>) -> Result<T, EngineError>,
    pieces: impl Fn(&T) -> Result<(Vec<Piece>, BTreeSet<String>), EngineError>,
) -> Result<T, EngineError> {
    let mut needed = BTreeSet::new();
    loop {
        let made = make(&needed)?;
        let (pieces, apart) = pieces(&made)?;
        let lacking = lacking(context, pieces, &apart, below)?;
        if lacking.is_subset(&needed) {
            return Ok(made);
        }
        needed.extend(lacking);
    }
}

/// The pieces whose layers an image needs and that are neither here nor to be brought.
fn lacking(
    context: StepContext<'_>,
    pieces: Vec<Piece>,
    apart: &BTreeSet<String>,
    below: usize,
) -> Result<BTreeSet<String>, EngineError> {
    let site = context.site;
    let is_missing = |piece: &Piece| !piece.layer.is_stored(site);
    if !pieces.iter().any(is_missing) {
        return Ok(BTreeSet::new());
    }
    let mut needed = Vec::new();
    for group in group(pieces, apart, below) {
        let layers: Vec<&PackageLayer> = group.iter().map(|piece| &piece.layer).collect();
        if !PackageLayer::can_be_joined(site, &layers)? {
            needed.extend(group.into_iter().filter(is_missing));
        }
    }
    let layers: Vec<&PackageLayer> = needed.iter().map(|piece| &piece.layer).collect();
    reach::bring(context, &layers)?;
    Ok(needed.into_iter().filter(is_missing).map(|piece| piece.name).collect())
}

/// Large packages by themselves, largest first: what changes often is small, and lies on top. Then the buckets, and on
/// top what has to be apart.
fn group(pieces: Vec<Piece>, apart: &BTreeSet<String>, below: usize) -> Vec<Vec<Piece>> {
    let (apart, mut pieces): (Vec<Piece>, Vec<Piece>) =
        pieces.into_iter().partition(|piece| apart.contains(&piece.name));
    pieces.sort_by(|a, b| b.layer.size().cmp(&a.layer.size()).then_with(|| a.name.cmp(&b.name)));
    let own = own_layers(below);
    let large = pieces.iter().take(own).take_while(|piece| piece.layer.size() >= OWN_LAYER_FROM).count();
    let mut small = pieces.split_off(large);
    small.sort_by(|a, b| a.name.cmp(&b.name));
    let mut buckets: Vec<Vec<Piece>> = vec![Vec::new(); BUCKETS];
    for piece in small {
        buckets[bucket(&piece.name)].push(piece);
    }
    let buckets = buckets.into_iter().filter(|bucket| !bucket.is_empty());
    let alone = |piece| vec![piece];
    pieces.into_iter().map(alone).chain(buckets).chain(apart.into_iter().map(alone)).collect()
}

/// How many packages may have a layer of their own on top of `below` layers.
pub(crate) fn own_layers(below: usize) -> usize {
    MOST_OWN_LAYERS.min(MOST_LAYERS.saturating_sub(below + BUCKETS))
}

fn bucket(name: &str) -> usize {
    let digest = Digest::of(name.as_bytes());
    let first = u8::from_str_radix(&digest.hex()[..2], 16).expect("a digest is hexadecimal");
    usize::from(first) % BUCKETS
}

#[cfg(test)]
mod tests {
    use imagewright_oci::{Descriptor, DiffId, MediaType};

    use super::*;
    use crate::draft::DraftLayer;

    fn piece(name: &str, size: u64) -> Piece {
        let digest = Digest::of(name.as_bytes());
        let descriptor = Descriptor::new(MediaType::LayerGzip, digest.clone(), size);
        let layer = DraftLayer { descriptor, diff_id: DiffId::new(digest) };
        let layer = PackageLayer { layer, uncompressed_size: size, folders: Vec::new(), head: 0, end: size };
        Piece { name: name.to_owned(), shown: name.to_owned(), layer, record: None }
    }

    fn names(groups: &[Vec<Piece>]) -> Vec<Vec<&str>> {
        groups.iter().map(|group| group.iter().map(|piece| piece.name.as_str()).collect()).collect()
    }

    #[test]
    fn one_more_package_changes_one_layer() {
        let mut pieces: Vec<Piece> = (0..60).map(|number| piece(&format!("small-{number}"), 1000)).collect();
        pieces.extend((0..5).map(|number| piece(&format!("large-{number}"), OWN_LAYER_FROM + number)));
        let none = BTreeSet::new();
        let before = group(pieces.clone(), &none, 3);
        assert_eq!(before.len(), 5 + BUCKETS);
        assert_eq!(names(&before)[..2], [["large-4"], ["large-3"]]);
        for more in [piece("one-more", 10), piece("one-more", OWN_LAYER_FROM)] {
            let mut pieces = pieces.clone();
            pieces.insert(7, more);
            let after = group(pieces, &none, 3);
            let (before, after) = (names(&before), names(&after));
            assert_eq!(after.iter().filter(|group| !before.contains(group)).count(), 1);
        }
    }

    #[test]
    fn layers_stay_few() {
        let pieces: Vec<Piece> = (0..300).map(|number| piece(&format!("large-{number}"), 1 << 30)).collect();
        let none = BTreeSet::new();
        assert_eq!(group(pieces.clone(), &none, 3).len(), MOST_OWN_LAYERS + BUCKETS);
        assert_eq!(group(pieces.clone(), &none, 90).len(), 7 + BUCKETS);
        assert_eq!(group(pieces, &none, 200).len(), BUCKETS);
    }

    #[test]
    fn what_clashes_is_apart_and_on_top() {
        let pieces = vec![piece("a", 10), piece("b", 10), piece("c", OWN_LAYER_FROM)];
        let groups = group(pieces, &BTreeSet::from(["b".to_owned(), "c".to_owned()]), 3);
        assert_eq!(names(&groups)[groups.len() - 2..], [["b"], ["c"]]);
    }
}
