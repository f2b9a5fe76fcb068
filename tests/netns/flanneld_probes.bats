# Probes between peers: what an agent finds out by itself about the way to each peer, through the data path.

load ../support/flanneld_test.bash

# probed HOST: what its probes say of its first peer, "STATE PATH-MTU" for each family.
probed() {
  on "$1" status_get /peers | jq -r '[.[0].probes[]? | "\(.state) \(.pathMtu)"] | join(", ")'
}

probes_say() {
  [[ $(probed "$1") == "$2" ]] && return
  probed "$1" >"$BATS_TEST_TMPDIR/probed"
  return 1
}

# finds HOST SECONDS TEXT: its probes say so within that time.
finds() {
  wait_until "$2" probes_say "$1" "$3" || fail "instead of $3: $(cat "$BATS_TEST_TMPDIR/probed")"
}

# two_agents JSON: agents on a and b that ask each other every second.
two_agents() {
  network_config "$1"
  agent_start a --probe-interval 1
  agent_start b --probe-interval 1
}

# drops_at HOST RULE: an nftables rule of the netdev family on a link: drops_at HOST LINK RULE
drops_at() {
  on "$1" node_exec nft "add table netdev fault; delete table netdev fault; add table netdev fault;
    add chain netdev fault in { type filter hook ingress device $2 priority 0; };
    add rule netdev fault in $3 drop"
}

# says HOST PATH REGEX: its status server's page has that.
says() {
  [[ $(on "$1" status_get "$2") =~ $3 ]]
}

problems_of() {
  on "$1" status_get /readyz
}

@test "vxlan: a closed port, a smaller MTU and lost checksums are told apart, with what to do; recovery is seen" {
  two_agents '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  finds a 15 "reached 1450"
  finds b 15 "reached 1450"
  [[ $(on a status_get /peers | jq '.[0].probes[0].roundTripMs > 0') == true ]]
  assert_equal "$(problems_of a)" "flanneld is ready"

  drops_at b eth0 'ether type ip ip length > 1450' # the network between takes 50 bytes less
  finds a 15 "small-only 1400"
  assert_match "$(problems_of a)" "1 of 1 peers gets no packets of the pods' MTU.*takes 1450 bytes, less than 'eth0' with its MTU of 1500"

  drops_at b flannel.1 'udp checksum != 0' # as the kernel does with wrong ones
  finds a 15 "bad-checksums 1450"
  assert_match "$(problems_of a)" '"ChecksumOffload": false'

  drops_at b eth0 'udp dport 8472'
  finds a 15 "silent null"
  assert_match "$(problems_of a)" "flanneld is ready.*but 1 of 1 peers does not answer, the first is 10.5.[0-9]+.0/24 at 192.168.1.20.*UDP port 8472 passes"
  # Of two nodes none knows whose fault it is. Of more, one that is off is its own.
  run -1 on a node_exec "$BIN_DIR/flanneld" status
  assert_match "$output" "! 1 of 1 peers does not answer.*192.168.1.20 .* does not answer"
  wait_until 15 on a node_exec grep -q '1 peer does not answer: 10.5' /run/flanneld.log
  assert_match "$(on a status_get /metrics)" 'flanneld_probe_paths\{state="silent"\} 1'

  on b node_exec nft delete table netdev fault
  finds a 15 "reached 1450"
  wait_until 15 on a node_exec grep -q '1 peer is reached again: 10.5' /run/flanneld.log
  # A node that is off, among others, is nothing that is wrong with this one.
  lease_put 10.5.250.0-24 '{"PublicIP":"192.168.1.30","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:00:01"}}'
  wait_until 15 says a /status '1 of 2 peers does not answer'
  run -0 on a node_exec "$BIN_DIR/flanneld" status
  assert_match "$output" "! elsewhere: 1 of 2 peers does not answer, the first is 10.5.250.0/24 at 192.168.1.30"
}

@test "host-gw: a peer without pods is reached; one that drops echo requests too; one that has gone is not" {
  two_agents '{"Network": "10.5.0.0/16", "Backend": {"Type": "host-gw"}}'
  finds a 15 "unknown null" # no bridge: b has no address in its subnet, and forwards nothing
  wait_until 15 says a /peers "it answers at 192.168.1.20, not at 10.5.[0-9]+.1: it has had no pod yet"
  on b node_exec sysctl -qw net.ipv4.ip_forward=1
  finds a 15 "reached 1500"
  on b node_exec nft 'add table ip fault; add chain ip fault in { type filter hook input priority 0; };
    add rule ip fault in icmp type echo-request drop'
  on b pod_run web
  finds a 15 "reached 1500"
  on b flanneld_stop KILL
  node_exec ip link set u-b down
  finds a 15 "silent null"
}

@test "dual stack: each family is asked by its own device" {
  teardown
  dual_stack_hosts_start
  two_agents '{"EnableIPv6": true, "Network": "10.5.0.0/16", "IPv6Network": "fd00:10:5::/48", "Backend": {"Type": "vxlan"}}'
  finds a 15 "reached 1430, reached 1430"
  drops_at b flannel-v6.1 'ip6 length > 0'
  finds a 15 "reached 1430, silent null"
}
