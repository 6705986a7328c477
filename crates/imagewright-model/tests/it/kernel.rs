//! What a kernel adds to the lists of packages.

use imagewright_model::spec::{ImageSpec, PartialSpec};

fn spec(text: &str) -> ImageSpec {
    PartialSpec::from_yaml("image.yaml", text).and_then(PartialSpec::finish).unwrap()
}

/// All packages of a spec, in a line.
fn packages(text: &str) -> String {
    let spec = spec(text);
    let joined = |names: Vec<String>| names.join(" ");
    let apt = joined(spec.apt.packages.iter().map(ToString::to_string).collect());
    let conda = joined(spec.conda.packages.iter().map(ToString::to_string).collect());
    let pip = joined(spec.pip.requirements.iter().map(ToString::to_string).collect());
    let listed = [("apt", apt), ("conda", conda), ("pip", pip)];
    joined(
        listed
            .into_iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(by, names)| format!("{by}: {names};"))
            .collect(),
    )
}

const FILES: &str = "launcher: 'eg=files.tar.gz'";

#[test]
fn a_kernel_for_python_is_ipykernel() {
    for (text, expected) in [
        ("base: a\nkernel: python", "pip: ipykernel;"),
        ("base: bootstrap\nkernel: Python", "apt: python3; pip: ipykernel;"),
        (
            "base: bootstrap\nkernel: python\napt: [python3.13]\npip: [ipykernel<7]",
            "apt: python3.13; pip: ipykernel<7;",
        ),
        // Debian's own, where no other Python gets packages.
        ("base: bootstrap\nkernel: python\napt: [python3-ipykernel]", "apt: python3-ipykernel;"),
        (
            "base: a\nkernel: python\napt: [python3-ipykernel]\npip: [pandas]",
            "apt: python3-ipykernel; pip: ipykernel pandas;",
        ),
        ("base: bootstrap\nkernel: python\nconda: [pandas]", "conda: ipykernel pandas;"),
        ("base: bootstrap\nkernel: python\nconda: [ipykernel]\npip: [x]", "conda: ipykernel; pip: x;"),
        ("base: a\nkernel: python\nconda: [r-base]", "conda: r-base; pip: ipykernel;"),
        ("base: a\nkernel: python\nconda: [git]\npython: /usr/bin/python3", "conda: git; pip: ipykernel;"),
    ] {
        assert_eq!(packages(text), expected, "{text}");
    }
}

#[test]
fn a_kernel_for_r_is_irkernel() {
    for (text, expected) in [
        ("base: bootstrap\nkernel: R", "apt: r-cran-irkernel;"),
        ("base: a\nkernel: r\napt: [r-base-core]", "apt: r-base-core r-cran-irkernel;"),
        ("base: a\nkernel: r\nconda: [r-base]", "conda: r-base r-irkernel;"),
        // R, if there is one, comes with the base.
        ("base: a\nkernel: r\npip: [x]", "pip: x;"),
        ("base: bootstrap\nkernel: scala", ""),
        ("base: bootstrap\nkernel: {language: julia, kernelspec: julia}", ""),
    ] {
        assert_eq!(packages(text), expected, "{text}");
    }
}

#[test]
fn the_launchers_of_enterprise_gateway_need_more() {
    for (text, expected) in [
        ("base: a", "python", "pip: ipykernel jupyter-client pycryptodomex;"),
        ("base: a\nconda: [python]", "python", "conda: ipykernel jupyter_client pycryptodomex python;"),
        (
            "base: bootstrap\napt: [python3-ipykernel]",
            "python",
            "apt: python3-ipykernel python3-jupyter-client python3-pycryptodome;",
        ),
        (
            "base: bootstrap",
            "r",
            "apt: python-is-python3 python3-jupyter-client python3-pycryptodome r-cran-argparse r-cran-irkernel \
             r-cran-jsonlite r-cran-stringr;",
        ),
        (
            "base: a\nconda: [r-base]",
            "r",
            "conda: jupyter_client pycryptodomex python<3.12 r-argparse r-base r-irkernel r-jsonlite r-stringr;",
        ),
    ]
    .map(|(text, language, expected)| (format!("{text}\nkernel: {{language: {language}, {FILES}}}"), expected))
    {
        assert_eq!(packages(&text), expected, "{text}");
    }
}

#[test]
fn what_is_added_says_that_the_kernel_asked_for_it() {
    let spec = spec("base: a\nkernel: python");
    assert_eq!(spec.pip.requirements[0].origin.to_string(), "image.yaml:2:9");
}

#[test]
fn a_kernel_is_part_of_what_an_image_is() {
    let key = |text: &str| spec(&format!("base: a\n{text}")).canonical_key();
    let all = [
        "pip: [ipykernel]",
        "kernel: python",
        "kernel: {language: python, kernelspec: python3}",
        "kernel: {language: python, user: 1001}",
        "kernel: {language: python, launcher: 'eg=f.tar.gz'}",
    ];
    let keys: std::collections::BTreeSet<_> = all.iter().map(|text| key(text)).collect();
    assert_eq!(keys.len(), all.len());
    assert_eq!(
        key("kernel: python"),
        key("kernel: {language: PYTHON, launcher: imagewright, user: '1000:100'}")
    );
    // Where an archive lies is no part of it.
    let at = |path: &str| key(&format!("kernel: {{language: r, launcher: 'eg={path}'}}"));
    assert_eq!(at("f.tar.gz"), at("/srv/f.tar.gz"));
}
