# As uv's own documentation advises: uv from beside the image, its cache in a cache mount, packages copied from there.
ARG BASE
FROM ${BASE}
ARG PACKAGES
ARG UV_COMPILE_BYTECODE
RUN --mount=type=secret,id=site,target=/run/site.sh \
    --mount=type=secret,id=authorities,target=/run/authorities.pem \
    --mount=type=bind,source=uv,target=/usr/local/bin/uv \
    --mount=type=cache,target=/root/.cache/uv \
    . /run/site.sh && export UV_LINK_MODE=copy && uv venv --seed /opt/venv && \
    uv pip install --python /opt/venv/bin/python ${PACKAGES}
ENV PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ARG NOTE
LABEL note=${NOTE}
