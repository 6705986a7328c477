//! Enterprise Gateway's own reader, for every language and process proxy; and scripts on their own.

mod scripts;

use imagewright_kernelspec::{Kernelspec, NewKernelspec, Proxy, SparkMode};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::shared::{script, shared};

const IMAGE: &str = "registry.example:5000/team/kernel@sha256:\
                     0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn specs() -> Vec<(NewKernelspec, Kernelspec)> {
    let mut specs = Vec::new();
    for proxy in Proxy::ALL {
        for language in ["python", "R", "scala", "julia"] {
            for spark in [None, Some(SparkMode::Lazy)] {
                let name = format!("{proxy}_{language}_{}", spark.map_or("without", SparkMode::name));
                let mut new = NewKernelspec::new(
                    name.parse().unwrap(),
                    "Mine {x}",
                    language,
                    IMAGE.parse().unwrap(),
                    proxy,
                );
                new.spark = spark;
                new.port_range = Some("40000..41000".parse().unwrap());
                new.authorized_users = vec!["alice".to_owned(), "bob".to_owned()];
                new.environment = vec![("A".to_owned(), "${KERNEL_ID} {b}".to_owned())];
                match proxy {
                    Proxy::Distributed => {
                        new.remote_hosts = vec!["a.example".to_owned(), "b.example".to_owned()];
                    }
                    Proxy::YarnCluster | Proxy::Conductor => {
                        new.endpoint = Some("http://cluster.example".to_owned());
                    }
                    _ => {}
                }
                if proxy.has_executors() {
                    new.executor_image = Some("registry.example/worker:1".parse().unwrap());
                }
                let spec = new.build().unwrap();
                specs.push((new, spec));
            }
        }
    }
    specs
}

#[test]
#[ignore = "needs root and kernels"]
fn it_reads_all_there_are() {
    let cluster = Cluster::start(&json!({}), &json!({}));
    let specs = specs();
    specs.iter().for_each(|(_, spec)| cluster.install(spec));
    let mut command = cluster.inside(&shared().join("kernel/gateway/bin/python"));
    command.arg(script("cluster/read.py")).args(specs.iter().map(|(_, spec)| spec.name.as_str()));
    command.env("JUPYTER_PATH", cluster.path()).env("HOME", cluster.path());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let read: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read.len(), specs.len());
    for ((new, spec), read) in specs.iter().zip(&read) {
        assert_eq!(spec.problems(), []);
        assert_eq!(read["name"], spec.name.as_str());
        assert_eq!(read["class"], new.proxy.class_name());
        assert_eq!((&read["listed"], &read["left_over"]), (&json!(true), &json!([])), "{read}");
        assert_eq!(read["authorized_users"], json!(["alice", "bob"]));
        assert_eq!((&read["lower_port"], &read["upper_port"]), (&json!(40000), &json!(41000)), "{read}");
        if new.proxy.names_image_in_settings() {
            let executor = new.executor_image.as_ref().map_or(IMAGE.to_owned(), ToString::to_string);
            assert_eq!(read["images"], json!([IMAGE, executor]));
        }
        match new.proxy {
            Proxy::Distributed => assert_eq!(read["hosts"], json!(["a.example", "b.example"])),
            Proxy::YarnCluster => assert_eq!(read["yarn_endpoint"], "http://cluster.example"),
            Proxy::Conductor => assert_eq!(read["conductor_endpoint"], "http://cluster.example"),
            _ => {}
        }
        let words: Vec<&str> =
            read["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        // As options of a script, or as variables of `docker run`.
        for (option, variable, value) in [
            ("--kernel-id", "KERNEL_ID", "0f0e0d0c-0000-4000-8000-00000000beef"),
            ("--port-range", "PORT_RANGE", "40000..41000"),
            ("--public-key", "PUBLIC_KEY", read["public_key"].as_str().unwrap()),
            ("--response-address", "RESPONSE_ADDRESS", read["response_address"].as_str().unwrap()),
        ] {
            let is_option = words.windows(2).any(|pair| pair == [option, value]);
            assert!(is_option || words.contains(&format!("{variable}={value}").as_str()), "{option}: {read}");
        }
        // Files that the command names are there.
        let folder = cluster.path().join("kernels").join(spec.name.as_str());
        let named = words.iter().filter(|word| word.starts_with(folder.to_str().unwrap()));
        named.for_each(|word| assert!(std::path::Path::new(word).is_file(), "{word}"));
    }
}
