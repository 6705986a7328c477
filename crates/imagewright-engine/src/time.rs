//! The one time an image carries: never now, never zero.

use imagewright_oci::ImageConfig;
use jiff::Timestamp;

/// Used where a base says nothing of its age: 1980-01-01, the first moment a zip archive can express.
const FALLBACK_EPOCH: i64 = 315_532_800;

/// Seconds since 1970 that everything a build makes is dated at the latest (`SOURCE_DATE_EPOCH`).
///
/// What the user gave, else when the base was made.
pub(crate) fn source_date_epoch(given: Option<i64>, base: &ImageConfig) -> i64 {
    let created = || base.created.as_deref()?.parse::<Timestamp>().ok().map(Timestamp::as_second);
    given.or_else(created).filter(|&seconds| seconds > 0).unwrap_or(FALLBACK_EPOCH)
}

/// The epoch as RFC 3339.
pub(crate) fn rfc3339(epoch: i64) -> String {
    Timestamp::from_second(epoch).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

#[cfg(test)]
mod tests {
    use imagewright_oci::Platform;

    use super::*;

    #[test]
    fn the_user_comes_first_then_the_base() {
        let mut config = ImageConfig::empty(Platform::linux("amd64"));
        assert_eq!(source_date_epoch(None, &config), FALLBACK_EPOCH);
        config.created = Some("2026-05-01T10:00:00.5Z".to_owned());
        assert_eq!(rfc3339(source_date_epoch(None, &config)), "2026-05-01T10:00:00Z");
        assert_eq!(source_date_epoch(Some(1_000_000_000), &config), 1_000_000_000);
        config.created = Some("0001-01-01T00:00:00Z".to_owned());
        assert_eq!(source_date_epoch(None, &config), FALLBACK_EPOCH);
    }
}
