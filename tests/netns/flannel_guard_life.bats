#!/usr/bin/env bats
# The guard of pods' ports over time: what DEL and GC take back, keys that allow more, pods of other programs and
# of before, and rules that somebody removes.

load ../support/flannel_test.bash
load ../support/forge.bash

setup() {
  evil_and_web_start
}
own="udp src=10.244.1.2 dst=10.244.1.3"

# arrives WANTED FRAME...: as in flannel_guard.bats.
arrives() {
  catch_start web
  forge evil "${@:2}" "end $own"
  assert_equal "$(caught web)" "$1"
}

all_elements() {
  for set in checked any-mac own4 own6; do guard_elements "$set"; done
}

# Those of ports that are gone: with a number in place of a name.
dead_elements() {
  all_elements | grep '^[0-9]' || true
}

# Everything that counts of what the node keeps of pods: elements of ports that are there, and permanent neighbours.
guard_state() {
  all_elements | grep -v '^[0-9]'
  node_exec ip neigh show dev cni0 nud permanent | awk '{print $1, $3}'
  node_exec ip -6 neigh show dev cni0 nud permanent | awk '{print $1, $3}'
}

# reference VERB ID POD: the bridge plugin of the reference, with its IPAM, on the same bridge and store.
reference() {
  plugin_env bridge PATH="$PATH" "CNI_COMMAND=$1" "CNI_CONTAINERID=$2" "CNI_NETNS=/run/netns/$3" CNI_IFNAME=eth0 \
    CNI_PATH=/opt/cni/bin <<'JSON'
{"cniVersion": "1.0.0", "name": "cbr0", "type": "bridge", "bridge": "cni0", "isDefaultGateway": true, "mtu": 1450,
 "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.1.0/24"}], [{"subnet": "fd00:10:244:1::/64"}]]}}
JSON
}

@test "DEL takes back all that ADD made, also when the namespace died first, and twice" {
  flannel ADD c2 web "$(conf)" >/dev/null
  local before
  before=$(guard_state)
  for keys in '{}' '{"allowNestedMacs":true}' '{"allowAnySource":true}' '{"allowedSources":["10.244.1.240/30","2001:db8::7"]}'; do
    flannel ADD c1 evil "$(conf "{\"delegate\":$keys}")" >/dev/null
    flannel DEL c1 evil "$(conf)"
    assert_equal "$(guard_state)" "$before"
    flannel DEL c1 evil "$(conf)"
  done
  flannel ADD c1 evil "$(conf)" >/dev/null
  pod_del evil
  wait_until 5 eval '! node_exec ip link show | grep -q vethd9e39193'
  flannel DEL c1 '' "$(conf)"
  assert_equal "$(guard_state)" "$before"
}

@test "a container that starts again under its name and ID may not send from the address that it had" {
  flannel ADD c2 web "$(conf)" >/dev/null
  flannel ADD c1 evil "$(conf)" >/dev/null
  local port
  port=$(port_of evil)
  flannel DEL c1 evil "$(conf)"
  flannel ADD c1 evil "$(conf)" >/dev/null
  assert_equal "$(port_of evil)" "$port"
  assert_equal "$(guard_elements own4 | grep "$port")" "$port 10.244.1.4"
  catch_start web
  forge evil "old udp src=10.244.1.3 dst=10.244.1.2" "own udp src=10.244.1.4 dst=10.244.1.2" "end udp src=10.244.1.4 dst=10.244.1.2"
  assert_equal "$(caught web)" own
}

@test "elements that DEL leaves of ports that are gone go with one DEL in 64" {
  flannel ADD c2 web "$(conf)" >/dev/null
  local before
  before=$(all_elements)
  flannel ADD c1 evil "$(conf)" >/dev/null
  flannel DEL c1 evil "$(conf)"
  # So that a pod that goes waits for nobody: see release_gone_port().
  assert_match "$(dead_elements)" '10.244.1.3'
  # One whose port's name has it collect.
  flannel ADD c73 evil "$(conf)" >/dev/null
  flannel DEL c73 evil "$(conf)"
  assert_equal "$(all_elements)" "$before"
}

