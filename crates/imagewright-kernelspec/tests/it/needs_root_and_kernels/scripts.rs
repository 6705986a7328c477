//! What the scripts say where nothing can be started, and what they leave behind: nothing.

use std::fs;
use std::path::Path;

use imagewright_kernelspec::{NewKernelspec, Proxy};
use serde_json::{Value, json};

use crate::cluster::{Cluster, rules};
use crate::shared::{install, shared};

const CONFIG_MAP: &str = "\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: b}\n";

/// A cluster, and the folder of a kernelspec in it.
fn start(environment: &[(&str, &str)], rules: &Value) -> (Cluster, std::path::PathBuf) {
    let cluster = Cluster::start(&json!({}), rules);
    let image = "registry.example/kernel-py:1".parse().unwrap();
    let mut new = NewKernelspec::new("mine".parse().unwrap(), "Mine", "python", image, Proxy::Kubernetes);
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    new.environment = environment.iter().map(own).collect();
    let folder = install(cluster.path(), &new.build().unwrap());
    (cluster, folder)
}

/// Runs the script as the gateway does, and says what it says; empty where it is content.
fn launch(cluster: &Cluster, folder: &Path, more: &[(&str, &str)]) -> String {
    let mut command = cluster.inside(&shared().join("kernel/gateway/bin/python"));
    command.arg(folder.join("scripts/launch_kubernetes.py"));
    command.args(["--kernel-id", "0f0e", "--response-address", "127.0.0.1:1", "--public-key", "KEY"]);
    command.envs([
        ("KERNEL_IMAGE", "registry.example/kernel-py:1"),
        ("KERNEL_NAMESPACE", "enterprise-gateway"),
        ("KERNEL_POD_NAME", "bob-0f0e"),
        ("KERNEL_USERNAME", "bob"),
    ]);
    command.envs(more.iter().copied());
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.success(), told.is_empty(), "{told}");
    told.trim().to_owned()
}

fn append(folder: &Path, text: &str) {
    let path = folder.join("scripts/kernel-pod.yaml.j2");
    fs::write(&path, fs::read_to_string(&path).unwrap() + text).unwrap();
}

/// What was asked for and granted: verbs and resources.
fn done(cluster: &Cluster) -> Vec<String> {
    let calls = cluster.calls().into_iter().filter(|call| call["granted"] == true);
    calls
        .map(|call| format!("{} {}", call["verb"].as_str().unwrap(), call["resource"].as_str().unwrap()))
        .collect()
}

#[test]
#[ignore = "needs root and kernels"]
fn what_a_client_says_stays_a_value() {
    let (cluster, folder) = start(&[], &rules());
    let odd = "a\", image: \"evil\n  hostNetwork: true\u{85}{{ 7 * 7 }} \u{2028}😀 %}";
    assert_eq!(
        launch(&cluster, &folder, &[("KERNEL_CPUS", "1"), ("KERNEL_ODD", odd), ("BASH_FUNC_x%%", "()")]),
        ""
    );
    let pod = &cluster.made("Pod")[0];
    let variables = pod["spec"]["containers"][0]["env"].as_array().unwrap();
    assert!(variables.iter().any(|entry| entry["value"] == odd), "{pod}");
    assert!(pod["spec"].get("hostNetwork").is_none());
    // What is no text for Kubernetes is refused by it, and nothing else happens.
    let told = launch(&cluster, &folder, &[("KERNEL_POD_NAME", "other"), ("KERNEL_CPUS", odd)]);
    assert!(told.contains("quantities must match"), "{told}");
    assert_eq!(cluster.made("Pod").len(), 1);
}

