//! Kernelspecs of Enterprise Gateway: made for images, kept in folders, published into images.
//!
//! What a kernelspec is, the crate `kernelspec` knows; here are the folders that hold them ([`KernelsFolder`]) and what is asked of images.

mod create;
mod deploy;
pub(crate) mod folder;
mod image;
#[cfg(target_os = "linux")]
mod publish;
mod update;

pub use create::{CreateKernelspec, CreatedKernelspec};
pub use deploy::{
    DeployGateway, DeployedGateway, Deployment, Gateway, Orchestrator, Subnet, by_docker, in_kubernetes,
};
pub use folder::{KernelsFolder, KernelsFolderError, ListedKernelspec};
pub use image::{KernelImage, KernelStart};
pub use imagewright_kernelspec::{
    AllowedKernels, Kernelspec, KernelspecError, KernelspecName, NewKernelspec, PortRange, Problem, Proxy,
    SparkMode,
};
#[cfg(target_os = "linux")]
pub use publish::{PublishKernelspecs, PublishedKernelspecs};
pub use update::{UpdateKernelspec, UpdatedKernelspec};
