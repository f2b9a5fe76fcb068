# shellcheck shell=bash
# Several hosts on one underlay, all in one node (node.bash), which is their world: a host is a network and
# a mount namespace with its own /run, /var/lib/{cni,flannel}, /etc/cni and /opt/cni, its eth0 a port of the
# bridge `underlay`. Everything goes with the world: cluster_stop, or the end of the shell.
# Functions of the other support files work on a host by `on NAME FUNCTION...`.

declare -gA HOST_PID

# Makes the world and its underlay.
cluster_start() {
  node_start
  WORLD_PID=$NODE_PID
  HOST_PID=()
  node_exec ip link add underlay type bridge
  node_exec ip link set underlay up
}

cluster_stop() {
  node_stop
  HOST_PID=()
}

# on NAME COMMAND...: a function or command of the support files, with that host as its node.
on() {
  # shellcheck disable=SC2034 # node_exec reads it
  local NODE_PID=${HOST_PID[$1]}
  "${@:2}"
}

# host_add NAME [ADDRESS/LEN...]: a host with these addresses on the underlay. Few processes make it: each test does.
host_add() {
  local name=$1 file=/proc/$WORLD_PID/root/run/$1 address setup=$'link set lo up\nlink set eth0 up\n'
  for address in "${@:2}"; do
    setup+="addr add $address dev eth0"
    [[ $address != *:* ]] || setup+=' nodad'
    setup+=$'\n'
  done
  node_exec bash -euc 'ip netns add "$1"
    printf "%s\n" "link add u-$1 type veth peer name eth0 netns $1" "link set u-$1 master underlay up" | ip -batch -
    exec setsid --fork nsenter "--net=/run/netns/$1" unshare --mount --propagation private bash -euc "
      for dir in /run /var/lib /etc/cni /opt/cni; do mount -t tmpfs -o mode=0755 tmpfs \$dir; done
      mkdir -p /run/{flannel,lock,netns} /etc/cni/net.d /opt/cni/bin
      ip -batch - <<<\"\$2\"
      echo \$\$ >/proc/1/root/run/\$1.pid
      exec sleep infinity" bash "$@" </dev/null >"/run/$1.log" 2>&1 3>&-' bash "$name" "$setup"
  if ! wait_until 10 test -s "$file.pid"; then
    cat "$file.log" >&2
    return 1
  fi
  HOST_PID[$name]=$(outer_pid "$(<"$file.pid")")
}

# Prints the machine's number of a process that the world knows as $1.
outer_pid() {
  local status world
  world=$(readlink "/proc/$WORLD_PID/ns/pid")
  while read -r status; do
    if [[ $(readlink "${status%/status}/ns/pid") == "$world" ]]; then
      status=${status#/proc/}
      echo "${status%/status}"
      return
    fi
  done < <(grep -slE "^NSpid:.*[[:space:]]$1\$" /proc/[0-9]*/status) # -s: some end meanwhile
  return 1
}

# flanneld_start [flag...]: the agent of this host, its log in /run/flanneld.log, its number in /run/flanneld.pid.
flanneld_start() {
  flanneld_spawn "$BIN_DIR/flanneld" "$@"
}

# flanneld_spawn COMMAND...: the same by a command that becomes the agent, such as strace -D.
flanneld_spawn() {
  node_spawn flanneld.log bash -c 'echo $$ >/run/flanneld.pid; exec "$@"' bash "$@"
}

# Ends the agent by a signal [TERM] and waits until it is gone.
flanneld_stop() {
  node_exec bash -c 'kill "-$1" "$(cat /run/flanneld.pid)"' bash "${1:-TERM}"
  wait_until 10 flanneld_is_gone
}

flanneld_is_gone() {
  node_exec bash -c '! kill -0 "$(cat /run/flanneld.pid)" 2>/dev/null'
}

# Waits until the agent is ready for pods, at most 15 s; prints its log otherwise.
flanneld_wait_ready() {
  wait_until 15 flanneld_is_ready && return
  node_exec tail -n 40 /run/flanneld.log >&2
  return 1
}

# status_get PATH: what the agent's status server answers.
status_get() {
  node_exec curl -sS --max-time "$(patience 5)" --noproxy '*' "http://127.0.0.1:7000$1"
}

flanneld_is_ready() {
  [[ $(status_get /readyz 2>/dev/null) == "flanneld is ready"* ]]
}

# mac_of LINK: its hardware address.
mac_of() {
  node_exec ip -j link show "$1" | jq -r '.[0].address'
}

# subnet_of: this host's pod subnet without its last number, such as 10.244.7
subnet_of() {
  node_exec awk -F '[=./]' '$1 == "FLANNEL_SUBNET" { print $2 "." $3 "." $4 }' /run/flannel/subnet.env
}

# pod_run NAME: a pod attached by the plugins from this host's lease; prints its IPv4 address.
pod_run() {
  pod_add "$1"
  cni_pod ADD "$1" --net /etc/cni/net.d/10-flannel.conflist | jq -r '.ips[0].address | sub("/.*"; "")'
}

# etcd_start NAME ADDRESS PEERS [flag...]: an etcd member on this host; PEERS is its --initial-cluster.
# Data in /run/etcd, its log in /run/etcd.log, its number in /run/etcd.pid.
etcd_start() {
  local name=$1 address=$2 peers=$3
  node_spawn etcd.log bash -c 'echo $$ >/run/etcd.pid; exec "$@"' bash \
    etcd --name "$name" --data-dir /run/etcd --logger zap --log-level error \
    --initial-cluster "$peers" --initial-advertise-peer-urls "http://$address:2380" \
    --listen-peer-urls "http://$address:2380" --heartbeat-interval 100 --election-timeout 1000 \
    --listen-client-urls "http://$address:2379,http://127.0.0.1:2379" \
    --advertise-client-urls "http://$address:2379" "${@:4}"
}

# etcd_ctl ARGUMENT...: etcdctl on this host, against its own member.
etcd_ctl() {
  node_exec env ETCDCTL_API=3 etcdctl --endpoints http://127.0.0.1:2379 --command-timeout "$(patience 5)s" --dial-timeout "$(patience 2)s" "$@"
}

# True when the member of this host has a leader and serves, without the pauses in which etcdctl tries again.
etcd_answers() {
  [[ $(node_exec curl -sS --max-time "$(patience 2)" --noproxy '*' http://127.0.0.1:2379/health 2>/dev/null) == *'"health":"true"'* ]]
}
