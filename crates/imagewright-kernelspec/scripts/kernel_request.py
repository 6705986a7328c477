"""What Enterprise Gateway asks of a script that starts a kernel image: options, and what of its environment is for the kernel."""

import argparse
import json
import os
import sys

# Of the gateway's machine, and wrong in a container; PATH would hide the image's own.
OF_THE_HOST = {
    "HOME",
    "HOSTNAME",
    "JPY_PARENT_PID",
    "LD_LIBRARY_PATH",
    "OLDPWD",
    "PATH",
    "PWD",
    "PYTHONHOME",
    "PYTHONPATH",
    "SHLVL",
    "TMPDIR",
    "USER",
    "VIRTUAL_ENV",
    "_",
}
# How the gateway reaches its Docker Engine or cluster is not for kernels.
OF_THE_RUNTIME = ("DOCKER_", "EG_DOCKER_", "KUBERNETES_", "KUBE")
# Never for kernels, and taken away by the gateway itself.
TOKENS = {"EG_AUTH_TOKEN", "KG_AUTH_TOKEN"}


class KernelRequest:
    """A kernel that is to be started."""

    def __init__(self, arguments):
        self.kernel_id = arguments.kernel_id
        self.arguments = arguments
        self.image = os.environ.get("KERNEL_IMAGE") or fail(
            "there is no image: name one as `image_name` in the process proxy's `config` of kernel.json"
        )
        self.username = os.environ.get("KERNEL_USERNAME", "")
        self.user = os.environ.get("KERNEL_UID", "1000")
        self.group = os.environ.get("KERNEL_GID", "100")
        self.working_dir = os.environ.get("KERNEL_WORKING_DIR") or None

    def environment(self):
        """The variables of the kernel's container."""
        variables = for_the_kernel(dict(os.environ))
        variables["KERNEL_ID"] = self.kernel_id
        variables["RESPONSE_ADDRESS"] = self.arguments.response_address
        variables["PUBLIC_KEY"] = self.arguments.public_key
        variables["PORT_RANGE"] = self.arguments.port_range or "0..0"
        variables["KERNEL_SPARK_CONTEXT_INIT_MODE"] = self.arguments.spark_context_initialization_mode or "none"
        if self.arguments.kernel_class_name:
            variables["KERNEL_CLASS_NAME"] = self.arguments.kernel_class_name
        return variables

    def labels(self):
        """What the gateway finds the kernel by."""
        return {"kernel_id": self.kernel_id, "component": "kernel", "app": "enterprise-gateway"}


def fail(text):
    """Ends the script; the gateway's log has the text."""
    sys.exit(f"error: {text}")


def read(*more):
    """Reads the command line; `more` are options of the script itself, as pairs of a name and what it is."""
    parser = argparse.ArgumentParser()
    names = [
        ("kernel-id", "the id of the kernel"),
        ("port-range", "the ports that the kernel may take, as LOW..HIGH"),
        ("response-address", "where the kernel says how it is reached, as IP:PORT"),
        ("public-key", "what it seals that with"),
        ("spark-context-initialization-mode", "when a session of Spark begins"),
        ("kernel-class-name", "the class of an IPython kernel"),
    ]
    for name, told in names:
        parser.add_argument(f"--{name}", nargs="?", help=told)
        # Older kernelspecs say it like this.
        parser.add_argument(f"--RemoteProcessProxy.{name}", dest=f"older_{name.replace('-', '_')}", nargs="?", help=argparse.SUPPRESS)
    for name, told in more:
        parser.add_argument(f"--{name}", nargs="?", help=told)
    arguments = parser.parse_args()
    for name, _ in names:
        name = name.replace("-", "_")
        setattr(arguments, name, getattr(arguments, name) or getattr(arguments, f"older_{name}"))
    for name in ("kernel_id", "response_address", "public_key"):
        if not getattr(arguments, name):
            fail(f"`--{name.replace('_', '-')}` is not given: `argv` in kernel.json must pass it on")
    return KernelRequest(arguments)


def for_the_kernel(own):
    """What of this process's variables is for the kernel.

    The gateway hands over what the client, the kernelspec and its administrator named. Where a client sends no variables at all, it hands
    over all of its own, with whatever secrets there are: what is not known to be for kernels stays here then.
    """
    gateway = variables_of_parent()
    is_everything = bool(gateway) and all(name in own for name in gateway if name not in TOKENS)
    named = set(of_kernelspec())
    if is_everything:
        for listing in ("EG_INHERITED_ENVS", "EG_ENV_PROCESS_WHITELIST"):
            named.update(name.strip() for name in gateway.get(listing, "").split(","))
    passed = {}
    for name, value in own.items():
        if name in TOKENS or name.startswith(OF_THE_RUNTIME) or (name in OF_THE_HOST and name not in of_kernelspec()):
            continue
        if is_everything and name in gateway and not name.startswith("KERNEL_") and name not in named:
            continue
        passed[name] = value
    return passed


def of_kernelspec():
    """The variables that the kernelspec sets."""
    path = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "kernel.json")
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file).get("env", {})
    except (OSError, ValueError):
        return {}


def variables_of_parent():
    """The variables of the gateway; none where the system does not tell."""
    try:
        with open(f"/proc/{os.getppid()}/environ", "rb") as file:
            entries = file.read().decode(errors="surrogateescape").split("\0")
    except OSError:
        return {}
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)
