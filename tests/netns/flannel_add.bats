#!/usr/bin/env bats
# ADD and DEL of the built-in bridge delegate: links, addresses, routes, results, files.

load ../support/flannel_test.bash

# The addresses of a link, global ones only: addresses_of POD|node LINK.
addresses_of() {
  local where=(pod_exec "$1")
  [[ $1 == node ]] && where=(node_exec)
  "${where[@]}" ip -j addr show dev "$2" | jq -r '.[].addr_info[] | select(.scope == "global") | "\(.local)/\(.prefixlen)"' | sort | xargs
}

@test "ADD makes links, addresses and routes for IPv4, and a result and scratch file that match" {
  run flannel ADD c1 pod "$(conf)"
  assert_equal "$status" 0
  local result=$output host
  assert_json "$result" '.cniVersion == "1.1.0"
    and (.interfaces | length == 3) and .interfaces[0].name == "cni0" and .interfaces[2].name == "eth0"
    and .interfaces[2].sandbox == "/run/netns/pod" and all(.interfaces[]; .mtu == 1450 and (.mac | length == 17))
    and .ips == [{"interface": 2, "address": "10.244.1.2/24", "gateway": "10.244.1.1"}]
    and .routes == [{"dst": "10.244.0.0/16"}, {"dst": "0.0.0.0/0", "gw": "10.244.1.1"}]'
  host=$(jq -r '.interfaces[1].name' <<<"$result")
  assert_match "$host" '^veth[0-9a-f]{8}$'
  assert_equal "$(addresses_of pod eth0)" 10.244.1.2/24
  assert_equal "$(addresses_of node cni0)" 10.244.1.1/24
  assert_equal "$(pod_exec pod ip -j route | jq -r '.[] | "\(.dst) \(.gateway // "-")"' | sort | xargs)" \
    "10.244.0.0/16 10.244.1.1 10.244.1.0/24 - default 10.244.1.1"
  assert_json "$(node_exec ip -d -j link show "$host")" '.[0] | .master == "cni0" and .operstate == "UP"
    and .ifalias == "cbr0/c1/eth0" and .linkinfo.info_slave_data.hairpin and .mtu == 1450
    and .num_tx_queues == 1 and .num_rx_queues == 1'
  assert_json "$(pod_exec pod ip -d -j link show eth0)" '.[0] | .num_tx_queues == 1 and .num_rx_queues == 1'
  assert_equal "$(node_exec cat /proc/sys/net/ipv4/ip_forward)" 1
  assert_equal "$(node_exec cat /var/lib/cni/flannel/c1)" \
    '{"cniVersion":"1.1.0","hairpinMode":true,"ipMasq":false,"ipam":{"ranges":[[{"subnet":"10.244.1.0/24"}]],"routes":[{"dst":"10.244.0.0/16"}],"type":"host-local"},"isDefaultGateway":true,"isGateway":true,"mtu":1450,"name":"cbr0","type":"bridge"}'
  assert_equal "$(node_exec cat /var/lib/cni/networks/cbr0/10.244.1.2 | od -t x1 -A n | xargs)" "63 31 0d 0a 65 74 68 30"
  # The MACs in the result are those in the kernel.
  assert_equal "$(pod_exec pod ip -j link show eth0 | jq -r '.[0].address')" "$(jq -r '.interfaces[2].mac' <<<"$result")"
}

@test "ADD gives the pod IPv6 addresses alone, or both families" {
  node_exec bash -c 'printf "FLANNEL_IPV6_NETWORK=fd00:10:244::/48\nFLANNEL_IPV6_SUBNET=fd00:10:244:1::1/64\nFLANNEL_MTU=1430\nFLANNEL_IPMASQ=true\n" >/run/flannel/subnet.env'
  run flannel ADD c1 pod "$(conf)"
  assert_json "$output" '.ips == [{"interface": 2, "address": "fd00:10:244:1::2/64", "gateway": "fd00:10:244:1::1"}]'
  assert_equal "$(addresses_of node cni0)" fd00:10:244:1::1/64
  assert_equal "$(node_exec cat /proc/sys/net/ipv6/conf/all/forwarding)" 1
  assert_empty "$(node_exec ip -6 addr show dev cni0 scope global tentative)" "gateway address that waits for duplicates"
  assert_empty "$(pod_exec pod ip -6 addr show dev eth0 tentative)" "pod address that waits for duplicates"
  dual_stack
  pod_add pod2
  run flannel ADD c2 pod2 "$(conf)"
  assert_json "$output" '[.ips[].address] == ["10.244.1.2/24", "fd00:10:244:1::3/64"]'
  assert_json "$output" '[.routes[].dst] == ["10.244.0.0/16", "fd00:10:244::/48", "0.0.0.0/0", "::/0"]'
  assert_equal "$(addresses_of pod2 eth0)" "10.244.1.2/24 fd00:10:244:1::3/64"
  assert_equal "$(addresses_of node cni0)" "10.244.1.1/24 fd00:10:244:1::1/64"
  for pod in c1:pod c2:pod2; do flannel DEL "${pod%:*}" "${pod#*:}" "$(conf)"; done
  assert_empty "$(leftovers)" "leftovers"
}

@test "ADD routes every network of subnet.env through the bridge" {
  subnet_env_write FLANNEL_NETWORK=10.244.0.0/16,192.168.0.0/16
  run flannel ADD c1 pod "$(conf)"
  assert_json "$output" '[.routes[].dst] == ["10.244.0.0/16", "192.168.0.0/16", "0.0.0.0/0"]'
  assert_equal "$(pod_exec pod ip -j route | jq '[.[] | select(.gateway == "10.244.1.1")] | length')" 3
}

@test "the result has the form of the configuration's version" {
  for version in 0.1.0 0.2.0 0.3.0 0.3.1 0.4.0 1.0.0 1.1.0; do
    run flannel ADD "c$version" pod "$(conf "{\"cniVersion\":\"$version\"}")"
    assert_equal "$status" 0
    assert_json "$output" ".cniVersion == \"$version\""
    case $version in
      0.1.0 | 0.2.0) assert_json "$output" '(.ip4.ip | test("/24$")) and .ip4.gateway == "10.244.1.1" and (.ip4.routes | length == 2) and .dns == {} and (has("ips") | not)' ;;
      0.3* | 0.4*) assert_json "$output" '.ips[0].version == "4" and .dns == {} and (.interfaces[0] | has("mtu") | not)' ;;
      *) assert_json "$output" '(.ips[0] | has("version") | not) and (has("dns") | not)' ;;
    esac
    flannel DEL "c$version" pod "$(conf "{\"cniVersion\":\"$version\"}")"
  done
  run flannel ADD c1 pod "$(conf '{"cniVersion":null}')"
  assert_json "$output" '.cniVersion == "0.1.0" and has("ip4")'
}

