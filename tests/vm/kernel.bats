# What the virtual machine is for: its kernel can do what others may not. See scripts/test-vm.
# bats file_tags=vm

load ../support/flannel_test.bash

@test "the kernel has tunnels, encryption, VLANs on bridges, VRFs, flow tables and lossy links" {
  local kind
  for kind in 'ipip local 192.0.2.1 remote 192.0.2.2' wireguard 'bridge vlan_filtering 1' 'vrf table 7' \
    'vxlan id 1 dstport 4789' dummy; do
    # shellcheck disable=SC2086 # words
    node_exec ip link add probe type $kind || fail "no link of kind $kind"
    node_exec ip link del probe
  done
  node_exec ip link add dummy0 type dummy
  node_exec ip link add probe link dummy0 type ipvlan
  node_exec nft 'add table inet f; add flowtable inet f t { hook ingress priority 0; devices = { dummy0 }; }'
  node_exec tc qdisc add dev lo root netem loss 5% reorder 5% delay 1ms
  node_exec test -c /dev/net/tun
}
