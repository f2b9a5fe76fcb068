# The node's own networks: what flanneld never takes away, and how it tells of it.

load ../support/flanneld_test.bash

# route_leads HOST SUBNET LINK
route_leads() {
  [[ $(on "$1" node_exec ip route show "$2") == *"dev $3 "* ]]
}

# tells_of HOST TEXT: /readyz holds the text.
tells_of() {
  [[ $(on "$1" status_get /readyz) == *"$2"* ]]
}

@test "a route of the node's own is not replaced by a peer's; that is told, and the peer gets it when it is free" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  local peer='{"PublicIP":"192.168.1.%s","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"0a:00:00:00:00:%s"}}'
  # shellcheck disable=SC2059
  for n in 77 78 79; do lease_put "10.5.$n.0-24" "$(printf "$peer" "$n" "$n")"; done
  on a node_exec bash -euc 'ip link add eth1 type veth peer name eth1-end; ip link set eth1-end up; ip addr add 10.5.77.1/24 dev eth1; ip link set eth1 up
    ip route add 10.5.78.0/24 via 192.168.1.99 proto static'
  agent_start a
  wait_until 5 route_leads a 10.5.79.0/24 flannel.1
  route_leads a 10.5.77.0/24 eth1
  assert_match "$(on a node_exec ip route show 10.5.78.0/24)" "via 192.168.1.99 dev eth0 proto static"
  tells_of a "subnet 10.5.77.0/24 overlaps 10.5.77.0/24, to which this node is connected by 'eth1'"
  tells_of a "the pod network 10.5.0.0/16 holds what is this node's own"
  assert_match "$(on a node_exec "$BIN_DIR/flanneld" --lease-dir "$NODE_DIR/leases" doctor || true)" \
    "warn +agent: the lease 10.5.77.0/24 of [0-9.]+ cannot be used"

  on a node_exec ip link del eth1
  on a node_exec ip route del 10.5.78.0/24
  wait_until 5 route_leads a 10.5.77.0/24 flannel.1
  wait_until 5 route_leads a 10.5.78.0/24 flannel.1
  tells_of a "flanneld is ready"
  # One that comes while the agent runs gets its route back.
  on a node_exec bash -euc 'ip link add eth1 type veth peer name eth1-end; ip link set eth1-end up; ip link set eth1 up; ip addr add 10.5.77.1/24 dev eth1'
  wait_until 5 route_leads a 10.5.77.0/24 eth1
  # A VPN's link that goes takes its routes along, of which the kernel does not tell.
  on a node_exec ip link add tun9 type veth peer name tun9-end
  for end in "set tun9 down" "del tun9"; do
    on a node_exec bash -euc 'ip link set tun9-end up; ip link set tun9 up; ip route add 10.5.79.0/25 dev tun9'
    wait_until 5 route_is_gone a 10.5.79.0/24
    on a node_exec bash -euc "ip link $end"
    wait_until 5 route_leads a 10.5.79.0/24 flannel.1
  done
}

# route_is_gone HOST SUBNET
route_is_gone() {
  [[ -z $(on "$1" node_exec ip route show "$2") ]]
}
