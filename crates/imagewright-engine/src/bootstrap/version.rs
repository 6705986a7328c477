//! The order of Debian versions (deb-version(7)).

use std::cmp::Ordering;

/// Compares two versions as dpkg does.
pub(super) fn compare(left: &str, right: &str) -> Ordering {
    let ((left_epoch, left), (right_epoch, right)) = (split_epoch(left), split_epoch(right));
    let ((left, left_revision), (right, right_revision)) = (split_revision(left), split_revision(right));
    left_epoch
        .cmp(&right_epoch)
        .then_with(|| compare_part(left, right))
        .then_with(|| compare_part(left_revision, right_revision))
}

fn split_epoch(version: &str) -> (u64, &str) {
    match version.split_once(':') {
        Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
        None => (0, version),
    }
}

fn split_revision(version: &str) -> (&str, &str) {
    version.rsplit_once('-').unwrap_or((version, ""))
}

/// Compares alternating runs of other characters and digits.
fn compare_part(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    while !left.is_empty() || !right.is_empty() {
        let (left_text, right_text) = (take(&mut left, false), take(&mut right, false));
        let (left_digits, right_digits) = (take(&mut left, true), take(&mut right, true));
        let order =
            compare_text(left_text, right_text).then_with(|| compare_digits(left_digits, right_digits));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

fn take<'a>(rest: &mut &'a [u8], digits: bool) -> &'a [u8] {
    let end = rest.iter().position(|byte| byte.is_ascii_digit() != digits).unwrap_or(rest.len());
    let (taken, after) = rest.split_at(end);
    *rest = after;
    taken
}

/// `~` sorts before the end, the end before letters, letters before all else.
fn compare_text(left: &[u8], right: &[u8]) -> Ordering {
    let weight = |byte: Option<&u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    };
    (0..left.len().max(right.len()))
        .map(|index| weight(left.get(index)).cmp(&weight(right.get(index))))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Numbers of any length: without leading zeros the longer one is larger.
fn compare_digits(left: &[u8], right: &[u8]) -> Ordering {
    let significant = |digits: &[u8]| digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
    let (left, right) = (&left[significant(left)..], &right[significant(right)..]);
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_dpkg_orders_them() {
        let ascending = [
            ("1.0~rc1", "1.0"),
            ("1.0", "1.0-1"),
            ("1.0-1", "1.0-1+b1"),
            ("1.0-1", "1.0-1+deb13u1"),
            ("1.0-1~bpo12+1", "1.0-1"),
            ("1.9", "1.10"),
            ("2.0", "1:1.0"),
            ("1.0a", "1.0+"),
            ("1.0", "1.0a"),
            ("1.2-3-1", "1.2-3-2"),
            ("99999999999999999999", "100000000000000000000"),
        ];
        for (left, right) in ascending {
            assert_eq!(compare(left, right), Ordering::Less, "{left} < {right}");
            assert_eq!(compare(right, left), Ordering::Greater, "{right} > {left}");
        }
        for (left, right) in [("1.0", "0:1.0"), ("1.01", "1.1"), ("1.0-1", "1.0-01")] {
            assert_eq!(compare(left, right), Ordering::Equal, "{left} = {right}");
        }
    }
}
