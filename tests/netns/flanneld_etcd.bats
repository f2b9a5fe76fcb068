# flanneld with its leases in a real etcd: claiming, losing and keeping them, and what other nodes write.

load ../support/flanneld_test.bash

prefix=/coreos.com/network

setup() {
  cluster_start
  host_with_plugins a 192.168.1.10/24
  host_with_plugins b 192.168.1.20/24
  host_add m1 192.168.1.101/24
  on m1 etcd_start m1 192.168.1.101 m1=http://192.168.1.101:2380
  wait_until 20 on m1 etcd_answers
  on m1 etcd_ctl put "$prefix/config" '{"Network": "10.5.0.0/16", "SubnetMax": "10.5.199.0", "Backend": {"Type": "vxlan"}}' >/dev/null
}

# agents [flag...]: flanneld on a and b.
agents() {
  local host
  for host in a b; do on "$host" flanneld_start --etcd-endpoints http://192.168.1.101:2379 --ip-masq "$@"; done
  for host in a b; do on "$host" flanneld_wait_ready; done
  wait_until 5 peers_are a 1
}

# etcd_stop: kills the member on m1.
etcd_stop() {
  on m1 node_exec bash -c 'kill -KILL "$(cat /run/etcd.pid)"'
  wait_until 10 on m1 node_exec bash -c '! kill -0 "$(cat /run/etcd.pid)" 2>/dev/null'
}

etcd_start_again() {
  on m1 etcd_start m1 192.168.1.101 m1=http://192.168.1.101:2380
  wait_until 20 on m1 etcd_answers
}

# value_of HOST: the value under that host's key in etcd.
value_of() {
  on m1 etcd_ctl get --print-value-only "$prefix/subnets/$(on "$1" subnet_of).0-24"
}

# lease_of KEY: its etcd lease in hexadecimal, 0 for none. (jq would round the number.)
lease_of() {
  printf %x "$(on m1 etcd_ctl get -w fields "$1" | awk -F ' : ' '$1 == "\"Lease\"" { print $2 }')"
}

# is_leased HOST: true when the host's key is in etcd, bound to an etcd lease.
is_leased() {
  [[ $(lease_of "$prefix/subnets/$(on "$1" subnet_of).0-24") != 0 ]]
}

@test "a lease is written byte for byte as Go flanneld does, for 24 hours" {
  agents
  assert_equal "$(value_of a)" \
    '{"PublicIP":"192.168.1.10","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"'"$(on a mac_of flannel.1)"'"}}'
  assert_match "$(on m1 etcd_ctl lease timetolive "$(lease_of "$prefix/subnets/$(on a subnet_of).0-24")")" "granted with TTL\(86400s\)"
}

@test "a lease of Go flanneld is understood, and its changes and end are followed" {
  agents
  local key="$prefix/subnets/10.5.250.0-24" id
  id=$(on m1 etcd_ctl lease grant 86400 | awk '{ print $2 }')
  on m1 etcd_ctl put --lease "$id" "$key" \
    '{"PublicIP":"192.168.1.30","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}'
  wait_until 2 fdb_has c6:d2:32:6f:8f:44 192.168.1.30
  [[ $(on a node_exec ip route show 10.5.250.0/24) == *"via 10.5.250.0 dev flannel.1"* ]]
  on m1 etcd_ctl put --lease "$id" "$key" \
    '{"PublicIP":"192.168.1.31","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:45"}}'
  wait_until 2 fdb_has c6:d2:32:6f:8f:45 192.168.1.31
  wait_until 2 fdb_lacks c6:d2:32:6f:8f:44 192.168.1.30 # nothing of the old address is left
  on m1 etcd_ctl lease revoke "$id"
  wait_until 2 route_is_gone 10.5.250.0/24
  wait_until 2 fdb_lacks c6:d2:32:6f:8f:45 192.168.1.31

  # An operator ends one whose node is gone.
  on m1 etcd_ctl put "$key" '{"PublicIP":"192.168.1.30","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}'
  wait_until 2 fdb_has c6:d2:32:6f:8f:44 192.168.1.30
  run -0 on b node_exec "$BIN_DIR/flanneld" cleanup --lease 10.5.250.0/24 # at the store of b's agent
  assert_match "$output" "gave back the lease 10.5.250.0/24 of the node 192.168.1.30"
  wait_until 2 route_is_gone 10.5.250.0/24
}

