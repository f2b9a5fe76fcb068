# flanneld with the vxlan backend between two hosts: what it makes, what goes over the wire, what it restores.

load ../support/flanneld_test.bash

@test "two nodes have leases, subnet.env, routes, neighbours and FDB entries, and pods reach each other" {
  two_pods --ip-masq
  local a b mac
  a=$(on a subnet_of) b=$(on b subnet_of)
  assert_equal "$(on a node_exec cat /run/flannel/subnet.env)" "FLANNEL_NETWORK=10.5.0.0/16
FLANNEL_SUBNET=$a.1/24
FLANNEL_MTU=1450
FLANNEL_IPMASQ=true"
  assert_equal "$(lease_names | sort)" "$(printf '%s\n' "$a.0-24" "$b.0-24" | sort)"
  mac=$(on b mac_of flannel.1)
  assert_equal "$(cat "$NODE_DIR/leases/subnets/$b.0-24")" \
    '{"PublicIP":"192.168.1.20","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"'"$mac"'"}}'
  assert_equal "$(on a node_exec ip route show "$b.0/24" | xargs)" "$b.0/24 via $b.0 dev flannel.1 proto 95 onlink"
  assert_equal "$(on a node_exec ip neigh show dev flannel.1 | xargs)" "$b.0 lladdr $mac PERMANENT"
  assert_match "$(on a node_exec bridge fdb show dev flannel.1)" "$mac dst 192.168.1.20 self permanent"
  assert_match "$(on a node_exec ip -br -4 addr show flannel.1)" "$a.0/32"
  assert_match "$(on a node_exec ip -d link show flannel.1)" "mtu 1450 .*vxlan id 1 local 192.168.1.10 dev eth0 .*dstport 8472 nolearning"
  reaches b client "$WEB"
  reaches a web "$CLIENT" -s 1422 # 1450 with its headers
}

@test "packets of the tunnel have the UDP port, VNI and inner addresses that were leased" {
  two_pods --ip-masq
  # An echo request within the tunnel, of an address that ends in .2: the pod's, not the agent's probe.
  node_spawn tcpdump.log bash -c \
    'exec timeout 60 tcpdump --immediate-mode -c 1 -n -e -T vxlan -i u-b udp port 8472 and src 192.168.1.20 and "udp[50] = 8 and udp[45] = 2" >/run/packet'
  wait_until 5 node_exec grep -q '^listening on' /run/tcpdump.log
  reaches b client "$WEB"
  wait_until 5 node_exec test -s /run/packet
  local packet
  packet=$(node_exec cat /run/packet)
  assert_match "$packet" "192.168.1.20.[0-9]+ > 192.168.1.10.8472: VXLAN, flags \[I\] \(0x08\), vni 1"
  assert_match "$packet" "$(on b mac_of flannel.1) > $(on a mac_of flannel.1), ethertype IPv4"
  assert_match "$packet" "$CLIENT > $WEB: ICMP echo request"
}

@test "what others remove or change in the kernel comes back within 2 s" {
  two_pods --ip-masq
  local b pid
  b=$(on b subnet_of) pid=$(on a node_exec cat /run/flanneld.pid)
  on a node_exec ip route add 10.5.250.0/24 via 192.168.1.99 # foreign
  local break_it
  for break_it in \
    "ip link del flannel.1" \
    "ip route flush dev flannel.1" \
    "ip route del $b.0/24" \
    "ip neigh flush all nud permanent dev flannel.1" \
    "bridge fdb del $(on b mac_of flannel.1) dev flannel.1" \
    "ip link set flannel.1 down" \
    "ip link set flannel.1 address 02:00:00:00:00:01" \
    "ip link set flannel.1 mtu 1400" \
    "ip addr flush dev flannel.1" \
    "ip link set eth0 down"; do
    if [[ $break_it == *eth0* ]]; then
      [[ $(on a node_exec ip route show 10.5.250.0/24) == *192.168.1.99* ]] # the kernel takes it now
    fi
    on a node_exec bash -c "$break_it"
    [[ $break_it != *eth0* ]] || on a node_exec ip link set eth0 up
    heals_within 2 || fail "not healed after: $break_it: $(on a node_exec tail -n 5 /run/flanneld.log)"
    wait_until 2 link_is_as_wanted || fail "not as wanted after: $break_it"
  done
  assert_equal "$(on a node_exec cat /run/flanneld.pid)" "$pid"
}

# The device of host a has its MTU, MAC and address.
link_is_as_wanted() {
  local link
  link=$(on a node_exec ip addr show flannel.1)
  [[ $link == *"mtu 1450"* && $link == *"$(jq -r .BackendData.VtepMAC "$NODE_DIR/leases/subnets/$(on a subnet_of).0-24")"* &&
    $link == *"$(on a subnet_of).0/32"* ]]
}
