# Every backend by real packets: what they look like on the wire, how large they may be, and that they survive a bad wire.
# Those that need of the kernel what others may not have, and who can read them: tests/vm/backends.bats. In the virtual
# machine too, with all families and stores: MATRIX=full scripts/test-vm.
# bats file_tags=matrix

load ../support/flanneld_test.bash
load ../support/kube.bash
load ../support/matrix.bash

# Each test makes the hosts that it needs.
setup() { :; }

@test "vxlan: VXLAN on port 8472, 50 and 70 bytes of headers" {
  carries dual '{"Type": "vxlan"}' 50 70 'udp dst port 8472 and ip' 'udp dst port 8472 and ip6'
}

@test "host-gw: the pods' own packets" {
  carries dual '{"Type": "host-gw"}' 0 0 'icmp and net 10.5.0.0/16' 'icmp6 and net fd05::/48'
}

@test "udp: the pods' packets in datagrams to port 8285, 28 bytes of headers" {
  carries v4 '{"Type": "udp"}' 28 28 'udp dst port 8285' ''
}
