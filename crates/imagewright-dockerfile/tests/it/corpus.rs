//! Real Dockerfiles of this field and what they come to.

use imagewright_oci::ContainerConfig;

use crate::plan;

/// A kernel image on a base that is made for it: legacy forms, a user, downloads, permissions.
const KERNEL: &str = r#"# syntax=docker/dockerfile:1
ARG HUB_ORG=elyra
ARG TAG=dev
ARG BASE_CONTAINER=${HUB_ORG}/kernel-base:$TAG
FROM $BASE_CONTAINER

ENV PATH $PATH:/opt/spark/bin
ENV NB_USER="jovyan" NB_UID=1000 \
    # the group is root's
    NB_GID=100
ENV HOME=/home/$NB_USER
ARG TAG
LABEL Name="a kernel" Version=${TAG:-none}
USER root
RUN apt-get update && apt-get install -y --no-install-recommends \
        libkrb5-dev \
    && rm -rf /var/lib/apt/lists/*
ADD jupyter_enterprise_gateway_kernel_image_files*.tar.gz /usr/local/bin/
WORKDIR $HOME
COPY --chown=$NB_UID:$NB_GID --chmod=644 requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip <<EOF
pip install -r requirements.txt
chmod -R a+rX .
EOF
RUN ["/bin/fix-permissions", "/opt/conda"]
EXPOSE 8888 9000-9001/udp
VOLUME /data
STOPSIGNAL SIGINT
HEALTHCHECK --interval=30s --retries=3 CMD curl -f http://localhost:8888/
USER jovyan
ENV KERNEL_LANGUAGE python
CMD /usr/local/bin/bootstrap-kernel.sh
"#;

#[test]
fn a_kernel_image() {
    let plan = plan(KERNEL, None, &[("TAG", "3.2")]).unwrap();
    assert_eq!(plan.stages.len(), 1);
    let base = ContainerConfig { env: vec!["PATH=/usr/bin".to_owned()], ..ContainerConfig::default() };
    let stage = &plan.stages[0];
    insta::assert_debug_snapshot!((&stage.base, stage.lower(&base).unwrap()));
}
