//! The client against gateways that are made by hand: one that does everything right, and many that do not.

#![expect(clippy::unwrap_used, reason = "clippy knows tests by #[test], not their helpers")]

mod hostile;
mod played;
mod right;
