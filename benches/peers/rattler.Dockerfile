# rattler, the library that also makes pixi and Imagewright's solver, with its package cache in a cache mount. It is told the files: it has nothing to solve.
ARG BASE
FROM ${BASE}
ARG CHANNEL
ARG PACKAGES
RUN --mount=type=bind,source=rattler,target=/usr/local/bin/rattler \
    --mount=type=bind,source=channel,target=/run/channel \
    --mount=type=cache,target=/pkgs \
    rattler install-from ${CHANNEL} /run/channel /opt/conda /opt/conda /pkgs ${PACKAGES}
ENV PATH=/opt/conda/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin CONDA_PREFIX=/opt/conda
ARG NOTE
LABEL note=${NOTE}