@test "DEL removes everything, and succeeds again and for a pod that was never added" {
  local before
  flannel ADD c0 pod "$(conf)"
  flannel DEL c0 pod "$(conf)"
  before=$(node_state)
  flannel ADD c1 pod "$(conf)"
  run flannel DEL c1 pod "$(conf)"
  assert_equal "$status" 0
  assert_empty "$output" stdout
  assert_equal "$(node_state)" "$before"
  flannel DEL c1 pod "$(conf)"
  flannel DEL never pod "$(conf)"
  assert_equal "$(node_state)" "$before"
}

@test "DEL succeeds when the namespace is empty, gone or a plain file, or the interface was renamed" {
  local n=0
  node_exec touch /run/netns/file
  for netns in '' gone /run/netns/file pod; do
    pod_add "p$n"
    flannel ADD "c$n" "p$n" "$(conf)"
    if [[ $netns == pod ]]; then
      pod_exec "p$n" ip link set eth0 down name other
      netns=p$n
    fi
    flannel DEL "c$n" "$netns" "$(conf)"
    assert_empty "$(leftovers)" "leftovers after DEL with netns '$netns'"
    n=$((n + 1))
  done
}

@test "DEL needs no subnet.env, no valid delegate, and no scratch file" {
  flannel ADD c1 pod "$(conf)"
  node_exec rm /run/flannel/subnet.env
  flannel DEL c1 pod "$(conf '{"delegate":{"vlan":9999,"mtu":"x"}}')"
  assert_empty "$(leftovers)" leftovers
  subnet_env_write
  flannel ADD c1 pod "$(conf)"
  node_exec rm -r /var/lib/cni/flannel
  flannel DEL c1 pod "$(conf)"
  assert_empty "$(leftovers)" leftovers
  flannel ADD c1 pod "$(conf)"
  node_exec bash -c ': >/var/lib/cni/flannel/c1'
  flannel DEL c1 pod "$(conf)"
  assert_empty "$(leftovers)" leftovers
}

