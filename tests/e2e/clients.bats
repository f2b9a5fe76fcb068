#!/usr/bin/env bats
# Container runtimes with the lists that clusters have, unchanged, on a node that has no other package of plugins. An
# `outside` namespace is the network beyond the node.

load ../support/assert.bash
load ../support/node.bash
load ../support/cni.bash
load ../support/web.bash
load ../support/clients.bash

setup() {
  node_start
  own_plugins_install
  subnet_env_write FLANNEL_IPV6_NETWORK=fd00:10:244::/48 FLANNEL_IPV6_SUBNET=fd00:10:244:1::1/64
  rootfs_make
  pod_add outside
  node_exec ip link add up0 type veth peer name up1 netns outside
  node_exec bash -c 'ip addr add 192.0.2.1/24 dev up0; ip addr add 2001:db8::1/64 dev up0 nodad; ip link set up0 up'
  pod_exec outside bash -c 'ip addr add 192.0.2.2/24 dev up1; ip addr add 2001:db8::2/64 dev up1 nodad; ip link set up1 up'
  wait_until 15 pod_exec outside ping -c 1 -W 1 2001:db8::1 >/dev/null
}

teardown() {
  node_stop
}

# use LIST: the node has this list alone.
use() {
  node_exec bash -c 'mkdir -p /etc/cni/net.d && cp "$0" /etc/cni/net.d/10-flannel.conflist' "$BATS_TEST_DIRNAME/lists/$1.conflist"
}

# namespaces: those of the node, without the path.
namespaces() {
  node_exec ls /run/netns
}

# serves_everybody POD [ADDRESS...]: the page comes through port 8080 of the node, whoever asks, in both families or at these
# addresses; the pod is the one that serves it.
serves_everybody() {
  local pod=$1 who address addresses=("${@:2}")
  [[ $# -gt 1 ]] || addresses=(192.0.2.1 '[2001:db8::1]')
  wait_until 10 web_listens 80 nsenter "--net=/run/netns/$pod"
  pod_add other
  cni_pod add other --net /etc/cni/net.d/10-flannel.conflist >/dev/null
  for address in "${addresses[@]}"; do
    for who in outside node "$pod" other; do
      assert_equal "$(web_fetch "$who" "http://$address:8080/")" 'hello from a pod'
    done
  done
  assert_equal "$(web_fetch node http://127.0.0.1:8080/)" 'hello from a pod'
  cni_pod del other --net /etc/cni/net.d/10-flannel.conflist
  pod_del other
}

# Nothing listens any more, and nothing is left.
is_gone() {
  web_misses outside http://192.0.2.1:8080/
  assert_empty "$(leftovers; links_of ifb)" "what the pod leaves behind"
}

@test "containerd's CRI with the list of kube-flannel" {
  local id
  use kube-flannel
  cri_start
  id=$(cri_run web 8080:80/tcp)
  serves_everybody "$(namespaces | grep -v outside)"
  run cri_run second 8080:80/tcp
  [[ $status -ne 0 ]]
  assert_match "$output" "tcp port 8080 of the node leads to pod 'default/web' \(container '$id'\) already"
  cri_stop "$id"
  is_gone
}

@test "containerd's CRI with the list of k3s, and limits" {
  local id
  use k3s
  cri_start
  id=$(cri_run web 8080:80/tcp kubernetes.io/ingress-bandwidth=100M kubernetes.io/egress-bandwidth=50M)
  assert_equal "$(node_exec tc qdisc show | sed -nE 's/^qdisc tbf .* dev (veth|bwp).* (rate [0-9]+Mbit).*/\1 \2/p' | sort)" \
    $'bwp rate 50Mbit\nveth rate 100Mbit'
  serves_everybody "$(namespaces | grep -v outside)"
  cri_stop "$id"
  is_gone
}

@test "containerd's CRI with the list of kindnet" {
  local id
  use kindnet
  cri_start
  id=$(cri_run web 8080:80/tcp)
  serves_everybody "$(namespaces | grep -v outside)"
  cri_stop "$id"
  is_gone
}

@test "podman with the lists of kube-flannel and k3s, also when the container starts again" {
  local list
  for list in kube-flannel k3s; do
    use "$list"
    podman_run web --network cbr0 --publish 8080:80
    serves_everybody "$(namespaces | grep -v outside)"
    podman_call restart --time 0 web
    wait_until 10 web_listens 80 nsenter "--net=/run/netns/$(namespaces | grep -v outside)"
    assert_equal "$(web_fetch outside http://192.0.2.1:8080/)" 'hello from a pod'
    podman_call rm --force --time 0 web
    is_gone
  done
}

# is_let_in POD BRIDGE: the firewall's rules name the pod, whose address is of that bridge.
is_let_in() {
  local address
  address=$(pod_exec "$1" ip -j -4 addr show dev eth0 | jq -r '.[0].addr_info[0].local')
  assert_match "$(node_exec iptables -S CNI-FORWARD)" "-s $address/32 -j ACCEPT"
  assert_match "$(node_exec ip route get "$address")" "dev $2"
}

@test "podman with the list that it brings itself" {
  use podman
  podman_run web --publish 8080:80
  is_let_in "$(namespaces | grep -v outside)" cni-podman0
  serves_everybody "$(namespaces | grep -v outside)" 192.0.2.1
  podman_call rm --force --time 0 web
  is_gone
}

@test "containerd's CRI with the list that nerdctl makes, and other bridges kept out" {
  local id
  use nerdctl
  cri_start
  id=$(cri_run web 8080:80/tcp)
  is_let_in "$(namespaces | grep -v outside)" nerdctl0
  serves_everybody "$(namespaces | grep -v outside)" 192.0.2.1
  assert_match "$(node_exec iptables -S CNI-ISOLATION-STAGE-2)" '-o nerdctl0 .*-j DROP'
  cri_stop "$id"
  is_gone
}
