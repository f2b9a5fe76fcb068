# flanneld's backends between two hosts, for both address families, and what changes under them while they run.

load ../support/flanneld_test.bash

setup() {
  dual_stack_hosts_start
}

log_of() {
  on "$1" node_exec cat /run/flanneld.log
}

# route_of HOST SUBNET: that route in one line.
route_of() {
  on "$1" node_exec ip route show "$2" | xargs
}

# route_is HOST SUBNET TEXT
route_is() {
  [[ $(route_of "$1" "$2") == "$3" ]]
}

# env_is HOST NAME VALUE: what subnet.env says.
env_is() {
  [[ $(on "$1" node_exec cat /run/flannel/subnet.env) == *"$2=$3"* ]]
}

# mtu_is HOST LINK BYTES
mtu_is() {
  [[ $(on "$1" node_exec ip -j link show "$2" | jq '.[0].mtu') == "$3" ]]
}

# address6_of HOST POD: the pod's global IPv6 address.
address6_of() {
  on "$1" pod_exec "$2" ip -j -6 addr show eth0 scope global | jq -r '.[].addr_info[].local // empty'
}

# two_dual_pods: as two_pods, with a route for each family.
two_dual_pods() {
  agent_start a --ip-masq
  agent_start b --ip-masq
  wait_until 5 peers_are a 2
  WEB=$(on a pod_run web)
  CLIENT=$(on b pod_run client)
}

# serve_large: the web pod serves 2 MB.
serve_large() {
  on a rootfs_make
  on b rootfs_make
  on a node_exec bash -c 'head -c 2000000 /dev/zero >/run/rootfs/www/large'
  on a web_serve web 8080
}

# large_comes_whole ADDRESS: the client fetches them, and no host cuts or joins a packet for it.
large_comes_whole() {
  assert_equal "$(on b web_fetch client "http://$1:8080/large" | wc -c)" 2000000
  local host
  for host in a b; do
    assert_equal "$host $(on "$host" node_exec nstat -asz IpFragCreates IpReasmReqds Ip6FragCreates Ip6ReasmReqds |
      awk '/Ip/ { n += $2 } END { print n }')" "$host 0"
  done
}

@test "host-gw makes routes over the underlay; lost ones come back, foreign ones stay" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "host-gw"}}'
  two_pods
  local a b wanted break_it
  a=$(on a subnet_of) b=$(on b subnet_of) wanted="$(on b subnet_of).0/24 via 192.168.1.20 dev eth0 proto 95"
  assert_equal "$(route_of a "$b.0/24")" "$wanted"
  assert_equal "$(route_of b "$a.0/24")" "$a.0/24 via 192.168.1.10 dev eth0 proto 95"
  assert_equal "$(cat "$NODE_DIR/leases/subnets/$b.0-24")" '{"PublicIP":"192.168.1.20","PublicIPv6":null,"BackendType":"host-gw"}'
  env_is a FLANNEL_MTU 1500
  assert_empty "$(on a links_of vxlan)" "vxlan devices"
  reaches b client "$WEB"
  reaches a web "$CLIENT" -s 1472 # 1500 with its headers

  on a node_exec ip route add 10.5.250.0/24 via 192.168.1.99 proto static
  for break_it in "ip route del $b.0/24" "ip route replace $b.0/24 via 192.168.1.99 proto 95" "ip link set eth0 down"; do
    # shellcheck disable=SC2086 # words
    on a node_exec $break_it
    if [[ $break_it == *down ]]; then
      on a node_exec ip link set eth0 up
      on a node_exec ip route add 10.5.250.0/24 via 192.168.1.99 proto static # the kernel has dropped it
    fi
    wait_until 3 route_is a "$b.0/24" "$wanted" || fail "after $break_it: $(route_of a "$b.0/24")"
    heals_within 2 || fail "after $break_it"
    assert_equal "$(route_of a 10.5.250.0/24)" "10.5.250.0/24 via 192.168.1.99 dev eth0 proto static"
  done

  rm "$NODE_DIR/leases/subnets/$b.0-24" # and b claims it again
  wait_until 3 test -e "$NODE_DIR/leases/subnets/$b.0-24"
  on b flanneld_stop
  rm "$NODE_DIR/leases/subnets/$b.0-24"
  wait_until 3 route_is a "$b.0/24" ""

  on b flanneld_start --lease-dir "$NODE_DIR/leases" --iface eth0 --public-ip 203.0.113.9
  wait_until 3 on b node_exec grep -q "public IPv4 address 203.0.113.9 is not that of interface 'eth0' (192.168.1.20)" /run/flanneld.log
  assert_match "$(on b status_get /readyz)" "not ready yet: .*203.0.113.9 is not that of interface"
}

