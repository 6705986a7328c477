//! A kernelspec beside an image: the folder that starts it.

use std::collections::BTreeSet;

/// A folder of Jupyter's kernels that is to start an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelspecFolder {
    /// The name of the folder, which is that of the kernelspec.
    pub name: String,
    /// The text of `kernel.json`.
    pub kernel_json: String,
    /// The files in it, relative to it.
    pub files: BTreeSet<String>,
}
