# flanneld with the wireguard backend: by the kernel where it has WireGuard, else by wireguard-go.

load ../support/flanneld_test.bash
load ../support/chaos.bash

setup() {
  cluster_start
  wireguard_host a 10
  wireguard_host b 20
}

# wireguard_host NAME NUMBER: at 192.168.1.NUMBER and fd00:1::NUMBER.
wireguard_host() {
  host_with_plugins "$1" "192.168.1.$2/24" "fd00:1::$2/64"
  on "$1" node_exec ip -6 route add default via fd00:1::1
}

# wireguard_config [MEMBER...]: the network configuration, with more members of the backend.
wireguard_config() {
  local IFS=,
  network_config '{"Network":"10.5.0.0/16"'"${DUAL+,\"EnableIPv6\":true,\"IPv6Network\":\"fd00:10:5::/48\"}"',
    "Backend":{"Type":"wireguard"'"${1:+,$*}"'}}'
}

# wg_of HOST COLUMN...: of its peers on flannel-wg, what `wg show dump` says in these columns.
wg_of() {
  on "$1" node_exec wg show flannel-wg dump | awk -v columns="${*:2}" 'NR > 1 {
    n = split(columns, all, " "); for (i = 1; i <= n; i++) printf "%s%s", $all[i], i < n ? " " : "\n" }'
}

# is_served_by_program HOST
is_served_by_program() {
  [[ $(on "$1" node_exec ip -j -d link show flannel-wg | jq -r '.[0].linkinfo.info_kind') == tun ]]
}

# index_of HOST: of its device.
index_of() {
  on "$1" node_exec ip -j link show flannel-wg | jq '.[0].ifindex'
}

# ip6_of HOST POD: its address of the pod network.
ip6_of() {
  on "$1" pod_exec "$2" ip -j -6 addr show dev eth0 scope global | jq -r '.[0].addr_info[0].local'
}

# wire_watch: keeps all packets on the underlay.
wire_watch() {
  node_spawn tcpdump.log tcpdump --immediate-mode -U -i underlay -w /run/wire.pcap
  wait_until 5 node_exec grep -q '^tcpdump: listening on\|listening on' /run/tcpdump.log
}

# packets_on_wire FILTER: how many match.
packets_on_wire() {
  node_exec tcpdump -r /run/wire.pcap "$1" 2>/dev/null | wc -l
}

@test "wireguard: pods of three nodes reach each other, and no readable byte is on the wire" {
  local host psk
  psk=$(wg genpsk)
  wireguard_host c 30
  wireguard_config "\"PSK\":\"$psk\""
  for host in a b c; do agent_start "$host" --ip-masq; done
  for host in a b c; do wait_until 5 peers_are "$host" 2; done
  local web client third
  web=$(on a pod_run web) client=$(on b pod_run client) third=$(on c pod_run third)
  wire_watch
  # Those that greet each other at once shake hands after 5 s.
  wait_until 20 reaches b client "$web"
  wait_until 20 reaches b client "$third"
  wait_until 20 reaches a web "$third"
  on b pod_exec client ping -q -c 5 -i 0.05 -W 5 -p 7365637265742121 "$web" # "secret!!"
  on b pod_exec client ping -q -c 5 -i 0.05 -W 5 -p 7365637265742121 "$third"
  on a pod_exec web ping -q -c 1 -W 5 "$third"
  on c pod_exec third ping -q -c 1 -W 5 -M 'do' -s 1412 "$client" # 1440 with its headers
  ! on c pod_exec third ping -q -c 1 -W 1 -M 'do' -s 1413 "$client" || fail "1441 bytes got through"
  on a node_exec ping -q -c 1 -W 5 "$client" # from the node itself
  wait_until 5 eval '(($(packets_on_wire "udp port 51820") > 20))'
  assert_equal "$(packets_on_wire 'ip and not udp port 51820')" 0
  ! node_exec grep -q 'secret!!' /run/wire.pcap || fail "what pods say is on the wire"

  assert_match "$(on a node_exec cat /run/flannel/subnet.env)" FLANNEL_MTU=1440
  local seen third_net
  third_net=$(on c subnet_of).0/24
  seen=$(on a status_get /peers)
  assert_json "$seen" ".[] | select(.subnet == \"$third_net\").tunnels[0] | .endpoint == \"192.168.1.30:51820\" and
    .handshakeSecondsAgo < 180 and .received > 100 and .sent > 100"
  assert_match "$(on a status_get /metrics)" "flanneld_wireguard_handshake_age_seconds.device=\"flannel-wg\",subnet=\"$third_net"
  assert_match "$(on a node_exec "$BIN_DIR/flanneld" status)" 'reached at 192.168.1.30:51820, handshake [0-9]+ s ago'
  local key
  key=$(on a node_exec wg show flannel-wg public-key)
  assert_equal "$(cat "$NODE_DIR/leases/subnets/$(on a subnet_of).0-24")" \
    '{"PublicIP":"192.168.1.10","PublicIPv6":null,"BackendType":"wireguard","BackendData":{"PublicKey":"'"$key"'","Port":51820}}'
  assert_equal "$(on a node_exec stat -c %a /var/lib/flannel/wgkey)" 400
  ! (on a node_exec cat /run/flanneld.log; on a status_get /status) | grep -F "$psk" || fail "a secret is told"
}