fdb_has() {
  [[ $(on a node_exec bridge fdb show dev flannel.1) == *"$1 dst $2 self permanent"* ]]
}

fdb_lacks() {
  ! fdb_has "$@"
}

route_is_gone() {
  [[ -z $(on a node_exec ip route show "$1") ]]
}

@test "bad keys and values are skipped with one warning each, and no peer is lost" {
  agents
  local i
  for i in 1 2; do
    on m1 etcd_ctl put "$prefix/subnets/nonsense" '{}'
    on m1 etcd_ctl put "$prefix/subnets/10.5.251.0-24" '{"PublicIP":'
    on m1 etcd_ctl put "$prefix/subnets/10.5.252.0-24" '{"PublicIP":"192.168.1.9","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"; rm"}}'
    on m1 etcd_ctl put "$prefix/subnets/10.9.1.0-24" '{"PublicIP":"192.168.1.9","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:01"}}'
    on m1 etcd_ctl put "$prefix/subnets/0.0.0.0-0" '{"PublicIP":"192.168.1.9","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:01"}}'
  done
  on m1 etcd_ctl put "$prefix/subnets/10.5.253.0-24" '{"PublicIP":"192.168.1.30","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}'
  wait_until 2 fdb_has c6:d2:32:6f:8f:44 192.168.1.30
  peers_are a 2
  assert_equal "$(on a node_exec grep -c "skip the store's entry '.*nonsense'" /run/flanneld.log)" 1
  [[ $(on a node_exec ip route show default) == *192.168.1.1* ]]
}

@test "a lease of another length, or with another node's subnet, MAC or address, does not reach the kernel" {
  agents
  local first=c6:d2:32:6f:8f:44 own b
  own=$(on a mac_of flannel.1) b=$(on b subnet_of)
  put_lease 10.5.252.0-24 192.168.1.30 "$first"
  wait_until 2 fdb_has "$first" 192.168.1.30
  put_lease 10.5.0.0-17 192.168.1.31 c6:d2:32:6f:8f:45   # over everybody
  put_lease 10.5.252.64-26 192.168.1.32 c6:d2:32:6f:8f:46 # a part of one
  put_lease "$b.128-25" 192.168.1.33 c6:d2:32:6f:8f:47    # a part of node b's
  put_lease '10.5.252.0-24&fd00::-64' 192.168.1.34 c6:d2:32:6f:8f:49
  put_lease 10.5.254.0-24 192.168.1.35 "$own"
  put_lease 10.5.200.0-24 192.168.1.37 "$(on b mac_of flannel.1)" # would get what is for node b
  put_lease 10.5.201.0-24 192.168.1.20 c6:d2:32:6f:8f:4a          # says that it is node b
  put_lease 10.5.202.0-24 192.168.1.255 c6:d2:32:6f:8f:4b
  put_lease 10.5.255.0-24 192.168.1.36 c6:d2:32:6f:8f:48 # none of that
  wait_until 2 fdb_has c6:d2:32:6f:8f:48 192.168.1.36
  peers_are a 3
  fdb_has "$first" 192.168.1.30
  fdb_has "$(on b mac_of flannel.1)" 192.168.1.20
  assert_empty "$(on a node_exec bridge fdb show dev flannel.1 | grep -E '192.168.1.(31|32|33|34|35|37|255) |8f:4a')" "FDB entries"
  assert_match "$(on a status_get /metrics)" "flanneld_peers_rejected 8"
  assert_json "$(on a status_get /status)" '.ready and ([.peers[] | select(.rejected) | .subnet] | length == 8)'
  local ready text
  ready=$(on a status_get /readyz)
  for text in "subnet 10.5.252.64/26 has another length than the /24 of the network config" \
    "subnet 10.5.252.0/24 overlaps another node's 10.5.252.0/24" "VTEP MAC $own is that of this node's own" \
    "VTEP MAC $(on b mac_of flannel.1) is that of 192.168.1.20, whose lease is $b.0/24; if one machine is a clone" \
    "public address 192.168.1.20 is that of another lease, $b.0/24" "192.168.1.255 is the broadcast address of 192.168.1.0/24"; do
    [[ $ready == *"$text"* ]] || fail "no '$text' in $ready"
  done
  assert_match "$(on a node_exec "$BIN_DIR/flanneld" doctor || true)" \
    "warn +agent: the lease 10.5.200.0/24 of 192.168.1.37 cannot be used: the VTEP MAC .* that of 192.168.1.20,.*clone of the other"
  # An agent that starts again judges likewise, whatever the order of the keys.
  on a flanneld_stop
  on a flanneld_start --etcd-endpoints http://192.168.1.101:2379
  on a flanneld_wait_ready
  wait_until 3 peers_are a 3
  fdb_has "$(on b mac_of flannel.1)" 192.168.1.20
  on m1 etcd_ctl del "$prefix/subnets/10.5.252.0-24"
  wait_until 2 fdb_has c6:d2:32:6f:8f:49 192.168.1.34
}

