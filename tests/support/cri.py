"""Pods as the kubelet makes them: calls of a container runtime's CRI, and an image for it out of a directory.

cri.py image DIRECTORY NAME COMMAND...           writes an image of the directory as an archive to stdout
cri.py SOCKET run NAME CGROUP PORTS [KEY=VALUE]  makes a pod, prints its ID; PORTS is "8080:80/tcp ..." or empty,
                                                 the rest are annotations
cri.py SOCKET stop ID                            ends it and removes it
"""

import hashlib
import io
import json
import sys
import tarfile


def varint(number):
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number, value):
    """One field of a protobuf message: a number, a text or a message that is encoded already."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def first_text(message):
    """The value of the first field, a text shorter than 128 bytes."""
    return message[2 : 2 + message[1]].decode()


def port_mapping(text):
    ports, protocol = text.split("/")
    host, container = ports.split(":")
    numbers = {"tcp": 0, "udp": 1, "sctp": 2}
    return field(1, numbers[protocol]) + field(2, int(container)) + field(3, int(host))


def sandbox_config(name, cgroup, ports, annotations):
    config = field(1, field(1, name) + field(2, name) + field(3, "default")) + field(2, name)
    for text in ports.split():
        config += field(5, port_mapping(text))
    for key, value in (one.split("=") for one in annotations):
        config += field(7, field(1, key) + field(2, value))
    return config + field(8, field(1, cgroup))


def call(socket, method, request):
    import grpc

    with grpc.insecure_channel(f"unix://{socket}") as channel:
        same = lambda message: message
        stub = channel.unary_unary(f"/runtime.v1.RuntimeService/{method}", same, same)
        try:
            return stub(request, timeout=25)
        except grpc.RpcError as error:
            sys.exit(f"{method}: {error.details()}")


def image(directory, name, command):
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add(directory, arcname=".")
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": command},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer.getvalue()).hexdigest()]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    parts = {"config.json": json.dumps(config).encode(), "layer.tar": layer.getvalue(), "manifest.json": json.dumps(manifest).encode()}
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
        for path, data in parts.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


if sys.argv[1] == "image":
    image(sys.argv[2], sys.argv[3], sys.argv[4:])
elif sys.argv[2] == "run":
    name, cgroup, ports = sys.argv[3:6]
    print(first_text(call(sys.argv[1], "RunPodSandbox", field(1, sandbox_config(name, cgroup, ports, sys.argv[6:])))))
else:
    for method in ("StopPodSandbox", "RemovePodSandbox"):
        call(sys.argv[1], method, field(1, sys.argv[3]))
