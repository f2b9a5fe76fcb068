# Who may send into the tunnel.
# shellcheck disable=SC2030,SC2031 # each test runs in a shell of its own

load ../support/flanneld_test.bash

# stranger ADDRESS...: a host beside the underlay, at a's second interface, sends tunnel packets to these.
stranger() {
  for to; do
    node_exec ip netns exec stranger perl "$repo/tests/support/forge-vxlan.perl" "$to" 8472 1 "$TUNNEL_MAC" "$CLIENT" "$WEB" || return
  done
}

@test "a stranger's tunnel packets to another address or interface of the node reach no pod, with either engine" {
  local engine
  for engine in true false; do
    network_config '{"Network": "10.5.0.0/16", "EnableNFTables": '"$engine"', "Backend": {"Type": "vxlan"}}'
    if [[ $engine == true ]]; then
      two_pods --ip-masq
      TUNNEL_MAC=$(on a mac_of flannel.1)
      forged_packets_count ip icmp
      node_exec ip addr add 192.168.1.1/24 dev underlay
      node_exec bash -euc 'ip netns add stranger
        ip link add eth1 netns "$(cat /run/a.pid)" type veth peer name eth0 netns stranger
        ip -n stranger addr add 10.88.0.2/24 dev eth0; ip -n stranger link set eth0 up; ip -n stranger route add default via 10.88.0.1'
      on a node_exec bash -euc 'ip addr add 10.88.0.1/24 dev eth1; ip link set eth1 up; ip addr add 192.168.1.77/24 dev eth0'
    else
      on a flanneld_stop && agent_start a --ip-masq
    fi
    stranger 10.88.0.1 192.168.1.10 192.168.1.77
    node_exec perl "$repo/tests/support/forge-vxlan.perl" 192.168.1.77 8472 1 "$TUNNEL_MAC" "$CLIENT" "$WEB"
    heals_within 3 # sent later, come later
    assert_equal "$(forged_packets ip)" 0
  done
  on a flanneld_stop
  on a node_exec nft flush ruleset
  stranger 10.88.0.1 192.168.1.10 192.168.1.77
  wait_until 2 are_forged 3 || fail "without the rules $(forged_packets ip) come: is this test blind?"
}

# own_programs: unprivileged ones on host a, which send to the tunnel by its own addresses.
own_programs() {
  local to
  for to in 127.0.0.1 192.168.1.10; do
    on a node_exec setpriv --reuid 65534 --clear-groups perl "$repo/tests/support/forge-vxlan.perl" "$to" 8472 1 "$TUNNEL_MAC" "$CLIENT" "$WEB" || return
  done
}

# neighbour_sends: a machine on the nodes' own network, which holds no lease.
neighbour_sends() {
  on c node_exec perl "$repo/tests/support/forge-vxlan.perl" 192.168.1.10 8472 1 "$TUNNEL_MAC" "$CLIENT" "$WEB"
}

nodes_are() {
  [[ $(on a node_exec nft -j list set ip flannel-ipv4 nodes | jq -c '.nftables[1].set.elem // [] | sort') == "$1" ]]
}

@test "with nftables the tunnel takes packets of nodes that hold a lease, and nobody else's, the node's own programs included" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  two_pods
  host_add c 192.168.1.30/24
  TUNNEL_MAC=$(on a mac_of flannel.1)
  forged_packets_count ip icmp
  neighbour_sends
  own_programs
  heals_within 2 # sent later, come later
  assert_equal "$(forged_packets ip)" 0
  # With a lease it is a node, and one without its lease is none; only the set's elements change.
  local handle
  handle=$(on a node_exec nft -a list table ip flannel-ipv4 | grep 'chain tunnel-input')
  lease_put 10.5.250.0-24 '{"PublicIP":"192.168.1.30","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44","Source":"192.168.1.31"}}'
  wait_until 2 nodes_are '["192.168.1.20","192.168.1.30","192.168.1.31"]'
  neighbour_sends
  wait_until 2 are_forged 1
  assert_equal "$(on a node_exec nft -a list table ip flannel-ipv4 | grep 'chain tunnel-input')" "$handle"
  rm "$NODE_DIR/leases/subnets/10.5.250.0-24"
  wait_until 2 nodes_are '["192.168.1.20"]'
  neighbour_sends
  # What somebody else takes out of the set, or puts into it, is undone.
  on a node_exec nft flush set ip flannel-ipv4 nodes
  wait_until 2 nodes_are '["192.168.1.20"]'
  assert_equal "$(forged_packets ip)" 1
  on a node_exec nft add element ip flannel-ipv4 nodes '{ 192.168.1.30 }'
  wait_until 2 nodes_are '["192.168.1.20"]'
  heals_within 2
  on a flanneld_stop
  agent_start a --tunnel-sources 192.168.1.28/30
  neighbour_sends
  wait_until 2 are_forged 2
}

# A server answers to whoever asks, and the asker's address may be a lie: here that of the tunnel on host a.
@test "what a server on another node answers to a forged question does not enter the tunnel" {
  local engine
  for engine in true false; do
    network_config '{"Network": "10.5.0.0/16", "EnableNFTables": '"$engine"', "Backend": {"Type": "vxlan"}}'
    if [[ $engine == true ]]; then
      two_pods
      TUNNEL_MAC=$(on a mac_of flannel.1)
      forged_packets_count ip icmp
    else
      on a flanneld_stop && agent_start a
    fi
    on b node_exec perl "$repo/tests/support/forge-vxlan.perl" 192.168.1.10 8472 1 "$TUNNEL_MAC" "$CLIENT" "$WEB" "" 7
    heals_within 2
    assert_equal "$(forged_packets ip)" 0
  done
  on b node_exec perl "$repo/tests/support/forge-vxlan.perl" 192.168.1.10 8472 1 "$TUNNEL_MAC" "$CLIENT" "$WEB" "" 40000
  wait_until 2 are_forged 1 # a node's own programs can still: nothing tells them from its kernel
}

# hours_left TEXT: until the time that the text names.
hours_left() {
  echo $((($(date -u -d "$1" +%s) - $(date +%s)) / 3600))
}

@test "rules that nobody looks after any more end within 30 hours, with either engine" {
  local rules left
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  agent_start a --ip-masq
  rules=$(on a node_exec env TZ=UTC nft list table ip flannel-ipv4)
  assert_empty "$(grep -E ' (masquerade|drop) ' <<<"$rules" | grep -vE 'meta time <|chain to')" "rules without an end"
  left=$(hours_left "$(sed -nE '0,/meta time/s/.*meta time < "([^"]*)".*/\1/p' <<<"$rules")")
  ((left >= 24 && left <= 30)) || fail "$left hours"
  on a flanneld_stop
  network_config '{"Network": "10.5.0.0/16", "EnableNFTables": false, "Backend": {"Type": "vxlan"}}'
  agent_start a --ip-masq
  rules=$(on a node_exec iptables-save -t mangle | grep 'j DROP')
  assert_empty "$(grep -v datestop <<<"$rules")" "rules without an end"
  left=$(hours_left "$(sed -nE '1s/.*--datestop ([^ ]*).*/\1/p' <<<"$rules")")
  ((left >= 24 && left <= 30)) || fail "$left hours"
  assert_empty "$(on a node_exec iptables-save -t nat | grep datestop)" "upstream's rules with an end"
}
