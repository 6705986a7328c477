//! Process proxies: in which way Enterprise Gateway starts kernels, and what a kernelspec holds for each.
//!
//! Each has a module, which lays out what is particular to it ([`Layout`]): the command that the gateway runs, variables, settings, and the
//! files that the command needs. Class names and settings are those of Enterprise Gateway 3.3.

mod distributed;
mod docker;
mod scripts;

use std::fmt;
use std::str::FromStr;

use crate::name::LIKE;
use crate::{Files, KernelspecError, NewKernelspec};

/// A process proxy that starts images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// Containers of a Docker Engine.
    Docker,
    /// Services of a Docker Swarm.
    DockerSwarm,
    /// Pods of Kubernetes.
    Kubernetes,
    /// Applications of the Spark operator for Kubernetes.
    SparkOperator,
    /// Custom resources of Kubernetes.
    CustomResource,
    /// Containers that a command starts on one of several hosts.
    Distributed,
    /// Applications of a YARN cluster, in containers of its own.
    YarnCluster,
    /// Applications of an IBM Spectrum Conductor cluster.
    Conductor,
}

/// What is particular to a process proxy.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// The command that the gateway runs.
    pub(crate) command: Vec<String>,
    /// Variables beside those that were asked for, which count for more.
    pub(crate) variables: Vec<(String, String)>,
    /// Settings beside those of [`NewKernelspec`].
    pub(crate) settings: Vec<(String, String)>,
    /// Files beside `kernel.json`.
    pub(crate) files: Files,
}

/// Where what a kernelspec starts runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// In containers of a Docker Engine, or of several.
    Docker,
    /// In a Kubernetes cluster.
    Kubernetes,
    /// In a cluster of another kind.
    Cluster,
}

impl Proxy {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Docker,
        Self::DockerSwarm,
        Self::Kubernetes,
        Self::SparkOperator,
        Self::CustomResource,
        Self::Distributed,
        Self::YarnCluster,
        Self::Conductor,
    ];

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::DockerSwarm => "docker-swarm",
            Self::Kubernetes => "kubernetes",
            Self::SparkOperator => "spark-operator",
            Self::CustomResource => "custom-resource",
            Self::Distributed => "distributed",
            Self::YarnCluster => "yarn-cluster",
            Self::Conductor => "conductor",
        }
    }

    /// The class of Enterprise Gateway.
    pub const fn class_name(self) -> &'static str {
        match self {
            Self::Docker => "enterprise_gateway.services.processproxies.docker_swarm.DockerProcessProxy",
            Self::DockerSwarm => {
                "enterprise_gateway.services.processproxies.docker_swarm.DockerSwarmProcessProxy"
            }
            Self::Kubernetes => "enterprise_gateway.services.processproxies.k8s.KubernetesProcessProxy",
            Self::SparkOperator => {
                "enterprise_gateway.services.processproxies.spark_operator.SparkOperatorProcessProxy"
            }
            Self::CustomResource => {
                "enterprise_gateway.services.processproxies.crd.CustomResourceProcessProxy"
            }
            Self::Distributed => {
                "enterprise_gateway.services.processproxies.distributed.DistributedProcessProxy"
            }
            Self::YarnCluster => "enterprise_gateway.services.processproxies.yarn.YarnClusterProcessProxy",
            Self::Conductor => {
                "enterprise_gateway.services.processproxies.conductor.ConductorClusterProcessProxy"
            }
        }
    }

    /// The one of a class; none where it is no class that is known here.
    pub fn of_class(class: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|proxy| proxy.class_name() == class)
    }

    /// Where its kernels run.
    pub const fn runtime(self) -> Runtime {
        match self {
            Self::Docker | Self::DockerSwarm | Self::Distributed => Runtime::Docker,
            Self::Kubernetes | Self::SparkOperator | Self::CustomResource => Runtime::Kubernetes,
            Self::YarnCluster | Self::Conductor => Runtime::Cluster,
        }
    }

    /// Whether the gateway reads the image from `config.image_name`; else it stands in the command or in variables.
    pub const fn names_image_in_settings(self) -> bool {
        match self {
            Self::Docker
            | Self::DockerSwarm
            | Self::Kubernetes
            | Self::SparkOperator
            | Self::CustomResource => true,
            Self::Distributed | Self::YarnCluster | Self::Conductor => false,
        }
    }

    /// Whether Spark may have workers in containers of an image of their own.
    pub const fn has_executors(self) -> bool {
        matches!(self, Self::Kubernetes | Self::SparkOperator | Self::CustomResource)
    }

    pub(crate) fn lay_out(self, new: &NewKernelspec) -> Result<Layout, KernelspecError> {
        match self {
            Self::Docker | Self::DockerSwarm => Ok(docker::lay_out(new)),
            Self::Distributed => Ok(distributed::lay_out(new)),
            Self::Kubernetes
            | Self::SparkOperator
            | Self::CustomResource
            | Self::YarnCluster
            | Self::Conductor => unimplemented_yet(self),
        }
    }
}

fn unimplemented_yet(proxy: Proxy) -> Result<Layout, KernelspecError> {
    Err(KernelspecError::UnknownProxy { name: proxy.to_string(), like: None })
}

impl fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Proxy {
    type Err = KernelspecError;

    fn from_str(text: &str) -> Result<Self, KernelspecError> {
        let known = Self::ALL.into_iter().find(|proxy| proxy.name() == text);
        known.ok_or_else(|| {
            let near = Self::ALL.into_iter().map(|proxy| (strsim::jaro_winkler(text, proxy.name()), proxy));
            let best =
                near.filter(|(likeness, _)| *likeness > LIKE).max_by(|one, other| one.0.total_cmp(&other.0));
            KernelspecError::UnknownProxy { name: text.to_owned(), like: best.map(|(_, proxy)| proxy) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_goes_by_its_name_and_class() {
        for proxy in Proxy::ALL {
            assert_eq!(proxy.name().parse::<Proxy>().unwrap(), proxy);
            assert_eq!(Proxy::of_class(proxy.class_name()), Some(proxy));
        }
        let error = "swarm".parse::<Proxy>().unwrap_err();
        assert_eq!(error.to_string(), "there is no process proxy `swarm`");
        let error = "docker-swam".parse::<Proxy>().unwrap_err();
        assert_eq!(error.hint().unwrap(), "did you mean `docker-swarm`?");
    }
}