#[test]
#[ignore = "needs root and kernels"]
fn reasons_are_sentences() {
    let (cluster, folder) = start(&[("KERNEL_IMAGE_PULL_SECRETS", "registry, other")], &rules());
    let launch = |more: &[(&str, &str)]| launch(&cluster, &folder, more);
    for (variable, value, expected) in [
        ("KERNEL_VOLUMES", "{a: b}", "error: `KERNEL_VOLUMES` is not YAML of the form [{…}, …]"),
        (
            "KERNEL_NODE_SELECTOR",
            "[",
            "error: `KERNEL_NODE_SELECTOR` is not YAML of the form {NAME: VALUE, …}",
        ),
        (
            "KERNEL_VOLUMES",
            "[{name: x, secret: {secretName: registry}}]",
            "error: volume `x` would show the kernel secret `registry`, which images are pulled by",
        ),
        (
            "KERNEL_VOLUMES",
            "[{name: x, projected: {sources: [{secret: {name: other}}]}}]",
            "error: volume `x` would show the kernel secret `other`, which images are pulled by",
        ),
        (
            "KERNEL_IMAGE",
            "",
            "error: there is no image: name one as `image_name` in the process proxy's `config` of kernel.json",
        ),
        ("KERNEL_NAMESPACE", "", "error: the gateway named no namespace (`KERNEL_NAMESPACE`)"),
        (
            "KERNEL_NAMESPACE",
            "nowhere",
            "error: Kubernetes does not start `registry.example/kernel-py:1` in namespace `nowhere`: namespaces \"nowhere\" not found",
        ),
        (
            "KERNEL_NAMESPACE",
            "bob-0f0e",
            "error: secret `other` is not one that images are pulled by, but of type `Opaque`",
        ),
        ("KUBERNETES_SERVICE_PORT", "1", "error: the Kubernetes cluster cannot be reached: "),
    ] {
        let told = launch(&[(variable, value)]);
        assert!(told.starts_with(expected), "{variable}={value}: {told}");
    }
    assert_eq!(cluster.made("Pod"), [] as [Value; 0]);
    // The secret that was copied before the other one is gone again.
    assert_eq!(
        (cluster.made("Secret").len(), done(&cluster).last().unwrap().as_str()),
        (1, "delete secrets")
    );
}

#[test]
#[ignore = "needs root and kernels"]
fn templates_are_held_to_what_kernels_need() {
    for (text, expected) in [
        (
            "\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n",
            "makes a Deployment (apps/v1): only ",
        ),
        ("\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: x}\n", "makes more than one Pod"),
        ("\n---\n- a\n", "describes something that is no object of Kubernetes"),
        ("\n---\n{{ kernel_nothing }}\n", "cannot be filled in: 'kernel_nothing' is undefined"),
        ("\n---\n[\n", "does not become YAML: "),
    ] {
        let (cluster, folder) = start(&[], &rules());
        append(&folder, text);
        let told = launch(&cluster, &folder, &[]);
        assert!(told.starts_with("error: `kernel-pod.yaml.j2` ") && told.contains(expected), "{told}");
        assert_eq!(done(&cluster), [""; 0]);
    }
}

#[test]
#[ignore = "needs root and kernels"]
fn what_goes_with_a_pod_belongs_to_it_and_goes_where_not_all_can_be_made() {
    let (cluster, folder) = start(&[], &rules());
    append(&folder, CONFIG_MAP);
    assert_eq!(launch(&cluster, &folder, &[]), "");
    let (pod, map) = (cluster.made("Pod").remove(0), cluster.made("ConfigMap").remove(0));
    assert_eq!(map["metadata"]["ownerReferences"][0]["uid"], pod["metadata"]["uid"]);
    assert_eq!(map["metadata"]["labels"]["kernel_id"], "0f0e");

    append(&folder, "---\napiVersion: v1\nkind: Service\nmetadata: {name: Wrong}\nspec: {}\n");
    let before = done(&cluster).len();
    let told = launch(&cluster, &folder, &[("KERNEL_POD_NAME", "other")]);
    assert!(told.contains("Service \"Wrong\" is invalid"), "{told}");
    // The map of the pod before is in the way first; a kernel of this id left it, so it goes.
    let done = done(&cluster).split_off(before);
    assert_eq!(done.last().unwrap(), "delete pods", "{done:?}");
    assert_eq!(done.iter().filter(|call| *call == "delete configmaps").count(), 2, "{done:?}");
}

#[test]
#[ignore = "needs root and kernels"]
fn a_running_pod_is_not_replaced_and_roles_are_told() {
    let (cluster, folder) = start(&[], &rules());
    assert_eq!(launch(&cluster, &folder, &[]), "");
    let told = launch(&cluster, &folder, &[]);
    assert!(told.ends_with("pods \"bob-0f0e\" already exists"), "{told}");
    assert!(!done(&cluster).contains(&"delete pods".to_owned()));

    let (cluster, folder) = start(&[], &json!({}));
    let told = launch(&cluster, &folder, &[]);
    assert!(
        told.ends_with(
            "pods is forbidden: User \"gateway\" cannot create resource \"pods\" in API group \"\""
        ),
        "{told}"
    );
}
