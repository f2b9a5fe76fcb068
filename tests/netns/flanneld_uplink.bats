# The interface and address by which the other nodes reach a node: what never is one, and what keeps one.

load ../support/flanneld_test.bash

# published HOST: the public address in its lease.
published() {
  jq -r .PublicIP "$NODE_DIR/leases/subnets/$(on "$1" subnet_of).0-24"
}

log_has() {
  on "$1" node_exec grep -q "$2" /run/flanneld.log
}

@test "a VPN's default route and a floating address do not move a node; nor does a restart meanwhile" {
  two_pods
  on b node_exec bash -euc 'ip link add tun0 type veth peer name far; ip link set far up; ip link set tun0 up
    ip addr add 10.8.0.6 peer 10.8.0.5/32 dev tun0; ip addr add 192.168.1.100/32 dev eth0
    ip route del default; ip route add default via 192.168.1.1 metric 100; ip route add default via 10.8.0.5 dev tun0 metric 50'
  wait_until 3 is_noticed b tun0
  assert_equal "$(published b)" 192.168.1.20
  reaches b client "$WEB"
  on b flanneld_stop
  agent_start b
  assert_equal "$(published b)" 192.168.1.20
  reaches b client "$WEB"
  run on b node_exec "$BIN_DIR/flanneld" --lease-dir "$NODE_DIR/leases" doctor
  assert_match "$output" "'eth0' 192.168.1.20, MTU 1500, by default route; it is kept .* 'tun0' 10.8.0.6.*candidates: .*eth0 192.168.1.20"

  # A DHCP client may take the address away and give it back.
  on b node_exec timeout "$(patience 5)" bash -euc 'ip addr del 192.168.1.20/24 dev eth0
    until grep -q "must change: the address 192.168.1.20 has gone from interface .eth0" /run/flanneld.log; do :; done
    ip addr add 192.168.1.20/24 dev eth0'
  wait_until 5 reaches b client "$WEB"
  assert_equal "$(published b)" 192.168.1.20

  # When it must move it says why.
  on b node_exec ip link set eth0 down
  wait_until 5 log_has b "must change: interface 'eth0' is down"
  wait_until 5 log_has b "external interface 'tun0' 10.8.0.6"
}

# is_noticed HOST INTERFACE: doctor has it among the candidates, and the agent was told of it before.
is_noticed() {
  on "$1" node_exec "$BIN_DIR/flanneld" --lease-dir "$NODE_DIR/leases" doctor | grep -q "candidates:.*$2"
}

@test "flannel's own devices and addresses of pods are no uplink, at start or later" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  agent_start a --iface-regex '^10\.' --iface-regex '^192\.168\.1\.'
  on a pod_run web >/dev/null
  on a node_exec ip link set eth0 mtu 1400 # looks at all interfaces again
  wait_until 3 log_has a "'eth0' 192.168.1.10, MTU 1400, by --iface-regex=^192"
  local flags
  for flags in --iface=flannel.1 --iface=cni0 "--iface-cidr=10.5.0.0/16" "--iface-can-reach=$(on a subnet_of).77"; do
    on a flanneld_stop
    on a flanneld_start --lease-dir "$NODE_DIR/leases" "$flags"
    wait_until 3 log_has a "no external interface serves: $flags"
  done
  assert_equal "$(on a published a)" 192.168.1.10
}

# twins_are_told: both agents' logs and pages name the address that they share.
twins_are_told() {
  local host
  for host in a b; do
    log_has "$host" "warning another node writes to this node's lease .* has the same public address 203.0.113.9" || return 1
    [[ $(on "$host" status_get /readyz) == *"the same public address 203.0.113.9"* ]] || return 1
  done
}

@test "two nodes with one public address are told so, both, and do not answer each other without end" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  agent_start a --iface=eth0 --public-ip=203.0.113.9
  agent_start b --iface=eth0 --public-ip=203.0.113.9
  wait_until 5 twins_are_told
  (($(on a node_exec cat /run/flanneld.log | wc -l) < 20)) || fail "$(on a node_exec cat /run/flanneld.log)"
}

@test "with --no-subnet a gateway reaches all pods, follows the leases, and takes none" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  agent_start b --no-subnet
  agent_start a --tunnel-sources 192.168.1.20/31
  local web
  web=$(on a pod_run web)
  wait_until 3 peers_are b 1
  on b node_exec busybox ping -c 1 -W 5 "$web" >/dev/null
  assert_equal "$(lease_names)" "$(on a subnet_of).0-24"
  run ! on b node_exec test -e /run/flannel/subnet.env
  lease_put 10.5.250.0-24 '{"PublicIP":"192.168.1.98","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}'
  wait_until 3 peers_are b 2
  # An agent that starts anew, and an address that changes, keep what is routed.
  on b flanneld_stop
  agent_start b --no-subnet
  on b node_exec bash -euc 'ip addr del 192.168.1.20/24 dev eth0; ip addr add 192.168.1.21/24 dev eth0
    ip route replace default via 192.168.1.1'
  wait_until 5 on b node_exec busybox ping -c 1 -W 1 "$web"
  assert_match "$(on b status_get /readyz)" "^flanneld is ready"
}

# gateway_loses WHICH: /readyz and doctor of b say that eth0 drops the answers, by the setting of WHICH.
gateway_loses() {
  local text="net/ipv4/conf/$1/rp_filter is 1, strict: 'eth0' drops what pods of 1 subnet answer"
  [[ $(on b status_get /readyz) == *"$text"*"sysctl -w net/ipv4/conf/eth0/rp_filter=2"* &&
    $(on b node_exec "$BIN_DIR/flanneld" doctor || true) == *"way back: $text"* ]]
}

gateway_is_well() {
  [[ $(on b status_get /readyz) == "flanneld is ready" && $(on b node_exec "$BIN_DIR/flanneld" doctor || true) == *"no rp_filter drops"* ]]
}

@test "a gateway whose strict rp_filter drops the pods' answers is told so, one that gets them is not" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  on b node_exec sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.eth0.rp_filter=0
  on a node_exec sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
  agent_start b --no-subnet
  agent_start a --tunnel-sources 192.168.1.20/31
  local web
  web=$(on a pod_run web)
  wait_until 5 gateway_loses all
  run ! on b node_exec busybox ping -c 1 -W 1 "$web"
  on b node_exec sysctl -qw net.ipv4.conf.eth0.rp_filter=2
  wait_until 5 gateway_is_well
  on b node_exec busybox ping -c 1 -W 5 "$web" >/dev/null
}
