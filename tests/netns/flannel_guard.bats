#!/usr/bin/env bats
# What a hostile pod sends, by real packets: who gets it, and what the node and other pods make of it.

load ../support/flannel_test.bash
load ../support/forge.bash

setup() {
  evil_and_web_start
}

# two_pods [JSON_TO_MERGE]: adds both, evil with those keys.
two_pods() {
  flannel ADD c1 evil "$(conf "${1-"{}"}")" >/dev/null
  flannel ADD c2 web "$(conf)" >/dev/null
  web_mac=$(mac_of eth0 web) node_mac=$(mac_of cni0)
}

# Closes what catch_start has opened: a packet that evil may send.
own="udp src=10.244.1.2 dst=10.244.1.3"

# arrives WANTED FRAME...: of those frames of evil's, the ones with these labels come to web's eth0.
arrives() {
  catch_start web
  forge evil "${@:2}" "end $own"
  assert_equal "$(caught web)" "$1"
}

@test "a pod sends under its own addresses, and under no others of its subnet or beyond, in both families" {
  two_pods
  arrives "own4 own6 local6" "own4 $own" "own6 udp src=${v6}:2 dst=${v6}:3" \
    "local6 udp src=fe80::858:aff:fef4:102 dst=${v6}:3" \
    "web udp src=10.244.1.3 dst=10.244.1.3" "gw udp src=$gateway dst=10.244.1.3" "free udp src=10.244.1.77 dst=10.244.1.3" \
    "world udp src=8.8.8.8 dst=10.244.1.3" "none udp src=0.0.0.0 dst=10.244.1.3" "lo udp src=127.0.0.1 dst=10.244.1.3" \
    "web6 udp src=${v6}:3 dst=${v6}:3" "gw6 udp src=${v6}:1 dst=${v6}:3" "free6 udp src=${v6}:77 dst=${v6}:3" \
    "world6 udp src=2001:db8::1 dst=${v6}:3" "none6 udp src=:: dst=${v6}:3" "lo6 udp src=::1 dst=${v6}:3" \
    "mapped udp src=::ffff:10.244.1.2 dst=${v6}:3" "local-gw udp src=fe80::858:aff:fef4:101 dst=${v6}:3"
}

@test "neither a VLAN tag, nor two, nor a header of options, nor a fragment hides a foreign source" {
  two_pods
  arrives "own-tag own-hop own-part" "own-tag $own vlan=0" "tag udp src=8.8.8.8 dst=10.244.1.3 vlan=0" \
    "tags $own vlan=0,0" "tags-foreign udp src=8.8.8.8 dst=10.244.1.3 vlan=0,0" \
    "tag7 udp src=8.8.8.8 dst=10.244.1.3 vlan=7" "tag6 udp src=2001:db8::1 dst=${v6}:3 vlan=0" \
    "own-hop udp src=${v6}:2 dst=${v6}:3 hop=1" "hop udp src=2001:db8::1 dst=${v6}:3 hop=1" \
    "own-part $own fragment=1" "part udp src=8.8.8.8 dst=10.244.1.3 fragment=1" \
    "part6 udp src=2001:db8::1 dst=${v6}:3 fragment=1"
}

@test "what is neither IP nor ARP does not leave a pod" {
  two_pods
  arrives "" "pppoe raw type=8864" "rarp raw type=8035" "test raw type=88b5" "stp raw type=0026 to=01:80:c2:00:00:00" \
    "eapol raw type=888e to=01:80:c2:00:00:03" "lldp raw type=88cc to=01:80:c2:00:00:0e"
}

@test "a pod answers for its own address, for no other's, and its probes are for its own" {
  two_pods
  arrives "own ask probe" "own arp sender=10.244.1.2 target=10.244.1.3" \
    "ask arp op=request sender=10.244.1.2 target=10.244.1.3" "probe arp op=request sender=0.0.0.0 target=10.244.1.2" \
    "web arp sender=10.244.1.3 target=$gateway" "gw arp sender=$gateway target=10.244.1.3" \
    "gw-ask arp op=request sender=$gateway target=10.244.1.3" "free arp sender=10.244.1.77 target=10.244.1.3" \
    "tag arp sender=$gateway target=10.244.1.3 vlan=0" "web-probe arp op=request sender=0.0.0.0 target=10.244.1.3"
}

@test "a pod advertises its own IPv6 addresses, and disturbs nobody who looks whether his are free" {
  two_pods
  arrives "own local free" "own na src=${v6}:2 dst=${v6}:3 target=${v6}:2" \
    "local na src=fe80::858:aff:fef4:102 dst=${v6}:3 target=fe80::858:aff:fef4:102" \
    "web na src=${v6}:2 dst=ff02::1 target=${v6}:3" "gw na src=${v6}:2 dst=${v6}:3 target=${v6}:1" \
    "gw-src na src=${v6}:1 dst=${v6}:3 target=${v6}:1" "gw-local na src=${v6}:2 dst=${v6}:3 target=fe80::858:aff:fef4:101" \
    "gw-hop na src=${v6}:2 dst=${v6}:3 target=${v6}:1 hop=1" "gw-tag na src=${v6}:2 dst=${v6}:3 target=${v6}:1 vlan=0" \
    "free ns src=:: dst=ff02::1 target=${v6}:2" "taken ns src=:: dst=ff02::1 target=${v6}:3"
}

