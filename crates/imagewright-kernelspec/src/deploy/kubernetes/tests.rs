//! The manifest as a text; what clusters say of it stands in `tests/it/needs_kernels`.

use super::*;
use crate::AllowedKernels;
use crate::deploy::KernelImage;

fn image(text: &str) -> Reference {
    text.parse().unwrap()
}

fn deployment() -> Deployment {
    let mut gateway = Gateway::new(image("registry.example/gateway:3.3.0"));
    gateway.allowed = AllowedKernels::Only(vec!["mine".parse().unwrap()]);
    gateway.default_kernel = Some("mine".parse().unwrap());
    let kernel = |text: &str, program| KernelImage { reference: image(text), program };
    gateway.kernels = vec![
        kernel("registry.example:5000/team/kernel-py:1", ShortProgram::Launcher),
        kernel("registry.example/kernel-r:1", ShortProgram::Shell),
        kernel("registry.example/kernel-x:1", ShortProgram::None),
    ];
    Deployment {
        token_secret: Some("gateway-token".to_owned()),
        kernelspecs: Kernelspecs::Image(image("registry.example/kernelspecs:1")),
        pull_secrets: vec!["registry".to_owned()],
        has_spark: true,
        ..Deployment::new(gateway, "notebooks")
    }
}

#[test]
fn all_of_it() {
    insta::assert_snapshot!("with_all", deployment().manifest().unwrap());
    assert_eq!(deployment().warnings().len(), 2);
}

#[test]
fn as_little_as_possible() {
    let gateway = Gateway::new(image("registry.example/gateway:3.3.0"));
    let deployment = Deployment::new(gateway, "notebooks");
    insta::assert_snapshot!("plain", deployment.manifest().unwrap());
    assert_eq!(
        deployment.warnings(),
        ["the gateway has no token: whoever reaches it runs code in the cluster"]
    );
}

#[test]
fn a_volume_is_claimed() {
    let claim = Kernelspecs::Claim("kernelspecs".to_owned());
    let text = Deployment { kernelspecs: claim, ..deployment() }.manifest().unwrap();
    for expected in ["kind: PersistentVolumeClaim", "claimName: kernelspecs", "readOnly: true"] {
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn names_are_those_of_clusters() {
    for name in ["", "A", "a.b", "-a", "a-", "a\nb", "a b", &"a".repeat(64)] {
        let error = Deployment { namespace: name.to_owned(), ..deployment() }.manifest().unwrap_err();
        assert!(error.to_string().contains("is no name in a Kubernetes cluster"), "{error}");
        assert!(Deployment { pull_secrets: vec![name.to_owned()], ..deployment() }.manifest().is_err());
    }
}