@test "DEL of a pod whose addresses another has by now leaves that one's entries" {
  flannel ADD c1 evil "$(conf)" >/dev/null
  local result
  result=$(flannel ADD c9 web "$(conf)" eth9)
  flannel DEL c9 web "$(conf)" eth9
  flannel ADD c2 web "$(conf '{"runtimeConfig":{"ips":["10.244.1.3/24"]}}')" >/dev/null
  local before
  before=$(guard_state)
  flannel DEL c9 '' "$(with_result "$(conf)" "$result")" eth9
  assert_equal "$(guard_state)" "$before"
  pod_exec web busybox ping -c 1 -W 5 "$gateway"
}

@test "GC takes back what pods left that died without DEL, and nothing else" {
  flannel ADD c2 web "$(conf)" >/dev/null
  local before
  before=$(guard_state)
  flannel ADD c1 evil "$(conf)" >/dev/null
  pod_del evil
  node_exec sh -c 'rm -rf /var/lib/cni/flannel/*c1* /var/lib/cni/networks/cbr0/10.244.1.3'
  wait_until 5 eval '! node_exec ip link show | grep -q vethd9e39193'
  assert_match "$(dead_elements)" '10.244.1.3'
  flannel GC '' '' "$(conf '{"cni.dev/valid-attachments":[{"containerID":"c2","ifname":"eth0"}]}')"
  assert_equal "$(guard_state)" "$before"
  assert_empty "$(dead_elements)" "elements of ports that are gone"
}

@test "an ADD that fails at its end leaves no entry" {
  flannel ADD c2 web "$(conf)" >/dev/null
  local before
  before=$(guard_state)
  run flannel ADD c1 evil "$(conf '{"ipam":{"routes":[{"dst":"192.0.2.0/24","gw":"198.51.100.1"}]}}')"
  assert_error 100 'route 192.0.2.0/24'
  assert_equal "$(guard_state)" "$before"
  assert_empty "$(dead_elements)" "elements of ports that are gone"
}

@test "allowNestedMacs: machines in a pod use MACs of their own, and its addresses alone" {
  flannel ADD c1 evil "$(conf '{"delegate":{"allowNestedMacs":true,"allowedSources":["10.244.1.200"]}}')" >/dev/null
  flannel ADD c2 web "$(conf)" >/dev/null
  local nested="from=02:00:00:00:00:99 lladdr=02:00:00:00:00:99"
  arrives "guest guest-arp guest-local guest-na" "guest udp src=10.244.1.200 dst=10.244.1.3 $nested" \
    "guest-arp arp op=request sender=10.244.1.200 target=10.244.1.3 $nested" \
    "guest-local udp src=fe80::200 dst=${v6}:3 $nested" \
    "guest-na na src=fe80::200 dst=${v6}:3 target=fe80::200 $nested" \
    "world udp src=8.8.8.8 dst=10.244.1.3 $nested" "gw-arp arp sender=$gateway target=10.244.1.3 $nested"
  assert_match "$(node_exec bridge fdb show br cni0)" "02:00:00:00:00:99 dev $(port_of evil)"
}

@test "allowedSources: a floating address and a network of them, and no other" {
  flannel ADD c1 evil "$(conf '{"delegate":{"allowedSources":["10.244.1.250","192.0.2.0/28","2001:db8::/124"]}}')" >/dev/null
  flannel ADD c2 web "$(conf)" >/dev/null
  arrives "float claim net net6" "float udp src=10.244.1.250 dst=10.244.1.3" \
    "claim arp sender=10.244.1.250 target=10.244.1.250" "net udp src=192.0.2.15 dst=10.244.1.3" \
    "net6 udp src=2001:db8::f dst=${v6}:3" "beyond udp src=192.0.2.16 dst=10.244.1.3" "beyond6 udp src=2001:db8::10 dst=${v6}:3" \
    "mac $own from=02:00:00:00:00:99"
  assert_equal "$(node_exec cat /proc/sys/net/ipv4/conf/cni0/rp_filter)" 2
}

