#!/usr/bin/env bats
# The node's subnet changed under its bridge: the best-known failure of flannel.

load ../support/flannel_test.bash

setup() {
  cni_node_start
  for pod in old new; do pod_add "$pod"; done
}

new_subnet() {
  subnet_env_write FLANNEL_SUBNET=10.244.2.1/24
}

bridge_addresses() {
  node_exec ip -j addr show dev cni0 | jq -r '.[].addr_info[] | select(.scope == "global") | "\(.local)/\(.prefixlen)"' | sort | xargs
}

@test "a bridge without pods gets the new address and loses the old one" {
  flannel ADD old old "$(conf)"
  flannel DEL old old "$(conf)"
  assert_equal "$(bridge_addresses)" 10.244.1.1/24
  new_subnet
  flannel ADD new new "$(conf)"
  assert_equal "$(bridge_addresses)" 10.244.2.1/24
}

@test "with pods of the old subnet ADD fails, names them, says what to do, and leaves nothing" {
  flannel ADD old-pod old "$(conf)"
  new_subnet
  local before
  before=$(node_state)
  run flannel ADD new new "$(conf)"
  assert_error 101 '"cni0" already has an IP address different from 10.244.2.1/24: 10.244.1.1/24.*containers old-pod;.*delete those pods'
  assert_equal "$(node_state)" "$before"
  assert_equal "$(bridge_addresses)" 10.244.1.1/24
  # As soon as they are gone, the next pod gets its network.
  flannel DEL old-pod old "$(conf)"
  flannel ADD new new "$(conf)"
  assert_equal "$(bridge_addresses)" 10.244.2.1/24
}

@test "more pods than can be named are counted" {
  for i in 1 2 3 4 5 6 7; do
    pod_add "p$i"
    flannel ADD "pod$i" "p$i" "$(conf)"
  done
  new_subnet
  run flannel ADD new new "$(conf)"
  assert_error 101 '7 pods .* and 2 more'
}

@test "pods that the reference made are named as well" {
  node_exec env CNI_COMMAND=ADD CNI_CONTAINERID=ref-pod CNI_NETNS=/run/netns/old CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin /opt/cni/bin/bridge \
    <<<'{"name":"cbr0","cniVersion":"1.0.0","type":"bridge","isGateway":true,"ipam":{"type":"host-local","subnet":"10.244.1.0/24"}}'
  new_subnet
  run flannel ADD new new "$(conf)"
  assert_error 101 'containers ref-pod'
}

@test "forceAddress replaces the address although pods use it" {
  flannel ADD old old "$(conf)"
  new_subnet
  flannel ADD new new "$(conf '{"delegate":{"forceAddress":true}}')"
  assert_equal "$(bridge_addresses)" 10.244.2.1/24
}

@test "an overlapping IPv6 address is a conflict, another one stays" {
  local v6=(FLANNEL_IPV6_NETWORK=fd00:10:244::/48)
  subnet_env_write "${v6[@]}" FLANNEL_IPV6_SUBNET=fd00:10:244:1::1/64
  flannel ADD old old "$(conf)"
  subnet_env_write "${v6[@]}" FLANNEL_IPV6_SUBNET=fd00:10:244:2::1/64
  flannel ADD new new "$(conf)"
  assert_equal "$(bridge_addresses)" "10.244.1.1/24 fd00:10:244:1::1/64 fd00:10:244:2::1/64"
}

# The whole network has another range, as after a cluster was set up anew.
new_network() {
  subnet_env_write FLANNEL_NETWORK=10.99.0.0/16 FLANNEL_SUBNET=10.99.2.1/24
}

@test "a bridge without pods gets its address in a new network, if an ADD gave it the old one" {
  flannel ADD old old "$(conf)"
  flannel DEL old old "$(conf)"
  new_network
  flannel ADD new new "$(conf)"
  assert_equal "$(bridge_addresses)" 10.99.2.1/24
}

