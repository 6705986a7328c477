//! Text: every occurrence is replaced, and the file gets another size.

use std::io;

use imagewright_python::zip::ReadAt;

use super::{Edit, Encoded, search, shebang};

/// A longer first line is none that a kernel could read.
const LONGEST_LINE: usize = 1 << 16;

pub(super) fn edits(
    source: &dyn ReadAt,
    encoded: &[Encoded],
    placeholder: &str,
    target: &str,
) -> io::Result<Vec<Edit>> {
    let line = first_line(source)?;
    let mut edits = Vec::new();
    let mut behind = 0;
    if let Some(line) = &line {
        behind = line.len() as u64;
        let replaced = shebang::replaced(line, placeholder, target);
        if replaced != *line {
            edits.push(Edit { at: 0, length: behind, replacement: replaced });
        }
    }
    let occurrences = occurrences(source, encoded)?.into_iter().filter(|(at, _)| *at >= behind);
    edits.extend(occurrences.map(|(at, encoded)| Edit {
        at,
        length: encoded.length(),
        replacement: encoded.target.clone(),
    }));
    Ok(edits)
}

/// The line that says which program runs a script, without its end.
fn first_line(source: &dyn ReadAt) -> io::Result<Option<Vec<u8>>> {
    let mut line = vec![0; LONGEST_LINE];
    let length = search::fill(source, &mut line, 0, source.size())?;
    line.truncate(length);
    if !line.starts_with(b"#!") {
        return Ok(None);
    }
    match line.iter().position(|byte| *byte == b'\n') {
        Some(end) => line.truncate(end),
        None if length == LONGEST_LINE => return Ok(None),
        None => {}
    }
    Ok(Some(line))
}

/// Where the placeholder is, and in which encoding.
///
/// What is UTF-16 looks like UTF-16 of the other byte order one byte away. Of two that overlap the narrow one counts, then the
/// one at a whole number of characters, then the first.
fn occurrences<'e>(source: &dyn ReadAt, encoded: &'e [Encoded]) -> io::Result<Vec<(u64, &'e Encoded)>> {
    let mut candidates: Vec<(u64, &Encoded)> = Vec::new();
    for encoded in encoded {
        let places = search::all(source, &encoded.placeholder, 0, source.size())?;
        candidates.extend(places.into_iter().map(|place| (place, encoded)));
    }
    candidates.sort_by_key(|(place, _)| *place);
    let rank = |(place, encoded): (u64, &Encoded)| match place % encoded.unit() {
        _ if encoded.is_narrow() => 0,
        0 => 1,
        _ => 2,
    };
    let mut kept: Vec<(u64, &Encoded)> = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        match kept.last().copied().filter(|(place, encoded)| candidate.0 < place + encoded.length()) {
            None => kept.push(candidate),
            Some(last) if rank(candidate) < rank(last) => {
                kept.pop();
                kept.push(candidate);
            }
            Some(_) => {}
        }
    }
    Ok(kept)
}
