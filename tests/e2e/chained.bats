#!/usr/bin/env bats
# The reference plugins that clusters chain behind flannel do their work on its result.
# An `outside` namespace is the network beyond the node: 192.0.2.1 is the node, 192.0.2.2 is outside.

load ../support/assert.bash
load ../support/node.bash
load ../support/cni.bash
load ../support/web.bash

setup() {
  cni_node_start
  without_ipv6_nat
  rootfs_make
  pod_add pod
  pod_add outside
  node_exec ip link add up0 type veth peer name up1 netns outside
  node_exec ip addr add 192.0.2.1/24 dev up0
  node_exec ip link set up0 up
  pod_exec outside ip addr add 192.0.2.2/24 dev up1
  pod_exec outside ip link set up1 up
  pod_exec outside ip route add default via 192.0.2.1
}

teardown() {
  node_stop
}

# Takes NAT from the plugins' ip6tables: CHECK of portmap 1.1.1 looks for the rules of a pod that has no
# IPv6 address there too, and fails.
without_ipv6_nat() {
  node_exec bash -c 'mkdir -p /run/bin && cat >/run/bin/ip6tables && chmod +x /run/bin/ip6tables' <<SCRIPT
#!/bin/sh
case " \$* " in *" nat "*) exit 1 ;; esac
exec $(command -v ip6tables) "\$@"
SCRIPT
}

# Writes a list of flannel and the given plugins and prints its path: chain VERSION PLUGIN_JSON...
chain() {
  local version=$1
  shift
  printf '%s\n' '{"type":"flannel","capabilities":{"mac":true},"delegate":{"hairpinMode":true,"isDefaultGateway":true}}' "$@" |
    jq -s --arg version "$version" '{cniVersion: $version, name: "cbr0", plugins: .}' |
    conf_write list.conflist
}

portmap='{"type":"portmap","capabilities":{"portMappings":true}}'
bandwidth='{"type":"bandwidth","capabilities":{"bandwidth":true}}'
tuning='{"type":"tuning","mac":"c2:11:22:33:44:55","sysctl":{"net.ipv4.conf.eth0.log_martians":"1"}}'
# The bridge hears a pod under the MAC alone that flannel knows of: asked of flannel too, tuning changes nothing.
mac='"mac":"c2:11:22:33:44:55"'
firewall='{"type":"firewall","backend":"iptables"}'
sbr='{"type":"sbr"}'
ports='"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]'
rates='"bandwidth":{"ingressRate":8000000,"ingressBurst":800000,"egressRate":4000000,"egressBurst":400000}'

# Prints the pod's address from the result of ADD.
address_in() {
  jq -r '.ips[0].address | sub("/.*"; "")' <<<"$1"
}

# The pod answers on the node's port 8080, from outside and from the node itself.
check_portmap() {
  assert_equal "$(web_fetch outside http://192.0.2.1:8080/)" 'hello from a pod'
  assert_equal "$(web_fetch node http://127.0.0.1:8080/)" 'hello from a pod'
}

# Traffic to the pod is limited on its host link, traffic from it on the ifb device of the result.
check_bandwidth() {
  local link ifb
  link=$(jq -r '.interfaces[] | select(.name | startswith("veth")).name' <<<"$1")
  ifb=$(jq -r '.interfaces[] | select(.name | startswith("bwp")).name' <<<"$1")
  assert_match "$(node_exec tc qdisc show dev "$link")" 'qdisc tbf .* rate 8Mbit'
  assert_match "$(node_exec tc qdisc show dev "$ifb")" 'qdisc tbf .* rate 4Mbit'
}

check_tuning() {
  assert_json "$(pod_exec pod ip -j link show eth0)" '.[0].address == "c2:11:22:33:44:55"'
  assert_json "$1" '[.interfaces[] | select(.name == "eth0").mac] == ["c2:11:22:33:44:55"]'
  assert_equal "$(pod_exec pod cat /proc/sys/net/ipv4/conf/eth0/log_martians)" 1
}

# Forwarding from the pod is allowed by rules of its own.
check_firewall() {
  assert_match "$(node_exec iptables -S CNI-FORWARD)" "-s $(address_in "$1")/32 -j ACCEPT"
}

# The pod gets out although the node forwards nothing by default.
check_passage() {
  web_serve outside 81
  node_exec iptables -P FORWARD DROP
  assert_equal "$(web_fetch pod http://192.0.2.2:81/)" 'hello from a pod'
}

check_sbr() {
  assert_match "$(pod_exec pod ip rule)" "from $(address_in "$1") lookup 100"
  assert_match "$(pod_exec pod ip route show table 100)" 'default via 10.244.1.1 dev eth0'
  assert_equal "$(web_fetch node "http://$(address_in "$1")/")" 'hello from a pod'
}