@test "a bridge with somebody else's address is left as it is, or re-addressed by forceAddress" {
  local lab='{"delegate":{"bridge":"br-lab"}}' before
  node_exec sh -c 'ip link add br-lab mtu 1400 type bridge && ip addr add 192.168.50.1/24 dev br-lab
    ip addr add 10.1.0.5/32 dev br-lab && ip link set br-lab up'
  # state: what an ADD could change.
  state() { node_exec ip -j addr show br-lab | jq -c '.[] | [.mtu, .address, .ifalias, [.addr_info[] | select(.scope == "global")]]'; }
  before=$(state)
  run flannel ADD new new "$(conf "$lab")"
  assert_error 101 '"br-lab" already has an IP address different from 10.244.1.1/24: 192.168.50.1/24.*10.244.0.0/16.*forceAddress'
  assert_equal "$(state)" "$before"
  assert_equal "$(node_exec cat /proc/sys/net/ipv6/conf/br-lab/accept_ra)" 1
  flannel DEL new new "$(conf "$lab")"
  flannel ADD new new "$(conf '{"delegate":{"bridge":"br-lab","forceAddress":true}}')"
  assert_match "$(node_exec ip -4 -o addr show br-lab)" ' 10\.244\.1\.1/24 .*'
  assert_equal "$(node_exec ip -4 -o addr show br-lab | wc -l)" 1
}

@test "a bridge without gateway keeps all that it has" {
  node_exec sh -c 'ip link add br-lab type bridge && ip addr add 192.168.50.1/24 dev br-lab && ip link set br-lab up'
  flannel ADD new new "$(conf '{"delegate":{"bridge":"br-lab","isGateway":false,"isDefaultGateway":false}}')"
  assert_match "$(node_exec ip -4 -o addr show br-lab)" 192.168.50.1/24
}

@test "50 ADDs at once on an empty bridge with the old address all succeed" {
  flannel ADD old old "$(conf)"
  flannel DEL old old "$(conf)"
  new_subnet
  run add_at_once 50
  assert_empty "$output" "failed ADDs"
  assert_equal "$(bridge_addresses)" 10.244.2.1/24
}

@test "a bridge that has all the ports it can have is named, with its limit, and STATUS stays ready" {
  flannel ADD old old "$(conf)"
  for ((i = 1; i <= 511; i++)); do
    printf 'link %s\n' "add a$i master cni0 type veth peer name b$i" "set b$i master cni0"
  done | node_exec ip -batch -
  run flannel ADD new new "$(conf)"
  assert_error 11 "'cni0' is full: it has 1023 ports.*1023.*1 of them are of pods"
  assert_equal "$(node_exec ls /var/lib/cni/flannel)" old
  flannel STATUS '' '' "$(conf)"
  flannel DEL old old "$(conf)"
  node_exec ip link add last type veth peer name other
  node_exec ip link set last master cni0
  run flannel STATUS '' '' "$(conf)" # no pod runs here, and none can
  assert_error 50 "'cni0' is full"
}

@test "STATUS tells of a link that no pod can be put on: another kind, or a bridge in other use" {
  node_exec ip link add cni0 type veth peer name other
  run flannel STATUS '' '' "$(conf)"
  assert_error 50 "'cni0' is not a bridge"
  node_exec ip link del cni0
  node_exec sh -c 'ip link add cni0 up type bridge && ip addr add 192.168.50.1/24 dev cni0'
  run flannel STATUS '' '' "$(conf)"
  assert_error 50 'already has an IP address different from 10.244.1.1/24: 192.168.50.1/24'
  node_exec ip addr flush dev cni0
  flannel STATUS '' '' "$(conf)"
  flannel ADD old old "$(conf)"
  node_exec ip addr replace 192.168.50.1/24 dev cni0
  node_exec ip addr del 10.244.1.1/24 dev cni0
  flannel STATUS '' '' "$(conf)" # ADD tells it; the pod that runs is not to be evicted for it
}
