#!/usr/bin/env python3
"""An API server of Kubernetes, as far as flannel needs one: Nodes and Pods with resource versions, lists, watches,
bookmarks, strategic merge patches, tokens, client certificates, refusals. What it is to do wrong, and what other
clients do, comes over a control path. HTTP/1.1 and Go's bytes: compact JSON, no final newline.

kube-api.py [--listen ADDRESS:PORT] [--control ADDRESS:PORT] [--state FILE] [--tls CERT KEY [--client-ca CA]]
            [--token TOKEN]

With --state the objects outlive the server, but not the history of their changes. POST /control {"order": …} answers with what control() says. GET /log: the requests so far, one per line.
"""
import argparse
import copy
import gzip
import http.server
import json
import os
import socket
import ssl
import threading
import time
import urllib.parse
import uuid

PARTIAL = "as=PartialObjectMetadata"
PREFIX = "flannel.alpha.coreos.com/"
# What kubectl asks before it reads Nodes.
DISCOVERY = {"/api": {"kind": "APIVersions", "versions": ["v1"]}, "/apis": {"kind": "APIGroupList", "groups": []},
             "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [
                 {"name": "nodes", "kind": "Node", "namespaced": False, "verbs": ["get", "list"]}]}}


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def dump(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def metadata_only(node):
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": node["metadata"]}


def merge(target, patch):
    """A strategic merge patch: null removes, conditions are merged by their type."""
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif key in ("conditions", "addresses") and isinstance(value, list):
            items = target.setdefault(key, [])
            for one in value:
                old = next((item for item in items if item["type"] == one["type"]), None)
                if old is None:
                    items.append(one)
                else:
                    old.update(one)
        elif isinstance(value, dict):
            merge(target.setdefault(key, {}), value)
        else:
            target[key] = value


class Cluster:
    """The objects, and their history."""

    def __init__(self, state):
        self.lock = threading.Condition()
        self.state = state
        self.nodes, self.pods, self.events = {}, {}, []
        self.version, self.oldest = 100, 100
        self.log, self.patches = [], []
        self.orders = {}  # what goes wrong; see Handler
        self.generation = 0  # watches of an earlier one end
        self.lists = {}  # answers to lists of the present version
        if state and os.path.exists(state):
            with open(state, encoding="utf-8") as file:
                self.version, self.nodes, self.pods = json.load(file)
            self.oldest = self.version

    def save(self):
        if not self.state:
            return
        with open(self.state + ".new", "w", encoding="utf-8") as file:
            json.dump([self.version, self.nodes, self.pods], file)
        os.replace(self.state + ".new", self.state)

    def tick(self):
        self.version += 1
        return str(self.version)

    def emit(self, kind, node):
        self.events.append((self.version, kind, copy.deepcopy(node)))
        self.save()
        self.lock.notify_all()

    def add_node(self, name, cidrs=(), address=None, annotations=None, padding=0):
        node = {"kind": "Node", "apiVersion": "v1",
                "metadata": {"name": name, "uid": str(uuid.uuid4()), "resourceVersion": self.tick(),
                             "creationTimestamp": now(), "labels": {"kubernetes.io/hostname": name},
                             "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true",
                                             **(annotations or {})}},
                "spec": {}, "status": {"addresses": [], "conditions": [
                    {"type": "NetworkUnavailable", "status": "True", "reason": "NoRouteCreated"},
                    {"type": "Ready", "status": "False", "reason": "KubeletNotReady"}]}}
        if cidrs:
            node["spec"] = {"podCIDR": cidrs[0], "podCIDRs": list(cidrs)}
        for one in address.split(",") if address else []:
            node["status"]["addresses"].append({"type": "InternalIP", "address": one})
        if padding:
            node["status"]["images"] = [{"names": [f"registry.example/{uuid.uuid4().hex}{{[\"image\\{i}"],
                                         "sizeBytes": i} for i in range(padding // 100)]
            node["metadata"]["managedFields"] = [{"manager": "kubelet", "fieldsV1": {f"f:field{i}": {} for i in range(130)}}]
        self.nodes[name] = node
        self.emit("ADDED", node)
        return node

    def change(self, name, patch):
        node = copy.deepcopy(self.nodes[name])
        merge(node, patch)
        if node == self.nodes[name]:
            return node
        node["metadata"]["resourceVersion"] = self.tick()
        self.nodes[name] = node
        self.emit("MODIFIED", node)
        return node

    def delete(self, name):
        node = self.nodes.pop(name)
        node["metadata"]["resourceVersion"] = self.tick()
        self.emit("DELETED", node)

    def beat(self, rate, seconds):
        """What kubelets do, evenly spread."""
        begin, names = time.monotonic(), list(self.nodes)
        for i in range(rate * seconds):
            time.sleep(max(0, begin + i / rate - time.monotonic()))
            with self.lock:
                self.change(names[i % len(names)], {"status": {"conditions": [
                    {"type": "Ready", "status": "True", "lastHeartbeatTime": f"{time.time()}"}]}})

    def control(self, order):
        """What other clients and fate do. Called with the lock held."""
        what = order.pop("order")
        if what == "node":  # one of that name is deleted first
            if order["name"] in self.nodes:
                self.delete(order["name"])
            self.add_node(**order)
        elif what == "fill":  # peers, each a Node of that many bytes
            for i in range(order["count"]):
                ip, data = f"172.16.{i // 250}.{i % 250 + 1}", f'{{"VNI":1,"VtepMAC":"02:00:00:00:{i >> 8:02x}:{i & 255:02x}"}}'
                self.add_node(f"peer{i}", [f"10.{i // 256 + 128}.{i % 256}.0/24"], ip, {
                    PREFIX + "kube-subnet-manager": "true", PREFIX + "backend-type": "vxlan",
                    PREFIX + "public-ip": ip, PREFIX + "backend-data": data}, order["bytes"])
        elif what == "heartbeats":
            threading.Thread(target=self.beat, args=(order["rate"], order["seconds"]), daemon=True).start()
        elif what == "patch":
            self.change(order["name"], order["patch"])
        elif what == "delete":
            self.delete(order["name"])
        elif what == "pod":
            self.pods[order["name"]] = order["node"]
            self.save()
        elif what == "get":
            return self.nodes.get(order["name"])
        elif what == "nodes":
            return list(self.nodes.values())
        elif what == "patches":
            return self.patches
        elif what == "forget":  # the history: watches from before are answered with 410
            self.tick()
            self.oldest, self.events = self.version, []
        elif what == "end_watches":
            self.generation += 1
            self.lock.notify_all()
        elif what == "replace":  # another server, or this one restored from an old copy
            self.version, self.oldest, self.events = 7, 7, []
            for node in self.nodes.values():
                node["metadata"]["resourceVersion"] = self.tick()
            self.oldest = self.version
            self.generation += 1
            self.lock.notify_all()
        elif what == "bookmark":
            self.events.append((self.version, "BOOKMARK", None))
            self.lock.notify_all()
        elif what == "wrong":
            self.orders = order
            self.lock.notify_all()
        return {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cluster, options = None, None

    def log_message(self, *_):
        pass

    def date_time_string(self, timestamp=None):
        return super().date_time_string((timestamp or time.time()) + self.cluster.orders.get("skew", 0))

    def reply(self, status, value, zipped=None, headers=()):
        body = value if isinstance(value, bytes) else dump(value)
        self.send_response(status)
        for name, text in headers:
            self.send_header(name, text)
        if zipped and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = zipped
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", "application/json")
        cut = self.cluster.orders.get("cut")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.close_connection = True

    def refuse(self, status, reason, message, headers=()):
        self.reply(status, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                            "message": message, "reason": reason, "code": status}, None, headers)

    def admits(self, verb):
        """Tokens, refusals and delays."""
        orders = self.cluster.orders
        time.sleep(orders.get("slow", 0))
        token = self.cluster.orders.get("token", self.options.token)
        if token and self.headers.get("Authorization") != f"Bearer {token}":
            self.refuse(401, "Unauthorized", "Unauthorized")
        elif verb in orders.get("forbid", []):
            self.refuse(403, "Forbidden", f'nodes is forbidden: User "system:serviceaccount:kube-flannel:flannel" '
                                          f'cannot {verb} resource "nodes" in API group "" at the cluster scope')
        elif "status" in orders and verb in orders.get("verbs", [verb]):
            self.refuse(orders["status"], "TooManyRequests", "try again later",
                        [("Retry-After", str(orders["retry_after"]))] if "retry_after" in orders else [])
        elif "rubbish" in orders and verb in orders.get("verbs", [verb]):
            self.reply(200, orders["rubbish"].encode())
        else:
            return True
        return False

    def note(self, verb):
        with self.cluster.lock:
            self.cluster.log.append(f"{verb} {self.path} [{self.headers.get('User-Agent', '')}]")

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/log":
            return self.reply(200, "\n".join(self.cluster.log).encode())
        if url.path in DISCOVERY:
            return self.reply(200, DISCOVERY[url.path])
        parts = url.path.strip("/").split("/")
        verb = "get" if len(parts) > 3 else "watch" if query.get("watch") == "true" else "list"
        self.note(verb)
        if not self.admits(verb):
            return None
        if verb == "watch":
            return self.watch(query)
        if verb == "list":
            return self.list(query)
        with self.cluster.lock:
            found = self.cluster.nodes.get(parts[3]) if parts[2] == "nodes" else None
            pod = self.cluster.pods.get(parts[5]) if parts[2] == "namespaces" else None
        if pod:
            return self.reply(200, {"kind": "Pod", "metadata": {"name": parts[5]}, "spec": {"nodeName": pod}})
        if not found:
            return self.refuse(404, "NotFound", f'{parts[2]} "{parts[-1]}" not found')
        return self.reply(200, metadata_only(found) if PARTIAL in self.headers.get("Accept", "") else found)

    def list(self, query):
        with self.cluster.lock:
            version, nodes = self.cluster.version, sorted(self.cluster.nodes.items())
        wanted = query.get("resourceVersion", "")
        if wanted.isdigit() and int(wanted) > version:
            return self.refuse(504, "Timeout", f"Too large resource version: {wanted}, current: {version}")
        head = {"resourceVersion": str(version)}
        limit = int(query.get("limit", 0)) if not wanted else 0
        first = int(query.get("continue", 0))
        nodes = nodes[first:]
        if limit and len(nodes) > limit:
            head["continue"] = str(first + limit)
            nodes = nodes[:limit]
        partial = PARTIAL in self.headers.get("Accept", "")
        key = (version, first, limit, partial)
        if key not in self.cluster.lists:
            items = [metadata_only(node) if partial else {k: node[k] for k in ("metadata", "spec", "status")}
                     for _, node in nodes]
            body = dump({"kind": "NodeList", "apiVersion": "v1", "metadata": head, "items": items})
            self.cluster.lists = {key: (body, gzip.compress(body, 4))}
        return self.reply(200, *self.cluster.lists[key])

    def line(self, value):
        body = value if isinstance(value, bytes) else dump(value) + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
        self.wfile.flush()

    def watch(self, query):
        cluster, orders = self.cluster, self.cluster.orders
        partial = PARTIAL in self.headers.get("Accept", "")
        if partial and orders.get("whole_only") and "application/json" not in self.headers["Accept"].split(","):
            return self.refuse(406, "NotAcceptable", "only application/json")
        partial = partial and not orders.get("whole_only")
        seen = int(query.get("resourceVersion", 0))
        end = time.monotonic() + min(int(query.get("timeoutSeconds", 300)), orders.get("window", 3600))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        with cluster.lock:
            generation, at = cluster.generation, 0
            if seen < cluster.oldest:
                self.line({"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1", "status": "Failure",
                           "message": f"too old resource version: {seen} ({cluster.oldest})",
                           "reason": "Expired", "code": 410}})
        while time.monotonic() < end and seen >= cluster.oldest and generation == cluster.generation:
            with cluster.lock:
                at = min(at, len(cluster.events))
                if at == len(cluster.events):
                    cluster.lock.wait(min(1, max(0, end - time.monotonic())))
                events, at = cluster.events[at:], len(cluster.events)
            for version, kind, node in events:
                if version <= seen and kind != "BOOKMARK":
                    continue
                thing = {"kind": "Node", "metadata": {"resourceVersion": str(version)}} if node is None else \
                    metadata_only(node) if partial else node
                body = dump({"type": kind, "object": thing}) + b"\n"
                garble = cluster.orders.get("garble")
                self.line(body if not garble else garble.encode() + b"\n")
                if "cut_event" in cluster.orders:
                    self.line(body[:cluster.orders.pop("cut_event")])
                    self.close_connection = True
                    return self.connection.close()
        self.wfile.write(b"0\r\n\r\n")
        return None

    def do_PATCH(self):
        self.note("patch")
        body = self.rfile.read(int(self.headers["Content-Length"]))
        name = self.path.split("/")[4]
        if not self.admits("patch"):
            return None
        with self.cluster.lock:
            if name not in self.cluster.nodes:
                return self.refuse(404, "NotFound", f'nodes "{name}" not found')
            self.cluster.patches.append({"name": name, "body": body.decode(),
                                         "type": self.headers["Content-Type"]})
            node = self.cluster.change(name, json.loads(body))
        return self.reply(200, metadata_only(node) if PARTIAL in self.headers.get("Accept", "") else node)

    def do_POST(self):
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.cluster.lock:
            answer = self.cluster.control(order)
        return self.reply(200, answer)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass


class Server6(Server):
    address_family = socket.AF_INET6


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", default="127.0.0.1:6443")
    parser.add_argument("--control", help="a second address, always without TLS and tokens")
    parser.add_argument("--state")
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--client-ca")
    parser.add_argument("--token")
    Handler.options = parser.parse_args()
    Handler.cluster = Cluster(Handler.options.state)
    servers = []
    for place in filter(None, (Handler.options.listen, Handler.options.control)):
        host, port = place.rsplit(":", 1)
        server = (Server6 if "[" in host else Server)((host.strip("[]"), int(port)), Handler)
        servers.append(server)
    if Handler.options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*Handler.options.tls)
        if Handler.options.client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(Handler.options.client_ca)
        servers[0].socket = context.wrap_socket(servers[0].socket, server_side=True)
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()


main()
