//! The catalogue in the forms of other systems.

#![expect(clippy::unwrap_used, reason = "a test that panics fails")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use imagewright_catalog::exchange::{
    GpuResource, PullSecret, elyra, import_primehub, jupyterhub, primehub, pull_secret,
};
use imagewright_catalog::selection::{Offer, offers};
use imagewright_catalog::{Image, ImageId, ImageType, Name, NewImage, Owner};
use imagewright_model::Secret;
use jiff::Timestamp;
use serde_json::{Value, json};

fn image(name: &str, mut new: Value) -> Image {
    let object = new.as_object_mut().unwrap();
    object.entry("display_name").or_insert(json!(name.to_uppercase()));
    if !object.contains_key("spec") {
        object.entry("reference").or_insert(json!(format!("registry.example/{name}:1")));
    }
    let new: NewImage = serde_json::from_value(new).unwrap();
    new.into_image(ImageId::new(name), name.parse().unwrap(), None, Timestamp::UNIX_EPOCH).unwrap()
}

fn catalogue() -> Vec<Image> {
    let global = json!({"global": true});
    let mut old = image("1.old", json!({"visibility": global, "description": "Before: \"all\" # of it"}));
    old.deprecated = serde_json::from_value(json!({"replaced_by": "two"})).unwrap();
    vec![
        old,
        image(
            "1-old",
            json!({"visibility": global, "type": "gpu", "pull_policy": "IfNotPresent", "pull_secret": "here"}),
        ),
        image(
            "two",
            json!({"visibility": global, "gpu_reference": "registry.example/two:gpu", "owner": {"group": "ml"}}),
        ),
        image("unbuilt", json!({"visibility": global, "spec": {"base": "x"}})),
    ]
}

fn offered(gpu: bool) -> Vec<Offer> {
    offers(&catalogue(), None, gpu)
}

#[test]
fn jupyterhub_gets_profiles() {
    let gpu = GpuResource { name: "nvidia.com/gpu".to_owned(), count: 1 };
    insta::assert_snapshot!(jupyterhub(&offered(true), Some(&gpu)).text);
}

#[test]
fn elyra_gets_records() {
    insta::assert_snapshot!(elyra(&offered(false)).text);
    let both = elyra(&offered(true));
    let names: Value = serde_json::from_str(&both.text).unwrap();
    let names: Vec<&String> = names.as_object().unwrap().keys().collect();
    assert_eq!(names, ["a_1-old", "a_1-old_2", "two"]);
    assert_eq!(both.notes, ["unbuilt is left out: it is not ready"]);
}

#[test]
fn primehub_gets_manifests_and_gives_them_back() {
    let exported = primehub(&catalogue()).text;
    insta::assert_snapshot!(exported);
    let imported = import_primehub(&exported).unwrap();
    for (imported, image) in imported.iter().zip(catalogue()) {
        assert_eq!(imported.warnings, []);
        assert_eq!(imported.new.name.as_ref(), Some(&image.name));
        assert_eq!(imported.new.reference, image.reference);
        assert_eq!(imported.new.gpu_reference, image.gpu_reference);
        assert_eq!(imported.new.pull_secret, image.pull_secret);
        assert_eq!((&imported.new.owner, imported.new.image_type), (&image.owner, image.image_type));
    }
    assert_eq!(imported.len(), 3);
}

#[test]
fn kubernetes_gets_a_secret() {
    let (name, namespace): (Name, Name) = ("here".parse().unwrap(), "hub".parse().unwrap());
    let password = Secret::new("p:w");
    let secret = PullSecret {
        name: &name,
        namespace: Some(&namespace),
        host: "registry.example:5000",
        username: "ada",
        password: &password,
        note: "Not for\neverybody.",
    };
    let manifest = pull_secret(&secret);
    insta::assert_snapshot!(manifest.expose());
    let read: Value = serde_saphyr::from_str(manifest.expose()).unwrap();
    assert_eq!(read["metadata"], json!({"name": "here", "namespace": "hub"}));
    let config = BASE64.decode(read["data"][".dockerconfigjson"].as_str().unwrap()).unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    assert_eq!(config["auths"]["registry.example:5000"]["auth"], BASE64.encode("ada:p:w"));
}

#[test]
fn what_primehub_dropped_without_a_word_is_kept() {
    let text = "
apiVersion: primehub.io/v1alpha1
kind: Image
metadata: {name: custom-1, namespace: hub}
spec:
  displayName: Custom
  type: both
  url: registry.example/custom-1:96ff7925
  urlForGpu: registry.example/custom-1:96ff7925
  pullSecret: ''
  groupName: ml
  imageSpec:
    baseImage: registry.example/base:1
    pullSecret: image-base
    updateTime: '2024-01-01T00:00:00Z'
    packages: {apt: [curl], conda: ['-c conda-forge::numpy==1.17*'], pip: ['six>=1.10', '']}
  extra: 1
---
apiVersion: v1
kind: List
items:
- {apiVersion: primehub.io/v1alpha1, kind: Image, metadata: {name: gpu}, spec: {type: gpu, url: a:1, urlForGpu: a:gpu}}
- {apiVersion: primehub.io/v1alpha1, kind: Image, metadata: {name: cpu}, spec: {type: cpu, url: a:1, urlForGpu: a:gpu}}
";
    let imported = import_primehub(text).unwrap();
    let custom = &imported[0];
    assert_eq!(custom.new.owner, Owner::Group("ml".parse().unwrap()));
    assert_eq!(custom.on_offer, Some(("registry.example/custom-1:96ff7925".to_owned(), None)));
    assert_eq!((&custom.new.reference, custom.new.image_type), (&None, ImageType::Universal));
    let spec = json!({
        "base": "registry.example/base:1", "apt": ["curl"], "conda": ["-c conda-forge::numpy==1.17*"], "pip": ["six>=1.10"],
    });
    assert_eq!(custom.new.spec, Some(spec));
    assert_eq!(custom.new.base_pull_secret, Some("image-base".parse().unwrap()));
    let pointers: Vec<&str> = custom.warnings.iter().map(|warning| warning.pointer.as_str()).collect();
    assert_eq!(pointers, ["/spec/extra"]);
    assert_eq!(imported[1].new.reference.as_deref(), Some("a:gpu"));
    assert_eq!((imported[2].new.reference.as_deref(), imported[2].warnings.len()), (Some("a:1"), 1));
}

#[test]
fn what_cannot_be_taken_is_named() {
    let with = |name: &str, spec: &str| {
        format!("{{apiVersion: primehub.io/v1alpha1, kind: Image, metadata: {{name: {name}}}, spec: {spec}}}")
    };
    for (text, expected) in [
        (String::new(), "there is no image in this"),
        ("[".to_owned(), "this cannot be read as YAML"),
        ("{apiVersion: v1, kind: Pod}".to_owned(), "document 1 is a `Pod` of `v1`"),
        (with("a", "{}"), "image `a`: `spec.url` is missing"),
        (with("a", "{type: tpu, url: b}"), "image `a`: `spec.type` is `tpu`"),
        (
            with("a", "{url: b, groupName: A_B}"),
            "image `a`: `spec.groupName` cannot be taken: `A_B` is no name",
        ),
        (with(&"a".repeat(64), "{url: b}"), "`metadata.name` cannot be taken"),
        (
            with("a", "{imageSpec: {baseImage: b, packages: {npm: [c]}}}"),
            "`spec.imageSpec.packages` has `npm`",
        ),
    ] {
        let error = import_primehub(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
