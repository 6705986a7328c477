#!/usr/bin/env python
"""Starts a kernel image for Enterprise Gateway, in a container of Docker or as a service of a Swarm, and ends.

The gateway finds what was started by its labels, and removes it when the kernel is stopped.
"""

import os

import kernel_request
from docker import DockerClient
from docker.errors import APIError, DockerException, ImageNotFound
from docker.types import EndpointSpec, RestartPolicy


def is_on(name, default):
    return os.environ.get(name, default).lower() == "true"


def start_container(client, request, network):
    """A container that is gone when its kernel ends; `EG_REMOVE_CONTAINER=false` keeps it, with what it printed."""
    try:
        client.images.get(request.image)
    except ImageNotFound:
        pull(client, request.image)
    client.containers.run(
        request.image,
        detach=True,
        environment=request.environment(),
        group_add=[request.group, "100"],
        hostname=name_of(request),
        labels=request.labels(),
        name=name_of(request),
        network=network,
        remove=is_on("EG_REMOVE_CONTAINER", "true"),
        user=f"{request.user}:{request.group}",
        working_dir=request.working_dir,
    )


def pull(client, image):
    """Only what is named: a name without tag or digest would bring all tags of its repository."""
    last = image.rsplit("/", 1)[-1]
    if "@" in last:
        client.images.pull(image)
    else:
        repository, _, tag = image.rpartition(":") if ":" in last else (image, "", "latest")
        client.images.pull(repository, tag=tag)


def start_service(client, request, network):
    """A service with one container, which is not started again when its kernel ends."""
    client.services.create(
        request.image,
        container_labels=request.labels(),
        endpoint_spec=EndpointSpec(mode="dnsrr"),
        env=[f"{name}={value}" for name, value in request.environment().items()],
        groups=[request.group, "100"],
        hostname=name_of(request),
        labels=request.labels(),
        name=name_of(request),
        networks=[network],
        restart_policy=RestartPolicy(condition="none"),
        user=f"{request.user}:{request.group}",
        workdir=request.working_dir,
    )


def name_of(request):
    """A name that Docker takes and that is one for a host: who it is for, and the id."""
    allowed = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in request.username)
    user = allowed.strip("-").lower()[: 62 - len(request.kernel_id)]
    return f"{user}-{request.kernel_id}" if user else f"kernel-{request.kernel_id}"


def main():
    request = kernel_request.read()
    network = os.environ.get("EG_DOCKER_NETWORK", "bridge")
    in_swarm = os.environ.get("EG_DOCKER_MODE", "swarm").lower() == "swarm"
    try:
        client = DockerClient.from_env()
        (start_service if in_swarm else start_container)(client, request, network)
    except ImageNotFound as error:
        kernel_request.fail(f"Docker has no image `{request.image}`, and cannot pull it: {error.explanation}")
    except APIError as error:
        kernel_request.fail(f"Docker does not start `{request.image}`: {error.explanation or error}")
    except DockerException as error:
        kernel_request.fail(f"Docker cannot be reached: {error}. Where it is elsewhere, EG_INHERITED_ENVS must name DOCKER_HOST")


if __name__ == "__main__":
    main()
