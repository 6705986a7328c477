"""What a cluster refuses of objects: fields that it does not know, names, values, and what does not fit together."""

import re

from kubernetes import client

MODELS = {
    "pods": client.V1Pod,
    "secrets": client.V1Secret,
    "configmaps": client.V1ConfigMap,
    "services": client.V1Service,
    "namespaces": client.V1Namespace,
    "persistentvolumeclaims": client.V1PersistentVolumeClaim,
    "persistentvolumes": client.V1PersistentVolume,
    "rolebindings": client.V1RoleBinding,
}
LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
PART = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = rf"{PART}(\.{PART})*"
VALUE = r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
KEY = rf"({SUBDOMAIN}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?"
VARIABLE = r"[-._a-zA-Z][-._a-zA-Z0-9]*"
QUANTITY = r"[0-9]+(\.[0-9]+)?(m|k|[KMGTPE]i?)?"


def lost(given, kept, where=""):
    """The first field that a model does not know, or takes for something else."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            # What is null is not there, for a cluster.
            if value is None:
                continue
            if key not in kept:
                return f"{where}.{key}: unknown field"
            found = lost(value, kept[key], f"{where}.{key}")
            if found:
                return found
        return None
    if isinstance(given, list) and isinstance(kept, list):
        pairs = enumerate(zip(given, kept))
        return next((found for at, (one, other) in pairs if (found := lost(one, other, f"{where}[{at}]"))), None)
    # Times are written in other ways.
    return None if given == kept or where.endswith("Timestamp") else f"{where}: {given!r} is taken for {kept!r}"


def of_model(model, item):
    try:
        kept = client.ApiClient().sanitize_for_serialization(model.from_dict(item))
    except ValueError as error:
        return str(error)
    return lost(item, kept)


def of_object(plural, item, namespace):
    return of_model(MODELS[plural], item) or of_metadata(item["metadata"], namespace, plural) or (of_pod(item["spec"]) if plural == "pods" else None)


def of_metadata(metadata, namespace, plural):
    name = metadata.get("name", "")
    pattern = LABEL if plural in ("namespaces", "services") else SUBDOMAIN
    if not re.fullmatch(pattern, name) or len(name) > 253:
        return f"metadata.name: Invalid value: {name!r}"
    if metadata.get("namespace", namespace) != namespace:
        return "the namespace of the provided object does not match the namespace sent on the request"
    for key, value in (metadata.get("labels") or {}).items():
        if not re.fullmatch(KEY, key) or not isinstance(value, str) or not re.fullmatch(VALUE, value):
            return f"metadata.labels: Invalid value: {key}={value!r}"
    for key, value in (metadata.get("annotations") or {}).items():
        if not re.fullmatch(KEY, key) or not isinstance(value, str):
            return f"metadata.annotations: Invalid value: {key}"
    for owner in metadata.get("ownerReferences") or []:
        if owner["kind"][:1].islower():
            return f"metadata.ownerReferences: there is no kind {owner['kind']!r}"
    return None


def of_pod(spec):
    volumes = {volume["name"] for volume in spec.get("volumes") or []}
    if len(volumes) < len(spec.get("volumes") or []):
        return "spec.volumes: Duplicate value"
    for volume in spec.get("volumes") or []:
        if not re.fullmatch(LABEL, volume["name"]) or len(volume) != 2:
            return f"spec.volumes: {volume}: must have a name and one source"
    if spec.get("restartPolicy", "Always") not in ("Always", "Never", "OnFailure"):
        return "spec.restartPolicy: Unsupported value"
    security = spec.get("securityContext") or {}
    if security.get("runAsNonRoot") and security.get("runAsUser") == 0:
        return "container has runAsNonRoot and image will run as root"
    for container in [*(spec.get("initContainers") or []), *spec["containers"]]:
        found = of_container(container, volumes)
        if found:
            return found
    return None


def of_container(container, volumes):
    if not re.fullmatch(LABEL, container.get("name", "")):
        return f"spec.containers.name: Invalid value: {container.get('name')!r}"
    if not container.get("image") or container["image"] != container["image"].strip():
        return "spec.containers.image: Required value"
    if container.get("imagePullPolicy", "Always") not in ("Always", "Never", "IfNotPresent"):
        return "spec.containers.imagePullPolicy: Unsupported value"
    names = [entry["name"] for entry in container.get("env") or []]
    for name in names:
        if not re.fullmatch(VARIABLE, name) or names.count(name) > 1:
            return f"spec.containers.env: Invalid value: {name!r}"
    for mount in container.get("volumeMounts") or []:
        if mount["name"] not in volumes:
            return f"spec.containers.volumeMounts: Not found: {mount['name']!r}"
    return of_resources(container.get("resources") or {})


def of_resources(resources):
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    for name, quantity in [*requests.items(), *limits.items()]:
        if not re.fullmatch(QUANTITY, quantity):
            return f"spec.containers.resources: quantities must match: {name}: {quantity!r}"
        if "/" in name and requests.get(name, limits.get(name)) != limits.get(name):
            return f"spec.containers.resources.limits: Required value: Limit must be set for non overcommitable resources: {name}"
    return None


def of_document(item):
    """A document of a manifest, of whatever kind."""
    found = of_model(getattr(client, f"V1{item['kind']}"), item)
    namespace = item["metadata"].get("namespace")
    found = found or of_metadata(item["metadata"], namespace, "namespaces" if item["kind"] == "Namespace" else "")
    template = item.get("spec", {}).get("template")
    if found or not template:
        return found
    wanted = item["spec"]["selector"]["matchLabels"]
    if not wanted.items() <= template["metadata"]["labels"].items():
        return "`selector` does not match template `labels`"
    return of_metadata({"name": "x", **template["metadata"]}, None, "") or of_pod(template["spec"])


def of_resource(item, known, namespace):
    """A custom resource, against the part of its definition that `cluster.json` holds."""
    if item.get("apiVersion") != f"{known['group']}/{known['version']}" or item.get("kind") != known["kind"]:
        return "apiVersion, kind: not what the resource is"
    return of_metadata(item["metadata"], namespace, "") or of_schema(item["spec"], known["spec"], "spec")


def of_schema(value, schema, where):
    """`schema`: an example of the value with all its fields; `*` in place of names means any."""
    if isinstance(schema, dict):
        if not isinstance(value, dict):
            return f"{where}: must be an object"
        for key, inner in value.items():
            if key not in schema and "*" not in schema:
                return f"{where}.{key}: unknown field"
            found = of_schema(inner, schema.get(key, schema.get("*")), f"{where}.{key}")
            if found:
                return found
        return None
    if isinstance(schema, list):
        if not isinstance(value, list):
            return f"{where}: must be a list"
        return next((found for at, inner in enumerate(value) if (found := of_schema(inner, schema[0], f"{where}[{at}]"))), None)
    if isinstance(schema, str) and schema.startswith("V1"):
        return of_model(getattr(client, schema), value)
    return None if isinstance(value, type(schema)) else f"{where}: must be {type(schema).__name__}, is {value!r}"
