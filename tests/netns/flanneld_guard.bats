# The agent guards pods' ports that no ADD of this plugin has guarded, and makes the rules again.

load ../support/flanneld_test.bash

setup() {
  dual_stack_hosts_start
}

# guarded_ports: how many ports of host a have their sources checked.
guarded_ports() {
  on a node_exec nft -j list set bridge flannel-pods checked 2>/dev/null | jq '[.nftables[].set.elem // [] | length] | add'
}

are_guarded() {
  [[ $(guarded_ports) == "$1" ]]
}

@test "rules that somebody removes come back for all pods, and pods of a stopped agent's time are guarded at its start" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  two_pods
  on a pod_run mate >/dev/null
  assert_equal "$(guarded_ports)" 2
  on a node_exec nft flush ruleset
  wait_until 4 are_guarded 2
  assert_match "$(on a status_get /metrics)" "flanneld_repairs_total [1-9]"
  heals_within 2
  on a flanneld_stop
  on a node_exec nft delete table bridge flannel-pods
  agent_start a
  wait_until 4 are_guarded 2
  reaches a mate "$WEB"
  # A pod's lie does not get through: it is another pod's address.
  on a pod_exec mate ip addr add "$WEB/32" dev lo
  run ! on a pod_exec mate busybox ping -c 1 -W 1 -I "$WEB" "$CLIENT"
  heals_within 2
}

# all_elements: the elements of all sets on host a.
all_elements() {
  on a node_exec nft -j list table bridge flannel-pods | jq -cS '[.nftables[].set? | select(.) | {(.name): ((.elem // []) | sort)}] | add'
}

elements_are() {
  [[ $(all_elements) == "$1" ]]
}

node_metric_is() {
  [[ $(on a status_get /metrics) == *"flanneld_$1 $2"* ]]
}

readyz_says() {
  [[ $(on a status_get /readyz) == *"$1"* ]]
}

@test "pods are not cut off, nor set free, when somebody empties the sets of rules that stay" {
  network_config '{"Network": "10.5.0.0/16", "EnableIPv6": true, "IPv6Network": "fd05::/48", "Backend": {"Type": "vxlan"}}'
  agent_start a
  agent_start b
  wait_until 5 peers_are a 2
  WEB=$(on a pod_run web)
  on b pod_run client >/dev/null
  heals_within 2
  local all
  all=$(all_elements)
  assert_json "$all" '(.checked | length) == 1 and (.own4 | length) == 1 and (.own6 | length) == 2'
  wait_until 4 node_metric_is pod_ports_guarded 1
  on a node_exec bash -c 'kill -STOP "$(cat /run/flanneld.pid)"' # so that it does not heal before one looks
  on a node_exec nft "flush set bridge flannel-pods own4; flush set bridge flannel-pods own6"
  run ! on b pod_exec client timeout 0.3 busybox ping -c 1 "$WEB"
  # Without it every source would be let through.
  on a node_exec nft flush set bridge flannel-pods checked
  on a node_exec bash -c 'kill -CONT "$(cat /run/flanneld.pid)"'
  wait_until 5 elements_are "$all"
  heals_within 2
  # The same while no agent runs.
  on a flanneld_stop
  on a node_exec nft "flush set bridge flannel-pods checked; flush set bridge flannel-pods own4"
  agent_start a
  wait_until 4 elements_are "$all"
  heals_within 2
}

@test "ports that nobody checks are counted and told with the reason, and with --heal=false so are rules that are gone" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  agent_start a --heal=false
  on a pod_run web >/dev/null
  wait_until 4 node_metric_is pod_ports_guarded 1
  assert_json "$(on a status_get /status)" '.podPorts == {guarded: 1, open: 0}'
  assert_match "$(on a node_exec "$BIN_DIR/flanneld" doctor || true)" "ok +pod ports: 1 of 1"
  on a node_exec nft delete table bridge flannel-pods
  wait_until 5 readyz_says "rules that keep pods to their own addresses are missing"
  assert_json "$(on a status_get /status)" '.ready and .podPorts == {guarded: 0, open: 1}'
  run -0 on a node_exec "$BIN_DIR/flanneld" doctor
  assert_match "$output" "warn +pod ports: what comes by 'veth[0-9a-f]+' is not checked: nobody has guarded it"
  run ! on a node_exec nft list table bridge flannel-pods
}