@test "allowAnySource: a pod that routes sends from anywhere, under its own MAC alone" {
  flannel ADD c1 evil "$(conf '{"delegate":{"allowAnySource":true}}')" >/dev/null
  flannel ADD c2 web "$(conf)" >/dev/null
  arrives "world world6" "world udp src=8.8.8.8 dst=10.244.1.3" "world6 udp src=2001:db8::1 dst=${v6}:3" \
    "mac udp src=8.8.8.8 dst=10.244.1.3 from=02:00:00:00:00:99"
}

@test "keys that make no sense are refused before anything is made" {
  local before
  before=$(node_state)
  while read -r code delegate; do
    run flannel ADD c1 evil "$(conf "{\"delegate\":$delegate}")"
    assert_error "$code" 'allow(NestedMacs|AnySource|edSources)'
  done <<'KEYS'
7 {"allowedSources":["10.244.1.0/23"]}
7 {"allowedSources":["fd00::/64"]}
7 {"allowedSources":["nonsense"]}
6 {"allowedSources":[7]}
6 {"allowedSources":"10.244.1.5"}
6 {"allowNestedMacs":"yes"}
6 {"allowAnySource":1}
7 {"allowedSources":["10.0.0.0/24","10.0.1.0/32"]}
KEYS
  assert_equal "$(node_state)" "$before"
}

@test "pods that the reference made go on, and are guarded as from the next ADD" {
  reference ADD c1 evil >/dev/null
  pod_add other
  reference ADD c3 other >/dev/null
  assert_equal "$(guard_elements checked)" ""
  flannel ADD c2 web "$(conf '{"runtimeConfig":{"ips":["10.244.1.9/24"]}}')" >/dev/null
  assert_equal "$(guard_elements checked | wc -l)" 3
  # The reference's bridge looks whether its own addresses are free.
  wait_until 5 eval '! node_exec ip -6 addr show dev cni0 tentative | grep -q .'
  for pod in evil other; do
    pod_exec "$pod" busybox ping -c 1 -W 5 10.244.1.9
    pod_exec "$pod" busybox ping -c 1 -W 5 "${v6}:1"
    node_exec busybox ping -c 1 -W 5 "$(pod_exec "$pod" ip -j -4 addr show dev eth0 | jq -r '.[0].addr_info[0].local')"
  done
  pod_exec evil busybox ping -c 1 -W 5 10.244.1.3
  catch_start web
  forge evil "world udp src=8.8.8.8 dst=10.244.1.9" "gw arp sender=$gateway target=10.244.1.9" "mac $own from=02:00:00:00:00:99" \
    "end udp src=10.244.1.2 dst=10.244.1.9"
  assert_empty "$(caught web)" "forged frames"
  # Its DEL, or ours with its result, takes that back.
  reference DEL c3 other
  flannel GC '' '' "$(conf '{"cni.dev/valid-attachments":[{"containerID":"c1","ifname":"eth0"},{"containerID":"c2","ifname":"eth0"}]}')"
  assert_equal "$(guard_elements checked | wc -l)" 2
}

@test "pods of before that use several MACs or forward packets are not locked out" {
  reference ADD c1 evil >/dev/null
  pod_exec evil ip link add link eth0 name mv0 type macvlan mode bridge
  pod_exec evil ip link set mv0 up
  forge evil "a udp src=10.244.1.2 dst=$gateway" "b udp src=10.244.1.2 dst=$gateway from=$(pod_exec evil ip -j link show mv0 | jq -r '.[0].address')"
  pod_add router
  reference ADD c3 router >/dev/null
  pod_exec router sh -c 'echo 1 >/proc/sys/net/ipv4/conf/eth0/forwarding'
  flannel ADD c2 web "$(conf '{"runtimeConfig":{"ips":["10.244.1.9/24"]}}')" >/dev/null
  assert_equal "$(guard_elements checked)" "$(port_of web)"
  assert_equal "$(node_exec bridge -d link | grep -c 'locked on')" 1
}

