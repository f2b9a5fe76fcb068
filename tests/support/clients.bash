# shellcheck shell=bash
# Container runtimes inside a node (node.bash) that make pods with host ports, from the root file system of web.bash:
# containerd by its CRI, as the kubelet calls it, and Debian's podman. All their files are below the node's own /run.

cri_py=$(dirname "$(realpath "${BASH_SOURCE[0]}")")/cri.py
cri_socket=/run/containerd/containerd.sock

cri_answers() {
  NODE_TIMEOUT=5 node_exec ctr version >/dev/null 2>&1
}

# Starts containerd with the image of a pod that serves the page; fails with its log when it does not answer within 30 s.
cri_start() {
  node_exec bash -c 'mkdir -p /run/containerd && cat >/run/containerd/config.toml' <<TOML
version = 2
root = "/run/containerd/root"
state = "/run/containerd/state"
[grpc]
  address = "$cri_socket"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/web:1"
  disable_apparmor = true
  restrict_oom_score_adj = true
  containerd.snapshotter = "native"
TOML
  node_spawn containerd.log containerd --config /run/containerd/config.toml
  wait_until 30 cri_answers || { node_exec cat /run/containerd.log >&2 && return 1; }
  node_exec /usr/bin/python3 "$cri_py" image /run/rootfs localhost/web:1 /bin/httpd -f -p 80 -h /www |
    node_exec ctr -n k8s.io images import - >/dev/null
}

# Makes a pod that serves the page and prints its ID: cri_run NAME PORTS [ANNOTATION=VALUE...], as cri.py has them.
cri_run() {
  node_exec /usr/bin/python3 "$cri_py" "$cri_socket" run "$1" "/$(basename "$NODE_DIR")" "${@:2}"
}

cri_stop() {
  node_exec /usr/bin/python3 "$cri_py" "$cri_socket" stop "$1"
}

# A call of podman, whose networks are the lists in the node's /etc/cni/net.d.
podman_call() {
  node_exec bash -c 'cat >/run/containers.conf' <<'TOML'
[network]
network_backend = "cni"
cni_plugin_dirs = ["/opt/cni/bin"]
network_config_dir = "/etc/cni/net.d"
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
events_logger = "file"
static_dir = "/run/podman/static"
tmp_dir = "/run/podman/tmp"
volume_path = "/run/podman/volumes"
TOML
  node_exec env CONTAINERS_CONF=/run/containers.conf podman --root /run/podman/root --runroot /run/podman/run "$@"
}

# Makes a container that serves the page: podman_run NAME [option...].
podman_run() {
  podman_call run --detach --name "$1" --cgroup-parent "/$(basename "$NODE_DIR")" "${@:2}" --rootfs /run/rootfs \
    /bin/httpd -f -p 80 -h /www
}