@test "a second ADD of the same pod fails and leaves the first as it is" {
  local before
  flannel ADD c1 pod "$(conf)"
  before=$(node_state)
  run flannel ADD c1 pod "$(conf)"
  assert_error 101 "already has an interface 'eth0'.*DEL"
  assert_equal "$(node_state)" "$before"
  pod_add elsewhere
  run flannel ADD c1 elsewhere "$(conf)"
  assert_error 101 "c1"
  assert_equal "$(node_state)" "$before"
  assert_equal "$(addresses_of pod eth0)" 10.244.1.2/24
  flannel DEL c1 pod "$(conf)"
  assert_empty "$(leftovers)" leftovers
}

@test "one container can have two attachments" {
  flannel ADD c1 pod "$(conf)" eth0
  flannel ADD c1 pod "$(conf)" net1
  flannel ADD c1 pod "$(conf '{"name":"second","delegate":{"bridge":"cni1"},"subnetFile":"/run/second.env"}')" net2 2>/dev/null && fail "no such file, no attachment"
  assert_equal "$(leases cbr0 | xargs)" "10.244.1.2 10.244.1.3"
  flannel DEL c1 pod "$(conf)" net1
  flannel DEL c1 pod "$(conf)" net1
  assert_equal "$(leases cbr0)" 10.244.1.2
  assert_equal "$(addresses_of pod eth0)" 10.244.1.2/24
  flannel DEL c1 pod "$(conf)" eth0
  assert_empty "$(leftovers)" leftovers
}

@test "a failed ADD leaves nothing, and the next one works" {
  local before
  flannel ADD c0 pod "$(conf)"
  flannel DEL c0 pod "$(conf)"
  before=$(node_state)
  # The pod's namespace cannot take the route: everything before it is undone.
  run flannel ADD c1 pod "$(conf '{"ipam":{"routes":[{"dst":"203.0.113.0/24","gw":"198.51.100.1"}]}}')"
  assert_error 100 "203.0.113.0/24 via 198.51.100.1"
  assert_equal "$(node_state)" "$before"
  assert_empty "$(pod_exec pod ip -o link show eth0 2>/dev/null)" "interface in the pod"
  flannel ADD c1 pod "$(conf)"
}

@test "100 ADDs at once on a node without a bridge all succeed" {
  run add_at_once 100
  assert_empty "$output" "failed ADDs"
  assert_equal "$(leases cbr0 | wc -l)" 100
  assert_equal "$(leases cbr0 | sort -u | wc -l)" 100
  assert_equal "$(node_exec ip -j link show master cni0 | jq length)" 100
  assert_equal "$(addresses_of node cni0)" 10.244.1.1/24
  # The bridge's address is one and the same in all results.
  assert_equal "$(node_exec bash -c 'cat /run/out.*' | jq -r '.interfaces[0].mac' | sort -u | wc -l)" 1
}

@test "the container gets the MAC address that was asked for" {
  run flannel ADD c1 pod "$(conf '{"runtimeConfig":{"mac":"02:00:00:00:00:07"}}')" eth0 "CNI_ARGS=IgnoreUnknown=1;MAC=02:00:00:00:00:01"
  assert_json "$output" '.interfaces[2].mac == "02:00:00:00:00:07"'
  assert_equal "$(pod_exec pod ip -j link show eth0 | jq -r '.[0].address')" 02:00:00:00:00:07
}