@test "DirectRouting makes plain routes on one underlay and uses the tunnel beyond it" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan", "DirectRouting": true}}'
  two_pods
  local b
  b=$(on b subnet_of)
  assert_equal "$(route_of a "$b.0/24")" "$b.0/24 via 192.168.1.20 dev eth0 proto 95"
  assert_empty "$(on a node_exec ip neigh show dev flannel.1)" "neighbours of flannel.1"
  env_is a FLANNEL_MTU 1450
  reaches b client "$WEB"
  lease_put 10.5.250.0-24 '{"PublicIP":"172.31.0.5","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}'
  wait_until 2 route_is a 10.5.250.0/24 "10.5.250.0/24 via 10.5.250.0 dev flannel.1 proto 95 onlink"
  assert_match "$(on a node_exec bridge fdb show dev flannel.1)" "c6:d2:32:6f:8f:44 dst 172.31.0.5 self permanent"
  on a node_exec ip route del "$b.0/24"
  wait_until 2 route_is a "$b.0/24" "$b.0/24 via 192.168.1.20 dev eth0 proto 95"

  # What is directly connected may change while the agent runs.
  on a node_exec ip route add 172.31.0.0/24 dev eth0
  wait_until 2 route_is a 10.5.250.0/24 "10.5.250.0/24 via 172.31.0.5 dev eth0 proto 95"
  on a node_exec ip route del 172.31.0.0/24 dev eth0
  wait_until 2 route_is a 10.5.250.0/24 "10.5.250.0/24 via 10.5.250.0 dev flannel.1 proto 95 onlink"

  # Switched off, what it made goes, and pods reach each other all the same.
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  on a flanneld_stop
  agent_start a
  wait_until 3 route_is a "$b.0/24" "$b.0/24 via $b.0 dev flannel.1 proto 95 onlink"
  heals_within 3
}

@test "alloc only leases; an unknown backend or option is named in the log and by /readyz" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "alloc"}}'
  agent_start a
  assert_equal "$(on a node_exec cat /run/flannel/subnet.env)" "FLANNEL_NETWORK=10.5.0.0/16
