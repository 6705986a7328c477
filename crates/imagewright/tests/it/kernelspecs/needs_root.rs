//! Kernelspecs in images.

use serde_json::json;

use super::{put, with_images};
use imagewright_testkit::image::TinyImage;

#[test]
#[ignore = "needs root"]
fn they_become_one_layer_of_a_gateways_image() {
    let context = with_images();
    put(
        &context,
        &TinyImage::default().file("usr/local/share/jupyter/kernels/own/kernel.json", "{}"),
        "demo/gateway:1",
    );
    let image = "registry.example:5000/team/kernel-py:1";
    drop(context.run(["kernelspec", "create", image, "-p", "docker", "-n", "mine"]).success());
    let publish = ["kernelspec", "publish", "--onto", "demo/gateway:1", "-t", "demo/gateway:2", "--json"];
    let published = context.run(publish).success().json();
    assert_eq!(published["at"], json!("/usr/local/share/jupyter/kernels"));
    let shown = |name: &str| context.run(["image", "show", name, "--json"]).success().json();
    let layers = |name: &str| shown(name)["manifest"]["layers"].as_array().unwrap().len();
    assert_eq!(layers("demo/gateway:2"), layers("demo/gateway:1") + 1);
    drop(context.run(["image", "export", "demo/gateway:2", "oci:out"]).success());
    // The same again is the same image.
    assert_eq!(context.run(publish).success().json()["digest"], published["digest"]);
    let listed = context.run(["image", "list", "--json"]).success().json();
    let names: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|image| image["names"].as_array().unwrap().clone())
        .collect();
    assert!(names.iter().all(|name| !name.as_str().unwrap().contains("unfinished")), "{names:?}");

    let data = [
        "kernelspec",
        "publish",
        "mine",
        "--data-image",
        "--onto",
        "demo/gateway:1",
        "-t",
        "demo/kernels:1",
        "--json",
    ];
    assert_eq!(context.run(data).success().json()["at"], json!("/kernels"));
    let none = ["kernelspec", "publish", "none", "--onto", "demo/gateway:1", "-t", "demo/gateway:3"];
    drop(context.run(none).exits(3));
    drop(context.run(["image", "show", "demo/gateway:3"]).exits(3));
    context.assert_nothing_unfinished();
}
