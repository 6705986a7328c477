//! Asks before what cannot be taken back.

use std::io::{IsTerminal as _, stderr, stdin};

use anstream::eprint;
use imagewright_model::ErrorKind;

use crate::failure::Failure;

/// Goes on if `yes` was given, or somebody at a terminal says so. `what` is what is going to be done, such as ``remove `a` ``.
pub(super) fn confirm(what: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !(stdin().is_terminal() && stderr().is_terminal()) {
        let text = format!("nobody is here to confirm this: {what}");
        return Err(Failure::new(ErrorKind::Usage, text).with_hint("give --yes where it is meant"));
    }
    eprint!("{what}? [y/N] ");
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(ErrorKind::Cancelled, "nothing was done")),
    }
}