FLANNEL_SUBNET=$(on a subnet_of).1/24
FLANNEL_MTU=1500
FLANNEL_IPMASQ=false"
  lease_put 10.5.250.0-24 '{"PublicIP":"192.168.1.30"}'
  wait_until 3 eval '(($(on a status_get /leases | jq ".peers | length") == 1))'
  assert_empty "$(on a links_of vxlan)$(on a node_exec ip route show proto 95)" "devices and routes"
  assert_equal "$(cat "$NODE_DIR/leases/subnets/$(on a subnet_of).0-24")" '{"PublicIP":"192.168.1.10","PublicIPv6":null}'
  on a flanneld_stop

  local config text
  while IFS='|' read -r config text; do
    network_config "$config"
    on a flanneld_start --lease-dir "$NODE_DIR/leases"
    wait_until 3 is_refused a || fail "taken: $config: $(log_of a)"
    assert_match "$(on a status_get /readyz)" "$text"
    assert_match "$(log_of a)" "error .*$text"
    assert_equal "$(on a node_exec curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:7000/readyz)" 503
    on a flanneld_stop
  done <<'CONFIGS'
{"Network": "10.5.0.0/16", "Backend": {"Type": "wormhole"}}|backend 'wormhole' is not supported; it must be 'vxlan', .* or 'alloc'
{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan", "VNI": "one"}}|Backend.*VNI
{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan", "VNI": 16777216}}|Backend.*VNI
{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan", "Port": 65536}}|Backend.*Port
{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan", "DirectRouting": "yes"}}|Backend.*DirectRouting
{"Network": "10.5.0.0/16", "SubnetLen": 12, "Backend": {"Type": "vxlan"}}|SubnetLen
{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan", "MTU": 60}}|60, is too small for vxlan
{"Backend": {"Type": "vxlan"}}|Network
CONFIGS
}

# is_refused HOST: its agent waits for a better configuration.
is_refused() {
  [[ $(on "$1" status_get /readyz 2>/dev/null) == *"network configuration that can be used"* ]]
}

@test "dual stack: one lease and two devices, and pods reach each other over both families" {
  network_config '{"Network": "10.5.0.0/16", "EnableIPv6": true, "IPv6Network": "fd05::/48", "Backend": {"Type": "vxlan"}}'
  two_dual_pods
  local a b key mac4 mac6
  a=$(on a subnet_of) b=$(on b subnet_of)
  assert_match "$(on a node_exec cat /run/flannel/subnet.env)" "^FLANNEL_NETWORK=10.5.0.0/16
FLANNEL_SUBNET=$a.1/24
FLANNEL_IPV6_NETWORK=fd05::/48
FLANNEL_IPV6_SUBNET=fd05:0:0:[0-9a-f]+::1/64
FLANNEL_MTU=1430
FLANNEL_IPMASQ=true\$"
  key=$(lease_names | grep "^$b\.0-24&")
  assert_match "$key" "^$b\.0-24&fd05:[0-9a-f:]+::-64\$"
  mac4=$(on b mac_of flannel.1) mac6=$(on b mac_of flannel-v6.1)
  assert_equal "$(cat "$NODE_DIR/leases/subnets/$key")" '{"PublicIP":"192.168.1.20","PublicIPv6":"fd00:1::20","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"'"$mac4"'"},"BackendV6Data":{"VNI":1,"VtepMAC":"'"$mac6"'"}}'
  mtu_is a flannel.1 1450
  mtu_is a flannel-v6.1 1430
  assert_match "$(on a node_exec bridge fdb show dev flannel-v6.1)" "$mac6 dst fd00:1::20 self permanent"
  assert_match "$(on a node_exec ip -d link show flannel-v6.1)" "vxlan id 1 local fd00:1::10 dev eth0 .*dstport 8472 nolearning"
  reaches b client "$WEB"
  wait_until 4 reaches b client "$(address6_of a web)"
  reaches a web "$(address6_of b client)" -s 1382 # 1430 with its headers
  on a node_exec ip link del flannel-v6.1
  wait_until 3 reaches b client "$(address6_of a web)" # healed
  reaches b client "$WEB"
  assert_match "$(on a node_exec "$BIN_DIR/flanneld" doctor || true)" "ok +IPv6: it is switched off nowhere"
  on a node_exec sysctl -qw net/ipv6/conf/default/disable_ipv6=1 net/ipv6/conf/cni0/disable_ipv6=1
  assert_match "$(on a node_exec "$BIN_DIR/flanneld" doctor || true)" \
    "fail +IPv6: net/ipv6/conf/default/disable_ipv6, net/ipv6/conf/cni0/disable_ipv6 are 1: the pods' IPv6 needs it at 'cni0'"
}

@test "with IPv6 alone pods reach each other" {
  network_config '{"EnableIPv4": false, "EnableIPv6": true, "IPv6Network": "fd05::/48", "Backend": {"Type": "vxlan"}}'
  two_pods --ip-masq
  assert_match "$(on a node_exec cat /run/flannel/subnet.env)" "^FLANNEL_IPV6_NETWORK=fd05::/48
FLANNEL_IPV6_SUBNET=fd05:[0-9a-f:]+/64
FLANNEL_MTU=1430
FLANNEL_IPMASQ=true\$"
  assert_equal "$(on a links_of vxlan)" flannel-v6.1
  assert_match "$(lease_names | head -n 1)" "^0\.0\.0\.0-0&fd05:[0-9a-f:]+::-64\$"
  wait_until 4 reaches b client "$(address6_of a web)"
}

# forge6_all: hand-made tunnel packets of pods on both hosts for the device of a, with an echo request to the web pod.
forge6_all() {
  local to from
  for to in fd00:1::10 "$(on a node_exec ip -j -6 addr show cni0 scope global | jq -r '.[].addr_info[].local // empty')"; do
    for from in a:mate b:client; do
      on "${from%:*}" pod_exec "${from#*:}" perl "$repo/tests/support/forge-vxlan.perl" "$to" 8472 1 "$VTEP" "$CLIENT6" "$WEB6" || return
    done
  done
}

@test "tunnel packets that pods forge over IPv6 reach no pod; without the rules they would" {
  network_config '{"EnableIPv4": false, "EnableIPv6": true, "EnableNFTables": true, "IPv6Network": "fd05::/48", "Backend": {"Type": "vxlan"}}'
  two_pods --ip-masq
  on a pod_run mate >/dev/null
  VTEP=$(on a mac_of flannel-v6.1) WEB6=$(address6_of a web) CLIENT6=$(address6_of b client)
  forged_packets_count ip6 icmpv6
  wait_until 4 reaches b client "$WEB6"
  forge6_all
  reaches b client "$WEB6" # sent later, come later
  assert_equal "$(forged_packets ip6)" 0
  local host
  for host in a b; do
    on "$host" flanneld_stop
    on "$host" node_exec nft flush ruleset
  done
  forge6_all
  reaches b client "$WEB6"
  wait_until 2 are_forged 2 ip6 || fail "only $(forged_packets ip6) forged packets come without the rules: is this test blind?"
}

@test "full packets go through uncut; MTU changes of the underlay are followed within 2 s; Backend.MTU counts" {
  two_pods
  serve_large
  mtu_is a flannel.1 1450
  large_comes_whole "$WEB"
  on a node_exec ip link set eth0 mtu 1400
  wait_until 2 mtu_is a flannel.1 1350
  wait_until 2 env_is a FLANNEL_MTU 1350
  heals_within 2
  on a node_exec ip link set eth0 mtu 1500
  wait_until 2 mtu_is a flannel.1 1450
  wait_until 2 env_is a FLANNEL_MTU 1450
  large_comes_whole "$WEB"
  on a node_exec ip link set flannel.1 mtu 1300 # somebody else's idea
  wait_until 2 mtu_is a flannel.1 1450

  on a flanneld_stop
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan", "MTU": 1280}}'
  agent_start a
  mtu_is a flannel.1 1230
  env_is a FLANNEL_MTU 1230
  heals_within 2
}

@test "when the node's address changes the subnet stays, and pods reach each other within 5 s" {
  two_pods
  local b pid mac
  b=$(on b subnet_of) pid=$(on b node_exec cat /run/flanneld.pid) mac=$(on b mac_of flannel.1)
  on b node_exec bash -euc 'ip addr del 192.168.1.20/24 dev eth0; ip addr add 192.168.1.21/24 dev eth0
    ip route replace default via 192.168.1.1'
  heals_within 5 || fail "$(log_of b | tail -n 8)"
  assert_equal "$(on b subnet_of)" "$b"
  assert_equal "$(jq -r '"\(.PublicIP) \(.BackendData.VtepMAC)"' "$NODE_DIR/leases/subnets/$b.0-24")" "192.168.1.21 $(on b mac_of flannel.1)"
  assert_equal "$(on b mac_of flannel.1)" "$mac"
  assert_equal "$(lease_names | wc -l)" 2
  assert_match "$(on b node_exec ip -d link show flannel.1)" "local 192.168.1.21 "
  assert_match "$(on a node_exec bridge fdb show dev flannel.1)" "$mac dst 192.168.1.21 self permanent"
  [[ $(on a node_exec bridge fdb show dev flannel.1) != *192.168.1.20* ]]
  on b node_exec kill -0 "$pid"

  # Without any address it waits, and says for what.
  on b node_exec ip addr flush dev eth0
  wait_until 3 problem_is b "no IPv4 default route|no usable IPv4 address"
  on b node_exec bash -euc 'ip addr add 192.168.1.20/24 dev eth0; ip route replace default via 192.168.1.1'
  heals_within 5 || fail "$(log_of b | tail -n 8)"
  assert_equal "$(on b subnet_of)" "$b"
}

# problem_is HOST REGEX: /readyz names it.
problem_is() {
  [[ $(on "$1" status_get /readyz) =~ $2 ]]
}
