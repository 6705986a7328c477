//! Kernelspecs of Jupyter Enterprise Gateway: the folders by which it starts kernel images.
//!
//! A [`NewKernelspec`] says what is wanted and becomes a [`Kernelspec`]: a `kernel.json` and files beside it, all of them values. One that
//! is there already is read into the same type ([`Kernelspec::read`]), changed and written back; what is in it that nobody here knows stays.
//! [`Kernelspec::problems`] says what the gateway would stumble over.
//!
//! Nothing here reads or writes files: whoever has folders hands in what is in them.

mod allowed;
mod archive;
pub mod deploy;
mod error;
mod file;
mod from;
mod kernelspec;
mod name;
mod new;
mod problems;
mod proxy;
mod warnings;

pub use allowed::AllowedKernels;
pub use error::KernelspecError;
pub use file::{File, Files};
pub use from::Changes;
pub use kernelspec::{KERNEL_JSON, Kernelspec};
pub use name::KernelspecName;
pub use new::{NewKernelspec, PortRange, SparkMode};
pub use problems::Problem;
pub use proxy::{Proxy, Runtime};
