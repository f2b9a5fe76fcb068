#!/usr/bin/env bats
# The kernel settings that pods and node rely on: ADD makes sure of them, whoever made the bridge.

load ../support/flannel_test.bash

# advertise_router WHERE LINK: a router advertisement from a pod, or from a namespace that plays the uplink's router.
advertise_router() {
  pod_exec "$1" ip -6 addr replace fe80::bad/64 dev "$2" nodad
  pod_exec "$1" perl "$repo/tests/support/advertise-router.perl" "$2" 2001:db8:bad::
}

# learned WHERE LINK DEVICE: the node takes a default route through DEVICE from that advertisement.
learned() {
  advertise_router "$1" "$2"
  [[ -n $(node_exec ip -6 route show default dev "$3") ]]
}

# A packet of pod $1 has passed the bridge, and with it every packet that it sent before.
flush_packets() {
  pod_exec "$1" busybox ping -c 1 -W 5 10.244.1.1 >/dev/null
}


@test "a pod does not become the node's IPv6 router over a bridge that was there before" {
  node_exec ip link add cni0 up type bridge
  flannel ADD c1 pod "$(conf)"
  advertise_router pod eth0
  flush_packets pod
  assert_empty "$(node_exec ip -6 route show default)" "the node's IPv6 default routes"
  # Nor after somebody has switched it on again.
  node_exec sh -c 'echo 2 >/proc/sys/net/ipv6/conf/cni0/accept_ra'
  pod_add other
  flannel ADD c2 other "$(conf)"
  advertise_router other eth0
  flush_packets other
  assert_empty "$(node_exec ip -6 route show default)" "the node's IPv6 default routes"
}

@test "a pod does not become the router of another pod, nor gives it addresses" {
  pod_add victim
  flannel ADD c1 victim "$(conf)"
  flannel ADD c2 pod "$(conf)"
  advertise_router pod eth0
  flush_packets pod
  flush_packets victim
  assert_empty "$(pod_exec victim ip -6 route show default)" "IPv6 default routes of the other pod"
  assert_empty "$(pod_exec victim ip -6 addr show dev eth0)" "IPv6 addresses of the other pod"
}

@test "a pod whose bridge was removed does not become the node's IPv6 router" {
  flannel ADD c1 pod "$(conf)"
  local port
  port=$(links_of veth)
  node_exec ip link del cni0
  assert_equal "$(node_exec cat "/proc/sys/net/ipv6/conf/$port/accept_ra")" 0
}

@test "a node keeps the IPv6 default route that it learned from its router when ADD switches forwarding on" {
  pod_add router
  node_exec ip link add wan0 type veth peer name lan0 netns router
  pod_exec router ip link set lan0 up
  node_exec sh -c 'echo 0 >/proc/sys/net/ipv6/conf/wan0/accept_dad; ip link set wan0 up'
  wait_until 5 learned router lan0 wan0
  subnet_env_write FLANNEL_IPV6_NETWORK=fd00:10:244::/48 FLANNEL_IPV6_SUBNET=fd00:10:244:1::1/64
  flannel ADD c1 pod "$(conf)"
  assert_equal "$(node_exec cat /proc/sys/net/ipv6/conf/all/forwarding)" 1
  assert_match "$(node_exec ip -6 route show default)" '^default via fe80::bad dev wan0 proto ra'
  # It goes on to listen, or the route would end with its lifetime.
  node_exec ip -6 route del default
  wait_until 5 learned router lan0 wan0
}

@test "a bridge over which the node learned its IPv6 default route is refused, and the route and its renewal stay" {
  local config before
  config=$(conf '{"delegate":{"bridge":"br-lan"}}')
  pod_add router
  node_exec sh -c 'ip link add br-lan type bridge; echo 0 >/proc/sys/net/ipv6/conf/br-lan/accept_dad
    ip link add wan0 type veth peer name lan0 netns router; ip link set wan0 up master br-lan; ip link set br-lan up'
  pod_exec router ip link set lan0 up
  wait_until 5 learned router lan0 br-lan
  before=$(node_state)
  run flannel ADD c1 pod "$config"
  assert_error 101 "route ::/0 via fe80::bad.* over bridge 'br-lan'.*net.ipv6.conf.br-lan.accept_ra"
  assert_equal "$(node_state)" "$before"
  run flannel STATUS '' '' "$config"
  assert_error 50 "over bridge 'br-lan'"
  node_exec ip -6 route del default
  wait_until 5 learned router lan0 br-lan
}

