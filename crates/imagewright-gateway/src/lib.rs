//! Client of Jupyter Enterprise Gateway: which kernelspecs it lists, kernels that it starts and stops, cells that they run; and
//! [`verify`], which finds out whether all of that works.
//!
//! The gateway is taken for no friend: whatever it sends is bounded in size and time. Where it is and by which authorities and
//! proxies it is reached comes from whoever asks.

mod channel;
mod error;
mod gateway;
mod identity;
mod kernelspec;
mod message;
pub mod verify;

pub use channel::{Channel, Execution, Progress};
pub use error::GatewayError;
pub use gateway::Gateway;
pub use identity::KernelId;
pub use kernelspec::ListedKernelspec;
