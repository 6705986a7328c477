# A Dockerfile as people write it for pip: the downloads stay in a cache mount. How this site reaches its index
# comes as secrets, which are in no layer and in no cache key.
ARG BASE
FROM ${BASE}
ARG PACKAGES
ARG OPTIONS
RUN --mount=type=secret,id=site,target=/run/site.sh \
    --mount=type=secret,id=authorities,target=/run/authorities.pem \
    --mount=type=cache,target=/root/.cache/pip \
    . /run/site.sh && python3 -m venv /opt/venv && /opt/venv/bin/pip install ${OPTIONS} ${PACKAGES}
ENV PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ARG NOTE
LABEL note=${NOTE}
