# Every backend by real packets: what they look like on the wire, how large they may be, who can read them, and that they
# survive a bad wire. MATRIX=full tries all families and stores (scripts/test-vm).
# bats file_tags=vm

load ../support/flanneld_test.bash
load ../support/kube.bash
load ../support/matrix.bash

# Each test makes the hosts that it needs.
setup() {
  block=1
}

# combinations FAMILIES: those of families and stores to be tried for a backend that serves at most FAMILIES.
combinations() {
  local families store all=(v4 v6 dual)
  if [[ ${MATRIX-} != full ]]; then
    echo "$1 directory"
    return
  fi
  [[ $1 == dual ]] || all=("$1")
  for families in "${all[@]}"; do
    for store in directory etcd kube; do echo "$families $store"; done
  done
}

# outer_size MTU OVERHEAD: how long a full packet of a pod is on the wire. WireGuard fills it up to 16 bytes, or to its MTU.
outer_size() {
  local inner=$((($1 + block - 1) / block * block))
  echo $((inner + $2 < 1500 ? inner + $2 : 1500))
}

# carries FAMILIES BACKEND OVERHEAD4 OVERHEAD6 FILTER4 FILTER6: in each combination, pods reach each other with packets of
# the underlay's 1500 bytes less the overhead, the wire shows these whole and as the filters of tcpdump say, and the path
# survives loss. Then `also FAMILIES`, if the test defines it, looks at what was kept.
carries() {
  local families store mtu
  while read -r families store; do
    echo "# $families, $store"
    dual_stack_hosts_start
    agents_start "$families" "$store" "$2"
    pods_start
    mtu=$((1500 - ($4 > $3 ? $4 : $3)))
    [[ $families != v4 ]] || mtu=$((1500 - $3))
    wire_tap
    pings_fit "$mtu"
    wire_untap
    assert_equal "$(on a node_exec awk -F = '$1 == "FLANNEL_MTU" { print $2 }' /run/flannel/subnet.env)" "$mtu"
    if [[ $families != v6 ]]; then
      assert_equal "v4: $(on_wire "$5 and ip[2:2] == $(outer_size "$mtu" "$3")")" "v4: 2"
    fi
    if [[ $families != v4 ]]; then
      assert_equal "v6: $(on_wire "$6 and ip6[4:2] + 40 == $(outer_size "$mtu" "$4")")" "v6: 2"
    fi
    assert_equal "$(on_wire 'ip[6:2] & 0x3fff != 0 or ip6[6] == 44')" 0 # fragments
    also "$families"
    bytes_arrive
    teardown
  done < <(combinations "$1")
}

# What is not encrypted can be read, if one looks as these tests do.
also() {
  (($(words_on_wire) > 0)) || fail "the words of the pings are not found: is this test blind?"
}

@test "vxlan: VXLAN on port 8472, 50 and 70 bytes of headers" {
  carries dual '{"Type": "vxlan"}' 50 70 'udp dst port 8472 and ip' 'udp dst port 8472 and ip6'
}

@test "host-gw: the pods' own packets" {
  carries dual '{"Type": "host-gw"}' 0 0 'icmp and net 10.5.0.0/16' 'icmp6 and net fd05::/48'
}

@test "wireguard: nothing but WireGuard on ports 51820 and 51821, 60 and 80 bytes of headers, no readable byte" {
  also() {
    assert_equal "$(words_on_wire)" 0
    assert_equal "$(on_wire 'net 10.5.0.0/16 or net fd05::/48 or icmp')" 0
    assert_equal "$(on_wire 'udp and not port 51820 and not port 51821')" 0
  }
  block=16
  carries dual "{\"Type\": \"wireguard\", \"PSK\": \"$(wg genpsk)\"}" 60 80 'udp dst port 51820 and ip' 'udp dst port 51821 and ip6'
}

@test "udp: the pods' packets in datagrams to port 8285, 28 bytes of headers" {
  carries v4 '{"Type": "udp"}' 28 28 'udp dst port 8285' ''
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
