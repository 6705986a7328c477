//! Binaries: a C string keeps its length. What follows the path moves to the front, and zeros fill what becomes free.

use std::collections::BTreeMap;
use std::io;

use imagewright_python::zip::ReadAt;

use super::{Edit, Encoded, search};

/// A C string with the placeholder in it.
struct CString<'a> {
    encoded: &'a Encoded,
    /// Where the placeholder is; never empty.
    places: Vec<u64>,
    /// Where its zero is, or the end of the file.
    end: u64,
    /// Of two strings that overlap the one with the lower rank counts.
    rank: u8,
}

/// None where the new path has no room.
pub(super) fn edits(source: &dyn ReadAt, encoded: &[Encoded]) -> io::Result<Option<Vec<Edit>>> {
    let mut edits = Vec::new();
    for string in strings(source, encoded)? {
        let CString { encoded, places, end, .. } = string;
        let Some(room) = encoded.placeholder.len().checked_sub(encoded.target.len()) else { return Ok(None) };
        let padding = vec![0; room * places.len()];
        edits.extend(places.into_iter().map(|at| Edit {
            at,
            length: encoded.length(),
            replacement: encoded.target.clone(),
        }));
        if !padding.is_empty() {
            edits.push(Edit { at: end, length: 0, replacement: padding });
        }
    }
    Ok(Some(edits))
}

/// The strings that count, in order. See [`text`](super::text) for why they may overlap.
fn strings<'e>(source: &dyn ReadAt, encoded: &'e [Encoded]) -> io::Result<Vec<CString<'e>>> {
    let mut candidates = Vec::new();
    for encoded in encoded {
        candidates.extend(candidates_of(source, encoded)?);
    }
    candidates.sort_by_key(|candidate| (candidate.rank, candidate.places[0]));
    let mut kept: BTreeMap<u64, CString<'_>> = BTreeMap::new();
    for candidate in candidates {
        let start = candidate.places[0];
        let before = kept.range(..=start).next_back().is_some_and(|(_, other)| start < other.end);
        let behind = kept.range(start..).next().is_some_and(|(other, _)| *other < candidate.end);
        if !before && !behind {
            kept.insert(start, candidate);
        }
    }
    Ok(kept.into_values().collect())
}

fn candidates_of<'e>(source: &dyn ReadAt, encoded: &'e Encoded) -> io::Result<Vec<CString<'e>>> {
    let unit = encoded.unit();
    let mut covered_until = [0; 4];
    let mut strings = Vec::new();
    for first in search::all(source, &encoded.placeholder, 0, source.size())? {
        let alignment = usize::try_from(first % unit).expect("a character has at most four bytes");
        if first < covered_until[alignment] {
            continue;
        }
        let behind = first + encoded.length();
        let zero = search::zero(source, behind, unit)?;
        let end = zero.unwrap_or_else(|| source.size());
        let mut places = vec![first];
        places.extend(search::all(source, &encoded.placeholder, behind, end)?);
        covered_until[alignment] = end;
        let rank = match (alignment == 0, zero.is_some()) {
            _ if encoded.is_narrow() => 0,
            (true, true) => 1,
            (true, false) => 2,
            (false, true) => 3,
            (false, false) => 4,
        };
        strings.push(CString { encoded, places, end, rank });
    }
    Ok(strings)
}
