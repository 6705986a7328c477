//! Kernelspecs that are handed in with an image.

use super::*;

/// The image with a kernelspec `py` that starts it, after a change of its text.
fn with_kernelspec(change: impl FnOnce(String) -> String) -> Example {
    let text = serde_json::json!({
        "language": "Python",
        "metadata": {"process_proxy": {
            "class_name": "enterprise_gateway.services.processproxies.k8s.KubernetesProcessProxy",
            "config": {"image_name": "registry.example/team/image:1"},
        }},
        "argv": ["python", "/usr/local/share/jupyter/kernels/py/scripts/launch_kubernetes.py", "--kernel-id", "{kernel_id}",
            "--port-range", "{port_range}", "--response-address", "{response_address}", "--public-key", "{public_key}"],
    });
    let files = ["kernel.json", "scripts/launch_kubernetes.py"].map(str::to_owned).into();
    let kernelspec = KernelspecFolder { name: "py".to_owned(), kernel_json: change(text.to_string()), files };
    Example { kernelspec: Some(kernelspec), ..enterprise_gateway::right() }
}

#[test]
fn a_kernelspec_that_is_handed_in_is_held_against_the_image() {
    let profile = Profile::named("enterprise-gateway").unwrap();
    let report = with_kernelspec(|text| text).ask(&profile);
    assert!(report.findings.is_empty(), "{}", told(&report));
    let cases: [(&str, &str, &str, &str); 10] = [
        ("kernelspec-language-unknown", "\"Python\"", "\"julia\"", "its language is `julia`"),
        (
            "kernelspec-language-unknown",
            "\"Python\"",
            "\"R\"",
            "its language is `r`, and the image's `KERNEL_LANGUAGE` is `python`",
        ),
        ("kernelspec-names-another-image", "image_name", "image", "it names no image"),
        (
            "kernelspec-names-another-image",
            "team/image:1",
            "team/image:2",
            "it names `registry.example/team/image:2`, and",
        ),
        ("kernelspec-names-another-image", "k8s.Kub", "docker_swarm.", "@"),
        (
            "kernelspec-names-another-image",
            "registry.example/team/image:1",
            "A B",
            "`A B` is no name of an image",
        ),
        ("kernelspec-command-broken", "kernels/py/", "kernels/other/", "starts the script of `other`"),
        (
            "kernelspec-command-broken",
            "scripts/",
            "bin/",
            "starts `bin/launch_kubernetes.py`, which is not in the folder",
        ),
        ("kernelspec-command-broken", "{port_range}", "0..0", "does not pass on `{port_range}`"),
        ("kernelspec-command-broken", "{\"language", "{language", "`kernel.json` is no JSON"),
    ];
    for (rule, from, to, expected) in cases {
        let changed = |text: String| {
            assert!(text.contains(from), "{from} {text}");
            let text = text.replace(from, to);
            if expected == "@" { text.replace("registry.example/", "registry.example:5000/") } else { text }
        };
        let report = with_kernelspec(changed).ask(&profile);
        let expected = if expected == "@" { "whose registry has a port" } else { expected };
        let found = report.findings.iter().any(|it| it.rule == rule && it.message.contains(expected));
        assert!(found, "{rule} {to} {}", told(&report));
    }
    let said = with_kernelspec(|text| {
        text.replace("\"Python\"", "\"Python 3\", \"env\": {\"KERNEL_LANGUAGE\": \"python\"}")
    });
    assert!(said.ask(&profile).findings.is_empty());
}

#[test]
fn a_kernelspec_of_ours_lies_anywhere_and_takes_registries_with_ports() {
    let profile = Profile::named("enterprise-gateway").unwrap();
    let ours = |text: String| {
        text.replace("/usr/local/share/jupyter/kernels/py/", "{resource_dir}/")
            .replace("k8s.Kub", "docker_swarm.")
            .replace("registry.example/", "registry.example:5000/")
    };
    let of_another = with_kernelspec(ours);
    let mut ours = of_another.clone();
    ours.kernelspec.as_mut().unwrap().files.insert("scripts/kernel_request.py".to_owned());
    let refused = |example: Example| told(&example.ask(&profile)).contains("whose registry has a port");
    assert!(refused(of_another) && !refused(ours.clone()));
    ours.kernelspec.as_mut().unwrap().files.remove("scripts/launch_kubernetes.py");
    let told = told(&ours.ask(&profile));
    assert!(told.contains("starts `scripts/launch_kubernetes.py`, which is not in the folder"), "{told}");
}
