//! R in a pod whose image is a system of its own, in which there is nothing of ours but the launcher.

use imagewright_kernelspec::{NewKernelspec, Proxy};
use serde_json::{Value, json};

use crate::cluster::{Cluster, rules};
use crate::shared::shared;

const IMAGE: &str = "registry.example/kernel-r:1";

fn images() -> Value {
    let launcher = "/usr/local/bin/imagewright-kernel-launcher";
    json!({IMAGE: {
        "root": shared().join("r-trixie"),
        "env": {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp"},
        "command": [launcher], "entrypoint": [], "pullSecret": null,
        "files": {launcher: shared().join("tools/imagewright-kernel-launcher")},
    }})
}

#[test]
#[ignore = "needs root, R, kernels and launcher"]
fn a_pod_starts_executes_is_interrupted_restarts_and_stops() {
    let cluster = Cluster::start(&images(), &rules());
    let image = IMAGE.parse().unwrap();
    let new = NewKernelspec::new("mine".parse().unwrap(), "R", "R", image, Proxy::Kubernetes);
    cluster.install(&new.build().unwrap());
    let said =
        |what: &str, output: &str| json!({"what": what, "status": "ok", "error": null, "output": output});
    assert_eq!(
        cluster.gateway(&["use-r", "mine"]),
        [
            json!({"what": "started"}),
            said("executed", "2"),
            said("interrupted", "FALSE"),
            said("restarted", "FALSE"),
            json!({"what": "stopped", "kernels": []}),
        ],
        "{}",
        cluster.logs()
    );
}
