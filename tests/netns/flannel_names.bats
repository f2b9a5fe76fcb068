#!/usr/bin/env bats
# `bridge`, `ptp` and `host-local` by name, beside the reference's programs, with lists that know no flannel.

load ../support/flannel_test.bash

setup() {
  node_start
  own_plugins_install
  node_exec bash -c 'mkdir /run/reference && ln -s /usr/lib/cni/* /run/reference/'
  pod_add one
  pod_add two
}

# call DIRECTORY TYPE VERB ID POD [JSON]: a call of the plugin there, with these keys beside the usual ones.
call() {
  local config
  config=$(jq -c --arg type "$2" --argjson more "${6-"{}"}" '. * {type: $type} * $more' <<'JSON'
{"name": "podman", "cniVersion": "1.0.0", "bridge": "cni-podman0", "isGateway": true, "hairpinMode": true, "mtu": 1400,
 "ipam": {"type": "host-local", "routes": [{"dst": "0.0.0.0/0"}], "ranges": [[{"subnet": "10.88.0.0/16", "gateway": "10.88.0.1"}]]}}
JSON
  )
  node_exec env "CNI_COMMAND=$3" "CNI_CONTAINERID=$4" "CNI_NETNS=/run/netns/$5" CNI_IFNAME=eth0 "CNI_PATH=$1" \
    "$1/$2" <<<"$config"
}

ours() {
  call /opt/cni/bin "$@"
}

reference() {
  call /run/reference "$@"
}

# What differs from call to call goes.
comparable() {
  jq -S 'del(.interfaces[].mac, .interfaces[].mtu, .dns) | (.interfaces[].name | select(test("^veth"))) = "veth"'
}

@test "by name, bridge and ptp answer as the reference's, take down its pods, and leave theirs to it" {
  local type theirs
  for type in bridge ptp; do
    theirs=$(reference "$type" ADD c1 one)
    ours "$type" DEL c1 one
    assert_empty "$(leftovers)" "what is left of the reference's pod"
    node_exec rm -rf /var/lib/cni/networks
    assert_equal "$(ours "$type" ADD c1 one | comparable)" "$(comparable <<<"$theirs")"
    ours "$type" ADD c2 two >/dev/null
    pod_exec one ping -c 1 -W 5 10.88.0.3 >/dev/null
    reference "$type" DEL c1 one
    ours "$type" GC none none '{"cniVersion": "1.1.0", "cni.dev/valid-attachments": []}'
    ours "$type" STATUS none none '{"cniVersion": "1.1.0"}'
    assert_empty "$(leftovers)" "what is left of ours"
    node_exec rm -rf /var/lib/cni/networks
  done
}

@test "what they do not make is refused, by the name of the key" {
  run ours bridge ADD c1 one '{"ipam": null}'
  assert_error 2 "key 'ipam.type' is absent"
  run ours bridge ADD c1 one '{"vlan": 5000}'
  assert_match "$output" "'vlan'"
  assert_empty "$(leftovers)" "what is left"
}

@test "CHECK by name finds what somebody changed" {
  local type result
  for type in bridge ptp; do
    result=$(ours "$type" ADD c1 one)
    ours "$type" CHECK c1 one "{\"prevResult\": $result}"
    pod_exec one ip addr flush dev eth0
    run ours "$type" CHECK c1 one "{\"prevResult\": $result}"
    assert_error 102 "10.88.0"
    ours "$type" DEL c1 one
  done
}
