"""Objects of Kubernetes for a kernel: what its template beside this file becomes, and the cluster that takes them."""

import json
import os
import re

import kernel_request
import urllib3
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, TemplateNotFound
from kubernetes import client, config
from kubernetes.client.rest import ApiException

# The gateway says the same of itself: a cluster's own certificate often names no address.
urllib3.disable_warnings()

# Variables that are YAML; all others are texts, whatever is in them.
LISTS = {"KERNEL_TOLERATIONS", "KERNEL_VOLUMES", "KERNEL_VOLUME_MOUNTS"}
MAPPINGS = {"KERNEL_NODE_SELECTOR"}
ODD = re.compile("[\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
NAMESPACE_OF_GATEWAY = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"


class Missing(StrictUndefined):
    """A variable that is not there: nothing, where a template asks whether it is, and an error where it wants to have it."""

    def __bool__(self):
        return False


def connect():
    """A client of the cluster that the gateway is in, or of that of its configuration."""
    try:
        if os.environ.get("KUBERNETES_SERVICE_HOST"):
            config.load_incluster_config()
        else:
            config.load_kube_config()
    except (config.ConfigException, OSError) as error:
        kernel_request.fail(f"there is no way to a Kubernetes cluster: {error}")
    return client.ApiClient()


def namespace_of_gateway():
    """Where the gateway itself is; nothing outside a cluster."""
    try:
        with open(NAMESPACE_OF_GATEWAY, encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return None


def render(template, request):
    """The objects that a template describes. It sees each `KERNEL_X` as `kernel_x`."""
    loader = Environment(
        loader=FileSystemLoader(os.path.dirname(os.path.abspath(__file__))),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=Missing,
    )
    loader.filters["yaml_safe"] = yaml_safe
    try:
        text = loader.get_template(template).render(**keywords(request))
        documents = [document for document in yaml.safe_load_all(text) if document]
    except TemplateNotFound:
        kernel_request.fail(f"there is no `{template}` in the scripts of the kernelspec")
    except TemplateError as error:
        kernel_request.fail(f"`{template}` cannot be filled in: {error}")
    except yaml.YAMLError as error:
        kernel_request.fail(f"`{template}` does not become YAML: {error}")
    for document in documents:
        metadata = document.get("metadata") if isinstance(document, dict) else None
        if not isinstance(metadata, dict) or not isinstance(document.get("kind"), str) or not metadata.get("name"):
            kernel_request.fail(f"`{template}` describes something that is no object of Kubernetes")
    return documents


def yaml_safe(value):
    """A value as it stands in YAML: of what people say nothing becomes another key."""
    # JSON is YAML wherever it stands, but for characters that YAML takes for the end of a line or for none at all.
    return ODD.sub(lambda found: f"\\u{ord(found.group()):04x}", json.dumps(value, ensure_ascii=False))


def keywords(request):
    """What templates see."""
    words = {}
    for name, value in variables_of(request).items():
        if name.startswith("KERNEL_"):
            words[name.lower()] = parsed(name, value)
    # Those that the stock templates of Enterprise Gateway know by other names.
    words["eg_port_range"] = words["kernel_port_range"] = request.port_range()
    words["eg_public_key"] = request.arguments.public_key
    words["eg_response_address"] = request.arguments.response_address
    words["spark_context_initialization_mode"] = request.spark_mode()
    words["kernel_image_pull_secrets"] = pull_secrets()
    return words


def parsed(name, value):
    """The value of a variable, as a template sees it."""
    if name not in LISTS | MAPPINGS:
        return value
    try:
        found = yaml.safe_load(value)
    except yaml.YAMLError:
        found = None
    if name in LISTS and isinstance(found, list) and all(isinstance(item, dict) for item in found):
        return found
    if name in MAPPINGS and isinstance(found, dict):
        return {str(key): text(item) for key, item in found.items()}
    kernel_request.fail(f"`{name}` is not YAML of the form {'[{…}, …]' if name in LISTS else '{NAME: VALUE, …}'}")


def text(value):
    """A scalar of YAML as Kubernetes wants the values of labels."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def pull_secrets():
    """The secrets by which images are pulled. Only a kernelspec names them, never a client: they may be copied."""
    names = kernel_request.of_kernelspec().get("KERNEL_IMAGE_PULL_SECRETS", "")
    return [name.strip() for name in names.split(",") if name.strip()]


def variables_of(request):
    """The variables of the kernel's container."""
    variables = request.environment()
    variables["KERNEL_NAME"] = os.path.basename(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return variables


def set_variables(container, variables):
    """Gives a container variables; what its template says of one that is not among them stays."""
    entries = [entry for entry in container.get("env") or [] if entry.get("name") not in variables]
    # Kubernetes puts variables into values where `$(NAME)` stands, and takes one of two `$`.
    entries += [{"name": name, "value": value.replace("$", "$$")} for name, value in sorted(variables.items()) if is_name(name)]
    container["env"] = entries


def is_name(name):
    """Whether Kubernetes takes it as the name of a variable; shells have others (`BASH_FUNC_x%%`)."""
    return name.isascii() and not name[:1].isdigit() and name.replace("_", "a").replace("-", "a").replace(".", "a").isalnum()


def told(error):
    """What the cluster says went wrong, or the package that should have asked it."""
    if not isinstance(error, ApiException):
        return " ".join(str(error).split())
    try:
        return json.loads(error.body)["message"]
    except (KeyError, TypeError, ValueError):
        return f"{error.status} {error.reason}"


# Newer versions of the package look at objects themselves, and refuse some before they ask the cluster.
REFUSALS = (ApiException, ValueError)


def is_there_already(error):
    return error.status == 409


__all__ = ["REFUSALS", "ApiException", "client", "connect", "is_there_already", "namespace_of_gateway", "pull_secrets", "render", "set_variables", "told", "variables_of"]