@test "the route that a pod has given the node over a bridge of pods goes, and the bridge is closed to others" {
  node_exec sh -c 'ip link add cni0 type bridge; echo 0 >/proc/sys/net/ipv6/conf/cni0/accept_dad
    ip addr add 10.244.1.1/24 dev cni0; ip link set cni0 up; ip link add port0 type veth peer name eth9 netns pod
    ip link set port0 up master cni0'
  pod_exec pod ip link set eth9 up
  wait_until 5 learned pod eth9 cni0
  for i in 1 2; do
    pod_add "pod$i"
    flannel ADD "c$i" "pod$i" "$(conf)"
    assert_equal "$(node_exec cat /proc/sys/net/ipv6/conf/cni0/accept_ra)" 0
    assert_empty "$(node_exec ip -6 route show default)" "the node's IPv6 default routes"
    # Also when it was opened again while pods run, and the node forwards.
    node_exec sh -c 'echo 2 >/proc/sys/net/ipv6/conf/cni0/accept_ra'
    wait_until 5 learned pod eth9 cni0
    dual_stack
  done
  pod_add pod3
  flannel ADD c3 pod3 "$(conf)"
  assert_empty "$(node_exec ip -6 route show default)" "the node's IPv6 default routes"
}

# set_setting NAME=VALUE...: settings of the node, as sysctl(8) names them.
set_setting() {
  node_exec busybox sysctl -qw "$@"
}

# As in a container that is a node.
make_settings_read_only() {
  node_exec sh -c 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys'
}

@test "ADD works with read-only settings that are right already, on a new bridge and on one that is there" {
  set_setting net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
  make_settings_read_only
  for pod in p1 p2; do
    pod_add "$pod"
    flannel ADD "$pod" "$pod" "$(conf)"
  done
  dual_stack
  flannel STATUS '' '' "$(conf)"
  pod_add p3
  flannel ADD p3 p3 "$(conf)"
  pod_exec p3 busybox ping -c 1 -W 5 fd00:10:244:1::1
}

# refused SETTING: ADD and STATUS both name that setting, and nothing is made.
refused() {
  local before
  before=$(node_state)
  run flannel ADD c1 pod "$(conf)"
  assert_error 100 "cannot set $1.*not writable"
  assert_equal "$(node_state)" "$before"
  run flannel STATUS '' '' "$(conf)"
  assert_error 50 "cannot set $1.*not writable"
}

@test "read-only settings that are wrong are named by ADD and STATUS before anything is made" {
  make_settings_read_only
  refused net.ipv4.ip_forward
  node_exec mount -o remount,bind,rw /proc/sys
  set_setting net.ipv4.ip_forward=1
  node_exec mount -o remount,bind,ro /proc/sys
  refused net.ipv6.conf.default.accept_ra
  dual_stack
  refused net.ipv6.conf.all.forwarding
  node_exec mount -o remount,bind,rw /proc/sys
  set_setting net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.disable_ipv6=1
  node_exec mount -o remount,bind,ro /proc/sys
  refused net.ipv6.conf.default.disable_ipv6
  node_exec ip link add cni0 up type bridge
  refused net.ipv6.conf.cni0.disable_ipv6
}

@test "pods have IPv6 on a node where it is switched off for new links, and after it was switched off for all" {
  set_setting net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
  dual_stack
  flannel ADD c1 pod "$(conf)"
  pod_exec pod busybox ping -c 1 -W 5 fd00:10:244:1::1
  set_setting net.ipv6.conf.all.disable_ipv6=1
  pod_add other
  flannel ADD c2 other "$(conf)"
  for pod in pod other; do pod_exec "$pod" busybox ping -c 1 -W 5 fd00:10:244:1::1; done
}

@test "ADD works on a kernel that has no settings of IPv6 for new links" {
  node_exec mount -t tmpfs tmpfs /proc/sys/net/ipv6/conf/default
  flannel ADD c1 pod "$(conf)"
  flannel STATUS '' '' "$(conf)"
}

@test "each ADD makes sure that the node forwards, and the bridge too" {
  dual_stack
  set_setting net.ipv4.ip_forward=1 net.ipv4.conf.default.forwarding=0
  for pod in p1 p2 p3; do
    pod_add "$pod"
    flannel ADD "$pod" "$pod" "$(conf)"
    assert_equal "$(node_exec sh -c 'cd /proc/sys/net; cat ipv4/ip_forward ipv6/conf/all/forwarding \
      ipv4/conf/cni0/forwarding ipv6/conf/cni0/forwarding ipv6/conf/cni0/accept_ra' | xargs)" "1 1 1 1 0"
    if [[ $pod == p1 ]]; then
      set_setting net.ipv4.conf.cni0.forwarding=0 net.ipv6.conf.cni0.forwarding=0
    else
      set_setting net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
    fi
  done
}
