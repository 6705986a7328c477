"""Runs what pods say, as processes with a root, a process namespace and a user of their own.

An image is a folder, or this machine, with some files more: the root is an overlay on it. Volumes, the account, variables and the user are those that the
pod would have; the network is that of the machine, so all pods have the address 127.0.0.1.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
import traceback

ACCOUNT = "/run/secrets/kubernetes.io/serviceaccount"
EXPANSION = re.compile(r"\$(\$|\(([-._a-zA-Z][-._a-zA-Z0-9]*)\))")


def expanded(value, variables):
    """`$(NAME)` is a variable, and `$$` a `$`, as for Kubernetes."""
    return EXPANSION.sub(lambda found: "$" if found.group(1) == "$" else variables.get(found.group(2), found.group(0)), value)


class Runner:
    def __init__(self, cluster):
        self.cluster = cluster
        self.processes = {}

    def start(self, pod):
        threading.Thread(target=self.try_to_run, args=(pod,)).start()

    def try_to_run(self, pod):
        try:
            self.run(pod)
        except Exception:
            pod["status"] = {"phase": "Failed"}
            with open(os.path.join(self.cluster.folder, "cluster.log"), "a", encoding="utf-8") as log:
                log.write(f"{pod['metadata']['name']}: {traceback.format_exc()}\n")

    def run(self, pod):
        time.sleep(0.3)
        image = self.pulled(pod)
        if not image:
            return
        container, name = pod["spec"]["containers"][0], pod["metadata"]["name"]
        variables = self.variables(pod, container, image)
        folder = self.root(pod, container, image)
        command = image["command"]
        if container.get("args"):
            command = [*image["entrypoint"], *(expanded(word, variables) for word in container["args"])]
        security = pod["spec"].get("securityContext") or {}
        user, group = security.get("runAsUser", 1000), security.get("runAsGroup", 0)
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pod.sh")
        words = ["unshare", "--pid", "--mount", "--uts", "--fork", "--kill-child", script, folder, image.get("root", "/"), f"{user}:{group}", str(security.get("fsGroup", group))]
        log = open(os.path.join(self.cluster.folder, f"pod-{name}.log"), "a")
        with self.cluster.lock:
            if pod["metadata"].get("deletionTimestamp"):
                return
            process = subprocess.Popen([*words, *command], env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
            self.processes[pod["metadata"]["uid"]] = process
            pod["status"] = {"phase": "Running", "podIP": "127.0.0.1", "hostIP": "127.0.0.1"}
        code = process.wait()
        with self.cluster.lock:
            pod["status"] = {**pod["status"], "phase": "Succeeded" if code == 0 else "Failed"}
        self.cluster.note(ended=name, code=code)

    def pulled(self, pod):
        """The image, if there is one and the pod may have it; otherwise the pod waits, as in clusters."""
        reference = pod["spec"]["containers"][0]["image"]
        image = self.cluster.settings["images"].get(reference)
        wanted = image and image.get("pullSecret")
        named = [entry["name"] for entry in pod["spec"].get("imagePullSecrets") or []]
        with self.cluster.lock:
            secrets = [self.cluster.objects.get(("secrets", pod["metadata"]["namespace"], name)) for name in named]
        has_secret = any(secret and secret.get("data", {}).get(".dockerconfigjson") == wanted for secret in secrets)
        if image and (not wanted or has_secret):
            return image
        state = {"name": "kernel", "image": reference, "imageID": "", "ready": False, "restartCount": 0}
        state["state"] = {"waiting": {"reason": "ImagePullBackOff"}}
        pod["status"] = {"phase": "Pending", "containerStatuses": [state]}
        self.cluster.note(not_pulled=reference)
        return None

    def variables(self, pod, container, image):
        variables = {**image["env"], "HOSTNAME": pod["metadata"]["name"], "KUBERNETES_SERVICE_HOST": "127.0.0.1"}
        variables["KUBERNETES_SERVICE_PORT"] = str(self.cluster.port)
        fields = {"status.podIP": "127.0.0.1", "metadata.name": pod["metadata"]["name"]}
        for entry in container.get("env") or []:
            source = entry.get("valueFrom")
            value = fields[source["fieldRef"]["fieldPath"]] if source else expanded(entry.get("value", ""), variables)
            variables[entry["name"]] = value
        return variables

    def root(self, pod, container, image):
        """A folder with `upper`, what the pod's root has beside what this machine has."""
        folder = os.path.join(self.cluster.folder, pod["metadata"]["uid"])
        namespace = pod["metadata"]["namespace"]
        files = {"token": f"token-of-kernel-{namespace}", "namespace": namespace, "ca.crt": self.cluster.read("certificate.pem")}
        if pod["spec"].get("automountServiceAccountToken", True):
            write(folder, ACCOUNT, files)
        with self.cluster.lock:
            services = [key for key in self.cluster.objects if key[0] == "services"]
        names = "".join(f"127.0.0.1 {name}.{where}.svc\n" for _, where, name in services)
        write(folder, "/etc", {"hosts": f"127.0.0.1 localhost {pod['metadata']['name']}\n{names}"})
        for path, source in image["files"].items():
            os.makedirs(os.path.dirname(f"{folder}/upper{path}"), exist_ok=True)
            put = shutil.copy if os.path.isfile(source) else os.symlink
            put(source, f"{folder}/upper{path}")
        sources = {volume["name"]: volume for volume in pod["spec"].get("volumes") or []}
        for mount in container.get("volumeMounts") or []:
            write(folder, mount["mountPath"], self.shown(pod, sources[mount["name"]]), 0o777)
        return folder

    def shown(self, pod, volume):
        """The files of a volume."""
        if "emptyDir" in volume:
            return {}
        if "configMap" in volume:
            place = ("configmaps", pod["metadata"]["namespace"], volume["configMap"]["name"])
            # Pods wait for what they mount.
            while place not in self.cluster.objects and not pod["metadata"].get("deletionTimestamp"):
                time.sleep(0.1)
            found = self.cluster.get(*place)
            items = volume["configMap"].get("items") or [{"key": key, "path": key} for key in found["data"]]
            return {item["path"]: found["data"][item["key"]] for item in items}
        paths = {item["path"]: item["fieldRef"]["fieldPath"] for item in volume["downwardAPI"]["items"]}
        annotation = re.compile(r"metadata\.annotations\['(.*)'\]")
        return {path: pod["metadata"]["annotations"][annotation.fullmatch(field).group(1)] for path, field in paths.items()}

    def operate(self, item):
        """What the Spark operator does with an application, as far as the gateway sees it: a pod for the driver."""
        spec, name = item["spec"], item["metadata"]["name"]
        driver = spec["driver"]
        container = {"name": "spark-kubernetes-driver", "image": spec["image"], "env": driver.get("env"), "volumeMounts": driver.get("volumeMounts")}
        container["args"] = [spec["mainApplicationFile"].removeprefix("local://"), *spec["arguments"]]
        owner = {"apiVersion": item["apiVersion"], "kind": item["kind"], "name": name, "uid": item["metadata"]["uid"]}
        labels = {**driver["labels"], "spark-role": "driver"}
        metadata = {"name": f"{name}-driver", "labels": labels, "annotations": driver.get("annotations"), "ownerReferences": [owner]}
        body = {"containers": [container], "volumes": spec.get("volumes"), "restartPolicy": "Never", "serviceAccountName": driver["serviceAccount"]}
        body["securityContext"] = driver.get("podSecurityContext")
        body["imagePullSecrets"] = [{"name": secret} for secret in spec.get("imagePullSecrets") or []]
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": body}
        item["status"] = {"applicationState": {"state": "SUBMITTED"}}
        threading.Thread(target=self.follow, args=(item, pod)).start()

    def follow(self, item, pod):
        self.cluster.create("pods", item["metadata"]["namespace"], pod)
        while not item["metadata"].get("deletionTimestamp"):
            phase = pod["status"]["phase"]
            state = {"Pending": "SUBMITTED", "Running": "RUNNING", "Succeeded": "COMPLETED"}.get(phase, "FAILED")
            item["status"] = {"applicationState": {"state": state, "errorMessage": ""}}
            time.sleep(0.1)

    def end(self, pod):
        process = self.processes.pop(pod["metadata"]["uid"], None) if pod else None
        if process and process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)

    def end_all(self):
        for process in self.processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def write(folder, path, files, mode=0o755):
    path = f"{folder}/upper{path}"
    os.makedirs(path, exist_ok=True)
    os.chmod(path, mode)
    for name, text in files.items():
        with open(os.path.join(path, name), "w", encoding="utf-8") as file:
            file.write(text if isinstance(text, str) else json.dumps(text))
