//! How values are written for people.

use imagewright_catalog::{BuildState, ImageState, ImageType, Owner};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A number of bytes.
pub(super) fn size(bytes: &u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if *bytes < 1000 {
        return format!("{bytes} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = *bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = if value < 9.95 { 1 } else { 0 };
    format!("{value:.digits$} {}", UNITS[unit])
}

/// A sentence as HTML: what stands between backticks is code.
pub(super) fn prose(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 32);
    let pieces: Vec<&str> = text.split('`').collect();
    // A backtick without its other one stands for itself.
    let closed = pieces.len() - (pieces.len() + 1) % 2;
    for (number, piece) in pieces.iter().enumerate() {
        let piece = escaped(piece);
        match (number % 2, number < closed) {
            (1, true) => html.push_str(&format!("<code>{piece}</code>")),
            (_, true) => html.push_str(&piece),
            (_, false) => html.push_str(&format!("`{piece}")),
        }
    }
    html
}

fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#x27;"),
            letter => html.push(letter),
        }
    }
    html
}

/// A moment, until a script writes it in the reader's own zone.
pub(super) fn moment(time: &Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// How long something took.
pub(super) fn took(from: &Timestamp, to: &Timestamp) -> String {
    let seconds = to.duration_since(*from).as_secs_f64().max(0.0);
    match seconds {
        _ if seconds < 60.0 => format!("{seconds:.1} s"),
        #[expect(clippy::cast_possible_truncation, reason = "builds end within hours")]
        _ => {
            let seconds = seconds.round() as i64;
            match seconds / 3600 {
                0 => format!("{} min {} s", seconds / 60, seconds % 60),
                hours => format!("{hours} h {} min", seconds % 3600 / 60),
            }
        }
    }
}

/// Where an image can run.
pub(super) fn kind(kind: &ImageType) -> &'static str {
    match kind {
        ImageType::Cpu => "CPU",
        ImageType::Gpu => "GPU",
        ImageType::Universal => "Universal",
    }
}

/// Who looks after an image.
pub(super) fn owner(owner: &Owner) -> String {
    match owner {
        Owner::System => "System".to_owned(),
        Owner::Group(group) => group.to_string(),
    }
}

/// How an image is: the look of a badge, and its text.
pub(super) fn state(state: &ImageState) -> (&'static str, &'static str) {
    match state {
        ImageState::Ready => ("good", "ready"),
        ImageState::NotReady => ("warn", "not ready"),
        ImageState::Building => ("busy", "building"),
        ImageState::Failed => ("bad", "failed"),
    }
}

/// The same of a build.
pub(super) fn build_state(state: &BuildState) -> (&'static str, &'static str) {
    match state {
        BuildState::Queued => ("busy", "waiting"),
        BuildState::Running => ("busy", "building"),
        BuildState::Succeeded => ("good", "succeeded"),
        BuildState::Failed => ("bad", "failed"),
        BuildState::Cancelled => ("warn", "cancelled"),
        BuildState::Interrupted => ("bad", "interrupted"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits_at_most() {
        for (bytes, written) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (9_949, "9.9 kB"),
            (9_950, "10 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (3_400_000_000, "3.4 GB"),
        ] {
            assert_eq!(size(&bytes), written);
        }
    }

    #[test]
    fn code_stands_between_backticks_and_nothing_gets_out() {
        for (text, html) in [
            ("plain", "plain"),
            ("no `curl` on `PATH`", "no <code>curl</code> on <code>PATH</code>"),
            ("one ` alone", "one ` alone"),
            ("`a` and ` b", "<code>a</code> and ` b"),
            ("`<b>` & \"c\"", "<code>&lt;b&gt;</code> &amp; &quot;c&quot;"),
            ("", ""),
        ] {
            assert_eq!(prose(text), html, "{text}");
        }
    }

    #[test]
    fn times_say_what_matters() {
        let begin: Timestamp = "2026-11-26T10:00:00Z".parse().unwrap();
        for (end, written) in [
            ("2026-11-26T10:00:04.25Z", "4.2 s"),
            ("2026-11-26T10:02:05Z", "2 min 5 s"),
            ("2026-11-26T12:03:59Z", "2 h 3 min"),
            ("2026-11-26T09:00:00Z", "0.0 s"),
        ] {
            assert_eq!(took(&begin, &end.parse().unwrap()), written);
        }
        assert_eq!(moment(&begin), "2026-11-26 10:00 UTC");
    }
}
