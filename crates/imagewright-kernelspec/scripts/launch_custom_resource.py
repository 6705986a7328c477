#!/usr/bin/env python
"""Starts a kernel for Enterprise Gateway as a custom resource of Kubernetes, and ends.

The gateway names the resource by group, version and plural; `GROUP-VERSION.yaml.j2` beside this file says what it is to be. An operator makes
pods of it, which the gateway finds by their labels.
"""

import os
import re

import kernel_objects
import kernel_request
import submit_spark
from kernel_objects import REFUSALS, client

# Where those resources have containers, as paths to what holds their variables.
CONTAINERS = {"SparkApplication": ("driver", "executor")}


def name(variable):
    value = os.environ.get(variable)
    if not value or not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", value):
        kernel_request.fail(f"the gateway's process proxy names no resource (`{variable}`): its class must say group, version and plural")
    return value


def resource(request, group, version):
    """The resource that is to be made."""
    template = f"{group}-{version}.yaml.j2"
    found = kernel_objects.render(template, request)
    if len(found) != 1:
        kernel_request.fail(f"`{template}` must make one object, and makes {len(found)}")
    (item,) = found
    if item.get("apiVersion") != f"{group}/{version}":
        kernel_request.fail(f"`{template}` makes an object of `{item.get('apiVersion')}`, and the gateway waits for `{group}/{version}`")
    variables = kernel_objects.variables_of(request)
    for part in CONTAINERS.get(item["kind"], ()):
        driver = part == "driver"
        kept = {name: value for name, value in variables.items() if driver or name not in submit_spark.OF_THE_DRIVER}
        kernel_objects.set_variables(item["spec"][part], kept)
    if item["kind"] == "SparkApplication":
        add_program(item)
    return item


def add_program(item):
    """As an annotation of the driver's pod, which is shown to it as a file."""
    pod = {"metadata": {"annotations": item["spec"]["driver"].setdefault("annotations", {})}, "spec": {"containers": [item["spec"]["driver"]]}}
    pod["spec"]["volumes"] = item["spec"].get("volumes") or []
    submit_spark.add_program(pod)
    item["spec"]["volumes"] = pod["spec"]["volumes"]


def main():
    request = kernel_request.read()
    group, version, plural = name("KERNEL_CRD_GROUP"), name("KERNEL_CRD_VERSION"), name("KERNEL_CRD_PLURAL")
    item = resource(request, group, version)
    import launch_kubernetes

    maker = launch_kubernetes.Maker(request, kernel_objects.connect())
    try:
        maker.bring_pull_secrets()
        client.CustomObjectsApi(maker.core.api_client).create_namespaced_custom_object(group, version, maker.namespace, plural, item)
    except REFUSALS as error:
        maker.take_back()
        if getattr(error, "status", None) == 404:
            kernel_request.fail(f"the cluster has no `{plural}.{group}`: the operator for it is not installed")
        kernel_request.fail(f"Kubernetes does not make {item['kind']} `{item['metadata']['name']}` in namespace `{maker.namespace}`: {kernel_objects.told(error)}")
    except kernel_objects.urllib3.exceptions.HTTPError as error:
        kernel_request.fail(f"the Kubernetes cluster cannot be reached: {error}")


if __name__ == "__main__":
    main()
