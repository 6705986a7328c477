//! What the step of a kernel would do.

use imagewright_model::plan::{PackageChange, PlannedPackage};

use super::KernelStep;

impl KernelStep<'_> {
    /// What it would install: the launcher.
    pub(crate) fn planned(&self) -> Vec<PlannedPackage> {
        let digest = self.launcher.digest.hex();
        vec![PlannedPackage {
            name: self.launcher.name.clone(),
            // It has no version that is told from outside; builds tell it by what is in it.
            version: Some(digest[..12].to_owned()),
            change: PackageChange::Install,
            before: None,
            path: None,
            size: Some(self.launcher.size),
            cached: true,
        }]
    }
}