@test "a name in which the kernel would put a number is refused, and nothing is made; DEL finds nothing of it" {
  local before
  before=$(node_state)
  run flannel ADD c1 pod "$(conf '{"delegate":{"bridge":"br%d"}}')"
  assert_error 7 "delegate.bridge.*'%'"
  run flannel ADD c1 pod "$(conf)" 'eth%d'
  assert_error 4 "CNI_IFNAME.*'%'"
  flannel DEL c1 pod "$(conf '{"delegate":{"bridge":"br%d"}}')" 'eth%d'
  assert_equal "$(node_state)" "$before"
}

@test "a subnet of two addresses serves one pod, of either family" {
  subnet_env_write FLANNEL_SUBNET=10.244.1.1/31 FLANNEL_IPV6_NETWORK=fd00:10:244::/48 FLANNEL_IPV6_SUBNET=fd00:10:244:1::1/127
  run flannel ADD c1 pod "$(conf)"
  assert_json "$output" '[.ips[].address] == ["10.244.1.0/31", "fd00:10:244:1::/127"]'
  pod_exec pod ping -c 1 -W 5 10.244.1.1
  pod_exec pod ping -c 1 -W 5 fd00:10:244:1::1
}

@test "an address keeps its MAC, and neighbours that remember another are corrected" {
  local asked='{"runtimeConfig":{"ips":["10.244.1.9/24"]}}'
  pod_add other # a bridge without a port forgets its neighbours by itself
  flannel ADD c0 other "$(conf)"
  flannel ADD c1 pod "$(conf "$asked")"
  assert_equal "$(pod_exec pod ip -j link show eth0 | jq -r '.[0].address')" 0a:58:0a:f4:01:09
  flannel DEL c1 pod "$(conf "$asked")"
  # As a pod of another implementation had it.
  node_exec ip neigh replace 10.244.1.9 lladdr 02:00:00:00:00:09 dev cni0 nud reachable
  flannel ADD c1 pod "$(conf "$asked")"
  assert_equal "$(node_exec ip -j neigh show 10.244.1.9 dev cni0 | jq -r '.[0].lladdr')" 0a:58:0a:f4:01:09
  node_exec busybox ping -c 1 -W 5 10.244.1.9
  flannel DEL c1 pod "$(conf "$asked")"
  assert_empty "$(node_exec ip neigh show 10.244.1.9 dev cni0)" "entry of a pod that is gone"
  flannel ADD c1 pod "$(conf "$asked")"
  assert_match "$(node_exec ip neigh show 10.244.1.9 dev cni0)" 'lladdr 0a:58:0a:f4:01:09 PERMANENT'
}

@test "300 addresses in one container are all configured, and corrected on the node" {
  # many FIRST COUNT: the configuration with so many addresses.
  many() {
    conf "$(jq -nc --argjson first "$1" --argjson count "$2" '{cniVersion: "1.0.0", ipam: {type: "static",
      addresses: [range($first; $first + $count) | {address: "10.244.\(. / 250 | floor).\(. % 250 + 2)/16"}]}}')"
  }
  pod_add other # a bridge without a port forgets its neighbours by itself
  flannel ADD c0 other "$(many 0 1)"
  # As a pod of another implementation had it, the last of them all.
  node_exec ip neigh replace 10.244.2.51 lladdr 02:00:00:00:00:09 dev cni0 nud reachable
  run flannel ADD c1 pod "$(many 250 300)"
  assert_json "$output" '.ips | length == 300'
  assert_equal "$(addresses_of pod eth0 | wc -w)" 300
  assert_equal "$(node_exec ip -j neigh show 10.244.2.51 dev cni0 | jq -r '.[0].lladdr')" 0a:58:0a:f4:01:02
}

@test "a pod that starts sends no packet to the others on its node" {
  flannel ADD c1 pod "$(conf)"
  assert_empty "$(pod_exec pod ip -6 addr show dev eth0)" "IPv6 address of a pod in a network without IPv6"
  assert_equal "$(pod_exec pod cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6)" 0
  assert_equal "$(pod_exec pod ip -s -j link show eth0 | jq '.[0].stats64.tx.packets')" 0
  # It needs none of it to be reached, nor to reach others.
  pod_add other
  flannel ADD c2 other "$(conf)"
  pod_exec other busybox ping -c 1 -W 5 10.244.1.2
}