route_is_there() {
  [[ -n $(on a node_exec ip route show "$1") ]]
}

# put_lease NAME PUBLIC_IP MAC: as another node would.
put_lease() {
  on m1 etcd_ctl put "$prefix/subnets/$1" \
    '{"PublicIP":"'"$2"'","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"'"$3"'"}}'
}

@test "when the own key is deleted or its lease revoked, it is claimed again in place" {
  agents
  local pid before
  before=$(on a subnet_of) pid=$(on a node_exec cat /run/flanneld.pid)
  on m1 etcd_ctl del "$prefix/subnets/$before.0-24"
  wait_until 2 is_leased a
  on m1 etcd_ctl lease revoke "$(lease_of "$prefix/subnets/$before.0-24")"
  wait_until 2 is_leased a
  assert_equal "$(on a subnet_of)" "$before"
  on a node_exec kill -0 "$pid"
}

@test "a subnet that another node took meanwhile is given up, with a word in the log" {
  agents
  local before
  before=$(on a subnet_of)
  on a flanneld_stop
  on m1 etcd_ctl put "$prefix/subnets/$before.0-24" '{"PublicIP":"192.168.1.77","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:77"}}'
  on a flanneld_start --etcd-endpoints http://192.168.1.101:2379
  on a flanneld_wait_ready
  [[ $(on a subnet_of) != "$before" ]]
  assert_match "$(on a node_exec cat /run/flanneld.log)" "an earlier subnet is given up: $before.0/24 is held by the node 192.168.1.77"
  assert_match "$(value_of b)" 192.168.1.20
}

@test "a reservation stays one" {
  local key="$prefix/subnets/10.5.100.0-24"
  on m1 etcd_ctl put "$key" '{"PublicIP":"192.168.1.10"}'
  agents
  assert_equal "$(on a subnet_of)" 10.5.100
  assert_equal "$(lease_of "$key")" 0
  assert_match "$(value_of a)" '"BackendType":"vxlan"'
}

@test "while etcd is away the data path stays and a restarted agent comes up from disk; later it catches up" {
  agents
  WEB=$(on a pod_run web)
  on b pod_run client
  wait_until 5 on a node_exec test -s /var/lib/flannel/leases.json
  wait_until 5 on b node_exec test -s /var/lib/flannel/leases.json
  assert_equal "$(on a node_exec stat -c '%a %n' /run/flannel/subnet.env /var/lib/flannel/leases.json | xargs)" \
    "644 /run/flannel/subnet.env 600 /var/lib/flannel/leases.json" # the former is for everybody, as upstream's
  local a b
  a=$(on a subnet_of) b=$(on b subnet_of)
  etcd_stop
  reaches b client "$WEB"
  on b flanneld_stop KILL
  on b node_exec ip link del flannel.1
  on b flanneld_start --etcd-endpoints http://192.168.1.101:2379 --ip-masq
  on b flanneld_wait_ready
  assert_match "$(on b status_get /readyz)" "but etcd does not serve: .*working with the leases saved on disk"
  reaches b client "$WEB"
  on b pod_run late
  etcd_start_again
  wait_until 10 store_answers b
  assert_equal "$(on b subnet_of)" "$b"
  assert_equal "$(on a subnet_of)" "$a"
  reaches b client "$WEB"
}

store_answers() {
  [[ $(on "$1" status_get /status | jq -r .storeProblem) == null ]]
}

