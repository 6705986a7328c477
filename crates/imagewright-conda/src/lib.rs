//! conda packages as values and streams: what is asked for, what channels have, which packages are chosen, and a package as
//! entries of a layer.
//!
//! All that we use of rattler is used here, and its types stay here. It parses, and it solves; what it could fetch, cache and link by
//! itself is done by others of ours, so there is no async runtime and no second HTTP client. Everything works on text, `Read`
//! and positions in a file that somebody else opens.

mod books;
mod channel;
pub mod listing;
pub mod package;
mod prefix;
mod record;
pub mod repodata;
mod solve;
mod virtual_packages;
mod wanted;

pub use books::{BookRecord, history};
pub use channel::{Channel, NAMED};
pub use prefix::PrefixError;
pub use record::{LockedPlace, Package};
pub use solve::{Priority, Question, SolveError, Stop, reachable, solve, sorted};
pub use virtual_packages::{VirtualPackages, subdir_of};
pub use wanted::{Wanted, WantedError};
