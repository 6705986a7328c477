"""A stand-in for the API of a Kubernetes cluster, over HTTPS, for what Enterprise Gateway and its scripts ask of one.

    api.py FOLDER     FOLDER/cluster.json says what there is; FOLDER/port gets the port, FOLDER/calls.jsonl what was asked

It takes what a real one would take: objects are held against the models of the `kubernetes` package, and whoever asks against the roles that
`cluster.json` gives the token. Pods are run by `pods.py`, as processes in process namespaces of their own.
"""

import json
import os
import re
import signal
import ssl
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import certificate
import checks
from pods import Runner

NAMESPACED = {"pods": "Pod", "secrets": "Secret", "configmaps": "ConfigMap", "services": "Service", "persistentvolumeclaims": "PersistentVolumeClaim"}
OTHER = {"namespaces": "Namespace", "persistentvolumes": "PersistentVolume"}
ROLES = {"rolebindings": "RoleBinding"}


class Refusal(Exception):
    def __init__(self, code, reason, message):
        super().__init__(message)
        self.body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message}
        self.code = code


class Cluster:
    def __init__(self, folder):
        self.folder = folder
        with open(os.path.join(folder, "cluster.json"), encoding="utf-8") as file:
            self.settings = json.load(file)
        self.lock = threading.RLock()
        self.objects = {}
        for item in self.settings["objects"]:
            plural = next(plural for plural, kind in {**NAMESPACED, **OTHER}.items() if kind == item["kind"])
            self.objects[plural, item["metadata"].get("namespace"), item["metadata"]["name"]] = item
        self.log = open(os.path.join(folder, "calls.jsonl"), "a", buffering=1, encoding="utf-8")
        self.runner = Runner(self)

    def read(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            return file.read()

    def note(self, **what):
        with self.lock:
            self.log.write(json.dumps(what) + "\n")

    def create(self, plural, namespace, item):
        name = item.get("metadata", {}).get("name")
        known = self.settings["resources"].get(plural)
        problem = checks.of_resource(item, known, namespace) if known else checks.of_object(plural, item, namespace)
        if problem:
            raise Refusal(422, "Invalid", f"{item.get('kind')} \"{name}\" is invalid: {problem}")
        with self.lock:
            if namespace and ("namespaces", None, namespace) not in self.objects:
                raise Refusal(404, "NotFound", f'namespaces "{namespace}" not found')
            there = self.objects.get((plural, namespace, name))
            if there:
                going = "object is being deleted: " if there["metadata"].get("deletionTimestamp") else ""
                raise Refusal(409, "AlreadyExists", f'{going}{plural} "{name}" already exists')
            item["metadata"] |= {"uid": str(uuid.uuid4()), "creationTimestamp": now(), "resourceVersion": "1"}
            if namespace:
                item["metadata"]["namespace"] = namespace
            self.objects[plural, namespace, name] = item
        if plural == "pods":
            item["status"] = {"phase": "Pending"}
            self.runner.start(item)
        if known:
            self.runner.operate(item)
        return item

    def get(self, plural, namespace, name):
        with self.lock:
            found = self.objects.get((plural, namespace, name))
        if not found:
            raise Refusal(404, "NotFound", f'{plural} "{name}" not found')
        return found

    def list(self, plural, namespace, selector):
        with self.lock:
            found = [item for (kind, where, _), item in self.objects.items() if kind == plural and namespace in (None, where)]
        return [item for item in found if selected(item["metadata"].get("labels") or {}, selector)]

    def apply(self, plural, namespace, name, item):
        """What is there already becomes what is said of it."""
        with self.lock:
            there = self.objects.get((plural, namespace, name))
            if there:
                there.update({key: value for key, value in item.items() if key not in ("metadata", "status")})
                there["metadata"].update(item["metadata"])
                return there
        return self.create(plural, namespace, item)

    def delete(self, plural, namespace, name):
        item = self.get(plural, namespace, name)
        with self.lock:
            if not item["metadata"].get("deletionTimestamp"):
                item["metadata"]["deletionTimestamp"] = now()
                if plural == "namespaces":
                    item["status"] = {"phase": "Terminating"}
                threading.Thread(target=self.remove, args=(plural, namespace, name)).start()
        return item

    def remove(self, plural, namespace, name):
        """What is deleted stays for a moment, as it does in clusters; what belongs to it goes after it."""
        with self.lock:
            item = self.objects.get((plural, namespace, name))
        if plural == "pods":
            self.runner.end(item)
        time.sleep(0.5)
        with self.lock:
            self.objects.pop((plural, namespace, name), None)
            uid = item["metadata"]["uid"] if item else None
            owned = [key for key, other in self.objects.items() if any(owner["uid"] == uid for owner in other["metadata"].get("ownerReferences", []))]
            if plural == "namespaces":
                owned = [key for key in self.objects if key[1] == name]
        for key in owned:
            self.delete(*key)

    def allow(self, token, verb, group, resource, namespace, name):
        who = self.account(token, namespace)
        granted = self.is_allowed(who, verb, group, resource, namespace, name)
        self.note(who=who, verb=verb, group=group, resource=resource, granted=granted)
        if not granted:
            raise Refusal(403, "Forbidden", f'{resource} is forbidden: User "{who}" cannot {verb} resource "{resource}" in API group "{group}"')
        return who

    def account(self, token, namespace):
        """Whose token it is. Kernels have the rights that the gateway bound to them in their namespace, and none elsewhere."""
        who = self.settings["tokens"].get(token)
        if who:
            return who
        if not token.startswith("token-of-kernel-"):
            raise Refusal(401, "Unauthorized", "Unauthorized")
        home = token.removeprefix("token-of-kernel-")
        with self.lock:
            bindings = [item for (plural, where, _), item in self.objects.items() if plural == "rolebindings" and where == home]
        account = {"kind": "ServiceAccount", "name": "default", "namespace": home}
        bound = any(account.items() <= subject.items() for item in bindings for subject in item["subjects"])
        return "kernel" if bound and home == namespace else "nobody"

    def is_allowed(self, who, verb, group, resource, namespace, name):
        return any(
            group in rule["apiGroups"]
            and resource in rule["resources"]
            and verb in rule["verbs"]
            and rule.get("namespace", namespace) == namespace
            and name in rule.get("resourceNames", [name])
            for rule in self.settings["rules"].get(who, [])
        )


def selected(labels, selector):
    """Whether labels are among those that a selector means."""
    for part in re.split(r",(?![^(]*\))", selector):
        if found := re.fullmatch(r"([^ !=]+) in \((.*)\)", part):
            if labels.get(found.group(1)) not in [value.strip() for value in found.group(2).split(",")]:
                return False
        elif "!=" in part:
            key, value = part.split("!=")
            if labels.get(key) == value:
                return False
        elif part.startswith("!"):
            if part[1:] in labels:
                return False
        elif part:
            key, value = part.replace("==", "=").split("=")
            if labels.get(key) != value:
                return False
    return True


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cluster = None

    def log_message(self, *_):
        pass

    def place(self):
        """Group, resource, namespace and name of a path."""
        path, _, query = self.path.partition("?")
        words = path.strip("/").split("/")
        if words[0] == "api" and words[1] == "v1":
            group, words = "", words[2:]
        elif words[0] == "apis":
            group, words = words[1], words[3:]
        else:
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        namespace = None
        if words[0] == "namespaces" and len(words) > 2:
            namespace, words = words[1], words[2:]
        known = {**NAMESPACED, **OTHER} if group == "" else ROLES if group == "rbac.authorization.k8s.io" else self.cluster.settings["resources"]
        if words[0] not in known or (known is self.cluster.settings["resources"] and known[words[0]]["group"] != group):
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        return group, words[0], namespace, words[1] if len(words) > 1 else None, query

    def answer(self, code, body):
        text = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def serve(self):
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        try:
            body = json.loads(body) if body else None
            group, plural, namespace, name, query = self.place()
            query = {key: values[0] for key, values in parse_qs(query).items()}
            token = self.headers.get("Authorization", "").partition(" ")[2]
            watches = query.get("watch") == "true"
            one = {"POST": "create", "DELETE": "delete", "GET": "get", "PATCH": "patch", "PUT": "update"}[self.command]
            verb = one if name or one == "create" else {"get": "watch" if watches else "list", "delete": "deletecollection"}[one]
            who = self.cluster.allow(token, verb, group, plural, namespace, name)
            # Nobody gives others more than one has, or may give.
            if plural == "rolebindings" and verb == "create" and not self.cluster.is_allowed(
                who, "bind", group, "clusterroles", None, body["roleRef"]["name"]
            ):
                raise Refusal(403, "Forbidden", f'rolebindings is forbidden: user "{who}" is attempting to grant RBAC permissions not currently held')
            if verb == "watch":
                return self.watch(plural, namespace, query)
            self.answer(200 if verb != "create" else 201, self.act(verb, plural, namespace, name, query, body))
        except Refusal as refusal:
            self.answer(refusal.code, refusal.body)

    def act(self, verb, plural, namespace, name, query, body):
        cluster, selector = self.cluster, query.get("labelSelector", "")
        if verb in ("create", "patch", "update"):
            made = cluster.create(plural, namespace, body) if verb == "create" else cluster.apply(plural, namespace, name, body)
            cluster.note(made=made)
            return made
        if verb == "delete":
            return cluster.delete(plural, namespace, name)
        if verb == "get":
            return cluster.get(plural, namespace, name)
        items = cluster.list(plural, namespace, selector)
        if verb == "deletecollection":
            for item in items:
                cluster.delete(plural, namespace, item["metadata"]["name"])
        kind = {**NAMESPACED, **OTHER}.get(plural, "")
        return {"kind": f"{kind}List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}

    def watch(self, plural, namespace, query):
        """Tells what changes, until nobody listens."""
        if self.headers.get("Upgrade"):
            # Whoever asks for a web socket asks again without.
            raise Refusal(503, "ServiceUnavailable", "there are no web sockets")
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        known = {}
        try:
            while True:
                found = {item["metadata"]["uid"]: json.dumps(item) for item in self.cluster.list(plural, namespace, query.get("labelSelector", ""))}
                changes = [("MODIFIED" if uid in known else "ADDED", text) for uid, text in found.items() if known.get(uid) != text]
                changes += [("DELETED", text) for uid, text in known.items() if uid not in found]
                for kind, text in changes:
                    line = f'{{"type": "{kind}", "object": {text}}}\n'.encode()
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                known = found
                time.sleep(0.1)
        except OSError:
            self.close_connection = True

    do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = serve


def main(folder):
    certificate.make(folder)
    Handler.cluster = cluster = Cluster(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, "certificate.pem"), os.path.join(folder, "key.pem"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    cluster.port = server.server_address[1]
    with open(os.path.join(folder, "port.new"), "w", encoding="utf-8") as file:
        file.write(str(cluster.port))
    os.rename(os.path.join(folder, "port.new"), os.path.join(folder, "port"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        server.serve_forever()
    finally:
        cluster.runner.end_all()


if __name__ == "__main__":
    main(sys.argv[1])
