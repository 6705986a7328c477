//! When something ends, as people write it.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Reads a time (`2026-12-31T18:00:00Z`), a day (`2026-12-31`, until its end in UTC), or a number of days from now (`90d`).
pub(super) fn parse(text: &str) -> Result<Timestamp, String> {
    let wrong = || format!("`{text}` is no time: write 2026-12-31, 2026-12-31T18:00:00Z, or 90d for 90 days");
    if let Some(days) = text.strip_suffix('d') {
        let days: u32 = days.parse().map_err(|_| wrong())?;
        return Timestamp::now()
            .checked_add(SignedDuration::from_hours(i64::from(days) * 24))
            .map_err(|_| wrong());
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    // What has a time of day and no zone would mean another moment for each who reads it.
    if text.contains(['T', ' ', ':']) {
        return Err(wrong());
    }
    let day: Date = text.parse().map_err(|_| wrong())?;
    let end = DateTime::from_parts(day, jiff::civil::time(23, 59, 59, 0));
    end.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp()).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_times_and_numbers_of_days() {
        assert_eq!(parse("2026-12-31").unwrap().to_string(), "2026-12-31T23:59:59Z");
        assert_eq!(parse("2026-12-31T18:00:00+01:00").unwrap().to_string(), "2026-12-31T17:00:00Z");
        let in_days = parse("2d").unwrap().duration_since(Timestamp::now());
        assert!(in_days > SignedDuration::from_hours(47) && in_days <= SignedDuration::from_hours(48));
        for wrong in
            ["", "d", "soon", "2026-13-01", "-1d", "2026-12-31T18:00:00", "99999999999d", "4000000000d"]
        {
            parse(wrong).unwrap_err();
        }
    }
}
