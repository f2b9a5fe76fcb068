# flanneld with its leases in a directory: what it writes there, and how it reads what others write.

load ../support/flanneld_test.bash

# vxlan_lease PUBLIC_IP MAC: what another node would put into its file.
vxlan_lease() {
  printf '{"PublicIP":"%s","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"%s"}}' "$1" "$2"
}

fdb_has() {
  [[ $(on a node_exec bridge fdb show dev flannel.1) == *"$1 dst $2 self permanent"* ]]
}

# gone SUBNET MAC: host a has neither route nor FDB entry of them.
gone() {
  [[ -z $(on a node_exec ip route show "$1") && $(on a node_exec bridge fdb show dev flannel.1) != *"$2"* ]]
}

log_of() {
  on "$1" node_exec cat /run/flanneld.log
}

# lacks COMMAND...: that is not so.
lacks() {
  ! "$@"
}

# own_file HOST: the path of the host's lease.
own_file() {
  echo "$NODE_DIR/leases/subnets/$(on "$1" subnet_of).0-24"
}

# is_fresh FILE: it exists and expires in a day.
is_fresh() {
  (($(stat -c %Y "$1" 2>/dev/null || echo 0) - $(date +%s) > 86000))
}

@test "the own lease is claimed again when its file is deleted, expired or changed" {
  two_pods
  local file pid before break_it
  file=$(own_file a) pid=$(on a node_exec cat /run/flanneld.pid) before=$(cat "$(own_file a)")
  for break_it in "rm" "touch -d yesterday" "truncate -s 5" "cp $(own_file b)"; do
    # shellcheck disable=SC2086 # words
    $break_it "$file"
    wait_until 3 is_fresh "$file" || fail "not claimed again after: $break_it: $(log_of a | tail -n 5)"
    wait_until 3 grep -qxF "$before" "$file" || fail "after $break_it: $(cat "$file")"
  done
  assert_equal "$(own_file a)" "$file"
  assert_equal "$(on a node_exec cat /run/flanneld.pid)" "$pid"
  on a node_exec kill -0 "$pid"
  # Near its end it is renewed, in place.
  touch -d '+30 minutes' "$file"
  wait_until 3 is_fresh "$file"
  wait_until 3 on a node_exec grep -q "renewed, expires 20" /run/flanneld.log
  reaches b client "$WEB"
}

@test "leases of others that are added, changed, expired or removed reach the kernel" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  agent_start a
  local one=c6:d2:32:6f:8f:44 two=c6:d2:32:6f:8f:45 dir=$NODE_DIR/leases/subnets
  lease_put 10.5.250.0-24 "$(vxlan_lease 192.168.1.30 "$one")"
  wait_until 2 fdb_has "$one" 192.168.1.30
  assert_equal "$(on a node_exec ip route show 10.5.250.0/24 | xargs)" "10.5.250.0/24 via 10.5.250.0 dev flannel.1 proto 95 onlink"
  lease_put 10.5.250.0-24 "$(vxlan_lease 192.168.1.31 "$two")"
  wait_until 2 fdb_has "$two" 192.168.1.31
  wait_until 2 lacks fdb_has "$one" 192.168.1.30
  rm "$dir/10.5.250.0-24"
  wait_until 2 gone 10.5.250.0/24 "$two"

  # A lease expires without any change of a file.
  lease_put 10.5.251.0-24 "$(vxlan_lease 192.168.1.32 "$one")"
  wait_until 2 fdb_has "$one" 192.168.1.32
  touch -d '+2 seconds' "$dir/10.5.251.0-24"
  wait_until 7 gone 10.5.251.0/24 "$one"
  wait_until 2 lacks test -e "$dir/10.5.251.0-24"

  # A reservation has no end.
  lease_put 10.5.252.0-24 "$(vxlan_lease 192.168.1.33 "$two")"
  touch -d @0 "$dir/10.5.252.0-24"
  lease_put 10.5.253.0-24 "$(vxlan_lease 192.168.1.34 "$one")"
  wait_until 2 fdb_has "$one" 192.168.1.34
  touch -d yesterday "$dir/10.5.253.0-24"
  wait_until 2 gone 10.5.253.0/24 "$one"
  wait_until 2 lacks test -e "$dir/10.5.253.0-24"
  [[ -e $dir/10.5.252.0-24 ]]
  fdb_has "$two" 192.168.1.33
}

