#!/usr/bin/env bats
# Which program `flannel` asks for addresses, and what it does while that works.

load ../support/flannel_test.bash
load ../support/spy.bash

# A spy named like one of the IPAM plugins, in front of it: spy_on NAME
spy_on() {
  node_exec mkdir -p /run/real
  node_exec mv "/opt/cni/bin/$1" "/run/real/$1"
  spy_install "$1" "/run/real/$1"
}

@test "the program flannel-ipam in CNI_PATH is called for each verb, whether the configuration names it or not" {
  local config result
  spy_on flannel-ipam
  for config in "$(conf)" "$(conf '{"ipam":{"type":"flannel-ipam"}}')"; do
    node_exec rm -f /run/spy/calls
    flannel STATUS '' '' "$config"
    result=$(flannel ADD c1 pod "$config")
    flannel CHECK c1 pod "$(with_result "$config" "$result")"
    flannel GC '' '' "$(jq -c '. + {"cni.dev/valid-attachments": [{containerID: "c1", ifname: "eth0"}]}' <<<"$config")"
    flannel DEL c1 pod "$config"
    assert_equal "$(spy_calls)" "STATUS ADD CHECK GC DEL"
    assert_json "$(node_exec cat /run/spy/ADD.json)" '.ipam.ranges == [[{"subnet":"10.244.1.0/24"}]] and .name == "cbr0"'
    assert_json "$(node_exec cat /run/spy/GC.json)" '."cni.dev/valid-attachments"[0].containerID == "c1"'
    assert_empty "$(leftovers)" leftovers
  done
}

@test "without the program flannel-ipam in CNI_PATH, flannel hands out the addresses itself" {
  local config result
  node_exec mkdir /run/alone
  node_exec cp /opt/cni/bin/flannel /run/alone
  # shellcheck disable=SC2034 # flannel() reads it
  PLUGIN_PATH=/run/alone
  for config in "$(conf)" "$(conf '{"ipam":{"type":"flannel-ipam"}}')" "$(conf '{"ipam":{"type":"host-local"}}')"; do
    flannel STATUS '' '' "$config"
    result=$(flannel ADD c1 pod "$config")
    flannel CHECK c1 pod "$(with_result "$config" "$result")"
    assert_equal "$(leases cbr0 | wc -l)" 1
    flannel GC '' '' "$config"
    assert_empty "$(leftovers)" leftovers
  done
}

@test "host-local in the configuration: that program is called for ADD, CHECK and DEL" {
  local config result
  config=$(conf '{"ipam":{"type":"host-local"},"cniVersion":"1.0.0"}')
  spy_on host-local
  result=$(flannel ADD c1 pod "$config")
  flannel CHECK c1 pod "$(with_result "$config" "$result")"
  flannel DEL c1 pod "$config"
  assert_equal "$(spy_calls)" "ADD CHECK DEL"
  assert_empty "$(leftovers)" leftovers
}

@test "GC asks for the DEL of each dead container by its own name" {
  spy_on flannel-ipam
  flannel ADD dead pod "$(conf)"
  node_exec rm /run/spy/calls
  flannel GC '' '' "$(conf)"
  assert_equal "$(node_exec head -n 1 /run/spy/calls | xargs)" "DEL dead eth0"
  assert_empty "$(leftovers)" leftovers
}

@test "a second ADD of an attachment that lives elsewhere leaves it its address" {
  pod_add elsewhere
  flannel ADD c1 pod "$(conf)"
  run flannel ADD c1 elsewhere "$(conf)"
  assert_error 101 'already has an interface|duplicate allocation'
  assert_equal "$(leases cbr0)" 10.244.1.2
  flannel DEL c1 pod "$(conf)"
  assert_empty "$(leftovers)" leftovers
}

@test "the pair is made while the IPAM program works, and goes when there is no address" {
  flannel ADD first pod "$(conf)" # the bridge is there
  local before
  before=$(node_state)
  spy_on flannel-ipam
  pod_add second
  # The program answers when it has seen the container's end, or with an error of its own when that does not come.
  spy_does ADD <<'SCRIPT'
for ((i = 0; i < 200; i++)); do
  [[ -z $(nsenter --net="$CNI_NETNS" cat /proc/self/net/dev | grep eth0) ]] || { echo '{"code":11,"msg":"seen"}'; exit 1; }
  read -rt 0.05 <> <(:)
done
echo '{"code":5,"msg":"no interface"}'; exit 1
SCRIPT
  run flannel ADD second second "$(conf)"
  assert_error 11 seen
  assert_equal "$(node_state)" "$before"
  assert_equal "$(spy_calls)" "ADD DEL"
}

@test "the first ADD on a node leaves no bridge behind when there is no address" {
  spy_on flannel-ipam
  spy_does ADD <<<'echo "{\"code\":11,\"msg\":\"later\"}"; exit 1'
  run flannel ADD c1 pod "$(conf)"
  assert_error 11 later
  assert_empty "$(links_of bridge)" bridges
}

@test "start, end and reserved addresses hold with either program, and what the node does not have is refused" {
  local config
  for type in flannel-ipam host-local; do
    config=$(conf '{"cniVersion":"1.0.0","ipam":{"type":"'$type'","rangeStart":"0.0.0.100","rangeEnd":"10.244.1.103","reserved":["10.244.1.101"]}}')
    for i in 1 2 3; do
      pod_add "p$i"
      flannel ADD "c$i" "p$i" "$config"
    done
    assert_equal "$(leases | xargs)" "10.244.1.100 10.244.1.102 10.244.1.103"
    run flannel ADD more pod "$config"
    assert_equal "$status" 1
    for i in 1 2 3; do
      flannel DEL "c$i" "p$i" "$config"
      pod_del "p$i"
    done
    assert_empty "$(leftovers)" leftovers
  done
  run flannel ADD c1 pod "$(conf '{"ipam":{"rangeStart":"10.244.2.9"}}')"
  assert_error 7 "ipam.rangeStart.*10.244.2.9.*10.244.1.0/24"
  run flannel STATUS '' '' "$(conf '{"ipam":{"rangeStart":"10.244.2.9"}}')"
  assert_error 50 "ipam.rangeStart"
}

@test "IPv6 is the first address where subnet.env has it first" {
  node_exec bash -c 'sed -i "1i FLANNEL_IPV6_NETWORK=fd00:10:244::/48\nFLANNEL_IPV6_SUBNET=fd00:10:244:1::1/64" /run/flannel/subnet.env'
  run flannel ADD c1 pod "$(conf)"
  assert_json "$output" '[.ips[].address] == ["fd00:10:244:1::2/64", "10.244.1.2/24"]'
  flannel CHECK c1 pod "$(with_result "$(conf)" "$output")"
}

@test "DEL with host-local in the configuration succeeds without a scratch file and without subnet.env" {
  local config
  config=$(conf '{"ipam":{"type":"host-local"},"cniVersion":"1.0.0"}')
  flannel ADD c1 pod "$config"
  node_exec rm -r /var/lib/cni/flannel /run/flannel/subnet.env
  flannel DEL c1 pod "$config"
  assert_empty "$(leftovers)" leftovers
}
