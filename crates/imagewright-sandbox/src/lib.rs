//! Runs a command in Linux namespaces on an overlay; the only crate with unsafe code.
//!
//! Four processes take part, each in a module of its own:
//!
//! | process | module | does |
//! | --- | --- | --- |
//! | caller | `spawn` | starts the helper program, reads the outcome |
//! | helper | `helper` | enters the namespaces, watches for cancellation and the time limit |
//! | first process (pid 1 inside) | `init` | mounts the root file system, reaps |
//! | command | `command` | gives up privileges, becomes the wanted program |
//!
//! Caller and helper share one socket. It carries the specification there and the report back, and it is the
//! lifeline: when the caller's end goes away, for whatever reason and without the caller doing anything, the
//! helper kills the first process, and with it the kernel kills everything inside and drops every mount.
//!
//! A [`SandboxSpec`] says everything: this crate reads no settings and knows nothing of images, layers or
//! packages. Which layers to stack and what becomes of the upper directory is the caller's business.
//!
//! Needs root and Linux 5.10; or, with Linux 5.14, a user namespace in which an ordinary user is root: see
//! [`user_namespace`]. What differs there (marks of overlays, mounts that cannot be left out) is found out where
//! it matters, so callers need not know. [`Limits`] are kept by control groups where there are any.

mod command;
mod devices;
mod error;
mod helper;
mod host;
mod init;
mod limits;
mod mounts;
mod network;
mod privileges;
mod protocol;
mod room;
mod root;
mod seccomp;
mod spawn;
mod spec;
mod sys;
pub mod user_namespace;

pub use caps::Capability;

pub use error::SandboxError;
pub use helper::helper_main;
pub use host::end_with_this_thread;
pub use limits::{LimitHit, Limits};
pub use privileges::Privileges;
pub use room::PrivateNetwork;
pub use spawn::{Exit, Helper, Killer, Outcome, Running, Stdio, spawn};
pub use spec::{Mount, MountSource, Network, Root, SandboxSpec, User};
pub use user_namespace::overlay_attribute_prefix;