# bats test_tags=vm
@test "wireguard: a restart is not noticed, a new key takes the old one's place, a peer that roams stays where it is" {
  wireguard_config
  two_pods --ip-masq
  wait_until 8 reaches b client "$WEB"
  local index key lease
  lease=$NODE_DIR/leases/subnets/$(on b subnet_of).0-24
  index=$(index_of a)
  pings_start
  on a flanneld_stop
  agent_start a --ip-masq
  no_ping_is_lost 1
  assert_equal "$(index_of a)" "$index"

  on b flanneld_stop
  on b node_exec rm /var/lib/flannel/wgkey
  key=$(wg_of a 1)
  agent_start b --ip-masq
  wait_until 3 eval '[[ $(wg_of a 1) != "$key" ]]'
  assert_equal "$(wg_of a 1)" "$(on b node_exec wg show flannel-wg public-key)"
  heals_within 3

  on b flanneld_stop # so that it does not mend what comes now
  on b node_exec wg set flannel-wg listen-port 4000
  reaches b client "$WEB"
  assert_equal "$(wg_of a 3)" 192.168.1.20:4000
  lease_put "${lease##*/}" "$(cat "$lease")" # a renewal
  on a node_exec ip link set flannel-wg mtu 1400 # a full look
  wait_until 3 eval '[[ $(on a node_exec ip link show flannel-wg) == *mtu\ 1440* ]]'
  assert_equal "$(wg_of a 3)" 192.168.1.20:4000
  lease_put "${lease##*/}" "$(sed 's/"Port":51820/"Port":4001/' "$lease")"
  wait_until 3 eval '[[ $(wg_of a 3) == 192.168.1.20:4001 ]]'
}

@test "wireguard: what others remove comes back, the program that serves the device too" {
  wireguard_config
  two_pods
  wait_until 8 reaches b client "$WEB"
  assert_json "$(on a node_exec "$BIN_DIR/flanneld" doctor -o json)" 'any(.checks[]; .name == "UDP port 51820" and .state == "ok") and
    any(.checks[]; .name == "MTU" and .state == "ok")'
  local break_it
  for break_it in "ip link del flannel-wg" "ip link set flannel-wg down" \
    'wg set flannel-wg peer $(wg show flannel-wg peers) remove && ip route flush dev flannel-wg' \
    "wg set flannel-wg listen-port 5000; ip addr flush dev flannel-wg"; do
    on a node_exec bash -c "$break_it"
    heals_within 4 || fail "after $break_it: $(on a node_exec cat /run/flanneld.log; on a node_exec ip -br link)"
  done
  if is_served_by_program a; then
    node_exec pkill -KILL -f '^/usr/bin/wireguard-go flannel-wg'
    heals_within 5 || fail "$(on a node_exec tail -n 5 /run/flanneld.log)"
  fi
  on a flanneld_stop
  on a node_exec "$BIN_DIR/flanneld" cleanup
  assert_empty "$(on a node_exec ip -br link show | grep flannel-wg)" device
  assert_empty "$(on a node_exec ip route show proto 95)" routes
}

# Two nodes that greet each other at once shake hands after 5 s, or after 10 if they do so again.
@test "wireguard: both families by two devices, and by one" {
  local DUAL=yes mode host
  for mode in separate auto; do
    wireguard_config "\"Mode\":\"$mode\""
    for host in a b; do agent_start "$host"; done
    for host in a b; do wait_until 5 peers_are "$host" 2; done
    if [[ $mode == separate ]]; then
      WEB=$(on a pod_run web)
      on b pod_run client >/dev/null
    fi
    wait_until 20 reaches b client "$WEB"
    # 1420 with its headers
    wait_until 20 on b pod_exec client ping -6 -q -c 1 -W 1 -M 'do' -s 1372 "$(ip6_of a web)" >/dev/null
    for host in a b; do on "$host" flanneld_stop; done
  done
  assert_match "$(on a node_exec ip -br link show | grep -c flannel-wg)" 1
  assert_equal "$(wg_of a 4 | tr , '\n' | wc -l)" 2
}

@test "wireguard: without it and without wireguard-go, log, readyz and doctor say what is missing" {
  wireguard_config
  if node_exec ip link add probe type wireguard 2>/dev/null; then skip "this kernel has WireGuard"; fi
  on a node_exec mount --bind /dev/null /usr/bin/wireguard-go
  on a flanneld_start --lease-dir "$NODE_DIR/leases"
  wait_until 5 eval '[[ $(on a status_get /readyz) == *"no WireGuard"* ]]'
  assert_match "$(on a status_get /readyz)" "Debian's package wireguard-go"
  assert_match "$(on a node_exec "$BIN_DIR/flanneld" doctor)" "wireguard-go"
  on a node_exec umount /usr/bin/wireguard-go
  on a flanneld_wait_ready
}
