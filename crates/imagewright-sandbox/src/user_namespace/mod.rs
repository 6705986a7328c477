//! Root's powers for an ordinary user: the whole program runs again inside a user namespace in which that user
//! is root and the subordinate ids of `/etc/subuid` and `/etc/subgid` are all others. There nothing else needs
//! to know; files belong to the ids the image has.
//!
//! [`standing`] tells whether that is needed, [`run_inside`] does it, and [`checks()`] finds out beforehand what
//! of it works on this machine.

mod checks;
mod enter;
mod error;
mod obstacles;
mod subordinate;
mod trial;

use std::fs;
use std::os::unix::fs::MetadataExt;

use caps::{CapSet, Capability};
use nix::unistd::geteuid;

pub use checks::{Finding, checks};
pub use enter::run_inside;
pub use error::UserNamespaceError;
pub use obstacles::Setting;

/// The kernel's number of the user namespace the machine starts with.
const INITIAL_NAMESPACE: u64 = 0xEFFF_FFFD;

/// Says with which powers this process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Root of the machine, or of a container that has no user namespace of its own.
    Root,
    /// Root of a user namespace: the one [`run_inside`] made, or one somebody made for this program.
    InsideOurs,
    /// Anybody else. Images cannot be unpacked or built before [`run_inside`].
    Ordinary,
}

/// Tells with which powers this process runs.
pub fn standing() -> Standing {
    if is_initial() {
        return if geteuid().is_root() { Standing::Root } else { Standing::Ordinary };
    }
    let rules = caps::has_cap(None, CapSet::Effective, Capability::CAP_SYS_ADMIN);
    if geteuid().is_root() && rules.unwrap_or(false) { Standing::InsideOurs } else { Standing::Ordinary }
}

/// What the names of the extended attributes begin with by which overlays of this process mark directories
/// and files: ordinary users cannot set those that root's overlays use.
pub fn overlay_attribute_prefix() -> &'static str {
    if is_initial() { "trusted.overlay." } else { "user.overlay." }
}

/// Whether this process is in the user namespace the machine started with.
pub(crate) fn is_initial() -> bool {
    fs::metadata("/proc/self/ns/user").map_or(true, |namespace| namespace.ino() == INITIAL_NAMESPACE)
}
