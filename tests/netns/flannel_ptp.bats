#!/usr/bin/env bats
# Pods without a bridge (delegate.type ptp): each on a link of its own, to which the node routes. Beside the reference's
# ptp, and by real packets.

load ../support/flannel_test.bash
load ../support/forge.bash

setup() {
  evil_and_web_start
}

# routed [JSON_TO_MERGE]: the configuration.
routed() {
  conf "$(jq -c --argjson more "${1-"{}"}" '. * $more' <<<'{"name": "routed", "cniVersion": "1.0.0", "delegate": {"type": "ptp"}}')"
}

# by_reference VERB ID POD [RESULT]: the reference's ptp with what flannel would hand to it.
by_reference() {
  local config
  config=$(jq -c --argjson result "${4-null}" '. + if $result then {prevResult: $result} else {} end' <<'JSON'
{"name": "routed", "cniVersion": "1.0.0", "type": "ptp", "ipMasq": false, "mtu": 1450,
 "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.1.0/24"}], [{"subnet": "fd00:10:244:1::/64"}]],
  "routes": [{"dst": "10.244.0.0/16"}, {"dst": "fd00:10:244::/48"}]}}
JSON
  )
  plugin_env ptp "CNI_COMMAND=$1" "CNI_CONTAINERID=$2" "CNI_NETNS=/run/netns/$3" CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin <<<"$config"
}

# seen POD: the host's side of the pod and its routes, without names and hardware addresses.
seen() {
  local port
  port=$(port_of "$1")
  {
    node_exec ip -o addr show dev "$port" | grep -v fe80 | awk '{ print $3, $4 }'
    node_exec ip route show dev "$port"
    node_exec ip -6 route show dev "$port" | grep -v fe80
    pod_exec "$1" ip -o addr show dev eth0 | grep -v fe80 | awk '{ print $3, $4 }'
    pod_exec "$1" ip route
    pod_exec "$1" ip -6 route | grep -v fe80
  } | sort
}

# without_macs RESULT: without what is another at each ADD, and without an empty dns, which ours leaves out.
without_macs() {
  jq -S 'del(.interfaces[].mac, .dns) | .interfaces[0].name |= sub("[0-9a-f]{8}$"; "")' <<<"$1"
}

# True once the kernel has seen that both ends of the link are up.
listens_to_multicast() {
  [[ $(node_exec ip -6 route show table local dev "$1") == *ff00* ]]
}

two_pods() {
  flannel ADD c1 evil "$(routed "${1-"{}"}")" >/dev/null
  flannel ADD c2 web "$(routed)" >/dev/null
}

@test "result, addresses and routes on both sides are those of the reference's ptp" {
  local reference ours
  reference=$(by_reference ADD c1 evil)
  seen evil >"$BATS_TEST_TMPDIR/reference"
  by_reference DEL c1 evil
  node_exec rm -r /var/lib/cni/networks
  pod_del evil
  pod_add evil
  ours=$(flannel ADD c1 evil "$(routed '{"delegate": {"isDefaultGateway": false}}')")
  assert_equal "$(without_macs "$ours")" "$(without_macs "$reference")"
  assert_equal "$(seen evil)" "$(cat "$BATS_TEST_TMPDIR/reference")"
  [[ $(jq -r '.interfaces[1].mac' <<<"$ours") == "$(mac_of eth0 evil)" ]]
}

@test "the node keeps no routes of IPv6 for a pod's link but those of its addresses" {
  flannel ADD c1 evil "$(routed)" >/dev/null
  wait_until 3 listens_to_multicast "$(port_of evil)"
  assert_empty "$(node_exec ip -6 route show table all dev "$(port_of evil)" | grep fe80)" "link-local routes"
  subnet_env_write # without IPv6
  flannel ADD c2 web "$(routed)" >/dev/null
  assert_empty "$(node_exec ip -6 route show table all dev "$(port_of web)"; node_exec ip -6 addr show dev "$(port_of web)")"
  local static='{"ipam": {"type": "static", "addresses": [{"address": "fd00:10:244:9::9/64", "gateway": "fd00:10:244:9::1"}]}}'
  pod_add other
  flannel ADD c3 other "$(routed "$static")" >/dev/null
  pod_exec other busybox ping -c 1 -W 5 fd00:10:244:9::1 >/dev/null
}

