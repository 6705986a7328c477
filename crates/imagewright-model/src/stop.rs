//! A wish to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Asks long work to end. Whoever moves many bytes looks at it between blocks.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks. It cannot be taken back.
    pub fn ask(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether somebody asked.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// An error once somebody asked, for loops over streams. Not of the kind that is tried again.
    pub fn check(&self) -> std::io::Result<()> {
        if self.is_asked() {
            return Err(std::io::Error::new(std::io::ErrorKind::ConnectionAborted, "stopped on request"));
        }
        Ok(())
    }
}
