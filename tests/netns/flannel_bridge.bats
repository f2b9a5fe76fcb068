#!/usr/bin/env bats
# Bridges that ADD has not made, or that somebody changes or removes while pods run.

load ../support/flannel_test.bash

# add_pod NAME [MORE_CONF]: a new pod, its container of the same name.
add_pod() {
  pod_add "$1"
  flannel ADD "$1" "$1" "$(conf "${2-"{}"}")"
}

# link_value LINK FILTER: what `ip` says of a link of the node, by a jq filter.
link_value() {
  node_exec ip -d -j link show "$1" | jq -r ".[0] | $2"
}

reaches() {
  pod_exec "$1" busybox ping -c 1 -W 5 "$2"
}

@test "a bridge that was there before keeps its MAC as pods come and go" {
  local mac pods=(p1 p2 p3 p4 p5 p6)
  node_exec ip link add cni0 up type bridge
  mac=$(link_value cni0 .address)
  for pod in "${pods[@]}"; do add_pod "$pod"; done
  assert_equal "$(link_value cni0 .address)" "$mac"
  for pod in "${pods[@]}"; do flannel DEL "$pod" "$pod" "$(conf)"; done
  assert_equal "$(link_value cni0 .address)" "$mac"
}

@test "an administrator's alias on the bridge stays, and the MAC is kept all the same" {
  node_exec sh -c 'ip link add cni0 up type bridge && ip link set cni0 alias "of the lab"'
  local mac
  mac=$(link_value cni0 .address)
  for pod in p1 p2 p3 p4 p5 p6; do add_pod "$pod"; done
  assert_equal "$(link_value cni0 '.address + " " + .ifalias')" "$mac of the lab"
}

@test "pods that run are on the bridge again when ADD makes it anew, and find the gateway by the MAC that they know" {
  add_pod old
  reaches old 10.244.1.1
  local port foreign=veth00000000
  port=$(links_of veth | grep '^veth')
  node_exec ip link add "$foreign" type veth peer name other # nobody's that we know
  node_exec ip link del cni0
  run ! pod_exec old busybox ping -c 1 -W 1 10.244.1.1
  add_pod new
  assert_equal "$(link_value "$port" '.master + " " + (.linkinfo.info_slave_data.hairpin | tostring)')" "cni0 true"
  assert_equal "$(link_value "$foreign" '.master // "none"')" none
  reaches old 10.244.1.1
  reaches new 10.244.1.2
}

@test "pods that run are on a bridge again that somebody else has made anew" {
  add_pod old
  node_exec sh -c 'ip link del cni0; ip link add cni0 up type bridge'
  add_pod new
  reaches new 10.244.1.2
}

# mtus POD: that of the pod, of its port and of the bridge.
mtus() {
  local port
  port=$(pod_exec "$1" ip -j link show eth0 | jq '.[0].link_index')
  echo "$(pod_exec "$1" ip -j link show eth0 | jq '.[0].mtu')" \
    "$(node_exec ip -j link | jq ".[] | select(.ifindex == $port) | .mtu")" "$(link_value cni0 .mtu)"
}

# receives POD ADDRESS BYTES: a packet of that many bytes of data arrives, in pieces if need be.
receives() {
  local from=(node_exec)
  [[ $1 == node ]] || from=(pod_exec "$1")
  "${from[@]}" busybox ping -c 1 -W 5 -s "$3" "$2"
}

@test "an MTU that rises or falls is that of the bridge and of new pods when no pod of the old one runs any more" {
  add_pod old
  assert_equal "$(mtus old)" "1450 1450 1450"
  for mtu in 8950 1400; do
    subnet_env_write FLANNEL_MTU=$mtu
    add_pod "new$mtu"
    assert_equal "$(mtus "new$mtu")" "1450 1450 1450"
    receives node 10.244.1.2 3000
    receives "new$mtu" 10.244.1.2 1422
  done
  for pod in old new8950 new1400; do flannel DEL "$pod" "$pod" "$(conf)"; done
  add_pod last
  assert_equal "$(mtus last)" "1400 1400 1400"
}

@test "a bridge that is made anew has the MTU of the pods that run" {
  add_pod old
  node_exec ip link del cni0
  subnet_env_write FLANNEL_MTU=8950
  add_pod new
  assert_equal "$(mtus new)" "1450 1450 1450"
  receives new 10.244.1.2 3000
}

@test "a bridge that is not for pods alone keeps its MTU, and they have it too" {
  node_exec sh -c 'ip link add br-lab mtu 9000 type bridge && ip link set br-lab up'
  for pod in p2 p3; do
    add_pod "$pod" '{"delegate": {"bridge": "br-lab"}}'
    assert_equal "$(link_value br-lab .mtu)" 9000
    receives node "10.244.1.${pod#p}" 8000
    flannel DEL "$pod" "$pod" "$(conf '{"delegate": {"bridge": "br-lab"}}')"
  done
  assert_equal "$(link_value br-lab .mtu)" 9000
}

@test "over a bridge with the spanning tree protocol ADD answers when the port forwards" {
  node_exec sh -c 'ip link add cni0 type bridge stp_state 1 forward_delay 3000 && ip link set cni0 up'
  pod_add late
  flannel ADD late late "$(conf)" >"$NODE_DIR/answer" 3>&- &
  local call=$! port
  is_listening() { port=$(links_of veth | grep '^veth') && [[ $(link_value "$port" .linkinfo.info_slave_data.state) == listening ]]; }
  wait_until 5 is_listening
  has_address() { pod_exec late ip -4 addr show dev eth0 up 2>/dev/null | grep -q 10.244.1.2; }
  wait_until 5 has_address
  [[ ! -s $NODE_DIR/answer ]] || fail "ADD has answered"
  # What else comes by itself, after thirty seconds more each.
  node_exec sh -c "ip link set cni0 type bridge stp_state 0 && bridge link set dev $port state 3"
  wait "$call"
  assert_json "$(<"$NODE_DIR/answer")" '.ips[0].address == "10.244.1.2/24"'
  reaches late 10.244.1.1
}

@test "with a gateway that is not the first address, the pod that has that one talks to it" {
  local config
  config=$(conf '{"ipam":{"gateway":"10.244.1.254"}}')
  flannel ADD c1 pod "$config"
  assert_match "$(pod_exec pod ip -4 -o addr show eth0)" ' 10\.244\.1\.1/24 '
  pod_exec pod busybox ping -c 1 -W 5 10.244.1.254
}
