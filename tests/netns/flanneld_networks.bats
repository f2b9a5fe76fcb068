# Two networks on one node: two agents, which differ in their subnet file and their etcd prefix alone.

load ../support/flanneld_test.bash

setup() {
  cluster_start
  host_with_plugins a 192.168.1.10/24
  host_add m1 192.168.1.101/24
  on m1 etcd_start m1 192.168.1.101 m1=http://192.168.1.101:2380
  wait_until 20 on m1 etcd_answers
  config_put /one '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan", "VNI": 1}}'
  config_put /two '{"Network": "10.6.0.0/16", "Backend": {"Type": "vxlan", "VNI": 2}}'
}

teardown() {
  local status=0
  second_stop || status=1
  on a agent_ends_well || status=1
  cluster_stop
  return "$status"
}

# config_put PREFIX JSON
config_put() {
  on m1 etcd_ctl put "$1/config" "$2" >/dev/null
}

first_start() {
  on a flanneld_start --etcd-endpoints http://192.168.1.101:2379 --etcd-prefix /one --ip-masq "$@"
  on a flanneld_wait_ready
}

# second_start [flag...]: the second network's agent, its log in /run/second.log.
second_start() {
  on a node_spawn second.log bash -c 'echo $$ >/run/second.pid; exec "$@"' bash "$BIN_DIR/flanneld" \
    --etcd-endpoints http://192.168.1.101:2379 --etcd-prefix /two --subnet-file /run/second.env --ip-masq "$@"
  wait_until 10 second_says "info ready"
}

second_says() {
  on a node_exec grep -qE "$1" /run/second.log
}

second_stop() {
  on a node_exec bash -c 'kill "$(cat /run/second.pid)"; rm /run/second.pid' 2>/dev/null || return 0
  wait_until 10 second_says "asked to stop"
  ! second_says 'Sanitizer|runtime error:'
}

@test "a second network's agent starts though status port and state file are the first one's, and says so" {
  first_start
  wait_until 5 on a node_exec test -s /var/lib/flannel/leases.json
  second_start
  assert_match "$(on a node_exec cat /run/second.env)" "FLANNEL_NETWORK=10.6.0.0/16"
  second_says "nobody sees the status of this agent: listen on 127.0.0.1:7000.*--status-listen"
  second_says "state file /var/lib/flannel/leases.json is in use by another agent.*--state-file"
  assert_match "$(on a status_get /status | jq -r .store)" "prefix /one"
  assert_match "$(on a node_exec cat /var/lib/flannel/leases.json)" '"store":"etcd at http://192.168.1.101:2379, prefix /one"'
}

# tables_of NETWORK: the nftables tables that have rules for it.
tables_of() {
  on a node_exec bash -c 'for name in $(nft -j list tables ip | jq -r ".nftables[].table.name // empty"); do
    if nft list table ip "$name" | grep -qF "$1"; then echo "$name"; fi; done' bash "$1" | xargs
}

has_rules() {
  [[ $(tables_of "$1") ]]
}

# chains_of NETWORK: the chains of iptables that have rules for it, and are jumped to.
chains_of() {
  on a node_exec bash -c 'iptables-save | grep -F "$1" | grep -o "^-A [^ ]*" | sort -u | cut -d " " -f 2 |
    while read -r chain; do if iptables-save | grep -q -- "-j $chain\$"; then echo "$chain"; fi; done' bash "$1" | xargs
}

# has_chains NETWORK CHAIN: whether the last of its chains is there.
has_chains() {
  [[ $(chains_of "$1") == *"$2"* ]]
}

@test "each network has rules and devices of its own; restart and cleanup of one leave the other's" {
  first_start
  second_start
  assert_equal "$(tables_of 10.5.0.0/16)" flannel-ipv4
  assert_match "$(tables_of 10.6.0.0/16)" '^flannel-ipv4-[0-9a-f]{8}$'
  local tables
  tables=$(tables_of 10.6.0.0/16)
  on a flanneld_stop
  first_start
  second_stop
  second_start
  assert_equal "$(tables_of 10.5.0.0/16)" flannel-ipv4
  assert_equal "$(tables_of 10.6.0.0/16)" "$tables"
  assert_equal "$(on a status_get /status | jq .rules.restored)" 0
  on a node_exec nft delete table ip "$tables"
  wait_until 3 has_rules 10.6.0.0/16
  assert_equal "$(tables_of 10.5.0.0/16)" flannel-ipv4

  second_stop
  run on a node_exec "$BIN_DIR/flanneld" --etcd-prefix /two --subnet-file /run/second.env cleanup
  assert_match "$output" "left device 'flannel.1': it is that of the agent 'flanneld /run/flannel/subnet.env'"
  assert_match "$output" "removed nftables table 'ip $tables'"
  assert_match "$output" "left file '/var/lib/flannel/leases.json': another agent uses it"
  assert_equal "$(tables_of 10.5.0.0/16)$(tables_of 10.6.0.0/16)" flannel-ipv4
  assert_equal "$(on a node_exec ip -br link show type vxlan | cut -d ' ' -f 1)" flannel.1
}