@test "an address can be asked for in each of three ways" {
  run flannel ADD c1 pod "$(conf)" eth0 "CNI_ARGS=IgnoreUnknown=1;IP=10.244.1.50;K8S_POD_UID=x"
  assert_json "$output" '.ips[0].address == "10.244.1.50/24"'
  flannel DEL c1 pod "$(conf)"
  run flannel ADD c1 pod "$(conf '{"runtimeConfig":{"ips":["10.244.1.51/24"]}}')"
  assert_json "$output" '.ips[0].address == "10.244.1.51/24"'
  flannel DEL c1 pod "$(conf)"
  run flannel ADD c1 pod "$(conf '{"delegate":{"args":{"cni":{"ips":["10.244.1.52"]}}}}')"
  assert_json "$output" '.ips[0].address == "10.244.1.52/24"'
}

@test "the bridge is promiscuous on demand; a device of another kind is refused" {
  flannel ADD c1 pod "$(conf '{"delegate":{"hairpinMode":false,"promiscMode":true}}')"
  assert_json "$(node_exec ip -j link show cni0)" '.[0].flags | index("PROMISC")'
  node_exec ip link add notabridge type veth peer name other
  pod_add pod3
  run flannel ADD c3 pod3 "$(conf '{"delegate":{"bridge":"notabridge"}}')"
  assert_error 101 "notabridge.*not a bridge"
}

@test "portIsolation and enabledad take effect" {
  dual_stack
  run flannel ADD c1 pod "$(conf '{"delegate":{"portIsolation":true,"enabledad":true}}')"
  assert_equal "$status" 0
  assert_json "$(node_exec ip -d -j link show "$(jq -r '.interfaces[1].name' <<<"$output")")" '.[0].linkinfo.info_slave_data.isolated'
  assert_equal "$(pod_exec pod cat /proc/sys/net/ipv6/conf/eth0/accept_dad)" 1
  assert_empty "$(pod_exec pod ip -6 addr show dev eth0 tentative)" "address that is not settled when ADD returns"
  pod_add pod2
  flannel ADD c2 pod2 "$(conf)"
  assert_equal "$(pod_exec pod2 cat /proc/sys/net/ipv6/conf/eth0/accept_dad)" 0
}

# bats test_tags=vm
@test "VLANs are set up, or refused by name before anything is made" {
  if node_exec ip link add probe type bridge vlan_filtering 1 2>/dev/null; then
    node_exec ip link del probe
    run flannel ADD c1 pod "$(conf '{"delegate":{"vlan":100,"vlanTrunk":[{"minID":200,"maxID":202}]}}')"
    assert_json "$output" '.interfaces | length == 4 and .[3].name == "cni0.100"'
    local port
    port=$(jq -r '.interfaces[1].name' <<<"$output")
    assert_equal "$(node_exec bridge -j -compressvlans vlan show dev "$port" | jq -c '[.[0].vlans[] | [.vlan, .vlanEnd]]')" '[[100,null],[200,202]]'
    assert_equal "$(addresses_of node cni0.100)" 10.244.1.1/24
  else
    echo "# this kernel cannot filter VLANs: only the refusal is tested" >&3
    local before
    before=$(node_state)
    for key in '"vlan":100' '"vlanTrunk":[{"id":101}]'; do
      run flannel ADD c1 pod "$(conf "{\"delegate\":{$key}}")"
      assert_error 2 "delegate.${key:1:4}"
    done
    assert_equal "$(node_state)" "$before"
  fi
}

@test "the default routes of IPAM and isDefaultGateway do not collide" {
  run flannel ADD c1 pod "$(conf '{"ipam":{"routes":[{"dst":"0.0.0.0/0"},{"dst":"10.244.0.0/16"}]}}')"
  assert_equal "$status" 0
  assert_equal "$(pod_exec pod ip -j route show default | jq length)" 1
}
