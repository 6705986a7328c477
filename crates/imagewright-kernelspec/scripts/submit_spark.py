#!/usr/bin/env python
"""Has spark-submit start a kernel as the driver of a Spark application, in a cluster.

`bin/run.sh` beside it calls this with the options of all scripts and `--cluster kubernetes|yarn|conductor`. `SPARK_OPTS` of kernel.json are
the options of spark-submit, `LAUNCH_OPTS` those of the kernel's launcher. `${NAME}` in them is a variable. No shell reads them: what clients
say is never a command.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile

import kernel_request

HERE = os.path.dirname(os.path.abspath(__file__))
# The program that the driver runs, for each language: it starts the image's kernel launcher. Toree's driver is its own program.
PROGRAMS = {"python": "spark_kernel.py", "r": "spark_kernel.R"}
TOREE = ["--class", "launcher.ToreeLauncher"]
NO_PROGRAM = "spark-internal"
LAUNCHERS = "/usr/local/bin/kernel-launchers"
# Where the pod of a driver finds the program.
FOLDER = "/opt/imagewright"
ANNOTATION = "imagewright/kernel-program"
VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}|\$(\w+)")
# What only the driver needs to know.
OF_THE_DRIVER = {"KERNEL_ID", "PUBLIC_KEY", "RESPONSE_ADDRESS", "PORT_RANGE", "KERNEL_SPARK_CONTEXT_INIT_MODE"}
# Of the gateway's machine, even where the kernelspec sets them.
OF_THE_SUBMISSION = {"SPARK_OPTS", "LAUNCH_OPTS", "SPARK_HOME", "HADOOP_CONF_DIR", "JAVA_HOME", "PATH", "PYTHONPATH"}


def words(name, within=()):
    """The words of a variable. One that is nothing but another variable is as many words as that."""
    try:
        found = shlex.split(os.environ.get(name, ""))
    except ValueError as error:
        kernel_request.fail(f"`{name}` cannot be divided into words: {error}")
    for word in found:
        whole = VARIABLE.fullmatch(word)
        other = whole and (whole.group(1) or whole.group(3))
        if other and other not in (name, *within) and not whole.group(2):
            yield from words(other, (name, *within))
        else:
            yield filled(word)


def filled(word):
    """A word with the values of variables."""
    return VARIABLE.sub(lambda found: os.environ.get(found.group(1) or found.group(3)) or found.group(2) or "", word)


def language():
    return os.environ.get("KERNEL_LANGUAGE", "python").lower()


def program(cluster):
    """What the driver runs: options of spark-submit, and its last word before those of the program."""
    if language() == "scala":
        folder = os.environ.get("KERNEL_LAUNCHERS_DIR", LAUNCHERS) + "/scala/lib/*"
        paths = [f"spark.{who}.extraClassPath={folder}" for who in ("driver", "executor")]
        return [*TOREE, *confs(paths), NO_PROGRAM]
    name = PROGRAMS.get(language()) or kernel_request.fail(f"Spark has no drivers for `{language()}`: there are Python, R and Scala")
    return [f"local://{FOLDER}/{name}"] if cluster == "kubernetes" else [os.path.join(HERE, name)]


def options_of_launcher(request):
    """What the kernel's launcher is told, in the words of all launchers."""
    given = {
        "kernel-id": request.kernel_id,
        "port-range": request.port_range(),
        "response-address": request.arguments.response_address,
        "public-key": request.arguments.public_key,
        "spark-context-initialization-mode": request.spark_mode(),
    }
    if request.arguments.kernel_class_name:
        given["kernel-class-name"] = request.arguments.kernel_class_name
    options = [word for name, value in given.items() for word in (f"--{name}", value)]
    return options + (["--alternate-sigint", "USR2"] if language() == "scala" else [])


def confs(settings):
    return [word for setting in settings for word in ("--conf", setting)]