@test "a node takes its own reservation, which stays one" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  lease_put 10.5.100.0-24 '{"PublicIP":"192.168.1.10"}'
  touch -d @0 "$NODE_DIR/leases/subnets/10.5.100.0-24"
  agent_start a
  assert_equal "$(on a subnet_of)" 10.5.100
  assert_equal "$(stat -c %Y "$NODE_DIR/leases/subnets/10.5.100.0-24")" 0
  assert_match "$(cat "$NODE_DIR/leases/subnets/10.5.100.0-24")" '"BackendType":"vxlan"'
  assert_match "$(log_of a)" "a reservation that does not expire"
}

@test "bad files are skipped with a warning each, and stay" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  agent_start a
  local dir=$NODE_DIR/leases/subnets name mac=c6:d2:32:6f:8f:44
  vxlan_lease 192.168.1.40 "$mac" >"$NODE_DIR/elsewhere"
  lease_put nonsense '{}'
  lease_put 10.5.240.0-33 "$(vxlan_lease 192.168.1.41 "$mac")"
  lease_put 10.5.241.0-24 '{"PublicIP":'
  mkdir "$dir/10.5.242.0-24"
  ln -s "$NODE_DIR/elsewhere" "$dir/10.5.243.0-24"
  mkfifo "$dir/10.5.244.0-24"
  { vxlan_lease 192.168.1.45 "$mac" && head -c 100000 /dev/zero | tr '\0' ' '; } >"$dir/.big"
  mv "$dir/.big" "$dir/10.5.245.0-24"
  touch -h -d '+1 day' "$dir"/10.5.24*
  echo mine >"$dir/notes.txt" # neither a lease nor long-lived: not flannel's to remove
  lease_put 10.5.250.0-24 "$(vxlan_lease 192.168.1.30 "$mac")"
  wait_until 2 fdb_has "$mac" 192.168.1.30 || fail "$(log_of a | tail -n 5)"
  peers_are a 1
  for name in nonsense 10.5.240.0-33 10.5.241.0-24 10.5.242.0-24 10.5.243.0-24 10.5.244.0-24 10.5.245.0-24 notes.txt; do
    assert_equal "$name $(on a node_exec grep -c "skip the store's entry '.*/$name'" /run/flanneld.log)" "$name 1"
    [[ -e $dir/$name ]] || fail "$name was removed"
  done
  # None of it keeps another node from its lease.
  agent_start b
  wait_until 3 peers_are a 2
}

@test "of two subnets two agents at once get one each, and a third waits" {
  network_config '{"Network": "10.5.0.0/16", "SubnetMin": "10.5.1.0", "SubnetMax": "10.5.2.0", "Backend": {"Type": "vxlan"}}'
  local host starting=()
  for host in a b; do on "$host" flanneld_start --lease-dir "$NODE_DIR/leases" & starting+=($!); done
  wait "${starting[@]}"
  for host in a b; do on "$host" flanneld_wait_ready; done
  assert_equal "$(printf '%s\n' "$(on a subnet_of)" "$(on b subnet_of)" | sort | xargs)" "10.5.1 10.5.2"
  assert_equal "$(lease_names | xargs)" "10.5.1.0-24 10.5.2.0-24"
  wait_until 3 peers_are a 1
  wait_until 3 peers_are b 1
  host_with_plugins c 192.168.1.30/24
  on c flanneld_start --lease-dir "$NODE_DIR/leases"
  wait_until 3 on c node_exec grep -q "out of subnets" /run/flanneld.log
  assert_match "$(on c status_get /readyz)" "waiting for a lease: out of subnets"
  local free
  free=$(on b subnet_of)
  on b flanneld_stop
  rm "$NODE_DIR/leases/subnets/$free.0-24"
  on c flanneld_wait_ready
  assert_equal "$(on c subnet_of)" "$free"
}

