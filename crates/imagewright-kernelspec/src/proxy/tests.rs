//! What the kernelspec of each process proxy holds.

use super::*;
use crate::{KERNEL_JSON, Kernelspec, SparkMode};

fn new(proxy: Proxy, language: &str) -> NewKernelspec {
    let image = "registry.example:5000/team/kernel:1".parse().unwrap();
    NewKernelspec::new("mine".parse().unwrap(), "My Kernel", language, image, proxy)
}

/// The document, and the names of the other files.
fn text(new: &NewKernelspec) -> String {
    let spec = new.build().unwrap();
    assert_eq!(spec.problems(), []);
    let files: Vec<String> =
        spec.files.iter().map(|(path, file)| format!("{path} {:o}\n", file.mode())).collect();
    String::from_utf8(spec.to_files()[KERNEL_JSON].contents.clone()).unwrap() + &files.concat()
}

#[test]
fn pods() {
    let mut new = new(Proxy::Kubernetes, "python");
    new.environment = vec![("KERNEL_IMAGE_PULL_SECRETS".to_owned(), "registry".to_owned())];
    insta::assert_snapshot!("kubernetes", text(&new));
    new.spark = Some(SparkMode::Lazy);
    new.executor_image = Some("registry.example/worker:1".parse().unwrap());
    insta::assert_snapshot!("kubernetes_with_spark", text(&new));
}

#[test]
fn resources() {
    insta::assert_snapshot!("spark_operator", text(&new(Proxy::SparkOperator, "scala")));
    insta::assert_snapshot!("custom_resource", text(&new(Proxy::CustomResource, "R")));
}

#[test]
fn clusters() {
    let mut yarn = new(Proxy::YarnCluster, "R");
    yarn.endpoint = Some("http://yarn.example:8088".to_owned());
    yarn.spark = Some(SparkMode::Eager);
    insta::assert_snapshot!("yarn_cluster", text(&yarn));
    insta::assert_snapshot!("conductor", text(&new(Proxy::Conductor, "python")));
}

#[test]
fn each_names_its_image_and_another_one_afterwards() {
    for proxy in Proxy::ALL {
        let mut spec: Kernelspec = new(proxy, "python").build().unwrap();
        assert_eq!(spec.image(), Some("registry.example:5000/team/kernel:1"), "{proxy}");
        spec.set_image("registry.example/other:2");
        assert_eq!(spec.image(), Some("registry.example/other:2"), "{proxy}");
        let text = String::from_utf8(spec.to_files()[KERNEL_JSON].contents.clone()).unwrap();
        assert!(!text.contains("team/kernel"), "{text}");
    }
}

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
