# Backends by real packets that need of the kernel what others may not have; the rest are in tests/netns/flanneld_wire.bats.
# bats file_tags=vm
# shellcheck disable=SC2034,SC2317 # matrix.bash uses what is set and defined here

load ../support/flanneld_test.bash
load ../support/kube.bash
load ../support/matrix.bash

# Each test makes the hosts that it needs.
setup() { :; }

@test "wireguard: nothing but WireGuard on ports 51820 and 51821, 60 and 80 bytes of headers, no readable byte" {
  also() {
    assert_equal "$(words_on_wire)" 0
    assert_equal "$(on_wire 'net 10.5.0.0/16 or net fd05::/48 or icmp')" 0
    assert_equal "$(on_wire 'udp and not port 51820 and not port 51821')" 0
  }
  block=16
  carries dual "{\"Type\": \"wireguard\", \"PSK\": \"$(wg genpsk)\"}" 60 80 'udp dst port 51820 and ip' 'udp dst port 51821 and ip6'
}

# An echo request for the web pod in a packet from a pod of its node and from a host without a lease, and without the rules.
forged_by_strangers_and_pods_are_dropped() {
  local forge=(perl "$repo/tests/support/forge-vxlan.perl" 192.168.1.10 ipip 0 - 10.5.99.9 "${addresses[0]}")
  forged_packets_count ip icmp
  node_exec ip addr add 192.168.1.1/24 dev underlay
  on a pod_exec web "${forge[@]}"
  node_exec "${forge[@]}"
  on b node_exec "${forge[@]}"
  wait_until 5 eval '[[ $(forged_packets ip) == 1 ]]' || fail "a node's packets count $(forged_packets ip)"
  on a flanneld_stop
  on a node_exec nft flush table ip flannel-ipv4
  node_exec "${forge[@]}"
  wait_until 5 eval '[[ $(forged_packets ip) == 2 ]]' || fail "without the rules $(forged_packets ip): is this test blind?"
}

@test "ipip: IPv4 in IPv4, 20 bytes of headers; the kernel's tunl0 stays as it is" {
  also() {
    assert_match "$(on a node_exec ip -d link show flannel.ipip)" "ipip (any )?(remote any )?local 192.168.1.10 "
    assert_match "$(on a node_exec ip route show dev flannel.ipip)" "via 192.168.1.20 proto 95 onlink"
    assert_match "$(on a node_exec ip link show tunl0)" "state DOWN"
    forged_by_strangers_and_pods_are_dropped
  }
  carries v4 '{"Type": "ipip"}' 20 20 'ip proto 4' ''
}
