//! Spark itself: spark-submit makes a driver in the stand-in for a cluster, the driver is the kernel, and starts workers.

use imagewright_kernelspec::{NewKernelspec, Proxy, SparkMode};
use serde_json::{Value, json};

use crate::cluster::{Cluster, rules};
use crate::shared::{script, shared};

const IMAGE: &str = "registry.example/kernel-spark-py:1";

/// An image as Spark's for Kubernetes are: its start decides between drivers and workers.
fn images() -> Value {
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", shared().join("kernel/python/bin").display());
    let launcher = "/usr/local/bin/imagewright-kernel-launcher";
    json!({IMAGE: {
        "env": {"PATH": path, "HOME": "/tmp", "SPARK_HOME": "/opt/spark", "PYTHONPATH": shared().join("spark")},
        "command": ["/opt/entrypoint.sh"], "entrypoint": ["/opt/entrypoint.sh"], "pullSecret": null,
        "files": {
            launcher: shared().join("tools/imagewright-kernel-launcher"),
            "/opt/spark": shared().join("spark/pyspark"),
            "/opt/entrypoint.sh": script("cluster/spark-entrypoint.sh"),
        },
    }})
}

#[test]
#[ignore = "needs root, Spark, kernels and launcher"]
fn a_kernel_is_the_driver_of_an_application() {
    let cluster = Cluster::start(&images(), &rules());
    let mut new = NewKernelspec::new(
        "mine".parse().unwrap(),
        "Mine",
        "python",
        IMAGE.parse().unwrap(),
        Proxy::Kubernetes,
    );
    new.spark = Some(SparkMode::Lazy);
    // The stand-in has an address, but no name.
    new.environment = [
        ("SPARK_HOME", shared().join("spark/pyspark").to_str().unwrap()),
        ("PRICE", "5 $ or $(PATH)"),
        (
            "KERNEL_EXTRA_SPARK_OPTS",
            "--conf spark.executor.instances=1 --conf spark.kubernetes.allocation.batch.delay=1s \
             --conf spark.kubernetes.driver.master=https://127.0.0.1:${KUBERNETES_SERVICE_PORT}",
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    cluster.install(&new.build().unwrap());
    let said =
        |what: &str, output: &str| json!({"what": what, "status": "ok", "error": null, "output": output});
    assert_eq!(
        cluster.gateway(&["spark", "mine"]),
        [
            json!({"what": "started"}),
            said("computed", "5050"),
            said("computed", "['5 $ or $(PATH)']"),
            json!({"what": "interrupted", "status": "error", "error": "KeyboardInterrupt", "output": ""}),
            said("computed", "5050"),
            said("computed", "5050"),
            json!({"what": "stopped", "kernels": []}),
        ],
        "{}",
        cluster.logs()
    );
    let refused: Vec<Value> = cluster.calls().into_iter().filter(|call| call["granted"] == false).collect();
    assert_eq!(refused, [] as [Value; 0]);
    let component = |name: &str| {
        let pods = cluster.made("Pod").into_iter();
        pods.filter(|pod| pod["metadata"]["labels"]["component"] == name).collect::<Vec<_>>()
    };
    assert_eq!((component("kernel").len(), component("worker").len()), (2, 2), "{}", cluster.logs());
    assert!(!component("worker")[0].to_string().contains("PUBLIC_KEY"));
}
