//! The little that must be known of the distributions beforehand.

use std::path::PathBuf;

use imagewright_model::spec::Distribution;

/// Codenames, oldest first. They only serve to tell which of several suites is the newest, and which apt sources
/// are the distribution's own; any other suite can be asked for by name.
pub(super) const fn codenames(distribution: Distribution) -> &'static [&'static str] {
    match distribution {
        Distribution::Debian => &["buster", "bullseye", "bookworm", "trixie", "forky", "duke"],
        Distribution::Ubuntu => &["focal", "jammy", "noble", "plucky", "questing", "resolute"],
    }
}

/// Names of suites that move from release to release.
pub(super) const fn moving_suites(distribution: Distribution) -> &'static [&'static str] {
    match distribution {
        Distribution::Debian => {
            &["oldoldstable", "oldstable", "stable", "testing", "unstable", "sid", "experimental"]
        }
        Distribution::Ubuntu => &["devel"],
    }
}

/// Whether `suite` has `-updates` and `-security` beside it.
pub(super) fn has_pockets(distribution: Distribution, suite: &str) -> bool {
    distribution == Distribution::Ubuntu || !matches!(suite, "unstable" | "sid" | "experimental")
}

/// Components to take when nothing says which.
pub(super) const fn default_components(distribution: Distribution) -> &'static [&'static str] {
    match distribution {
        Distribution::Debian => &["main"],
        Distribution::Ubuntu => &["main", "universe"],
    }
}

/// Whether one archive holds the security updates too.
pub(super) const fn security_is_in_the_archive(distribution: Distribution) -> bool {
    matches!(distribution, Distribution::Ubuntu)
}

/// Where the distribution's keyring package puts its keyring: the same place on a machine and in an image.
pub(super) fn keyring(distribution: Distribution) -> PathBuf {
    format!("/usr/share/keyrings/{distribution}-archive-keyring.gpg").into()
}

/// The package that brings the keyring.
pub(super) const fn keyring_package(distribution: Distribution) -> &'static str {
    match distribution {
        Distribution::Debian => "debian-archive-keyring",
        Distribution::Ubuntu => "ubuntu-keyring",
    }
}
