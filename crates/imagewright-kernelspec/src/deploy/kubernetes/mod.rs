//! A gateway in a Kubernetes cluster, with all that it needs there.

mod gateway;
mod puller;
mod roles;

use imagewright_oci::Reference;
use serde_json::{Value, json};

use super::{Gateway, ShortProgram, yaml};
use crate::KernelspecError;

/// What everything is called, where nothing else tells them apart.
const NAME: &str = "enterprise-gateway";
/// The role of kernels, which the gateway gives them in their namespaces.
const KERNEL_ROLE: &str = "kernel-controller";
/// The longest name of a namespace, and of what becomes a label.
const LONGEST_NAME: usize = 63;

/// A gateway that is to run in a cluster.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The gateway.
    pub gateway: Gateway,
    /// Its namespace.
    pub namespace: String,
    /// The secret that holds the token as `token`; without one, whoever reaches the gateway may use it.
    pub token_secret: Option<String>,
    /// Where it has its kernelspecs from.
    pub kernelspecs: Kernelspecs,
    /// Secrets of the namespace that images are pulled by.
    pub pull_secrets: Vec<String>,
    /// Whether kernels may start workers of Spark.
    pub has_spark: bool,
    /// The image of a container that waits and does nothing else, to be had on each node; otherwise the gateway's own waits.
    pub pause: Option<Reference>,
}

/// Where a gateway has its kernelspecs from.
#[derive(Clone, Debug)]
pub enum Kernelspecs {
    /// Its own image.
    Gateway,
    /// A volume, by the name of its claim.
    Claim(String),
    /// An image whose folder `/kernels` has them. It needs `cp`.
    Image(Reference),
}

impl Deployment {
    /// A gateway with its own kernelspecs, without a token.
    pub fn new(gateway: Gateway, namespace: &str) -> Self {
        Self {
            gateway,
            namespace: namespace.to_owned(),
            token_secret: None,
            kernelspecs: Kernelspecs::Gateway,
            pull_secrets: Vec::new(),
            has_spark: false,
            pause: None,
        }
    }

    /// The manifest, for `kubectl apply`.
    ///
    /// # Errors
    /// Where a name is none that Kubernetes takes.
    pub fn manifest(&self) -> Result<String, KernelspecError> {
        let claim = match &self.kernelspecs {
            Kernelspecs::Claim(name) => Some(name),
            Kernelspecs::Gateway | Kernelspecs::Image(_) => None,
        };
        let names =
            [&self.namespace].into_iter().chain(&self.token_secret).chain(claim).chain(&self.pull_secrets);
        names.into_iter().try_for_each(|name| check_name(name))?;
        let mut documents = vec![(self.heading(), self.namespace())];
        documents.extend(self.roles());
        documents.extend(self.storage());
        documents.extend([self.deployment(), self.service()]);
        documents.extend(self.puller());
        Ok(yaml::documents(&documents))
    }

    /// What will not work, or not as one may think, in sentences.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.token_secret.is_none() {
            warnings.push("the gateway has no token: whoever reaches it runs code in the cluster".to_owned());
        }
        for kernel in self.gateway.kernels.iter().filter(|kernel| kernel.program == ShortProgram::None) {
            warnings.push(format!(
                "`{}` has no program that is known to end: it is pulled as a volume, for which the cluster must be Kubernetes 1.33 or newer, \
                 with image volumes enabled",
                kernel.reference
            ));
        }
        if !self.pull_secrets.is_empty() && !self.gateway.kernels.is_empty() {
            warnings.push(
                "kernels are pulled by the secrets that their kernelspecs name in KERNEL_IMAGE_PULL_SECRETS: name those of the gateway there"
                    .to_owned(),
            );
        }
        warnings
    }

    fn heading(&self) -> String {
        let Self { namespace, token_secret, .. } = self;
        let token = token_secret.iter().map(|name| {
            format!(
                "\n\nThe token is not in here. Beforehand:\n\n  kubectl create namespace {namespace}\n  kubectl --namespace {namespace} create \
                 secret generic {name} --from-file=token=FILE"
            )
        });
        format!(
            "Jupyter Enterprise Gateway, made by `imagewright kernelspec deploy --to kubernetes`.\n\n  kubectl apply --filename FILE{}",
            token.collect::<String>()
        )
    }

    fn namespace(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": self.namespace, "labels": labels(NAME)},
        })
    }

    /// Name, namespace and labels of something in the namespace.
    fn metadata(&self, name: &str, component: &str) -> Value {
        json!({"name": name, "namespace": self.namespace, "labels": labels(component)})
    }
}

/// Labels by which people and the gateway's own chart find things.
fn labels(component: &str) -> Value {
    json!({"app": NAME, "component": component, "app.kubernetes.io/managed-by": "imagewright"})
}

/// What pods may not do, as clusters with restrictions want it.
fn restricted() -> Value {
    json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}})
}

/// The user of kernel and gateway images.
fn user() -> Value {
    json!({
        "runAsUser": 1000,
        "runAsGroup": 100,
        "runAsNonRoot": true,
        "fsGroup": 100,
        "seccompProfile": {"type": "RuntimeDefault"},
    })
}

/// A name of something in a cluster.
fn check_name(name: &str) -> Result<(), KernelspecError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_name = (1..=LONGEST_NAME).contains(&name.len())
        && name.chars().all(allowed)
        && !name.starts_with('-')
        && !name.ends_with('-');
    if is_name { Ok(()) } else { Err(KernelspecError::ClusterName { name: name.to_owned() }) }
}

#[cfg(test)]
mod tests;
