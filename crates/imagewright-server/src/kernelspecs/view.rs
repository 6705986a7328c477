//! Kernelspecs as they are shown.

use imagewright_service::kernelspec::{AllowedKernels, Kernelspec, ListedKernelspec, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The kernelspecs that a gateway reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KernelspecList {
    /// All of them, by name.
    pub kernelspecs: Vec<KernelspecView>,
    /// What `EG_ALLOWED_KERNELS` must be where the gateway has such a list.
    pub allowed_kernels: String,
}

/// A kernelspec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KernelspecView {
    /// Its name: that of its folder.
    pub name: String,
    /// What people choose it by.
    pub display_name: String,
    /// The language of its kernel.
    pub language: String,
    /// What starts it, as `imagewright kernelspec create --proxy` calls it; none where it is none of these.
    pub proxy: Option<String>,
    /// The image that it starts.
    pub image: Option<String>,
    /// What a gateway would stumble over.
    pub problems: Vec<KernelspecProblem>,
}

/// Something that is wrong with a kernelspec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KernelspecProblem {
    /// `error` where a start fails by it, else `warning`.
    pub level: String,
    /// What it is.
    pub message: String,
}

/// A kernelspec that was made, and put where a gateway reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MadeKernelspec {
    /// The kernelspec.
    pub kernelspec: KernelspecView,
    /// What will not work, or not as one may think.
    pub warnings: Vec<String>,
    /// What `EG_ALLOWED_KERNELS` must be where the gateway has such a list.
    pub allowed_kernels: String,
}

/// A kernelspec to be taken along: a `tar.gz` with its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelspecArchive {
    /// Its name.
    pub name: String,
    /// The archive.
    pub bytes: Vec<u8>,
}

impl KernelspecList {
    pub(super) fn of(listed: &[ListedKernelspec]) -> Self {
        let names = listed.iter().filter_map(|listed| listed.name.parse().ok()).collect();
        Self {
            kernelspecs: listed.iter().map(KernelspecView::of).collect(),
            allowed_kernels: AllowedKernels::Only(names).to_string(),
        }
    }
}

impl KernelspecView {
    fn of(listed: &ListedKernelspec) -> Self {
        let problems = listed.problems();
        match &listed.spec {
            Ok(spec) => Self { name: listed.name.clone(), ..Self::of_spec(spec) },
            Err(_) => Self {
                name: listed.name.clone(),
                display_name: String::new(),
                language: String::new(),
                proxy: None,
                image: None,
                problems: problems.into_iter().map(KernelspecProblem::from).collect(),
            },
        }
    }

    pub(super) fn of_spec(spec: &Kernelspec) -> Self {
        Self {
            name: spec.name.to_string(),
            display_name: spec.display_name().to_owned(),
            language: spec.language().to_owned(),
            proxy: spec.proxy().map(|proxy| proxy.to_string()),
            image: spec.image().map(str::to_owned),
            problems: spec.problems().into_iter().map(KernelspecProblem::from).collect(),
        }
    }
}

impl From<Problem> for KernelspecProblem {
    fn from(problem: Problem) -> Self {
        let level = if problem.is_error { "error" } else { "warning" };
        Self { level: level.to_owned(), message: problem.text }
    }
}
