#!/usr/bin/env bats
# flanneld puts the container runtime's network configuration in place, last of all.

bats_require_minimum_version 1.5.0

load ../support/flanneld_test.bash

setup() {
  cluster_start
  host_add a 192.168.1.10/24
  on a node_exec ip route add default via 192.168.1.1
}

is_not_ready() {
  [[ $(on a status_get /readyz 2>/dev/null) == 'flanneld is not ready yet'* ]]
}

conf=/etc/cni/net.d/10-flannel.conflist

@test "the network configuration is there once the node can serve pods, and not before" {
  on a flanneld_start --lease-dir "$NODE_DIR/leases" --cni-conf "$conf" \
    --cni-conf-source "$repo/conf-examples/10-flannel.conflist"
  wait_until 10 is_not_ready
  run ! on a node_exec test -e "$conf"
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  on a flanneld_wait_ready
  on a node_exec cmp "$conf" "$repo/conf-examples/10-flannel.conflist"
  run ! on a node_exec test /run/flannel/subnet.env -nt "$conf"
}

@test "one that is none is told by /readyz, and the node is ready all the same" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  on a flanneld_start --lease-dir "$NODE_DIR/leases" --cni-conf "$conf" --cni-conf-source /dev/null
  on a flanneld_wait_ready
  assert_match "$(on a status_get /readyz)" "but the container runtime's network configuration is not in place: '/dev/null'"
  run ! on a node_exec test -e "$conf"
}
