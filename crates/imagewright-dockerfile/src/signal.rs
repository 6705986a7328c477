//! Signals that ask a container to stop.

/// Names without `SIG`, as Linux has them.
const NAMES: [&str; 36] = [
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE",
    "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU",
    "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX",
];
/// How far from `RTMIN` and `RTMAX` real-time signals go.
const MOST_ABOVE_MIN: u32 = 15;
const MOST_BELOW_MAX: u32 = 14;

/// Whether engines know a signal of this name or number.
pub(crate) fn is_known(signal: &str) -> bool {
    if let Ok(number) = signal.parse::<u32>() {
        return number > 0;
    }
    let upper = signal.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let within =
        |rest: &str, most: u32| rest.parse().is_ok_and(|distance: u32| (1..=most).contains(&distance));
    match (name.strip_prefix("RTMIN+"), name.strip_prefix("RTMAX-")) {
        (Some(rest), _) => within(rest, MOST_ABOVE_MIN),
        (_, Some(rest)) => within(rest, MOST_BELOW_MAX),
        _ => NAMES.contains(&name),
    }
}

#[cfg(test)]
mod tests {
    use super::is_known;

    #[test]
    fn signals_have_names_and_numbers() {
        for signal in ["SIGTERM", "term", "9", "RTMIN+3", "SIGRTMAX-14", "SIGRTMIN", "37"] {
            assert!(is_known(signal), "{signal}");
        }
        for signal in ["", "0", "-9", "SIGNONSENSE", "RTMIN+16", "RTMAX-15", "RTMIN+", "SIG"] {
            assert!(!is_known(signal), "{signal}");
        }
    }
}
