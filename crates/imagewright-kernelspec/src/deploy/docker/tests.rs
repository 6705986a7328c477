use imagewright_oci::Reference;

use super::super::KernelImage;
use super::*;
use crate::{AllowedKernels, File, Files, KERNEL_JSON, KernelspecName, NewKernelspec, SparkMode};

fn gateway() -> Gateway {
    let mut gateway = Gateway::new("registry.example/gateway:3.3.0".parse().unwrap());
    let kernel = |name: &str, program| KernelImage { reference: name.parse().unwrap(), program };
    gateway.kernels = vec![
        kernel("registry.example:5000/team/kernel-py:1", ShortProgram::Launcher),
        kernel("registry.example/kernel-r:1", ShortProgram::Shell),
        kernel("registry.example/kernel-x:1", ShortProgram::None),
    ];
    gateway.allowed = AllowedKernels::All.with(&"all".parse().unwrap());
    gateway
}

fn name(text: &str) -> KernelspecName {
    text.parse().unwrap()
}

#[test]
fn a_gateway_by_compose() {
    let mut deployment = Deployment::new(gateway(), Orchestrator::Compose);
    deployment.kernelspecs = Kernelspecs::Folder("kernels".to_owned());
    let files = deployment.files().unwrap();
    assert_eq!(files.keys().collect::<Vec<_>>(), ["compose.yaml", "gateway.py"]);
    insta::assert_snapshot!("compose", files["compose.yaml"]);
    insta::assert_snapshot!("settings", files["gateway.py"]);
}

#[test]
fn a_gateway_of_a_swarm() {
    let mut gateway = gateway();
    gateway.allowed = "'mine','r'".parse().unwrap();
    gateway.default_kernel = Some(name("mine"));
    let mut deployment = Deployment::new(gateway, Orchestrator::Swarm);
    deployment.kernelspecs = Kernelspecs::Volume("team-kernels".to_owned());
    deployment.socket_group = Some(999);
    deployment.subnet = "10.99.1.0/24".parse().unwrap();
    insta::assert_snapshot!("swarm", deployment.files().unwrap()["stack.yaml"]);
}

#[test]
fn without_a_token_there_is_no_trace_of_one() {
    for orchestrator in [Orchestrator::Compose, Orchestrator::Swarm] {
        let deployment = Deployment { has_token: false, ..Deployment::new(gateway(), orchestrator) };
        let files = deployment.files().unwrap();
        assert_eq!(files.len(), 1);
        let manifest = &files[deployment.manifest_name()];
        for word in ["secrets", "gateway-token", "configs", "gateway.py"] {
            assert!(!manifest.contains(word), "{word}: {manifest}");
        }
        let warnings = deployment.warnings(&[]);
        assert!(warnings.iter().any(|it| it.contains("has no token")), "{warnings:?}");
    }
}

#[test]
fn dollars_begin_no_variables() {
    let mut deployment = Deployment::new(gateway(), Orchestrator::Compose);
    deployment.kernelspecs = Kernelspecs::Folder("/srv/${HOME}".to_owned());
    assert!(deployment.files().unwrap()["compose.yaml"].contains("/srv/$${HOME}"));
}

#[test]
fn names_and_paths_that_docker_does_not_take_are_refused() {
    let deployment = |orchestrator| Deployment::new(gateway(), orchestrator);
    let wrong_network = Deployment { network: "-a".to_owned(), ..deployment(Orchestrator::Compose) };
    assert!(matches!(wrong_network.files(), Err(KernelspecError::DockerName { .. })));
    let wrong_socket = Deployment { socket: "tcp://x".to_owned(), ..deployment(Orchestrator::Compose) };
    assert!(matches!(wrong_socket.files(), Err(KernelspecError::HostPath { .. })));
    let relative = Kernelspecs::Folder("kernels".to_owned());
    let relative = Deployment { kernelspecs: relative, ..deployment(Orchestrator::Swarm) };
    assert!(matches!(relative.files(), Err(KernelspecError::HostPath { .. })));
    for wrong in ["", "10.0.0.0", "10.0.0.0/20", "10.0.0.1/24", "8.8.8.0/24", "x/8", "10.0.0.0/24/1"] {
        assert!(wrong.parse::<Subnet>().is_err(), "{wrong}");
    }
    let subnet: Subnet = "192.168.0.0/16".parse().unwrap();
    assert_eq!(
        (subnet.to_string().as_str(), subnet.pattern_of_others().as_str()),
        ("192.168.0.0/16", "(?!192[.]168[.])")
    );
}

fn spec(proxy: Proxy, spark: Option<SparkMode>) -> Kernelspec {
    let image: Reference = "registry.example/kernel-py:1".parse().unwrap();
    let mut new = NewKernelspec::new(name("mine"), "Mine", "python", image, proxy);
    new.spark = spark;
    if proxy == Proxy::Distributed {
        new.remote_hosts = vec!["a.example".to_owned()];
    }
    new.build().unwrap()
}

#[test]
fn what_will_not_start_there_is_told() {
    let told = |orchestrator, spec: &Kernelspec| {
        let usual = Deployment::new(gateway(), orchestrator);
        let without = usual.warnings(&[]).len();
        usual.warnings(std::slice::from_ref(spec)).split_off(without).join("")
    };
    let (compose, swarm) = (Orchestrator::Compose, Orchestrator::Swarm);
    assert_eq!(told(compose, &spec(Proxy::Docker, None)), "");
    assert_eq!(told(swarm, &spec(Proxy::DockerSwarm, None)), "");
    assert!(told(compose, &spec(Proxy::DockerSwarm, None)).contains("does not start where there is none"));
    assert!(told(swarm, &spec(Proxy::Docker, None)).contains("on the node of the gateway"));
    assert!(told(swarm, &spec(Proxy::Kubernetes, None)).contains("does not start here"));
    assert!(told(compose, &spec(Proxy::Distributed, None)).contains("is for hosts"));
    let local = r#"{"argv": ["python"], "display_name": "x", "language": "python"}"#;
    let files = Files::from([(KERNEL_JSON.to_owned(), File::text(local))]);
    assert!(told(compose, &Kernelspec::read(name("mine"), files).unwrap()).contains("no process proxy"));
    let mut spark = spec(Proxy::DockerSwarm, None);
    spark.set_variable("KERNEL_SPARK_CONTEXT_INIT_MODE", "lazy");
    assert!(told(swarm, &spark).contains("uses Spark"));
}