@test "what the reference's ptp has made is checked, guarded and deleted, and it does so with what ours has made" {
  local result
  result=$(by_reference ADD c1 evil)
  jq -c '. + {cniVersion: "1.0.0", name: "routed", type: "ptp"} + .ipam.more' <<<'{"ipam": {"type": "host-local",
    "ranges": [[{"subnet": "10.244.1.0/24"}], [{"subnet": "fd00:10:244:1::/64"}]]}}' | node_exec sh -c 'mkdir -p /var/lib/cni/flannel; cat >/var/lib/cni/flannel/c1'
  flannel CHECK c1 evil "$(with_result "$(routed)" "$result")"
  assert_match "$(node_exec ip -d link show "$(port_of evil)")" "NOARP.* group 61858"
  assert_match "$(pod_exec evil ip neigh show 10.244.1.1)" "PERMANENT"
  flannel DEL c1 evil "$(with_result "$(routed)" "$result")"
  assert_empty "$(leftovers)" "left of the reference's pod"

  result=$(flannel ADD c2 web "$(routed '{"delegate": {"isDefaultGateway": false}}')")
  by_reference CHECK c2 web "$(jq 'del(.routes)' <<<"$result")" # it looks for routes without gateway, in vain also for its own
  by_reference DEL c2 web "$result"
  assert_empty "$(links_of veth; leases)" "left of ours"
}

@test "pods, the node and what a pod asks of itself reach each other at once, in both families" {
  two_pods
  local pair
  for pair in "evil 10.244.1.3" "evil ${v6}:3" "web 10.244.1.2" "web ${v6}:2" "evil $gateway" "evil ${v6}:1" "evil 10.244.1.2"; do
    pod_exec "${pair% *}" busybox ping -c 1 -W 5 "${pair#* }" >/dev/null || fail "$pair"
  done
  for pair in 10.244.1.2 "${v6}:2"; do node_exec busybox ping -c 1 -W 5 "$pair" >/dev/null || fail "node to $pair"; done
  assert_match "$(pod_exec evil ip route)" "default via $gateway"
}

@test "host ports and limits come with it, and DEL leaves nothing of a pod" {
  local result before
  before=$(node_state)
  result=$(flannel ADD c2 web "$(routed '{"cniVersion": "1.1.0", "delegate": {"ipMasq": true},
    "capabilities": {"portMappings": true, "bandwidth": true}, "runtimeConfig": {"mac": "02:00:00:00:00:42",
      "portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}],
      "bandwidth": {"ingressRate": 80000000, "ingressBurst": 8000000, "egressRate": 80000000, "egressBurst": 8000000}}}')")
  assert_json "$result" '.interfaces | length == 3 and .[1].mac == "02:00:00:00:00:42" and .[0].mtu == 1450'
  flannel ADD c1 evil "$(routed)" >/dev/null
  rootfs_make
  web_serve web 80
  assert_match "$(web_fetch evil http://10.244.1.1:8080/)" "hello from a pod"
  assert_match "$(web_fetch node "http://[${v6}:1]:8080/")" "hello from a pod"
  flannel CHECK c2 web "$(with_result "$(routed '{"cniVersion": "1.1.0"}')" "$result")"
  flannel DEL c2 "" "$(routed)"
  flannel DEL c1 "" "$(routed)"
  assert_equal "$(node_state)" "$before"
  assert_empty "$(leftovers)" "left of both pods"
  assert_empty "$(node_exec ip route; node_exec ip -6 route | grep fd00)" "routes"
}

@test "a pod sends under its own addresses, and under no others, in both families" {
  two_pods
  local node_mac
  node_mac=$(mac_of "$(port_of evil)")
  # Not even where the node looks at sources by any route.
  node_exec sh -c 'for one in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 2 >$one; done'
  node_exec ip route add default dev "$(port_of web)"
  node_exec ip -6 route add default dev "$(port_of web)"
  catch_start web
  forge evil "own udp src=10.244.1.2 dst=10.244.1.3 to=$node_mac" "own6 udp src=${v6}:2 dst=${v6}:3 to=$node_mac" \
    "web udp src=10.244.1.3 dst=10.244.1.3 to=$node_mac" "gw udp src=$gateway dst=10.244.1.3 to=$node_mac" \
    "free udp src=10.244.1.77 dst=10.244.1.3 to=$node_mac" "world udp src=8.8.8.8 dst=10.244.1.3 to=$node_mac" \
    "none udp src=0.0.0.0 dst=10.244.1.3 to=$node_mac" "web6 udp src=${v6}:3 dst=${v6}:3 to=$node_mac" \
    "gw6 udp src=${v6}:1 dst=${v6}:3 to=$node_mac" "world6 udp src=2001:db8::1 dst=${v6}:3 to=$node_mac" \
    "none6 udp src=:: dst=${v6}:3 to=$node_mac" "end udp src=10.244.1.2 dst=10.244.1.3 to=$node_mac"
  assert_equal "$(caught web)" "own own6"
}

