//! What a Dockerfile installs, as a spec.

use imagewright_check::as_spec;
use serde_json::json;

use crate::support::plan;

/// The spec, files of lists, and what is left.
fn read(text: &str) -> (serde_json::Value, Vec<String>, Vec<String>) {
    let read = as_spec(text, &plan(text)).expect("the stages can be lowered");
    let told = read.left.iter().map(|(origin, what)| format!("{origin}: {what}")).collect();
    (read.spec, read.files.into_iter().map(|(_, file)| file).collect(), told)
}

#[test]
fn packages_and_settings_become_a_spec() {
    let text = r#"
ARG VERSION=3.13
FROM registry.example/python:${VERSION}-slim
ENV LANG=C.UTF-8 HOME=/home/jovyan
RUN set -eux; apt-get update && apt-get install -y --no-install-recommends -o Dpkg::Use-Pty=0 \
    git curl=8.* \
 && apt-get clean && rm -rf /var/lib/apt/lists/*
COPY requirements.txt /tmp/
RUN python3 -m pip install --no-cache-dir --upgrade pip && pip install --no-cache-dir -r /tmp/requirements.txt 'scipy>=1.11' "pandas[excel]"
RUN mamba install -y -n base -c conda-forge nodejs=22 && mamba clean -afy
LABEL org.opencontainers.image.title="Analysis"
USER 1000
WORKDIR /work
EXPOSE 8888
CMD ["jupyter", "lab"]
"#;
    let (spec, files, left) = read(text);
    assert_eq!(files, ["/tmp/requirements.txt"]);
    assert_eq!(
        spec,
        json!({
            "base": "registry.example/python:3.13-slim",
            "apt": ["git", "curl=8.*"],
            "conda": {"packages": ["nodejs=22"], "channels": ["conda-forge"]},
            "pip": ["scipy>=1.11", "pandas[excel]"],
            "env": {"LANG": "C.UTF-8", "HOME": "/home/jovyan"},
            "labels": {"org.opencontainers.image.title": "Analysis"},
            "user": "1000",
            "workdir": "/work",
            "ports": ["8888/tcp"],
            "command": ["jupyter", "lab"],
        })
    );
    assert_eq!(left, [""; 0]);
}

#[test]
fn what_a_spec_has_no_words_for_is_named() {
    let text = r#"FROM a:1 AS build
RUN make
FROM b:1
COPY --from=build /out /usr/local/bin/
RUN pip install -r lists/all.txt -i https://index.example/simple ./local six==$VERSION
RUN uv pip install --system numpy ; pip install -e .
RUN curl -LO https://a.example/x && sh x
RUN apt-get purge -y git && apt-get upgrade -y
HEALTHCHECK CMD true
ENV PATH=/opt/x:$PATH
"#;
    let (spec, _, left) = read(text);
    assert_eq!(spec["base"], "b:1");
    assert_eq!(spec["pip"], json!(["numpy"]));
    insta::assert_snapshot!(left.join("\n"));
}

#[test]
fn stages_on_one_another_are_read_together() {
    let text = "FROM a:1 AS one\nRUN pip install six\nFROM one\nRUN pip install numpy\n";
    let (spec, _, left) = read(text);
    assert_eq!(spec, json!({"base": "a:1", "pip": ["six", "numpy"]}));
    assert_eq!(left, [""; 0]);
}
