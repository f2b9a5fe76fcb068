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
