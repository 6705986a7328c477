//! How long ago something was, in one unit.

use jiff::Timestamp;

const UNITS: [(i64, &str); 6] = [
    (365 * 86_400, "year"),
    (30 * 86_400, "month"),
    (7 * 86_400, "week"),
    (86_400, "day"),
    (3_600, "hour"),
    (60, "minute"),
];

/// `3 days ago`, from a time in RFC 3339.
pub(crate) fn since(created: Option<&str>, now: Timestamp) -> String {
    let Some(created) = created.and_then(|text| text.parse::<Timestamp>().ok()) else {
        return "unknown".to_owned();
    };
    let seconds = now.as_second() - created.as_second();
    match UNITS.iter().find(|(length, _)| seconds >= *length) {
        Some((length, unit)) => {
            let count = seconds / length;
            format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
        }
        None => "just now".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_one_unit() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let cases = [
            ("2026-11-21T11:59:30Z", "just now"),
            ("2026-11-21T11:58:30Z", "1 minute ago"),
            ("2026-11-20T12:00:00Z", "1 day ago"),
            ("2026-09-01T00:00:00Z", "2 months ago"),
            ("2020-01-01T00:00:00Z", "6 years ago"),
            ("2027-01-01T00:00:00Z", "just now"),
            ("nonsense", "unknown"),
        ];
        for (created, expected) in cases {
            assert_eq!(since(Some(created), now), expected, "{created}");
        }
    }
}