@test "a pod is no router, no DHCP server and asks nobody for his groups" {
  two_pods
  arrives "client" "ra ra src=fe80::858:aff:fef4:102 dst=ff02::1" "ra-hop ra src=fe80::858:aff:fef4:102 dst=ff02::1 hop=1" \
    "ra-tag ra src=fe80::858:aff:fef4:102 dst=ff02::1 vlan=0" \
    "redirect redirect src=fe80::858:aff:fef4:102 dst=${v6}:3 target=${v6}:2" \
    "offer $own sport=67 dport=68" "offer-other $own sport=1067 dport=68" "relay $own sport=67 dport=67" \
    "offer6 udp src=${v6}:2 dst=${v6}:3 sport=547 dport=546" "offer6-other udp src=${v6}:2 dst=${v6}:3 sport=99 dport=546" \
    "client $own sport=68 dport=67" "igmp query src=10.244.1.2 dst=224.0.0.1" \
    "mld query src=fe80::858:aff:fef4:102 dst=ff02::1"
}

@test "a pod that sends under another's MAC is not heard, and takes nothing of what is for it" {
  two_pods
  arrives "" "web $own from=$web_mac" "node $own from=$node_mac" "new $own from=02:00:00:00:00:99" \
    "arp arp sender=10.244.1.2 target=10.244.1.3 from=$web_mac"
  node_exec busybox ping -c 1 -W 5 10.244.1.3
  pod_exec web busybox ping -c 1 -W 5 "$gateway"
  assert_empty "$(node_exec bridge fdb show br cni0 | grep -i 'dev.*master' | grep -v -e static -e permanent)" "learned MACs"
}

@test "the bridge remembers nothing of a pod that sends from ever new MACs" {
  two_pods
  pod_exec evil python3 "$forge_py" flood eth0 5000
  assert_equal "$(node_exec bridge fdb show br cni0 | grep -c '^02:11:')" 0
}

@test "a frame for a MAC that the bridge does not know goes to no pod, nor does another pod's" {
  two_pods
  pod_add third
  flannel ADD c3 third "$(conf)" >/dev/null
  catch_start third
  forge evil "unknown $own to=02:00:00:00:00:99" "webs $own to=$web_mac" "end udp src=10.244.1.2 dst=10.244.1.4"
  assert_empty "$(caught third)" "frames of others"
}

@test "the neighbour entries that node and pods need are permanent, and a lie changes none" {
  two_pods
  for address in 10.244.1.3 "${v6}:3"; do
    assert_match "$(node_exec ip neigh show "$address" dev cni0)" "lladdr $web_mac PERMANENT"
  done
  for address in "$gateway" "${v6}:1"; do
    assert_match "$(pod_exec web ip neigh show "$address" dev eth0)" "lladdr $node_mac PERMANENT"
  done
  # Not even without the rules.
  node_exec nft flush ruleset
  forge evil "a arp sender=10.244.1.3 target=$gateway" "b arp sender=$gateway target=10.244.1.3" \
    "c na src=${v6}:3 dst=${v6}:1 target=${v6}:3 to=$node_mac" "d na src=${v6}:1 dst=${v6}:3 target=${v6}:1 to=$web_mac"
  assert_match "$(node_exec ip neigh show 10.244.1.3 dev cni0)" "$web_mac PERMANENT"
  assert_match "$(pod_exec web ip -6 neigh show "${v6}:1" dev eth0)" "$node_mac PERMANENT"
}

@test "a pod takes no redirect, and the bridge no packet whose source is elsewhere" {
  two_pods
  assert_equal "$(pod_exec web sh -c 'cd /proc/sys/net; cat ipv4/conf/all/accept_redirects ipv4/conf/eth0/accept_redirects \
    ipv6/conf/eth0/accept_redirects ipv6/conf/eth0/accept_ra' | xargs)" "0 0 0 0"
  assert_equal "$(node_exec cat /proc/sys/net/ipv4/conf/cni0/rp_filter)" 1
  node_exec sh -c 'echo 0 >/proc/sys/net/ipv4/conf/cni0/rp_filter'
  pod_add third
  flannel ADD c3 third "$(conf)" >/dev/null
  assert_equal "$(node_exec cat /proc/sys/net/ipv4/conf/cni0/rp_filter)" 1
}

@test "the first pod of a node has its IPv6 gateway's answer at once, at both of its addresses" {
  flannel ADD c1 evil "$(conf)" >/dev/null
  pod_exec evil busybox ping -c 1 -W 5 "${v6}:1"
  pod_exec evil busybox ping -c 1 -W 5 fe80::858:aff:fef4:101%eth0
}
