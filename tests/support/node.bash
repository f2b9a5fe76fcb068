# shellcheck shell=bash
# A node: new net, mount and pid namespaces of which the machine sees nothing. /run, /var/lib/cni,
# /etc/cni and /opt/cni are empty and its own. One process holds it; when that one or the shell that
# made it ends, however that is, all processes, links, rules, mounts and cgroups of the node go too. Of the
# machine's files it can write only those below TMPDIR [/tmp], where its own directory is.
# Needs root, util-linux, iproute2. Timeouts are in seconds.

node_support=$(dirname "$(realpath "${BASH_SOURCE[0]}")")

# Makes a node and sets NODE_DIR (a temporary directory seen on both sides) and NODE_PID.
# Fails when the node is not ready within 20 s. One node per shell at a time.
node_start() {
  NODE_DIR=$(realpath "$(mktemp -d "${TMPDIR:-/tmp}/node.XXXXXX")")
  setpriv --pdeathsig KILL \
    unshare --mount --net --pid --fork --kill-child=TERM --propagation unchanged \
    setsid "$BASH" "$node_support/node-init.bash" outside "$NODE_DIR" </dev/null >"$NODE_DIR/log" 2>&1 3>&- &
  NODE_UNSHARE=$!
  if ! wait_until 20 node_is_settled || [[ ! -e $NODE_DIR/ready ]]; then
    cat "$NODE_DIR/log" >&2
    node_stop
    return 1
  fi
  NODE_PID=$(<"$NODE_DIR/pid")
}

# True when the node's holding process has ended.
node_is_gone() {
  ! kill -0 "$NODE_UNSHARE" 2>/dev/null
}

# True when the node is ready or has failed.
node_is_settled() {
  [[ -e $NODE_DIR/ready ]] || node_is_gone
}

# Ends the node and everything in it; does nothing when there is none.
node_stop() {
  [[ -n ${NODE_DIR-} ]] || return 0
  local pid=$NODE_UNSHARE
  if [[ -s $NODE_DIR/pid ]]; then pid=$(<"$NODE_DIR/pid"); fi
  kill -TERM "$pid" 2>/dev/null || true
  wait_until 15 node_is_gone || kill -KILL "$pid" 2>/dev/null || true
  wait "$NODE_UNSHARE" 2>/dev/null || true
  rm -rf --one-file-system "$NODE_DIR"
  unset NODE_DIR NODE_PID NODE_UNSHARE
}

# Runs a command in the node, for at most NODE_TIMEOUT (30) seconds, as patience has them; then status 124.
node_exec() {
  timeout --kill-after 2 "$((${NODE_TIMEOUT:-30} * ${PATIENCE:-1}))" \
    nsenter --target "$NODE_PID" --mount --net --pid --root --wd=/ "$@"
}

# Starts a command in the node that outlives the call, its output going to /run/LOG there.
# Usage: node_spawn LOG COMMAND...
node_spawn() {
  local log=$1
  shift
  node_exec bash -c 'log=/run/$1; shift; exec setsid --fork "$@" </dev/null >"$log" 2>&1 3>&-' bash "$log" "$@"
}

# Makes the namespace of a pod; its path in the node is /run/netns/NAME.
pod_add() {
  node_exec ip netns add "$1"
  pod_exec "$1" ip link set lo up
}

# Removes the namespace of a pod, harmless when gone.
pod_del() {
  node_exec ip netns del "$1" 2>/dev/null || true
}

# Runs a command in a pod's network namespace with the node's files: pod_exec NAME COMMAND...
pod_exec() {
  local pod=$1
  shift
  node_exec nsenter "--net=/run/netns/$pod" "$@"
}

# patience NUMBER: how much of a time to allow for what takes that much on an idle machine: PATIENCE [1] times as much
# where the processor is emulated, or shared with other tests.
patience() {
  printf '%s\n' "$(($1 * ${PATIENCE:-1}))"
}

# Waits until the command succeeds: wait_until SECONDS COMMAND...; fails when time, as patience has it, is up. Where the
# processor is shared it looks half as often: several processes look each time.
wait_until() {
  local end=$((${EPOCHREALTIME/./} + $(patience "${1}000000"))) pause=0.05
  if ((${PATIENCE:-1} > 1)); then pause=0.1; fi
  shift
  until "$@"; do
    ((${EPOCHREALTIME/./} < end)) || return 1
    sleep "$pause"
  done
}