@test "no lie about neighbours reaches another pod or changes what the node knows, nor does a flood of them" {
  two_pods
  local port before
  port=$(port_of evil)
  before=$(node_exec ip neigh; pod_exec web ip neigh)
  catch_start web
  forge evil "arp arp sender=10.244.1.3 target=$gateway" "gw arp sender=$gateway target=10.244.1.3" \
    "own arp op=request sender=10.244.1.2 target=$gateway from=02:00:00:00:00:99" \
    "na na src=${v6}:2 dst=${v6}:1 target=${v6}:3 to=$(mac_of "$port")" "ra ra src=fe80::1 dst=ff02::1" \
    "ns ns src=fe80::99 dst=${v6}:1 target=${v6}:1 to=$(mac_of "$port")" \
    "ns4 arp op=request sender=10.244.1.88 target=$gateway" "end udp src=10.244.1.2 dst=10.244.1.3 to=$(mac_of "$port")"
  assert_empty "$(caught web)" "frames of others"
  assert_equal "$(node_exec ip neigh; pod_exec web ip neigh)" "$before"
  assert_match "$(node_exec ip neigh show 10.244.1.2 dev "$port")" "PERMANENT"
}

@test "rules that somebody removed come back with the next ADD, and a pod's own with its CHECK" {
  local result
  result=$(flannel ADD c1 evil "$(routed)")
  node_exec nft flush ruleset
  flannel ADD c2 web "$(routed)" >/dev/null
  assert_match "$(node_exec nft list table inet flannel-routed-pods)" 'fib saddr . iif oif missing drop'
  node_exec ip link set "$(port_of evil)" group 0
  pod_exec evil ip link set eth0 address 02:00:00:00:00:77
  result=$(jq '.interfaces[1].mac = "02:00:00:00:00:77"' <<<"$result")
  flannel CHECK c1 evil "$(with_result "$(routed)" "$result")"
  assert_match "$(node_exec ip -d link show "$(port_of evil)")" "NOARP.* group 61858"
  pod_exec evil busybox ping -c 1 -W 5 10.244.1.3
}

@test "keys that take a bridge are refused by name" {
  local key
  for key in '"allowNestedMacs": true' '"allowAnySource": true' '"allowedSources": ["10.244.0.9"]'; do
    run flannel ADD c1 evil "$(routed "{\"delegate\": {$key}}")"
    assert_error 2 "unsupported field 'delegate.allow"
  done
  assert_empty "$(leftovers)"
}

@test "GC takes the pods that are gone, and CHECK finds what somebody took from one" {
  local result
  result=$(flannel ADD c1 evil "$(routed)")
  flannel ADD c2 web "$(routed '{"delegate": {"ipMasq": true}}')" >/dev/null
  node_exec rm -r /var/lib/cni/flannel/c2
  flannel GC "" "" "$(routed '{"cniVersion": "1.1.0", "cni.dev/valid-attachments": [{"containerID": "c1", "ifname": "eth0"}]}')"
  assert_equal "$(links_of veth)" "$(port_of evil)"
  assert_equal "$(leases | xargs)" "10.244.1.2 ${v6}:2"
  flannel CHECK c1 evil "$(with_result "$(routed)" "$result")"
  node_exec ip route del 10.244.1.2
  run flannel CHECK c1 evil "$(with_result "$(routed)" "$result")"
  assert_error 102 "the node does not send to 10.244.1.2"
  flannel STATUS "" "" "$(routed '{"cniVersion": "1.1.0"}')"
}

@test "a pod gets IPv6 although its runtime switched that off, and whoever asks next" {
  pod_exec evil sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6; echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6'
  two_pods
  pod_exec web busybox ping -c 1 -W 5 "${v6}:2" >/dev/null
}

@test "a bridge of the same network leaves such pods where they are" {
  flannel ADD c1 evil "$(routed)" >/dev/null
  flannel ADD c2 web "$(routed '{"delegate": {"type": "bridge"}}')" >/dev/null
  assert_equal "$(node_exec ip -j link show "$(port_of evil)" | jq -r '.[0].master // "none"')" none
}

