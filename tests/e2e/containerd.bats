#!/usr/bin/env bats
# containerd gives two pods of one node their network through the configuration of kube-flannel.

load ../support/assert.bash
load ../support/node.bash
load ../support/cni.bash
load ../support/web.bash
load ../support/containerd.bash

setup_file() {
  cni_node_start portmap
  node_exec cp "$repo/conf-examples/10-flannel.conflist" /etc/cni/net.d/
  rootfs_make
  containerd_start
  ctr_pod_start web /bin/httpd -f -p 80 -h /www
  ctr_pod_start client /bin/sleep 1000
  web_serve node 8080
  export NODE_DIR NODE_PID NODE_UNSHARE
}

teardown_file() {
  node_stop
}

# Prints the IPv4 address of a pod's eth0.
address_of() {
  ctr_pod_exec "$1" /bin/ip -4 addr show eth0 | awk '$1 == "inet" { sub("/.*", "", $2); print $2 }'
}

@test "two pods have two addresses of the node's subnet" {
  local web client
  web=$(address_of web)
  client=$(address_of client)
  assert_match "$web" '^10\.244\.1\.[0-9]+$'
  assert_match "$client" '^10\.244\.1\.[0-9]+$'
  [[ $web != "$client" ]]
  assert_equal "$(leases cbr0)" "$(printf '%s\n' "$web" "$client" | sort)"
}

@test "a pod's link has the MTU of subnet.env and a default route through the bridge" {
  assert_match "$(ctr_pod_exec client /bin/ip link show eth0)" 'mtu 1450'
  assert_match "$(ctr_pod_exec client /bin/ip route)" 'default via 10\.244\.1\.1 dev eth0'
  assert_match "$(ctr_pod_exec client /bin/ip route)" '10\.244\.0\.0/16 via 10\.244\.1\.1 dev eth0'
}

@test "a pod fetches a page from the other pod" {
  assert_equal "$(ctr_pod_exec client /bin/wget -qO- "http://$(address_of web)/")" 'hello from a pod'
}

@test "a pod fetches a page from itself through its own address" {
  assert_equal "$(ctr_pod_exec web /bin/wget -qO- "http://$(address_of web)/")" 'hello from a pod'
}

@test "the node fetches a page from a pod" {
  assert_equal "$(web_fetch node "http://$(address_of web)/")" 'hello from a pod'
}

@test "a pod fetches a page from the node" {
  assert_equal "$(ctr_pod_exec client /bin/wget -qO- http://10.244.1.1:8080/)" 'hello from a pod'
}

@test "a pod that ends leaves the other one working" {
  ctr_pod_start third /bin/sleep 1000
  ctr_pod_stop third
  assert_equal "$(leases cbr0 | wc -l)" 2
  assert_equal "$(links_of veth | wc -l)" 2
  assert_equal "$(ctr_pod_exec client /bin/wget -qO- "http://$(address_of web)/")" 'hello from a pod'
}

@test "nothing is left of pods that ended" {
  ctr_pod_stop web
  ctr_pod_stop client
  assert_empty "$(leftovers)" "what pods leave behind"
  assert_equal "$(node_exec ip -j addr show cni0 | jq -r '.[0].addr_info[0].local')" 10.244.1.1
}