@test "a missing or unreadable configuration is reported, and used once it is there" {
  on a flanneld_start --lease-dir "$NODE_DIR/leases"
  wait_until 3 on a node_exec grep -q "no network configuration in $NODE_DIR/leases/config" /run/flanneld.log
  assert_match "$(on a status_get /readyz)" "not ready yet: waiting for no network configuration in|waiting for a network configuration"
  network_config '{"Network": "10.5.0.0/16"'
  wait_until 3 on a node_exec grep -q "network configuration: " /run/flanneld.log
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  on a flanneld_wait_ready
  # A change while it runs is reported, not applied.
  network_config '{"Network": "10.6.0.0/16", "Backend": {"Type": "vxlan"}}'
  wait_until 3 on a node_exec grep -q "has changed; restart flanneld" /run/flanneld.log
  assert_match "$(on a subnet_of)" '^10\.5\.'
  flanneld_is_ready_but a "restart flanneld"
}

# flanneld_is_ready_but HOST TEXT: it is ready, and says that nevertheless.
flanneld_is_ready_but() {
  assert_match "$(on "$1" status_get /readyz)" "flanneld is ready.*but .*$2"
}

@test "when the directory or a part of it goes, it is made again and no node loses its subnet" {
  two_pods
  local a b lost n=0
  a=$(on a subnet_of) b=$(on b subnet_of)
  for lost in leases/subnets leases; do
    mv "$NODE_DIR/$lost" "$NODE_DIR/lost$((++n))"
    wait_until 4 is_fresh "$NODE_DIR/leases/subnets/$a.0-24" || fail "without $lost: $(log_of a | tail -n 5)"
    wait_until 4 is_fresh "$NODE_DIR/leases/subnets/$b.0-24" || fail "without $lost: $(log_of b | tail -n 5)"
    wait_until 3 peers_are a 1
    wait_until 3 peers_are b 1
  done
  # Removed for good, in the world's mount namespace, both agents looking on.
  wait_until 5 directory_is_removed
  wait_until 4 is_fresh "$NODE_DIR/leases/subnets/$a.0-24" || fail "after rm: $(log_of a | tail -n 5)"
  wait_until 4 is_fresh "$NODE_DIR/leases/subnets/$b.0-24" || fail "after rm: $(log_of b | tail -n 5)"
  wait_until 3 peers_are a 1
  assert_equal "$(on a subnet_of) $(on b subnet_of)" "$a $b"
  lease_put 10.5.250.0-24 "$(vxlan_lease 192.168.1.30 c6:d2:32:6f:8f:44)"
  wait_until 3 fdb_has c6:d2:32:6f:8f:44 192.168.1.30
  reaches b client "$WEB"
}

# An agent may put a file back before its directory goes: then again.
directory_is_removed() {
  rm -rf "${NODE_DIR:?}/leases/subnets" 2>/dev/null && rm -rf "${NODE_DIR:?}/leases" 2>/dev/null
}

@test "without room for subnet.env it is not ready and says so once; it writes the file when there is room" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  on a node_exec mount -t tmpfs -o size=8k,mode=0755 tmpfs /run/flannel
  on a node_exec bash -c 'head -c 8192 /dev/zero >/run/flannel/full || true' 2>/dev/null
  on a flanneld_start --lease-dir "$NODE_DIR/leases"
  local no_room="waiting for write file '/run/flannel/subnet.env': No space left on device"
  wait_until 5 is_not_ready_but_says a "$no_room"
  sleep 2 # some attempts
  assert_equal "$(on a node_exec grep -c "No space left on device" /run/flanneld.log)" 1
  on a node_exec rm /run/flannel/full
  on a flanneld_wait_ready
  assert_equal "$(on a status_get /readyz)" "flanneld is ready"
  on a node_exec bash -c 'head -c 8192 /dev/zero >/run/flannel/full || true' 2>/dev/null
  on a node_exec ip link set eth0 mtu 1400
  wait_until 3 flanneld_is_ready_but a "it waits for ${no_room#*for }"
  assert_match "$(on a node_exec cat /run/flannel/subnet.env)" FLANNEL_MTU=1450
  on a node_exec rm /run/flannel/full
  wait_until 3 on a node_exec grep -q FLANNEL_MTU=1350 /run/flannel/subnet.env
  assert_equal "$(on a status_get /readyz)" "flanneld is ready"
}

