# The agent guards pods' ports that no ADD of this plugin has guarded, and makes the rules again.

load ../support/flanneld_test.bash

# guarded_ports: how many ports of host a have their sources checked.
guarded_ports() {
  on a node_exec nft -j list set bridge flannel-pods guarded 2>/dev/null | jq '[.nftables[].set.elem // [] | length] | add'
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
