# shellcheck shell=bash
# containerd inside a node (node.bash), and pods run by it without images, from the root file system
# of web.bash. All its files are under the node's own /run, so they vanish with the node.

# Starts containerd in the node; fails with its log when it does not answer within 30 s.
containerd_start() {
  node_exec bash -c 'mkdir -p /run/containerd && cat >/run/containerd/config.toml' <<'TOML'
version = 2
root = "/run/containerd/root"
state = "/run/containerd/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "/run/containerd/containerd.sock"
TOML
  node_spawn containerd.log containerd --config /run/containerd/config.toml
  if ! wait_until 30 containerd_answers; then
    node_exec cat /run/containerd.log >&2
    return 1
  fi
}

# True when containerd serves requests.
containerd_answers() {
  NODE_TIMEOUT=5 node_exec ctr version >/dev/null 2>&1
}

# Runs a pod in the background: ctr_pod_start ID COMMAND... Its `ctr` sets the network up with the
# first configuration of the node's /etc/cni/net.d, and tears it down when the command ends.
# Returns when the command runs; fails with the log when it has not started within 30 s.
ctr_pod_start() {
  local id=$1
  shift
  node_spawn "ctr-$id.log" bash -c 'id=$1; shift; rm -f "/run/ctr-$id.ended"
    ctr run --rm --cni --cgroup "/$1/$id" --rootfs /run/rootfs "$id" "${@:2}" || true
    touch "/run/ctr-$id.ended"' bash "$id" "$(basename "$NODE_DIR")" "$@"
  if ! wait_until 30 ctr_pod_is_settled "$id" || ! ctr_pod_runs "$id"; then
    node_exec cat "/run/ctr-$id.log" >&2
    return 1
  fi
}

# True when the pod's command runs or its `ctr` has given up.
ctr_pod_is_settled() {
  ctr_pod_runs "$1" || ctr_has_ended "$1"
}

# True when the `ctr` that ran the pod has ended.
ctr_has_ended() {
  node_exec test -e "/run/ctr-$1.ended"
}

# True when the pod's command runs.
ctr_pod_runs() {
  node_exec ctr task ls 2>/dev/null | grep -q "^$1 .*RUNNING"
}

# Runs a command inside a pod: ctr_pod_exec ID COMMAND... By nsenter, because `ctr task exec` of
# containerd 1.6 now and then loses the output of short commands on a busy machine.
ctr_pod_exec() {
  local pid
  pid=$(node_exec ctr task ls | awk -v id="$1" '$1 == id { print $2 }')
  node_exec nsenter --target "$pid" --mount --net --pid --root --wd=/ "${@:2}"
}

# Ends a pod and waits up to 30 s until `ctr` has torn its network down; fails with the log when that
# takes longer or `ctr` reports anything.
ctr_pod_stop() {
  node_exec ctr task kill --signal KILL "$1"
  if ! wait_until 30 ctr_has_ended "$1" || node_exec test -s "/run/ctr-$1.log"; then
    node_exec cat "/run/ctr-$1.log" >&2
    return 1
  fi
}
