# flanneld's backend extension between two hosts: programs of the operator make the routes.

load ../support/flanneld_test.bash

# route_of HOST SUBNET: that route in one line.
route_of() {
  on "$1" node_exec ip route show "$2" | xargs
}

# route_is HOST SUBNET TEXT
route_is() {
  [[ $(route_of "$1" "$2") == "$3" ]]
}

# readiness_is HOST REGEX: what /readyz says.
readiness_is() {
  [[ $(on "$1" status_get /readyz) =~ $2 ]]
}

# extension_config OPTIONS: the network configuration with these members of Backend.
extension_config() {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "extension", '"$1"'}}'
}

@test "extension: commands make the routes of peers and remove them; failures are told, and programs can be run on" {
  extension_config '"PreStartupCommand": "hostname", "PostStartupCommand": "cp /run/flanneld.pid /run/after-$PUBLIC_IP",
    "SubnetAddCommand": "ip route replace $SUBNET via $PUBLIC_IP", "SubnetRemoveCommand": "ip route del $SUBNET"'
  agent_start a --ip-masq
  agent_start b --ip-masq
  local a b
  a=$(on a subnet_of) b=$(on b subnet_of)
  assert_equal "$(cat "$NODE_DIR/leases/subnets/$b.0-24")" \
    '{"PublicIP":"192.168.1.20","PublicIPv6":null,"BackendType":"extension","BackendData":"'"$(on b node_exec hostname)"'"}'
  on a node_exec cmp /run/flanneld.pid /run/after-192.168.1.10
  assert_match "$(on a node_exec cat /run/flannel/subnet.env)" "FLANNEL_MTU=1500"
  wait_until 3 route_is a "$b.0/24" "$b.0/24 via 192.168.1.20 dev eth0"
  wait_until 3 route_is b "$a.0/24" "$a.0/24 via 192.168.1.10 dev eth0"
  WEB=$(on a pod_run web)
  CLIENT=$(on b pod_run client)
  reaches b client "$WEB"
  reaches a web "$CLIENT"
  assert_equal "$(on a node_exec bash -c 'awk "/^Seccomp:/ { print \$2 }" "/proc/$(cat /run/flanneld.pid)/status"')" 0

  on a flanneld_stop
  on a node_exec ip route del "$b.0/24"
  agent_start a --ip-masq
  wait_until 3 route_is a "$b.0/24" "$b.0/24 via 192.168.1.20 dev eth0"
  assert_equal "$(on a status_get /readyz)" "flanneld is ready"
  lease_put 10.5.250.0-24 '{"PublicIP":"172.31.0.5","PublicIPv6":null,"BackendType":"extension"}'
  wait_until 3 readiness_is a "failed for 1 peer, .*SubnetAddCommand for 10.5.250.0/24: exit status 2, .*(unreachable|invalid gateway)"
  readiness_is a "flanneld is ready"
  on b flanneld_stop
  rm "$NODE_DIR/leases/subnets/$b.0-24" "$NODE_DIR/leases/subnets/10.5.250.0-24"
  wait_until 3 route_is a "$b.0/24" ""
}

@test "extension: the node waits for a command before the lease, and for one after it; then no program can be started" {
  extension_config '"PreStartupCommand": "cat /run/key", "PostStartupCommand": "cat /run/$SUBNET"'
  on a flanneld_start --lease-dir "$NODE_DIR/leases"
  wait_until 3 readiness_is a "not ready yet: .*PreStartupCommand 'cat /run/key': exit status 1, .*No such file"
  assert_empty "$(find "$NODE_DIR/leases/subnets" -type f 2>/dev/null)" "leases before the command has succeeded"
  on a node_exec cp /etc/hostname /run/key
  wait_until 3 readiness_is a "not ready yet: .*PostStartupCommand 'cat /run/.SUBNET': exit status 1"
  local subnet
  subnet=$(lease_names)
  on a node_exec bash -c 'mkdir "${1%/*}" && touch "$1"' bash "/run/${subnet/-//}"
  on a flanneld_wait_ready
  assert_equal "$(on a node_exec bash -c 'awk "/^Seccomp:/ { print \$2 }" "/proc/$(cat /run/flanneld.pid)/status"')" 2
}
