# The plugin `loopback`, beside the reference (which forgets the key "version" of addresses before 1.0.0).

load ../support/flannel_test.bash

setup() {
  cni_node_start host-local
  node_exec ln -s flannel /opt/cni/bin/loopback
  node_exec ln -s /usr/lib/cni/loopback /opt/cni/bin/reference
  node_exec ip netns add pod # whose lo nobody has set up
}

# lo PROGRAM VERB [JSON] [NETNS]: a call with these keys beside the usual ones.
lo() {
  plugin_env "$1" "CNI_COMMAND=$2" CNI_CONTAINERID=c1 "CNI_NETNS=${4-/run/netns/pod}" CNI_IFNAME=lo \
    CNI_PATH=/opt/cni/bin <<<"$(jq -c --argjson more "${3-"{}"}" \
      '{name: "cni-loopback", cniVersion: "0.3.1", type: "loopback"} + $more' <<<'{}')"
}

@test "the answer is the reference's in each version that has its form, and lo is up, and down after DEL" {
  local version
  for version in 0.3.1 0.4.0 1.0.0; do
    assert_equal "$(lo loopback ADD '{"cniVersion": "'$version'"}' | jq -S 'del(.dns, .ips[].version)')" \
      "$(lo reference ADD '{"cniVersion": "'$version'"}' | jq -S 'del(.dns, .ips[].version)')"
    pod_exec pod ping -c 1 -W 5 127.0.0.1
    pod_exec pod ping -c 1 -W 5 ::1
    lo loopback DEL '{"cniVersion": "'$version'"}'
    run ! pod_exec pod ping -c 1 -W 1 127.0.0.1
  done
  lo loopback GC '{"cniVersion": "1.1.0"}'
  lo loopback STATUS '{"cniVersion": "1.1.0"}'
}

@test "a namespace that is gone is no reason for DEL to fail, but for ADD" {
  lo loopback DEL '{}' /run/netns/gone
  lo loopback DEL '{}' ''
  run lo loopback ADD '{}' /run/netns/gone
  assert_error 8 "does not exist"
}

@test "CHECK sees that lo is down, ADD a foreign address on it; prevResult passes" {
  run lo loopback CHECK '{"cniVersion": "0.4.0"}'
  assert_error 102 "loopback interface is down"
  lo loopback ADD >/dev/null
  lo loopback CHECK '{"cniVersion": "0.4.0"}'
  assert_json "$(lo loopback ADD '{"prevResult": {"cniVersion": "0.3.1", "ips": [{"version": "4", "address": "10.1.2.3/24"}]}}')" \
    '.ips[0].address == "10.1.2.3/24"'
  pod_exec pod ip addr add 192.0.2.1/32 dev lo
  run lo loopback ADD
  assert_error 101 'loopback interface found with non-loopback address \\?"192.0.2.1/32'
}