@test "after a wipe of etcd every node claims its subnet again and no packet is lost" {
  agents
  WEB=$(on a pod_run web)
  on b pod_run client
  reaches b client "$WEB"
  local a b
  a=$(on a subnet_of) b=$(on b subnet_of)
  on b node_exec bash -c 'nsenter --net=/run/netns/client busybox ping -i 0.1 -c 60 "$1" >/run/ping.log 2>&1 & ' bash "$WEB"
  etcd_stop
  on m1 node_exec rm -r /run/etcd
  etcd_start_again
  wait_until 15 is_leased a
  wait_until 15 is_leased b
  assert_equal "$(on a subnet_of) $(on b subnet_of)" "$a $b"
  wait_until 15 on b node_exec grep -q "packet loss" /run/ping.log
  assert_match "$(on b node_exec cat /run/ping.log)" " 0% packet loss"

  # Wiped while b's agent is down, and a's, too slow to claim again, is not known to it.
  on b flanneld_stop KILL
  on a node_exec bash -c 'kill -STOP "$(cat /run/flanneld.pid)"'
  etcd_stop
  on m1 node_exec rm -r /run/etcd
  etcd_start_again
  on m1 etcd_ctl put "$prefix/config" '{"Network": "10.5.0.0/16", "SubnetMax": "10.5.199.0", "Backend": {"Type": "vxlan"}}' >/dev/null
  on b flanneld_start --etcd-endpoints http://192.168.1.101:2379 --ip-masq
  on b flanneld_wait_ready
  wait_until 5 is_leased b
  reaches b client "$WEB"
  on a node_exec bash -c 'kill -CONT "$(cat /run/flanneld.pid)"'
  wait_until 20 is_leased a
  reaches b client "$WEB"
  assert_equal "$(on a subnet_of) $(on b subnet_of)" "$a $b"
}

@test "changes before a compaction that happened while cut off are seen" {
  agents
  on m1 etcd_ctl put "$prefix/subnets/10.5.200.0-24" '{"PublicIP":"192.168.1.30","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}'
  wait_until 2 fdb_has c6:d2:32:6f:8f:44 192.168.1.30
  node_exec ip link set u-a down
  on m1 etcd_ctl del "$prefix/subnets/10.5.200.0-24"
  on m1 etcd_ctl put "$prefix/subnets/10.5.201.0-24" '{"PublicIP":"192.168.1.31","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:45"}}'
  local revision
  revision=$(on m1 etcd_ctl get -w json x | jq .header.revision)
  on m1 etcd_ctl compact "$revision"
  wait_until 40 store_is_away a
  node_exec ip link set u-a up
  wait_until 20 fdb_has c6:d2:32:6f:8f:45 192.168.1.31
  route_is_gone 10.5.200.0/24
}

store_is_away() {
  [[ $(on "$1" status_get /status | jq -r .storeProblem) != null ]]
}

@test "twelve agents at once get twelve subnets" {
  local i hosts=()
  for i in {1..10}; do host_with_plugins "n$i" "192.168.1.$((30 + i))/24" && hosts+=("n$i"); done
  on m1 etcd_ctl put "$prefix/config" '{"Network": "10.5.0.0/20", "SubnetMin": "10.5.1.0", "SubnetMax": "10.5.12.0", "Backend": {"Type": "vxlan"}}'
  for i in a b "${hosts[@]}"; do on "$i" flanneld_start --etcd-endpoints http://192.168.1.101:2379; done
  for i in a b "${hosts[@]}"; do on "$i" flanneld_wait_ready; done
  assert_equal "$(for i in a b "${hosts[@]}"; do on "$i" subnet_of; done | sort -u | wc -l)" 12
  wait_until 5 peers_are n10 11
}

@test "without a free subnet an agent says so, and gets one when there is one" {
  on m1 etcd_ctl put "$prefix/config" '{"Network": "10.5.0.0/20", "SubnetMin": "10.5.1.0", "SubnetMax": "10.5.1.0", "Backend": {"Type": "vxlan"}}'
  on m1 etcd_ctl put "$prefix/subnets/10.5.1.0-24" '{"PublicIP":"192.168.1.77"}'
  on a flanneld_start --etcd-endpoints http://192.168.1.101:2379
  wait_until 5 on a node_exec grep -q "out of subnets" /run/flanneld.log
  assert_match "$(on a status_get /readyz)" "waiting for a lease: out of subnets"
  on m1 etcd_ctl del "$prefix/subnets/10.5.1.0-24"
  on a flanneld_wait_ready
}

@test "without a configuration in etcd it says where to put it, and uses it once it is there" {
  on m1 etcd_ctl del "$prefix/config"
  on a flanneld_start --etcd-endpoints http://192.168.1.101:2379
  wait_until 5 on a node_exec grep -q "etcdctl put $prefix/config" /run/flanneld.log
  on m1 etcd_ctl put "$prefix/config" '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  on a flanneld_wait_ready
}