# ADD, the check of the effect, CHECK where the version has it, DEL, nothing left, DEL of flannel again
# (not of all: a second DEL of sbr fails).
# (sbr takes the routes from sockets without a source address: passage cannot be seen with it.)
# Usage: attach_and_detach VERSION CAPABILITIES EFFECT... -- PLUGIN_JSON...
attach_and_detach() {
  local version=$1 cap=$2 effects=() conf result effect
  shift 2
  while [[ $1 != -- ]]; do effects+=("$1") && shift; done
  conf=$(chain "$version" "${@:2}")
  web_serve pod 80
  result=$(cni_pod add pod --net "$conf" --cap "$cap") || fail "ADD: $result"
  for effect in "${effects[@]}"; do "check_$effect" "$result"; done
  if [[ $version != 0.3.1 ]]; then cni_pod check pod --net "$conf"; fi
  cni_pod del pod --net "$conf" --cap "$cap"
  assert_empty "$(leftovers; links_of ifb)" "what the pod leaves behind"
  assert_empty "$(pod_exec pod ip -br link show eth0 2>/dev/null)" "eth0 of the pod"
  cni_pod del pod --net "$conf" --plugin flannel
}

@test "portmap: a port of the node reaches the pod" {
  attach_and_detach 1.0.0 "{$ports}" portmap -- "$portmap"
  web_misses outside http://192.0.2.1:8080/
}

@test "portmap: the list of kube-flannel, version 0.3.1" {
  attach_and_detach 0.3.1 "{$ports}" portmap -- "$portmap"
}

@test "bandwidth: both directions are limited" {
  attach_and_detach 0.4.0 "{$rates}" bandwidth -- "$bandwidth"
}

@test "tuning: the pod's link gets its MAC and sysctl" {
  attach_and_detach 0.4.0 '{}' tuning -- "$tuning"
}

@test "firewall: the pod passes a FORWARD policy of DROP" {
  attach_and_detach 1.0.0 '{}' firewall passage -- "$firewall"
  pod_add other
  cni_pod add other --net "$(chain 1.0.0)" >/dev/null
  web_misses other http://192.0.2.2:81/
}

@test "sbr: the pod's own address gets its own routing table" {
  attach_and_detach 0.4.0 '{}' sbr -- "$sbr"
}

@test "all five in one list, version 0.4.0" {
  attach_and_detach 0.4.0 "{$ports,$rates,$mac}" portmap bandwidth tuning firewall sbr -- \
    "$portmap" "$bandwidth" "$tuning" "$firewall" "$sbr"
}

@test "all five in one list, version 1.0.0" {
  attach_and_detach 1.0.0 "{$ports,$rates,$mac}" portmap bandwidth tuning firewall sbr -- \
    "$portmap" "$bandwidth" "$tuning" "$firewall" "$sbr"
}

@test "the list of k3s, portmap and bandwidth, version 1.0.0" {
  attach_and_detach 1.0.0 "{$ports,$rates}" portmap bandwidth -- "$portmap" "$bandwidth"
}

# no_other_package: the node has our plugins alone, under all their names.
no_other_package() {
  node_exec bash -c 'rm /opt/cni/bin/*'
  own_plugins_install
}

@test "the list of kube-flannel, by our plugins alone" {
  no_other_package
  attach_and_detach 0.3.1 "{$ports}" portmap -- "$portmap"
}

@test "the list of k3s, by our plugins alone" {
  no_other_package
  attach_and_detach 1.0.0 "{$ports,$rates}" portmap bandwidth -- "$portmap" "$bandwidth"
}

@test "the reference's tuning and firewall behind ours" {
  node_exec bash -c 'cd /opt/cni/bin; for name in portmap bandwidth; do ln -sf flannel "$name"; done'
  attach_and_detach 1.0.0 "{$ports,$rates,$mac}" portmap bandwidth tuning firewall -- \
    "$portmap" "$bandwidth" "$tuning" "$firewall"
}

@test "CHECK finds what a chained plugin lost" {
  local conf
  conf=$(chain 1.0.0 "$portmap")
  cni_pod add pod --net "$conf" --cap "{$ports}" >/dev/null
  node_exec iptables -t nat -F CNI-HOSTPORT-DNAT
  run cni_pod check pod --net "$conf"
  [[ $status -eq 1 ]]
}

@test "DEL cleans up after a chained plugin failed ADD" {
  local conf
  conf=$(chain 1.0.0 "$portmap" '{"type":"tuning","mac":"no mac"}')
  run cni_pod add pod --net "$conf" --cap "{$ports}"
  [[ $status -eq 1 ]]
  assert_equal "$(leases cbr0)" 10.244.1.2
  cni_pod del pod --net "$conf" --cap "{$ports}"
  assert_empty "$(leftovers)" "what the pod leaves behind"
}
