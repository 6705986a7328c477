//! Dockerfiles that nothing is wrong with: every finding here would be a false alarm.

use crate::support::{Around, notebook, python, told};

/// A digest that stands for any.
fn pinned(name: &str) -> String {
    format!("{name}@sha256:{}", "0".repeat(64))
}

fn quiet(around: &Around, text: &str) {
    assert_eq!(around.told(text), "", "{text}");
}

#[test]
fn in_the_style_of_docker_stacks() {
    let base = pinned("quay.io/jupyter/minimal-notebook:2025-03-10");
    let text = format!(
        r#"# A notebook image for data science
ARG BASE={base}
FROM $BASE

LABEL maintainer="Somebody <somebody@server.example>"
SHELL ["/bin/bash", "-o", "pipefail", "-c"]

USER root
RUN apt-get update --yes && \
    apt-get install --yes --no-install-recommends \
    # for cython
    build-essential \
    ffmpeg && \
    apt-get clean && rm -rf /var/lib/apt/lists/*

USER ${{NB_UID}}
RUN mamba install --yes \
    'altair' \
    'pandas>=2' && \
    mamba clean --all -f -y && \
    fix-permissions "${{CONDA_DIR}}" && \
    fix-permissions "/home/${{NB_USER}}"
RUN pip install --no-cache-dir --no-deps ipympl && \
    curl -fsSL https://server.example/extra.sh | bash
WORKDIR /tmp
RUN git clone https://server.example/facets && \
    jupyter nbclassic-extension install facets/facets-dist/ --sys-prefix && \
    rm -rf /tmp/facets
ENV XDG_CACHE_HOME="/home/${{NB_USER}}/.cache/"
RUN MPLBACKEND=Agg python -c "import matplotlib.pyplot" && fix-permissions "/home/${{NB_USER}}"
EXPOSE 8888
HEALTHCHECK --interval=3s CMD /etc/jupyter/docker_healthcheck.py || exit 1
ENTRYPOINT ["tini", "-g", "--", "start.sh"]
CMD ["start-notebook.py"]
WORKDIR "${{HOME}}"
"#
    );
    quiet(&Around::default(), &text);
    quiet(&Around::default().base(&base, notebook()), &text);
}

#[test]
fn in_the_style_of_kubeflow() {
    let base = pinned("ubuntu:24.04");
    let text = format!(
        r#"FROM {base}
ARG TARGETARCH
ARG KUBECTL_VERSION=v1.31.0
ENV NB_USER jovyan
ENV NB_UID 1000
ENV NB_PREFIX /
ENV HOME /home/$NB_USER
ENV SHELL /bin/bash
USER root
SHELL ["/bin/bash", "-c"]
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get -yq update \
 && apt-get -yq install --no-install-recommends bash ca-certificates curl git tini xz-utils \
 && apt-get clean \
 && rm -rf /var/lib/apt/lists/*
RUN curl -fsSL "https://server.example/release/${{KUBECTL_VERSION}}/bin/linux/${{TARGETARCH}}/kubectl" -o /usr/local/bin/kubectl \
 && chmod +x /usr/local/bin/kubectl
RUN curl -fsSL "https://server.example/s6-${{TARGETARCH}}.tar.xz" -o /tmp/s6.tar.xz \
 && tar -Jxpf /tmp/s6.tar.xz -C / && rm /tmp/s6.tar.xz
RUN useradd -M -N --shell /bin/bash --home ${{HOME}} --uid ${{NB_UID}} --gid 0 ${{NB_USER}} \
 && mkdir -pv ${{HOME}} && chown -R ${{NB_USER}}:0 ${{HOME}}
USER $NB_UID
RUN python3 -m pip install -q --no-cache-dir jupyterlab==4.3.5 notebook==7.3.2
COPY --chown=$NB_USER:0 s6/ /etc
EXPOSE 8888
ENTRYPOINT ["/init"]
"#
    );
    quiet(&Around::default(), &text);
    quiet(&Around::default().base(&base, imagewright_oci::ContainerConfig::default()), &text);
}

#[test]
fn with_cache_mounts_and_a_build_stage() {
    let base = pinned("python:3.13-slim");
    let text = format!(
        r#"# syntax=docker/dockerfile:1
FROM {base} AS build
# What a build stage leaves is not in the image.
RUN apt-get update && apt-get install -y gcc
RUN pip install build && python -m build --wheel --outdir /wheels .
RUN npm ci && yarn install && conda install x

FROM {base}
RUN rm -f /etc/apt/apt.conf.d/docker-clean
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    apt-get update && apt-get install -y --no-install-recommends git
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install /wheels/*.whl
RUN --mount=type=cache,target=/root/.cache,id=uv uv pip install --system pandas
RUN --mount=type=cache,target=/root/.npm npm ci
RUN --mount=type=tmpfs,target=/opt/conda/pkgs conda install -y numpy
ADD --checksum=sha256:{} https://server.example/tool.tar.gz /opt/
RUN useradd --create-home work
USER work
CMD ["python", "-m", "jupyterlab"]
"#,
        "1".repeat(64)
    );
    quiet(&Around::default().base(&base, python()), &text);
}

#[test]
fn with_caches_that_are_switched_off_or_removed() {
    let base = pinned("registry.example:5000/team/base:1");
    for lines in [
        "ENV PIP_NO_CACHE_DIR=1\nRUN pip install pandas",
        "ENV PIP_NO_CACHE_DIR off\nRUN pip install pandas",
        "ARG PIP_NO_CACHE_DIR=1\nRUN pip install pandas",
        "RUN PIP_NO_CACHE_DIR=1 pip install pandas",
        "RUN export PIP_NO_CACHE_DIR=1; pip install pandas",
        "RUN pip install pandas && rm -rf ~/.cache",
        "RUN pip install pandas && pip cache purge",
        "RUN pip install pandas; rm -rf /root/.cache/pip/*",
        "RUN pip config set global.no-cache-dir true\nRUN pip install pandas",
        "COPY pip.conf /etc/pip.conf\nRUN pip install pandas",
        "ENV PIP_CACHE_DIR=/cache\nRUN --mount=type=cache,target=/cache pip install pandas",
        "RUN pip install --no-cache-dir pandas && pip list && pip uninstall -y six",
        "RUN pip install --no-deps . && pip --version",
        "RUN apt-get update && apt-get install -y git && rm -rf /var/lib/apt/lists/* /tmp/*",
        "RUN apt-get update && apt-get install -y git && rm -rf /var/lib/{apt,dpkg,cache,log}",
        "RUN apt-get update && apt-get install -y git && apt-get dist-clean",
        "RUN apt-get update && apt-get install -y git && find /var/lib/apt/lists -type f -delete",
        "RUN apt-get update \\\n && apt-get install -y git \\\n && clean-layer.sh",
        "RUN <<EOF\napt-get update\napt-get install -y git\nrm -rf /var/lib/apt/lists/*\nEOF",
        "RUN echo apt-get update; echo pip install x",
        "RUN conda env update -f environment.yml && conda clean -afy",
        "RUN micromamba install -y -n base -f /tmp/env.yaml && micromamba clean --all --yes",
        "RUN conda run -n work pip install --no-cache-dir x",
        "RUN npm install -g x && npm cache clean --force",
        "RUN yarn install --frozen-lockfile && yarn cache clean",
        "RUN apk add --no-cache git",
        "RUN apk add --update git && rm -rf /var/cache/apk/*",
        "RUN dnf install -y git && dnf clean all && rm -rf /var/cache/dnf",
        "ENV UV_NO_CACHE=1\nRUN uv sync --frozen",
        "RUN uv pip install --system --no-cache pandas",
        "RUN pip install pandas==2.2.3 'tornado>=6.5' 'jinja2~=3.1' jupyter-client requests",
    ] {
        let text = format!("FROM {base}\n{lines}\nUSER 1000\n");
        let around = Around::default().file("pip.conf", "[global]\nno-cache-dir = true\n");
        // The last case is about versions.
        let text = text.replace("RUN pip install pandas==", "RUN pip install --no-cache-dir pandas==");
        assert_eq!(around.told(&text), "", "{lines}");
    }
}

#[test]
fn with_starts_of_all_kinds() {
    let base = pinned("a/b:1");
    let setup = "#!/bin/sh\nset -e\n[ -d /work ] || mkdir /work\nexec \"$@\"\n";
    for lines in [
        "",
        "CMD []",
        "CMD bash",
        "ENTRYPOINT [\"tini\", \"--\"]\nCMD [\"jupyter\", \"lab\"]",
        "ENV PORT=80\nEXPOSE 80\nCMD jupyter lab --port=${PORT}",
        "COPY entry.sh /usr/local/bin/\nENTRYPOINT [\"/usr/local/bin/entry.sh\"]\nCMD [\"bash\"]",
        "COPY . /app\nWORKDIR /app\nENTRYPOINT [\"./entry.sh\"]",
        "COPY *.sh /x/\nENTRYPOINT [\"bash\", \"/x/entry.sh\"]\nCMD [\"R\"]",
        "COPY <<entry.sh /x/\n#!/bin/sh\nexec \"$@\"\nentry.sh\nENTRYPOINT [\"/x/entry.sh\"]",
        "ENV PATH=/opt/conda/envs/work/bin:$PATH\nENTRYPOINT [\"conda\", \"run\", \"-n\", \"work\"]\nCMD [\"jupyter\", \"lab\"]",
        "ENV PATH=/opt/venv/bin:$PATH\nCMD . /opt/venv/bin/activate && exec jupyter lab",
        "ENV PATH=/opt/conda/envs/work/bin:$PATH\nRUN echo 'conda activate work' >> ~/.bashrc",
        "ENV PATH=/opt/miniforge3/bin:$PATH\nRUN echo \"conda activate base\" >> ${HOME}/.bashrc",
    ] {
        let text = format!("FROM {base}\nUSER 1000\n{lines}\n");
        quiet(&Around::default().file("entry.sh", setup), &text);
    }
}

#[test]
fn with_an_entry_point_that_gives_up_root() {
    let base = pinned("python:3.13-slim");
    let entry = "#!/bin/sh\nchown -R app /work\nexec gosu app \"$@\"\n";
    let around = Around::default().file("entry.sh", entry).base(&base, python());
    let text = format!(
        "FROM {base}\nCOPY entry.sh /entry.sh\nENTRYPOINT [\"/entry.sh\"]\nCMD [\"jupyter\", \"lab\"]\n"
    );
    quiet(&around, &text);
}

#[test]
fn the_corpus_of_builds_has_what_it_is_known_to_have() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../imagewright/tests/dockerfiles");
    let mut all = String::new();
    let mut paths: Vec<_> = ["buildkit", "own"]
        .iter()
        .flat_map(|kind| std::fs::read_dir(folder.join(kind)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    for path in paths {
        let text = std::fs::read_to_string(path.join("Dockerfile")).unwrap();
        // That every base there is named by a tag is told of elsewhere.
        let lines = told(&text)
            .lines()
            .filter(|line| !line.contains("base-not-pinned"))
            .map(|line| format!("  {line}\n"))
            .collect::<String>();
        all += &format!("{}\n{lines}", path.file_name().unwrap().to_str().unwrap());
    }
    insta::assert_snapshot!(all);
}
