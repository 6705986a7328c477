# Debian packages with the downloads and the package lists in cache mounts, as Docker's documentation advises.
ARG BASE
FROM ${BASE}
ARG PACKAGES
RUN --mount=type=secret,id=site,target=/run/site.sh \
    --mount=type=secret,id=authorities,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \
    . /run/site.sh && export DEBIAN_FRONTEND=noninteractive && apt-get update && \
    apt-get install --yes --no-install-recommends ${PACKAGES}
ARG NOTE
LABEL note=${NOTE}