def write_templates(request, path):
    """Writes the pod of the driver, and beside it that of workers; options of spark-submit that name them."""
    import launch_kubernetes
    import yaml

    driver, others = launch_kubernetes.objects(request)
    for item in others:
        kernel_request.fail(f"the template of the pod makes a {item['kind']} as well, which spark-submit cannot")
    container = driver["spec"]["containers"][0]
    container["env"] = [entry for entry in container["env"] if entry["name"] not in OF_THE_SUBMISSION]
    # The same without what is for the kernel alone.
    executor = yaml.safe_load(yaml.safe_dump(driver))
    executor["metadata"] = {"labels": {**executor["metadata"]["labels"], "component": "worker"}}
    container = executor["spec"]["containers"][0]
    container["env"] = [entry for entry in container["env"] if entry["name"] not in OF_THE_DRIVER]
    executor["spec"].pop("serviceAccountName", None)
    add_program(driver)
    paths = {"driver": path, "executor": f"{path}.executor"}
    for who, pod in (("driver", driver), ("executor", executor)):
        with open(os.open(paths[who], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            yaml.safe_dump(pod, file)
    settings = [f"spark.kubernetes.{who}.podTemplateFile={path}" for who, path in paths.items()]
    return confs(settings + resources(driver["spec"]["containers"][0]) + image_settings(driver["spec"]))


def add_program(pod):
    """The program comes as an annotation that Kubernetes shows the driver as a file, so the image need not have it."""
    name = PROGRAMS.get(language())
    if name:
        with open(os.path.join(HERE, name), encoding="utf-8") as file:
            pod["metadata"].setdefault("annotations", {})[ANNOTATION] = file.read()
        item = {"path": name, "fieldRef": {"fieldPath": f"metadata.annotations['{ANNOTATION}']"}}
        spec = pod["spec"]
        spec["volumes"] = [*(spec.get("volumes") or []), {"name": "kernel-program", "downwardAPI": {"items": [item]}}]
        container = spec["containers"][0]
        mount = {"name": "kernel-program", "mountPath": FOLDER, "readOnly": True}
        container["volumeMounts"] = [*(container.get("volumeMounts") or []), mount]


def resources(container):
    """Spark counts cores and memory itself, and overrides what templates say of them."""
    asked = container.get("resources") or {}
    settings = []
    for who in ("driver", "executor"):
        for what, key in (("requests", "request"), ("limits", "limit")):
            if (asked.get(what) or {}).get("cpu"):
                settings.append(f"spark.kubernetes.{who}.{key}.cores={asked[what]['cpu']}")
        memory = (asked.get("requests") or {}).get("memory") or (asked.get("limits") or {}).get("memory")
        if memory:
            settings.append(f"spark.{who}.memory={mebibytes(memory)}m")
    return settings


def mebibytes(quantity):
    """A quantity of Kubernetes (`2Gi`, `500M`) as Java's memory is counted."""
    found = re.fullmatch(r"([0-9.]+)([KMGT]i?|[kMGT])?", str(quantity)) or kernel_request.fail(f"`{quantity}` is no amount of memory")
    number, unit = found.group(1), found.group(2) or ""
    power = "KMGT".index(unit[0].upper()) + 1 if unit else 0
    base = 1024 if unit.endswith("i") else 1000
    return max(1, int(float(number) * base**power) // 2**20)


def image_settings(spec):
    """What Spark sets itself and would override."""
    settings = []
    if spec["containers"][0].get("imagePullPolicy"):
        settings.append(f"spark.kubernetes.container.image.pullPolicy={spec['containers'][0]['imagePullPolicy']}")
    if spec.get("imagePullSecrets"):
        settings.append("spark.kubernetes.container.image.pullSecrets=" + ",".join(entry["name"] for entry in spec["imagePullSecrets"]))
    return settings


def variables(cluster, request):
    """Variables of the kernel, where the cluster is told them by settings."""
    if cluster == "kubernetes":
        return []
    kept = {"KERNEL_LANGUAGE", "KERNEL_USERNAME", "KERNEL_LAUNCH_TIMEOUT", *kernel_request.of_kernelspec()} - OF_THE_SUBMISSION
    return [
        f"spark.{where}.{name}={value}"
        for name, value in sorted(request.environment().items())
        if name in kept
        for where in ("yarn.appMasterEnv", "executorEnv")
    ]


def submit(request, cluster, home, folder):
    command = [os.path.join(home, "bin", "spark-submit"), *confs(variables(cluster, request)), *words("SPARK_OPTS")]
    if cluster == "kubernetes":
        import kernel_objects
        import launch_kubernetes

        maker = launch_kubernetes.Maker(request, kernel_objects.connect())
        try:
            maker.bring_pull_secrets()
        except kernel_objects.REFUSALS as error:
            kernel_request.fail(f"the secrets to pull images by cannot be had: {kernel_objects.told(error)}")
        command += write_templates(request, os.path.join(folder, "driver.yaml"))
    elif os.environ.get("EG_IMPERSONATION_ENABLED") == "True" and os.environ.get("KERNEL_USERNAME"):
        command += ["--proxy-user", os.environ["KERNEL_USERNAME"]]
    command += [*program(cluster), *options_of_launcher(request), *words("LAUNCH_OPTS")]
    try:
        # The gateway reads what Conductor answers from standard error.
        process = subprocess.Popen(command)
    except OSError as error:
        kernel_request.fail(f"spark-submit cannot be started: {error}. `SPARK_HOME` in kernel.json is where the gateway has Spark")
    try:
        return process.wait()
    finally:
        process.kill()


def main():
    request = kernel_request.read(("cluster", "the kind of cluster: kubernetes, yarn or conductor"))
    cluster = request.arguments.cluster
    if cluster not in ("kubernetes", "yarn", "conductor"):
        kernel_request.fail("`--cluster` is none of `kubernetes`, `yarn`, `conductor`")
    home = os.environ.get("SPARK_HOME") or kernel_request.fail("`SPARK_HOME` is not set: kernel.json says where the gateway has Spark")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(dir=os.environ.get("EG_POD_TEMPLATE_DIR")) as folder:
        sys.exit(submit(request, cluster, home, folder))


if __name__ == "__main__":
    main()
