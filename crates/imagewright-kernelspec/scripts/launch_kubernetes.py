#!/usr/bin/env python
"""Starts a kernel image for Enterprise Gateway in a pod of Kubernetes, and ends.

`kernel-pod.yaml.j2` beside it says what is made: a pod, and with it one each of some other kinds. The gateway finds the pod by its labels
and removes it when the kernel is stopped; the other objects belong to the pod and go with it.
"""

import os
import time

import kernel_objects
import kernel_request
from kernel_objects import REFUSALS, ApiException, client

TEMPLATE = "kernel-pod.yaml.j2"
# Those that stay when the kernel ends belong to nobody.
STAYING = {"PersistentVolumeClaim", "PersistentVolume"}
KINDS = {"Pod", "Secret", "ConfigMap", "Service"} | STAYING
# How long a pod of the same name may take to go: restarted kernels have the name of those before.
PATIENCE = 30


class Maker:
    """Makes objects in the kernel's namespace, and takes back what it made."""

    def __init__(self, request, connection):
        self.request = request
        self.core = client.CoreV1Api(connection)
        self.namespace = os.environ.get("KERNEL_NAMESPACE") or kernel_request.fail("the gateway named no namespace (`KERNEL_NAMESPACE`)")
        self.made = []

    def method(self, verb, kind):
        words = {
            "Pod": "namespaced_pod",
            "Secret": "namespaced_secret",
            "ConfigMap": "namespaced_config_map",
            "Service": "namespaced_service",
            "PersistentVolumeClaim": "namespaced_persistent_volume_claim",
            "PersistentVolume": "persistent_volume",
        }
        return getattr(self.core, f"{verb}_{words[kind]}")

    def place(self, kind):
        return {} if kind == "PersistentVolume" else {"namespace": self.namespace}

    def make(self, item):
        """Makes an object, and waits for one of its name that is going."""
        kind, name = item["kind"], item["metadata"]["name"]
        end = time.monotonic() + PATIENCE
        while True:
            try:
                made = self.method("create", kind)(body=item, **self.place(kind))
                self.made.append((kind, name))
                return made
            except ApiException as error:
                if not kernel_objects.is_there_already(error):
                    raise
                if kind in STAYING:
                    return None
                if time.monotonic() > end or not self.is_going(kind, name):
                    raise
            time.sleep(0.25)

    def is_going(self, kind, name):
        """Whether an object that is in the way goes; one that a kernel of this id left behind is sent away."""
        try:
            there = self.method("read", kind)(name=name, **self.place(kind))
        except ApiException as error:
            return error.status == 404
        if there.metadata.deletion_timestamp:
            return True
        ours = (there.metadata.labels or {}).get("kernel_id") == self.request.kernel_id
        if not ours or (kind == "Pod" and there.status and there.status.phase not in ("Succeeded", "Failed")):
            return False
        self.remove(kind, name)
        return True

    def remove(self, kind, name):
        try:
            self.method("delete", kind)(name=name, **self.place(kind))
        except ApiException as error:
            if error.status != 404:
                raise

    def take_back(self):
        for kind, name in reversed(self.made):
            try:
                self.remove(kind, name)
            except REFUSALS as error:
                print(f"warning: {kind} `{name}` stays in namespace `{self.namespace}`: {kernel_objects.told(error)}")

    def bring_pull_secrets(self):
        """Copies what images are pulled by from the gateway's namespace into one that the gateway made for this kernel."""
        home = kernel_objects.namespace_of_gateway()
        # A namespace of any other name was there before, and has what it needs.
        if home in (None, self.namespace) or self.namespace != os.environ.get("KERNEL_POD_NAME"):
            return
        for name in kernel_objects.pull_secrets():
            secret = self.core.read_namespaced_secret(name=name, namespace=home)
            if secret.type not in ("kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"):
                kernel_request.fail(f"secret `{name}` is not one that images are pulled by, but of type `{secret.type}`")
            metadata = {"name": name, "labels": self.request.labels()}
            copy = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": secret.type, "data": secret.data}
            try:
                self.core.create_namespaced_secret(body=copy, namespace=self.namespace)
                self.made.append(("Secret", name))
            except ApiException as error:
                # After a restart the namespace is the same.
                if not kernel_objects.is_there_already(error):
                    raise


def objects(request, template=TEMPLATE):
    """The pod, and what goes with it."""
    found = {}
    for item in kernel_objects.render(template, request):
        kind = item["kind"]
        if kind not in KINDS or item.get("apiVersion") != "v1":
            kernel_request.fail(f"`{template}` makes a {kind} ({item.get('apiVersion')}): only {', '.join(sorted(KINDS))} of v1 can be made")
        if kind in found:
            kernel_request.fail(f"`{template}` makes more than one {kind}")
        found[kind] = item
    if "Pod" not in found:
        kernel_request.fail(f"`{template}` makes no pod")
    pod = found.pop("Pod")
    kernel_objects.set_variables(pod["spec"]["containers"][0], kernel_objects.variables_of(request))
    keep_secrets(pod)
    return pod, list(found.values())


def keep_secrets(pod):
    """Clients name volumes; what images are pulled by must not become one."""
    secrets = set(kernel_objects.pull_secrets())
    for volume in pod["spec"].get("volumes") or []:
        projected = (volume.get("projected") or {}).get("sources") or []
        named = {(volume.get("secret") or {}).get("secretName")} | {(source.get("secret") or {}).get("name") for source in projected}
        for name in sorted(secrets & named):
            kernel_request.fail(f"volume `{volume.get('name')}` would show the kernel secret `{name}`, which images are pulled by")


def start(request, connection):
    pod, others = objects(request)
    maker = Maker(request, connection)
    try:
        maker.bring_pull_secrets()
        made = maker.make(pod)
        owner = {"apiVersion": "v1", "kind": "Pod", "name": made.metadata.name, "uid": made.metadata.uid}
        for item in others:
            if item["kind"] not in STAYING:
                item["metadata"]["ownerReferences"] = [owner]
                item["metadata"].setdefault("labels", {}).update(request.labels())
            maker.make(item)
    except REFUSALS as error:
        maker.take_back()
        kernel_request.fail(f"Kubernetes does not start `{request.image}` in namespace `{maker.namespace}`: {kernel_objects.told(error)}")
    except BaseException:
        maker.take_back()
        raise


def main():
    request = kernel_request.read(
        ("pod-template", "where the pod is written to, for spark-submit, instead of being started"),
        ("spark-opts-out", "where options of spark-submit that go with it are written to"),
    )
    if request.arguments.pod_template:
        # `bin/run.sh` of Enterprise Gateway's own kernelspecs asks for this.
        import submit_spark

        options = submit_spark.write_templates(request, request.arguments.pod_template)
        if request.arguments.spark_opts_out:
            with open(request.arguments.spark_opts_out, "w", encoding="utf-8") as file:
                file.write(" ".join(options) + " ")
        else:
            print(" ".join(options))
        return
    try:
        start(request, kernel_objects.connect())
    except kernel_objects.urllib3.exceptions.HTTPError as error:
        kernel_request.fail(f"the Kubernetes cluster cannot be reached: {error}")


if __name__ == "__main__":
    main()
