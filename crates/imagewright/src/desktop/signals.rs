//! Ctrl-C stops a build; a second one stops the program.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use imagewright_model::ErrorKind;
use imagewright_service::Cancel;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// How long Ctrl-C may go unseen: Windows wakes nobody.
const INTERVAL: Duration = Duration::from_millis(50);

/// Who gets Ctrl-C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupt {
    /// This program.
    Ours,
}

/// Cancels `cancel` when a signal asks for it.
pub(crate) fn cancel_on_signals(cancel: &Cancel, _: Interrupt) -> io::Result<()> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let code = i32::from(ErrorKind::Cancelled.exit_code());
        // In this order: what the first one sets, the second one finds.
        flag::register_conditional_shutdown(signal, code, Arc::clone(&asked))?;
        flag::register(signal, Arc::clone(&asked))?;
    }
    let cancel = cancel.clone();
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        while !asked.load(Ordering::Relaxed) {
            thread::sleep(INTERVAL);
        }
        cancel.cancel();
    })?;
    Ok(())
}