# is_not_ready_but_says HOST TEXT
is_not_ready_but_says() {
  [[ $(on "$1" status_get /readyz) == "flanneld is not ready yet: $2"* ]]
}

@test "while a lease file cannot be read, what was read last stays in force" {
  if is_sanitized; then skip "AddressSanitizer's runtime does not run under strace"; fi
  two_pods
  local name
  name=$(on b subnet_of).0-24
  on a node_spawn strace.log strace -qq -o /dev/null -P "$name" -e inject=openat,newfstatat:error=EIO -p "$(on a node_exec cat /run/flanneld.pid)"
  wait_until 5 on a node_exec grep -q "^TracerPid:.*[1-9]" "/proc/$(on a node_exec cat /run/flanneld.pid)/status"
  lease_put 10.5.250.0-24 "$(vxlan_lease 192.168.1.30 c6:d2:32:6f:8f:44)"
  wait_until 3 fdb_has c6:d2:32:6f:8f:44 192.168.1.30
  assert_match "$(log_of a)" "skip .*$name.*: Input/output error; what was read from it last stays in force"
  reaches b client "$WEB"
  peers_are a 2
  # At its start the agent has nothing to go on with, and waits.
  on a flanneld_stop
  on a flanneld_spawn strace -D -qq -o /dev/null -P "$name" \
    -e inject=newfstatat:error=EIO:when=1..2 "$BIN_DIR/flanneld" --lease-dir "$NODE_DIR/leases"
  wait_until 3 is_not_ready_but_says a "waiting for stat file '$name': Input/output error"
  reaches b client "$WEB"
  on a flanneld_wait_ready
  reaches b client "$WEB"
  peers_are a 2
}

@test "a lease that changes all the time fills no log, and a log that nobody reads stops no agent" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  on a flanneld_spawn bash -c 'mkfifo /run/full; exec 8<>/run/full; head -c 65536 /dev/zero >&8; exec "$@" 2>&8' bash \
    "$BIN_DIR/flanneld" --lease-dir "$NODE_DIR/leases"
  on a flanneld_wait_ready
  agent_start b
  local i
  for i in {10..59}; do lease_put 10.5.250.0-24 "$(vxlan_lease 192.168.1.98 "02:00:00:00:00:$i")"; done
  wait_until 3 fdb_has 02:00:00:00:00:59 192.168.1.98
  wait_until 3 on b node_exec grep -q "joined: 10.5.250.0/24" /run/flanneld.log
  (($(on b node_exec grep -c "peer changed: 10.5.250.0/24" /run/flanneld.log) <= 1))
}

@test "the lease of a node that is gone is given back; one's own is not while the agent runs" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  agent_start a
  lease_put 10.5.250.0-24 "$(vxlan_lease 192.168.1.98 c6:d2:32:6f:8f:44)"
  wait_until 3 fdb_has c6:d2:32:6f:8f:44 192.168.1.98
  run -1 cleanup_lease "$(on a subnet_of).0/24"
  assert_match "$output" "is this node's own lease, and its agent would claim it again"
  run -1 cleanup_lease 10.5.251.0/24
  assert_match "$output" "there is no lease of 10.5.251.0/24; there are .*10.5.250.0/24"
  run -2 cleanup_lease 10.5.250.0
  run -0 cleanup_lease 10.5.250.0/24
  assert_match "$output" "gave back the lease 10.5.250.0/24 of the node 192.168.1.98"
  wait_until 3 gone 10.5.250.0/24 c6:d2:32:6f:8f:44
  assert_equal "$(lease_names)" "$(on a subnet_of).0-24"
}

cleanup_lease() {
  on a node_exec "$BIN_DIR/flanneld" cleanup --lease-dir "$NODE_DIR/leases" --lease "$1"
}

@test "an agent that is told to end saves the peers that came just before" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "host-gw"}}'
  agent_start a
  wait_until 5 on a node_exec test -s /var/lib/flannel/leases.json
  lease_put 10.5.250.0-24 '{"PublicIP":"192.168.1.20","PublicIPv6":null,"BackendType":"host-gw"}'
  wait_until 5 peers_are a 1
  on a flanneld_stop
  assert_match "$(on a node_exec cat /var/lib/flannel/leases.json)" "10.5.250.0-24"
}
