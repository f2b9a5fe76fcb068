# shellcheck shell=bash
# What the tests of flanneld share: two hosts, a (192.168.1.10) and b (192.168.1.20), whose agents keep their
# leases in one directory. A test file may define its own setup and teardown.

load ../support/flannel_test.bash # the files; setup and teardown are others here
load ../support/cluster.bash

setup() {
  cluster_start
  host_with_plugins a 192.168.1.10/24
  host_with_plugins b 192.168.1.20/24
}

teardown() {
  local host status=0
  for host in "${!HOST_PID[@]}"; do on "$host" agent_ends_well || status=1; done
  cluster_stop
  return "$status"
}

# The agent of this host, if any runs, ends on SIGTERM, and no sanitizer had anything to say.
agent_ends_well() {
  node_exec test -e /run/flanneld.pid || return 0
  flanneld_is_gone || flanneld_stop || return 1
  ! node_exec grep -hE -A 20 'Sanitizer|runtime error:' /run/flanneld.log
}

# host_with_plugins NAME ADDRESS/LEN...: a host that pods can be made on once its agent runs.
host_with_plugins() {
  host_add "$@"
  on "$1" node_exec ip route add default via 192.168.1.1 2>/dev/null || true
  on "$1" plugins_install portmap
  on "$1" node_exec cp "$repo/conf-examples/10-flannel.conflist" /etc/cni/net.d/
}

# network_config JSON: what the lease directory's `config` holds.
network_config() {
  mkdir -p "$NODE_DIR/leases"
  printf '%s\n' "$1" >"$NODE_DIR/leases/config"
}

# agent_start HOST [flag...]: flanneld on the shared lease directory, ready for pods.
agent_start() {
  on "$1" flanneld_start --lease-dir "$NODE_DIR/leases" "${@:2}"
  on "$1" flanneld_wait_ready
}

# lease_put NAME JSON: a lease as another node would write it.
lease_put() {
  mkdir -p "$NODE_DIR/leases/subnets"
  printf '%s' "$2" >"$NODE_DIR/leases/subnets/.new"
  touch -d '+1 day' "$NODE_DIR/leases/subnets/.new"
  mv "$NODE_DIR/leases/subnets/.new" "$NODE_DIR/leases/subnets/$1"
}

# lease_names: the leases in the directory.
lease_names() {
  ls "$NODE_DIR/leases/subnets"
}

# two_pods: agents on a and b with the flags given, and a pod web on a and client on b; sets WEB, CLIENT.
# shellcheck disable=SC2034 # the tests read CLIENT
two_pods() {
  [[ -e $NODE_DIR/leases/config ]] || network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  agent_start a "$@"
  agent_start b "$@"
  wait_until 5 peers_are a 1
  WEB=$(on a pod_run web)
  CLIENT=$(on b pod_run client)
}

# peers_are HOST COUNT: true when the agent has programmed that many peers' routes.
peers_are() {
  (($(on "$1" status_get /routes | jq '.routes | length') == $2))
}

# reaches HOST POD ADDRESS [ping option...]: one ping within a second.
reaches() {
  on "$1" pod_exec "$2" busybox ping -c 1 -W "$(patience 1)" "${@:4}" "$3" >/dev/null
}

# heals_within SECONDS: the client on b reaches the web pod on a again.
heals_within() {
  local end=$((${EPOCHREALTIME/./} + $(patience "${1}000000")))
  until on b pod_exec client timeout 0.3 busybox ping -c 1 "$WEB" >/dev/null; do
    ((${EPOCHREALTIME/./} < end)) || return 1
  done
}

# forged_packets_count ip|ip6 icmp|icmpv6: the web pod begins to count the echo requests of forge-vxlan.perl, from 0.
forged_packets_count() {
  on a pod_exec web nft "add table $1 forged; flush table $1 forged;
    add chain $1 forged in { type filter hook input priority 0; };
    add rule $1 forged in $2 type echo-request @th,64,64 0x666f726765642121 counter"
}

# forged_packets ip|ip6: how many it has got.
forged_packets() {
  on a pod_exec web nft -j list chain "$1" forged in | jq '[.. | .counter? // empty | .packets] | add'
}

# are_forged COUNT [ip|ip6]: at least so many.
are_forged() {
  (($(forged_packets "${2:-ip}") >= $1))
}

# vxlan_config: the network configuration of most tests.
vxlan_config() {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
}

# flanneld_run ARGUMENT...: a command of flanneld on host a, with the agent's lease directory.
flanneld_run() {
  on a node_exec "$BIN_DIR/flanneld" --lease-dir "$NODE_DIR/leases" "$@"
}

# A cluster of two hosts, a and b, with both address families and the plugins.
dual_stack_hosts_start() {
  cluster_start
  host_with_plugins a 192.168.1.10/24 fd00:1::10/64
  host_with_plugins b 192.168.1.20/24 fd00:1::20/64
  local host
  for host in a b; do on "$host" node_exec ip -6 route add default via fd00:1::1; done
}

# metrics_are_prometheus TEXT: every line is of the text format, every metric explained once, before its value.
metrics_are_prometheus() {
  local wrong
  wrong=$(awk '
    /^# HELP flanneld_[a-z_]+ .+$/ { if (help[$3]++) print "twice: " $0; next }
    /^# TYPE flanneld_[a-z_]+ (counter|gauge|histogram)$/ { if (type[$3] != "") print "twice: " $0; type[$3] = $4; next }
    /^flanneld_[a-z_]+ -?[0-9]+$/ && $1 !~ /_count$/ {
      if (!help[$1] || type[$1] == "") print "not explained: " $0
      if (value[$1]++) print "twice: " $0
      if (type[$1] == "counter" && $1 !~ /_total$/) print "a counter without _total: " $0
      next
    }
    match($0, /^flanneld_[a-z_]+({[a-z]+="[^"]*"(,[a-z]+="[^"]*")*})? [0-9.]+$/) {
      name = $1
      sub(/{.*/, "", name)
      base = name
      sub(/_(bucket|sum|count)$/, "", base)
      if (type[base] == "histogram") name = base
      if (!help[name] || type[name] == "") print "not explained: " $0
      if (line[$1]++) print "twice: " $0
      value[name] = 1
      next
    }
    { print "no line of the format: " $0 }
    END { for (name in help) if (!value[name]) print "no value: " name }' <<<"$1")
  assert_empty "$wrong" "wrong lines"
  assert_match "$1" "flanneld_ready 1"
  assert_match "$1" "flanneld_peers 1"
}