@test "each network has chains of its own in iptables, whichever agent starts first" {
  config_put /one '{"Network": "10.5.0.0/16", "EnableNFTables": false, "Backend": {"Type": "vxlan", "VNI": 1}}'
  config_put /two '{"Network": "10.6.0.0/16", "EnableNFTables": false, "Backend": {"Type": "vxlan", "VNI": 2}}'
  second_start
  first_start
  local upstreams="FLANNEL-FWD FLANNEL-POSTRTG FLANNEL-TUNNEL-FWD FLANNEL-TUNNEL-IN"
  assert_equal "$(chains_of 10.6.0.0/16)" "$upstreams"
  # The status port is the other agent's, which does not tell when this one is ready.
  wait_until 10 has_chains 10.5.0.0/16 FLANNEL-TUNNEL-IN
  # The other has no rules there but those of loopback, which are everybody's, so that the name is free.
  assert_match "$(chains_of 10.5.0.0/16)" '^FLANNEL-FWD-[0-9a-f]{8} FLANNEL-POSTRTG-[0-9a-f]{8} FLANNEL-SOURCES FLANNEL-TUNNEL-FWD-[0-9a-f]{8} FLANNEL-TUNNEL-IN-[0-9a-f]{8}$'
  second_stop
  # One engine after the other, beside a network that keeps its own.
  config_put /two '{"Network": "10.6.0.0/16", "Backend": {"Type": "vxlan", "VNI": 2}}'
  second_start
  assert_empty "$(chains_of 10.6.0.0/16)"
  assert_equal "$(tables_of 10.6.0.0/16)" flannel-ipv4
  assert_match "$(chains_of 10.5.0.0/16)" 'FLANNEL-POSTRTG-[0-9a-f]{8}'
}

@test "another network of the same agent takes over its names" {
  first_start
  on a flanneld_stop
  config_put /one '{"Network": "10.7.0.0/16", "Backend": {"Type": "vxlan", "VNI": 1}}'
  first_start
  assert_equal "$(tables_of 10.7.0.0/16)" flannel-ipv4
  assert_empty "$(tables_of 10.5.0.0/16)"
}

@test "doctor without flags takes those of the agent; another network's agent is told apart" {
  first_start --subnet-file /run/blue/subnet.env
  on a node_exec sysctl -qw net.ipv4.ip_forward=1
  run -0 on a node_exec "$BIN_DIR/flanneld" doctor
  assert_match "$output" "ok +subnet file: '/run/blue/subnet.env'"
  assert_match "$output" "ok +etcd: http://192.168.1.101:2379 accepts connections"
  # What the operator says goes before what the agent was told.
  run -1 on a node_exec "$BIN_DIR/flanneld" --etcd-endpoints http://192.168.1.102:2379 doctor
  assert_match "$output" "fail +etcd: http://192.168.1.102:2379"
  assert_match "$output" "ok +subnet file: '/run/blue/subnet.env'"

  local second=("$BIN_DIR/flanneld" --etcd-endpoints http://192.168.1.101:2379 --subnet-file /run/second.env)
  second_start
  run on a node_exec "${second[@]}" doctor
  assert_match "$output" "warn +agent: at 127.0.0.1:7000 answers another network's, whose subnet file is /run/blue/subnet.env"
  run -3 on a node_exec "${second[@]}" status
  assert_match "$output" "answers another network's agent"
}

# leftover_start [flag...]: a second agent of the first's network, with mounts and processes of its own as a container has.
leftover_start() {
  on a node_spawn second.log unshare --mount --pid --fork --kill-child bash -c 'mount -t tmpfs tmpfs /var/lib && exec "$@"' bash \
    "$BIN_DIR/flanneld" --etcd-endpoints http://192.168.1.101:2379 --etcd-prefix /one "$@"
  wait_until 5 second_says "waiting for another flanneld on this node to end"
}

@test "a second agent of one network changes nothing, says so, and takes over when the first ends" {
  first_start
  leftover_start --status-listen 127.0.0.1:7001
  second_says "to end \(a process that cannot be seen from here, flanneld .*ip-masq='true' \(--ip-masq\).*\): it has the subnet file /run/flannel/subnet.env"
  run on a node_exec curl -s -w ' %{http_code}' http://127.0.0.1:7001/readyz
  assert_match "$output" "not ready yet: waiting for another flanneld on this node to end.* 503"
  wait_until 5 eval '[[ $(on a status_get /readyz) =~ "flanneld is ready".*"but a second flanneld on this node waits for this one to end (process" ]]'
  assert_equal "$(on a status_get /status | jq .rules.restored)" 0
  on a flanneld_stop
  wait_until 10 second_says "info ready"
  wait_until 5 eval "[[ \$(on a node_exec curl -s http://127.0.0.1:7001/status | jq -c '[.ready, .problems]') == '[true,[]]' ]]"
}

@test "a second agent with another subnet file waits if the network is the same, and gets the first's status port" {
  first_start
  leftover_start --subnet-file /run/leftover.env
  second_says "it has the pod network 10.5.0.0/16"
  run on a node_exec test -e /run/leftover.env
  assert_equal "$status" 1
  on a flanneld_stop
  wait_until 10 second_says "info ready"
  wait_until 5 on a status_is_ready
  assert_equal "$(on a status_get /status | jq -c '[.flags."subnet-file", .problems]')" '[["/run/leftover.env"],[]]'
}

status_is_ready() {
  [[ $(status_get /readyz) == "flanneld is ready"* ]]
}
