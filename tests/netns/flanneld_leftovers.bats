# What an earlier configuration left in the kernel, and what another agent on the node has.

load ../support/flanneld_test.bash

# peer_lease SUBNET NODE BACKEND [VNI]
peer_lease() {
  lease_put "$1-24" '{"PublicIP":"'"$2"'","PublicIPv6":null,"BackendType":"'"$3"'","BackendData":{"VNI":'"${4:-1}"',"VtepMAC":"0a:00:00:00:00:20"}}'
}

# config NETWORK BACKEND
config() {
  network_config '{"Network": "'"$1"'", "Backend": '"$2"'}'
}

restart() {
  on a flanneld_stop
  agent_start a
}

flannel_of() {
  on a node_exec bash -c 'ip route show proto 95; ip route show proto boot; ip -br addr' | grep -F "$1" | grep -v '^default'
}

@test "another network, VNI, port or backend leaves no route, address or device of the one before" {
  config 10.5.0.0/16 '{"Type": "vxlan"}'
  peer_lease 10.5.77.0 192.168.1.20 vxlan
  agent_start a
  wait_until 5 peers_are a 1
  assert_match "$(flannel_of 10.5.)" "10.5.77.0/24 via 10.5.77.0 dev flannel.1"

  config 172.20.0.0/16 '{"Type": "vxlan"}'
  peer_lease 172.20.77.0 192.168.1.20 vxlan
  restart
  assert_empty "$(flannel_of 10.5.)" "left of 10.5.0.0/16"
  assert_match "$(flannel_of 172.20.)" "172.20.77.0/24 via"

  config 172.20.0.0/16 '{"Type": "vxlan", "VNI": 4096, "Port": 4789}'
  peer_lease 172.20.77.0 192.168.1.20 vxlan 4096
  restart
  link_goes flannel.1
  assert_match "$(flannel_of 172.20.)" "172.20.77.0/24 via 172.20.77.0 dev flannel.4096"

  config 172.20.0.0/16 '{"Type": "host-gw"}'
  peer_lease 172.20.77.0 192.168.1.20 host-gw
  # As upstream would have left it, for a node that is gone.
  on a node_exec ip route add 172.20.88.0/24 via 192.168.1.30
  restart
  link_goes flannel.4096
  assert_equal "$(flannel_of 172.20. | xargs)" "172.20.77.0/24 via 192.168.1.20 dev eth0"

  config 10.6.0.0/16 '{"Type": "alloc"}'
  restart
  assert_empty "$(flannel_of 172.20.)" "left of host-gw"
}

# link_goes NAME: the former backend's device serves those that send by it on the way, and then goes.
link_goes() {
  wait_until 6 on a node_exec bash -c '! ip link show "$1" 2>/dev/null' bash "$1"
}

# second_start [flag...]: another network's agent on host a; it differs in its subnet file and its leases alone.
second_start() {
  on a node_spawn second.log bash -c 'echo $$ >/run/second.pid; exec "$@"' bash \
    "$BIN_DIR/flanneld" --subnet-file /run/second.env --lease-dir "$NODE_DIR/second" "$@"
  wait_until 15 on a node_exec test -e /run/second.env
}

@test "two agents on one node keep apart: each removes what is its own" {
  config 10.5.0.0/16 '{"Type": "vxlan"}'
  mkdir -p "$NODE_DIR/second/subnets"
  echo '{"Network": "10.6.0.0/16", "Backend": {"Type": "vxlan", "VNI": 2}}' >"$NODE_DIR/second/config"
  peer_lease 10.5.77.0 192.168.1.20 vxlan 2
  cp -p "$NODE_DIR/leases/subnets/10.5.77.0-24" "$NODE_DIR/second/subnets/10.6.77.0-24"
  peer_lease 10.5.77.0 192.168.1.20 vxlan
  agent_start a
  second_start
  assert_match "$(on a node_exec cat /run/second.log)" "nobody sees the status of this agent.*--status-listen"
  config 10.5.0.0/16 '{"Type": "vxlan", "VNI": 3}'
  peer_lease 10.5.77.0 192.168.1.20 vxlan 3
  restart
  assert_match "$(flannel_of 10.6.)" "10.6.77.0/24 via 10.6.77.0 dev flannel.2"
  assert_match "$(flannel_of 10.5.)" "10.5.77.0/24 via 10.5.77.0 dev flannel.3"
  link_goes flannel.1

  # With the VNI of the other's there is no device to be had: that is told, and the other's stays.
  on a flanneld_stop
  on a node_exec rm /run/flannel/subnet.env
  config 10.5.0.0/16 '{"Type": "vxlan", "VNI": 2}'
  on a flanneld_start --lease-dir "$NODE_DIR/leases"
  wait_until 5 log_has a "use link 'flannel.2', which is another agent's"
  run ! on a node_exec test -e /run/flannel/subnet.env
  assert_match "$(flannel_of 10.6.)" "10.6.77.0/24 via 10.6.77.0 dev flannel.2"
  on a node_exec bash -c 'kill "$(cat /run/second.pid)"'
}

# log_has HOST TEXT
log_has() {
  on "$1" node_exec grep -qF "$2" /run/flanneld.log
}

@test "a device that cannot be had is in the log once with what to do, and there is no subnet.env" {
  config 10.5.0.0/16 '{"Type": "vxlan"}'
  on a node_exec bash -euc 'ip link add other type vxlan external dstport 8472; ip link set other up'
  on a flanneld_start --lease-dir "$NODE_DIR/leases"
  wait_until 5 log_has a "set link 'flannel.1' up: Address already in use; another device or program has UDP port 8472"
  run ! on a node_exec test -e /run/flannel/subnet.env
  assert_match "$(on a node_exec "$BIN_DIR/flanneld" --lease-dir "$NODE_DIR/leases" doctor || true)" \
    "fail +UDP port 8472: 'flannel.1' is down.*another VXLAN device does"
  on a node_exec ip link del other
  on a flanneld_wait_ready
  assert_equal "$(on a node_exec grep -c 'Address already in use' /run/flanneld.log)" 1
  wait_until 5 log_has a "the kernel's objects are as wanted again"
}
