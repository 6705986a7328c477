//! Ctrl-C, SIGTERM and SIGHUP stop a build at once; a second one stops the program.

use std::io;

use imagewright_service::Cancel;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Who gets Ctrl-C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupt {
    /// This program.
    Ours,
    /// The program in the sandbox, which shares the terminal and gets it from there.
    Theirs,
}

/// Cancels `cancel` when a signal asks for it.
pub(crate) fn cancel_on_signals(cancel: &Cancel, interrupt: Interrupt) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let cancel = cancel.clone();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            if signal == SIGINT && interrupt == Interrupt::Theirs {
                continue;
            }
            if cancel.is_cancelled() {
                std::process::exit(128 + signal);
            }
            cancel.cancel();
        }
    })?;
    Ok(())
}
