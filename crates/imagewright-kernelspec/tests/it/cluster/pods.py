"""Runs what pods say, as processes: each in a process namespace of its own, with the variables that a container would have."""

import os
import re
import signal
import subprocess
import sys
import threading
import time

EXPANSION = re.compile(r"\$(\$|\(([-._a-zA-Z][-._a-zA-Z0-9]*)\))")


def expanded(value, variables):
    """`$(NAME)` is a variable, and `$$` a `$`, as for Kubernetes."""
    return EXPANSION.sub(lambda found: "$" if found.group(1) == "$" else variables.get(found.group(2), found.group(0)), value)


class Runner:
    def __init__(self, cluster):
        self.cluster = cluster
        self.processes = {}

    def start(self, pod):
        threading.Thread(target=self.run, args=(pod,)).start()

    def run(self, pod):
        time.sleep(0.3)
        image = self.pulled(pod)
        if not image:
            return
        command, variables, folder = self.prepared(pod, image)
        log = open(os.path.join(self.cluster.folder, f"pod-{pod['metadata']['name']}.log"), "a")
        # The process is the first one of its namespace, and all others end with it.
        words = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *command]
        process = subprocess.Popen(words, env=variables, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        with self.cluster.lock:
            self.processes[pod["metadata"]["uid"]] = process
            pod["status"] = {"phase": "Running", "podIP": "127.0.0.1", "hostIP": "127.0.0.1"}
        code = process.wait()
        with self.cluster.lock:
            pod["status"]["phase"] = "Succeeded" if code == 0 else "Failed"
        self.cluster.note(ended=pod["metadata"]["name"], code=code)

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

    def prepared(self, pod, image):
        container = pod["spec"]["containers"][0]
        variables = {**image["env"], "HOSTNAME": pod["metadata"]["name"], "KUBERNETES_SERVICE_HOST": "127.0.0.1"}
        variables["KUBERNETES_SERVICE_PORT"] = str(self.cluster.port)
        for entry in container.get("env") or []:
            variables[entry["name"]] = expanded(entry.get("value", ""), variables)
        folder = os.path.join(self.cluster.folder, pod["metadata"]["uid"])
        os.makedirs(folder)
        self.mount(pod, container, folder)
        command = [expanded(word, variables) for word in container.get("args") or []]
        # Mounts are folders here, so what names one names another path.
        command = [self.moved(word, container, folder) for word in command]
        return [*(image["entrypoint"] if command else image["command"]), *command], variables, folder

    def mount(self, pod, container, folder):
        """Volumes that show what the pod's own description says."""
        sources = {volume["name"]: volume for volume in pod["spec"].get("volumes") or []}
        for mount in container.get("volumeMounts") or []:
            path = os.path.join(folder, mount["mountPath"].strip("/"))
            os.makedirs(path, exist_ok=True)
            for item in sources[mount["name"]].get("downwardAPI", {}).get("items", []):
                key = re.fullmatch(r"metadata\.annotations\['(.*)'\]", item["fieldRef"]["fieldPath"]).group(1)
                with open(os.path.join(path, item["path"]), "w", encoding="utf-8") as file:
                    file.write(pod["metadata"]["annotations"][key])

    def moved(self, word, container, folder):
        path = word.removeprefix("local://")
        mounts = [mount["mountPath"] for mount in container.get("volumeMounts") or []]
        is_below = any(path.startswith(mount + "/") for mount in mounts)
        return os.path.join(folder, path.strip("/")) if is_below else word

    def operate(self, item):
        """What the Spark operator does with an application, as far as the gateway sees it: a pod for the driver."""
        spec, name = item["spec"], item["metadata"]["name"]
        driver = spec["driver"]
        container = {"name": "spark-kubernetes-driver", "image": spec["image"], "env": driver.get("env"), "volumeMounts": driver.get("volumeMounts")}
        container["args"] = [spec["mainApplicationFile"], *spec["arguments"]]
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


if __name__ == "__main__":
    sys.exit("this is part of api.py")
