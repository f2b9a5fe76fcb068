# shellcheck shell=bash
# What the tests of the `flannel` plugin share: the support files, and a node with one pod namespace,
# `pod`, made before each test and removed after it. A test file may define its own setup and teardown.

bats_require_minimum_version 1.5.0
load ../support/assert.bash
load ../support/node.bash
load ../support/cni.bash
load ../support/plugin.bash
load ../support/web.bash

setup() {
  cni_node_start
  pod_add pod
}

teardown() {
  node_stop
}

# Gives the node an IPv6 subnet beside its IPv4 one.
dual_stack() {
  subnet_env_write FLANNEL_IPV6_NETWORK=fd00:10:244::/48 FLANNEL_IPV6_SUBNET=fd00:10:244:1::1/64
}
