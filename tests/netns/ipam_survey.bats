#!/usr/bin/env bats
# What `flannel-ipam list` and `check` tell people of a node's leases, beside what its pods really have.

load ../support/flannel_test.bash

survey() {
  node_exec /opt/cni/bin/flannel-ipam "$@"
}

# states: address and state of each line.
states() {
  survey list -o json | jq -r '.[] | .address + " " + .state' | xargs
}

store=/var/lib/cni/networks/cbr0

@test "ipam survey: who holds which address since when, and what is leaked, doubled, torn or without a lease" {
  assert_equal "$(survey check)" "0 addresses looked at, 0 to be mended"
  local pod
  for pod in two three; do pod_add "$pod"; done
  flannel ADD c1 pod "$(conf)" >/dev/null
  flannel ADD c2 two "$(conf)" >/dev/null
  assert_equal "$(states)" "10.244.1.2 held 10.244.1.3 held"
  assert_match "$(survey list)" "^$store"$'\n'"ADDRESS .*10.244.1.2 +held +20[0-9TZ:-]+ +eth0 +c1"
  assert_equal "$(survey check)" "2 addresses looked at, 0 to be mended"

  node_exec touch -d '-5 minutes' "$store/10.244.1.3"
  pod_exec two ip addr del 10.244.1.3/24 dev eth0 # its pod is gone for all that the kernel knows
  pod_exec two ip addr add 10.244.1.9/24 dev eth0
  pod_exec three bash -c 'ip link add eth0 type veth peer name other; ip addr add 10.244.1.2/24 dev eth0'
  node_exec touch "$store/10.244.1.5"
  node_exec mkdir "$store/10.244.1.6"
  assert_equal "$(states)" "10.244.1.2 twice 10.244.1.3 leaked 10.244.1.5 torn 10.244.1.6 unreadable 10.244.1.9 unleased"
  run -1 survey check
  assert_match "$output" "10.244.1.3 leaked by container 'c2': no pod has it: .*$store/10.244.1.3"
  assert_match "$output" "10.244.1.2 twice by container 'c1': .*/run/netns/three.*5 addresses looked at, 5 to be mended"
  run -1 survey check -o json "$store"
  assert_json "$output" 'length == 5 and all(.advice != null)'
  node_exec touch "$store/10.244.1.3" # as if its ADD were at work
  assert_match "$(states)" "10.244.1.3 young"
  node_exec rm -d "$store/10.244.1.5" "$store/10.244.1.6"
}

@test "ipam survey: where pods are out of sight no address is called leaked, and bad words are named" {
  flannel ADD c1 pod "$(conf)" >/dev/null
  node_exec touch -d '-5 minutes' "$store/10.244.1.2"
  # As in a container that has the node's network and files, and its own processes.
  hidden() {
    node_exec unshare --mount --pid --fork bash -c 'mount -t tmpfs none /run && rmdir /run/* 2>/dev/null; mount -t proc none /proc; exec /opt/cni/bin/flannel-ipam "$@"' bash "$@"
  }
  assert_match "$(hidden list)" "10.244.1.2 +unknown"
  run -2 hidden check
  assert_match "$output" "run this on the node"
  run -2 survey check -o yaml
  assert_match "$output" "'yaml': not known"
  run -2 survey list /nowhere
  assert_match "$output" "open directory '/nowhere': No such file or directory"
  run -2 node_exec setpriv --bounding-set -sys_admin --inh-caps -sys_admin /opt/cni/bin/flannel-ipam list
  assert_match "$output" "enter network namespace .*run it as root"
}
