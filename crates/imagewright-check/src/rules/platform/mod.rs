//! Rules that profiles ask: what platforms expect of the images that they run. A file for each matter; where several
//! platforms expect the same, they share the rule, and the profile says why it matters there.

pub(crate) mod accounts;
pub(crate) mod certificates;
pub(crate) mod commands;
pub(crate) mod dependencies;
pub(crate) mod docker_stacks;
pub(crate) mod gpu;
pub(crate) mod hub;
pub(crate) mod init;
pub(crate) mod kernelspec_folders;
pub(crate) mod kernelspecs;
pub(crate) mod launchers;
pub(crate) mod notebook_server;
pub(crate) mod pins;
pub(crate) mod programs;
pub(crate) mod python;
pub(crate) mod python_command;
pub(crate) mod python_release;
pub(crate) mod reference;
pub(crate) mod requirements;
pub(crate) mod stack_contents;
mod starts;
pub(crate) mod volume;
pub(crate) mod writable;
