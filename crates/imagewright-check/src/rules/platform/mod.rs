//! Rules that profiles ask: what platforms expect of the images that they run. A file for each matter; where several
//! platforms expect the same, they share the rule, and the profile says why it matters there.

pub(crate) mod certificates;
pub(crate) mod dependencies;
pub(crate) mod kernelspecs;
pub(crate) mod pins;
pub(crate) mod programs;
pub(crate) mod python;
pub(crate) mod python_release;
pub(crate) mod reference;
pub(crate) mod requirements;
pub(crate) mod writable;
