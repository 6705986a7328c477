//! Where gateways run: manifests for them, their kernelspecs and a program that has kernel images on each host before they are wanted.
//!
//! A manifest is a text, made of values; nobody here starts anything. No secret is in it: it names where the token is.

pub mod docker;
pub mod kubernetes;
mod yaml;

use imagewright_oci::Reference;

use crate::{AllowedKernels, KernelspecName};

/// A gateway, wherever it runs.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// Its image.
    pub image: Reference,
    /// The kernels it shows.
    pub allowed: AllowedKernels,
    /// The kernel of those who name none.
    pub default_kernel: Option<KernelspecName>,
    /// The images of its kernels, to be had on each host before somebody waits for them.
    pub kernels: Vec<KernelImage>,
    /// The seconds a kernel may take to start.
    pub launch_timeout: u32,
    /// The seconds after which a kernel that nobody uses is ended.
    pub idle_timeout: u32,
}

/// An image of kernels, and what of it can be run to have it pulled.
#[derive(Clone, Debug)]
pub struct KernelImage {
    /// The image.
    pub reference: Reference,
    /// What ends at once and well in it.
    pub program: ShortProgram,
}

/// A program of an image that ends at once and well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShortProgram {
    /// Our launcher, asked for its version.
    Launcher,
    /// A shell. Images with the launchers of Enterprise Gateway have one, as their start is a script.
    Shell,
    /// None that is known.
    None,
}

impl Gateway {
    /// A gateway that shows all its kernels, with what Enterprise Gateway's own chart sets.
    pub fn new(image: Reference) -> Self {
        Self {
            image,
            allowed: AllowedKernels::All,
            default_kernel: None,
            kernels: Vec::new(),
            launch_timeout: 60,
            idle_timeout: 3600,
        }
    }
}
