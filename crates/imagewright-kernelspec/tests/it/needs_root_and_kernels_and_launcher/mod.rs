//! Enterprise Gateway itself, in a stand-in for a Kubernetes cluster whose pods are processes here.

use imagewright_kernelspec::{NewKernelspec, Proxy};
use serde_json::{Value, json};

use crate::cluster::{Cluster, images, rules};

fn new(name: &str, proxy: Proxy, image: &str) -> NewKernelspec {
    let mut new = NewKernelspec::new(name.parse().unwrap(), "Mine", "python", image.parse().unwrap(), proxy);
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    new.environment = vec![
        variable("PRICE", "5 $ or $(PATH)"),
        variable("KERNEL_IMAGE_PULL_SECRETS", "registry"),
        variable("KERNEL_VOLUMES", "[{name: scratch, emptyDir: {}}]"),
        variable("KERNEL_VOLUME_MOUNTS", "[{name: scratch, mountPath: /scratch}]"),
        variable("KERNEL_CPUS", "500m"),
        variable("KERNEL_MEMORY_LIMIT", "1Gi"),
    ];
    new
}

/// What `gateway.py` says of a kernel that does all it should.
fn all_done() -> Vec<Value> {
    let said =
        |what: &str, output: &str| json!({"what": what, "status": "ok", "error": null, "output": output});
    vec![
        json!({"what": "started"}),
        said("executed", "2"),
        json!({"what": "interrupted", "status": "error", "error": "KeyboardInterrupt", "output": ""}),
        said("executed", "5"),
        said("restarted", "False"),
        said("executed", "4"),
        json!({"what": "stopped", "kernels": []}),
    ]
}

fn assert_allowed(cluster: &Cluster) {
    let refused: Vec<Value> = cluster.calls().into_iter().filter(|call| call["granted"] == false).collect();
    assert_eq!(refused, [] as [Value; 0]);
}

/// What the restricted Pod Security Standard asks for.
fn assert_restricted(pod: &Value) {
    let (spec, container) = (&pod["spec"], &pod["spec"]["containers"][0]);
    assert_eq!(spec["securityContext"]["runAsNonRoot"], true, "{pod}");
    assert_eq!(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{pod}");
    let expected = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    assert_eq!(container["securityContext"], expected, "{pod}");
    for host in ["hostNetwork", "hostPID", "hostIPC"] {
        assert!(spec.get(host).is_none(), "{pod}");
    }
}

#[test]
#[ignore = "needs root, kernels and launcher"]
fn a_pod_starts_executes_is_interrupted_restarts_and_stops() {
    let cluster = Cluster::start(&images(), &rules());
    let new = new("mine", Proxy::Kubernetes, "registry.example/private/kernel-py:1");
    cluster.install(&new.build().unwrap());
    assert_eq!(cluster.gateway(&["use", "mine"]), all_done(), "{}", cluster.logs());
    assert_allowed(&cluster);
    let pods = cluster.made("Pod");
    assert_eq!(pods.len(), 2, "{pods:?}");
    let (pod, container) = (&pods[0], &pods[0]["spec"]["containers"][0]);
    let variables = container["env"].as_array().unwrap();
    let value = |name: &str| {
        let entry = variables.iter().find(|entry| entry["name"] == name);
        entry.map(|entry| entry["value"].as_str().unwrap())
    };
    assert_eq!(value("KERNEL_USERNAME"), Some("bob"));
    assert_eq!(value("PRICE"), Some("5 $$ or $$(PATH)"));
    for of_the_gateway in ["PATH", "HOME", "SECRET_OF_GATEWAY", "KUBERNETES_SERVICE_HOST"] {
        assert_eq!(value(of_the_gateway), None);
    }
    assert!(!pod.to_string().contains("hunter2"));
    assert_restricted(pod);
    assert_eq!(pod["metadata"]["name"], pod["metadata"]["namespace"]);
    assert_eq!(pods[1]["metadata"]["name"], pod["metadata"]["name"]);
    // The namespace that was made for it got what its image is pulled by, once.
    let secrets = cluster.made("Secret");
    assert_eq!(secrets.len(), 1, "{secrets:?}");
    assert_eq!(secrets[0]["data"][".dockerconfigjson"], "e30=");
    assert_eq!(secrets[0]["metadata"]["namespace"], pod["metadata"]["namespace"]);
}

#[test]
#[ignore = "needs root, kernels and launcher"]
fn a_client_without_variables_gets_none_of_the_gateways() {
    let cluster = Cluster::start(&images(), &rules());
    cluster.install(&new("mine", Proxy::Kubernetes, "registry.example/kernel-py:1").build().unwrap());
    let told = cluster.gateway(&["bare", "mine"]);
    assert_eq!(told[0]["output"], "5 $ or $(PATH) False", "{}", cluster.logs());
    assert!(!format!("{:?}", cluster.made("Pod")).contains("hunter2"));
}

#[test]
#[ignore = "needs root, kernels and launcher"]
fn an_application_of_the_spark_operator_does_all_a_pod_does() {
    let cluster = Cluster::start(&images(), &rules());
    let new = new("mine", Proxy::SparkOperator, "registry.example/private/kernel-py:1");
    cluster.install(&new.build().unwrap());
    assert_eq!(cluster.gateway(&["use", "mine"]), all_done(), "{}", cluster.logs());
    assert_allowed(&cluster);
    let applications = cluster.made("SparkApplication");
    assert_eq!(applications.len(), 2, "{applications:?}");
    let workers = applications[0]["spec"]["executor"]["env"].to_string();
    assert!(workers.contains("PRICE") && !workers.contains("PUBLIC_KEY"), "{workers}");
}

#[test]
#[ignore = "needs root, kernels and launcher"]
fn why_nothing_starts_stands_in_the_gateways_log() {
    let cluster = Cluster::start(&images(), &rules());
    let mut new = new("mine", Proxy::Kubernetes, "registry.example/kernel-py:1");
    new.environment = vec![("KERNEL_VOLUMES".to_owned(), "scratch".to_owned())];
    cluster.install(&new.build().unwrap());
    let told = cluster.gateway(&["fail", "mine"]);
    assert!(told[0]["reason"].as_str().unwrap().contains("Error occurred during launch"), "{told:?}");
    let sentence = "error: `KERNEL_VOLUMES` is not YAML of the form [{…}, …]";
    assert!(cluster.logs().contains(sentence), "{}", cluster.logs());
}