# sees POD ADDRESS...: at once.
sees() {
  local address
  for address in "${@:2}"; do pod_exec "$1" busybox ping -c 1 -W 5 "$address" >/dev/null || fail "$1 to $address"; done
}

# The addresses of others that the node answers for.
answered_for() {
  node_exec ip -6 neigh show proxy
}

@test "pods on a bridge and pods without reach each other on one node, whichever was there first" {
  local bridge result
  bridge=$(routed '{"delegate": {"type": "bridge"}}')
  flannel ADD c1 evil "$(routed)" >/dev/null
  flannel ADD c2 web "$bridge" >/dev/null
  pod_add late
  result=$(flannel ADD c3 late "$(routed)")
  sees web 10.244.1.2 "${v6}:2" 10.244.1.4 "${v6}:4"
  sees evil 10.244.1.3 "${v6}:3" 10.244.1.4 "${v6}:4"
  sees late 10.244.1.3 "${v6}:3"
  flannel DEL c3 late "$(with_result "$(routed)" "$result")"
  assert_match "$(answered_for)" "^${v6}:2 dev cni0.*proto 95"
  assert_equal "$(answered_for | wc -l)" 1
  flannel DEL c1 evil "$(routed)" # without the result
  assert_empty "$(answered_for)"
  pod_add next
  flannel ADD c4 next "$bridge" eth0 "CNI_ARGS=IP=${v6}:2" >/dev/null
  assert_empty "$(answered_for)"
  sees web "${v6}:2"
}

@test "the node answers no more for pods that GC finds gone, and still for those that took their addresses" {
  local bridge result
  bridge=$(routed '{"delegate": {"type": "bridge"}}')
  flannel ADD c2 web "$bridge" >/dev/null # ::2
  result=$(flannel ADD c1 evil "$(routed)") # ::3
  flannel DEL c1 evil "$(with_result "$(routed)" "$result")"
  flannel ADD c3 evil "$(routed)" eth0 "CNI_ARGS=IP=${v6}:3" >/dev/null
  flannel DEL c1 evil "$(with_result "$(routed)" "$result")"
  assert_match "$(answered_for)" "^${v6}:3 "

  pod_add gone
  flannel ADD c4 gone "$(routed)" >/dev/null
  node_exec ip -6 neigh add proxy 2001:db8::7 dev cni0 # an administrator's
  pod_del gone
  assert_equal "$(answered_for | wc -l)" 3
  flannel GC "" "" "$(routed '{"cniVersion": "1.1.0", "cni.dev/valid-attachments": [{"containerID": "c2", "ifname": "eth0"},
    {"containerID": "c3", "ifname": "eth0"}]}')"
  assert_equal "$(answered_for | cut -d' ' -f1 | sort | xargs)" "2001:db8::7 ${v6}:3"
  sees web "${v6}:3"
}

@test "pods that are made at once are all there, and reach each other" {
  subnet_env_write FLANNEL_SUBNET=10.244.0.1/20
  local pods=${PTP_PODS:-100}
  CONF_OF_ALL=$(routed)
  conf() { echo "$CONF_OF_ALL"; }
  assert_empty "$(add_at_once "$pods")" "failed calls"
  [[ $(links_of veth | wc -l) -eq $pods ]] || fail "$(links_of veth | wc -l) links"
  pod_exec "p$pods" busybox ping -c 1 -W 5 "$(pod_exec p1 ip -j -4 addr show dev eth0 | jq -r '.[0].addr_info[0].local')" >/dev/null
}

@test "the reference's firewall and tuning work behind it" {
  local result chained
  result=$(flannel ADD c1 evil "$(routed)")
  for chained in '{"type": "firewall"}' '{"type": "tuning", "sysctl": {"net.core.somaxconn": "777"}, "mtu": 1400}'; do
    plugin_env "$(jq -r .type <<<"$chained")" CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/evil CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin \
      "PATH=$PATH" <<<"$(with_result "$(jq '. + {name: "routed", cniVersion: "1.0.0"}' <<<"$chained")" "$result")" >/dev/null
  done
  flannel ADD c2 web "$(routed)" >/dev/null
  pod_exec evil busybox ping -c 1 -W 5 10.244.1.3 >/dev/null
  assert_equal "$(pod_exec evil cat /proc/sys/net/core/somaxconn)" 777
  assert_match "$(node_exec iptables-save -t filter)" "-A CNI-FORWARD -s 10.244.1.2/32 -j ACCEPT"
}
