#!/usr/bin/env bats
# CNI_NETNS is only a path: by the time of DEL or CHECK it may lead to another pod, or to the node.

load ../support/flannel_test.bash

# What pod NAME has: pod_state NAME.
pod_state() {
  pod_exec "$1" ip -o addr show
  pod_exec "$1" ip route show table all
}

# Ports of the bridge whose alias names a container: ports_of ID.
ports_of() {
  node_exec ip -d -o link show master cni0 | grep -c "alias cbr0/$1/" || true
}

# Makes a pod as the reference plugins do: reference_add ID POD.
reference_add() {
  plugin_env bridge CNI_COMMAND=ADD CNI_CONTAINERID="$1" CNI_NETNS="/run/netns/$2" CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin \
    <<<'{"cniVersion": "1.0.0", "name": "cbr0", "type": "bridge", "bridge": "cni0", "isGateway": true, "mtu": 1450,
         "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.1.0/24"}]]}}'
}

@test "DEL with the namespace of another pod removes the own pod and leaves the other as it is" {
  local before pid
  pod_add other
  flannel ADD c2 other "$(conf)" >/dev/null
  before=$(pod_state other)
  node_spawn sleep.log nsenter --net=/run/netns/other sleep 1000
  wait_until 5 node_exec pgrep -fx 'sleep 1000' >/dev/null
  pid=$(node_exec pgrep -fx 'sleep 1000')
  assert_equal "$(node_exec readlink "/proc/$pid/ns/net")" "$(pod_exec other readlink /proc/self/ns/net)"
  for path in other "/proc/$pid/ns/net"; do
    flannel ADD c1 pod "$(conf)" >/dev/null
    flannel DEL c1 "$path" "$(conf)"
    assert_equal "$(pod_state other)" "$before"
    assert_equal "$(pod_exec pod ip -o link show type veth)" ""
    assert_equal "$(ports_of c1) $(ports_of c2)" "0 1"
    assert_equal "$(leases)" 10.244.1.2
    flannel DEL c1 "$path" "$(conf)" # again, when there is nothing left
    assert_equal "$(pod_state other)" "$before"
  done
}

@test "DEL with the node's own namespace leaves the node as it is and removes the pod" {
  node_exec ip link add eth0 type veth peer name far0
  for path in /proc/self/ns/net /proc/1/ns/net; do
    flannel ADD c1 pod "$(conf)" >/dev/null
    flannel DEL c1 "$path" "$(conf)"
    assert_empty "$(leases; pod_exec pod ip -o link show type veth)" "what is left of the pod"
    node_exec ip link show eth0 >/dev/null
  done
}

@test "DEL of a pod that the reference made goes by its result or its lease, and never takes another's interface" {
  local before result
  pod_add other
  pod_add ours
  reference_add c2 other >/dev/null
  flannel ADD c3 ours "$(conf)" >/dev/null
  before=$(pod_state other; pod_state ours)
  for path in other ours /proc/1/ns/net '' pod; do
    result=$(reference_add c1 pod)
    flannel DEL c1 "$path" "$(with_result "$(conf)" "$result")"
    assert_equal "$(pod_exec pod ip -o link show type veth)" ""
    assert_equal "$(pod_state other; pod_state ours)" "$before"
  done
  for path in other ours pod; do # without a result, the lease tells
    reference_add c1 pod >/dev/null
    flannel DEL c1 "$path" "$(conf)"
    assert_equal "$(pod_state other; pod_state ours)" "$before"
    [[ $path == pod ]] || pod_exec pod ip link del eth0
  done
  assert_equal "$(pod_exec pod ip -o link show type veth)" ""
  assert_equal "$(leases | wc -l)" 2
}

# What the reference leaves when its ADD is killed early: half_add BRIDGE.
half_add() {
  node_exec ip link add half0 up type veth peer name eth0 netns /run/netns/pod
  [[ -z $1 ]] || node_exec ip link set half0 master "$1"
  pod_exec pod ip link set eth0 up
}

@test "DEL removes what a killed ADD of the reference left, and nothing on another's bridge" {
  node_exec ip link add other0 type bridge
  flannel ADD c2 pod "$(conf)" >/dev/null # makes cni0
  flannel DEL c2 pod "$(conf)"
  for bridge in cni0 ''; do
    half_add "$bridge"
    flannel DEL c1 pod "$(conf)"
    assert_empty "$(pod_exec pod ip -o link show type veth)" "links in the pod"
  done
  half_add other0
  flannel DEL c1 pod "$(conf)"
  pod_exec pod ip link show eth0 >/dev/null
}

@test "CHECK with the namespace of another pod, also at the same path, fails and changes nothing" {
  local before result
  pod_add other
  flannel ADD c2 other "$(conf)" >/dev/null
  result=$(flannel ADD c1 pod "$(conf)")
  before=$(pod_state other)
  run flannel CHECK c1 other "$(with_result "$(conf)" "$result")"
  assert_error 102 /run/netns/other
  run flannel CHECK c1 other "$(with_result "$(conf)" "${result//netns\/pod/netns\/other}")"
  assert_error 102 "hardware address"
  run flannel CHECK c1 /proc/self/ns/net "$(with_result "$(conf)" "$result")"
  assert_error 8 "own network namespace"
  assert_equal "$(pod_state other)" "$before"
}

@test "a late DEL leaves a pod alone that has the address, and so the MAC, of the former one" {
  local result before
  pod_add other
  result=$(flannel ADD c1 pod "$(conf '{"runtimeConfig":{"ips":["10.244.1.50"]}}')")
  flannel DEL c1 pod "$(conf)"
  flannel ADD c2 other "$(conf '{"runtimeConfig":{"ips":["10.244.1.50"]}}')"
  before=$(pod_state other)
  flannel DEL c1 other "$(with_result "$(conf)" "$result")"
  assert_equal "$(pod_state other)" "$before"
}