@test "an address that two pods of before have goes to neither, and neither is cut off" {
  reference ADD c1 evil >/dev/null
  pod_add other
  reference ADD c3 other >/dev/null
  pod_exec other ip addr add 10.244.1.2/24 dev eth0
  flannel ADD c2 web "$(conf '{"runtimeConfig":{"ips":["10.244.1.9/24"]}}')" >/dev/null
  assert_equal "$(guard_elements own4 | grep -c ' 10.244.1.2$')" 0
  assert_equal "$(guard_elements own4 | grep -c ' 10.244.1.3$')" 1
  pod_exec other busybox ping -c 1 -W 5 "$gateway"
}

@test "after somebody has flushed all rules the next ADD guards all pods again, and those with keys keep what they may" {
  flannel ADD c1 evil "$(conf)" >/dev/null
  pod_add router
  flannel ADD c3 router "$(conf '{"delegate":{"allowAnySource":true}}')" >/dev/null
  local before
  before=$(guard_state | grep -v "$(port_of router)")
  node_exec nft flush ruleset
  flannel ADD c2 web "$(conf)" >/dev/null
  assert_equal "$(guard_state | grep -v -e "$(port_of web)" -e '10.244.1.4 ' -e "${v6}:4 ")" "$before"
  assert_equal "$(guard_elements checked | grep -c "$(port_of router)")" 0
}

@test "CHECK guards a pod whose rules or entries somebody removed" {
  local result before
  result=$(flannel ADD c1 evil "$(conf)")
  before=$(guard_state)
  node_exec sh -c "nft flush ruleset; ip neigh flush dev cni0 nud permanent; bridge link set dev $(port_of evil) learning on locked off"
  flannel CHECK c1 evil "$(with_result "$(conf)" "$result")"
  assert_equal "$(guard_state)" "$before"
  assert_match "$(node_exec bridge -d link show dev "$(port_of evil)")" 'learning off.*locked on'
}

@test "pods on a bridge that is made anew are guarded there too" {
  flannel ADD c1 evil "$(conf)" >/dev/null
  local before
  before=$(guard_state)
  node_exec ip link del cni0
  flannel ADD c2 web "$(conf)" >/dev/null
  assert_equal "$(guard_state | grep -v -e "$(port_of web)" -e '10.244.1.3 ' -e "${v6}:3 ")" "$before"
  assert_match "$(node_exec bridge -d link show dev "$(port_of evil)")" 'learning off.*locked on'
  arrives "" "world udp src=8.8.8.8 dst=10.244.1.3" "mac $own from=02:00:00:00:00:99"
}

# bats test_tags=vm
@test "in a VLAN the gateway has a MAC that stays, and its port learns while the pods' do not" {
  local config
  config=$(conf '{"delegate":{"vlan":7}}')
  node_exec sh -c 'ip link add probe type bridge vlan_filtering 1 2>/dev/null && ip link del probe' || skip "the kernel cannot filter VLANs on a bridge"
  flannel ADD c1 evil "$config" >/dev/null
  flannel ADD c2 web "$config" >/dev/null
  assert_match "$(pod_exec web ip neigh show "$gateway")" 'lladdr 0a:58:0a:f4:01:01 PERMANENT'
  assert_match "$(node_exec ip neigh show 10.244.1.3)" 'dev cni0.7 lladdr 0a:58:0a:f4:01:03 PERMANENT'
  pod_exec web busybox ping -c 1 -W 5 "$gateway"
  pod_exec evil busybox ping -c 1 -W 5 10.244.1.3
  arrives "" "world udp src=8.8.8.8 dst=10.244.1.3" "tag udp src=8.8.8.8 dst=10.244.1.3 vlan=7"
  flannel DEL c2 web "$config"
  assert_empty "$(node_exec ip neigh show 10.244.1.3)" "neighbour entry of a pod that is gone"
}
