//! Manifests, held against the models of Kubernetes' own package for Python, which comes with the gateway.

mod submit;

use imagewright_kernelspec::AllowedKernels;
use imagewright_kernelspec::deploy::kubernetes::{Deployment, Kernelspecs};
use imagewright_kernelspec::deploy::{Gateway, KernelImage, ShortProgram};
use imagewright_oci::Reference;
use serde_json::{Value, json};

use crate::cluster::documents;

fn image(text: &str) -> Reference {
    text.parse().unwrap()
}

fn deployment(kernelspecs: Kernelspecs, program: ShortProgram) -> Deployment {
    let mut gateway = Gateway::new(image("registry.example:5000/gateway:3.3.0"));
    gateway.allowed = AllowedKernels::Only(vec!["mine".parse().unwrap(), "other".parse().unwrap()]);
    gateway.default_kernel = Some("mine".parse().unwrap());
    let reference = image(
        "registry.example/kernel@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    );
    gateway.kernels =
        vec![KernelImage { reference: reference.clone(), program }, KernelImage { reference, program }];
    Deployment {
        token_secret: Some("token".to_owned()),
        kernelspecs,
        pull_secrets: vec!["registry".to_owned()],
        has_spark: true,
        ..Deployment::new(gateway, "notebooks")
    }
}

fn kinds(documents: &[Value]) -> Vec<&str> {
    documents.iter().map(|document| document["kind"].as_str().unwrap()).collect()
}

#[test]
#[ignore = "needs kernels"]
fn a_cluster_takes_all_of_a_manifest() {
    for kernelspecs in [
        Kernelspecs::Gateway,
        Kernelspecs::Claim("specs".to_owned()),
        Kernelspecs::Image(image("registry.example/specs:1")),
    ] {
        for program in [ShortProgram::Launcher, ShortProgram::Shell, ShortProgram::None] {
            let deployment = deployment(kernelspecs.clone(), program);
            let read = documents(&deployment.manifest().unwrap());
            let kinds = kinds(&read);
            assert_eq!(kinds[0], "Namespace");
            assert_eq!(
                kinds.contains(&"PersistentVolumeClaim"),
                matches!(kernelspecs, Kernelspecs::Claim(_))
            );
            let gateway = &read[kinds.iter().position(|kind| *kind == "Deployment").unwrap()];
            let container = &gateway["spec"]["template"]["spec"]["containers"][0];
            let variables = container["env"].as_array().unwrap();
            let allowed = variables.iter().find(|entry| entry["name"] == "EG_ALLOWED_KERNELS").unwrap();
            assert_eq!(allowed["value"], "'mine','other'");
            let token = variables.iter().find(|entry| entry["name"] == "EG_AUTH_TOKEN").unwrap();
            assert_eq!(token["valueFrom"]["secretKeyRef"], json!({"name": "token", "key": "token"}));
        }
    }
    let plain = Deployment::new(Gateway::new(image("registry.example/gateway:1")), "notebooks");
    let read = documents(&plain.manifest().unwrap());
    assert_eq!(
        kinds(&read),
        [
            "Namespace",
            "ServiceAccount",
            "ClusterRole",
            "ClusterRoleBinding",
            "ClusterRole",
            "Deployment",
            "Service"
        ]
    );
}
