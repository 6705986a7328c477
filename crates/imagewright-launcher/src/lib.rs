//! Starts one kernel in a container for Jupyter Enterprise Gateway, stays with it, and ends with it.
//!
//! A gateway hands a container a few variables and waits for a connection. [`Request`] is what they say, [`choice`] finds the kernel in the
//! image, [`ports`] and [`connection`] prepare what it listens at, [`supervise`] starts it, has [`reply`] tell the gateway (sealed by
//! [`payload`]), and does what [`listener`] hears. `docs/kernel-launcher.md` is for users.
//!
//! The program goes into images of others, as one static file: it uses none of our other crates, and as little as it can of anybody's.

pub mod choice;
pub mod connection;
mod error;
pub mod kernelspec;
pub mod listener;
mod options;
pub mod payload;
pub mod ports;
pub mod reply;
mod request;
pub mod spark;
pub mod supervise;

use std::ffi::OsString;

pub use error::LauncherError;
pub use request::{Environment, OURS, Request, SparkMode};
pub use supervise::Ended;

/// Where sentences for people go, one at a time.
pub type Say<'a> = &'a dyn Fn(&str);

/// Does all of it: reads what is asked for, starts the kernel, and waits for its end.
pub fn launch(
    arguments: &[OsString],
    environment: &Environment,
    say: Say<'_>,
) -> Result<Ended, LauncherError> {
    let request = Request::read(arguments, environment)?;
    let kernel = choice::choose(&request, environment)?;
    supervise::run(&request, &kernel, environment, say)
}
