# The cluster's network configuration gets another SubnetLen or Network, and the agents are restarted one by one.

load ../support/flanneld_test.bash
load ../support/chaos.bash

# config_is KEYS: the network configuration from now on.
config_is() {
  network_config "{$1, \"Backend\": {\"Type\": \"vxlan\"}}"
}

agent_restart() {
  on "$1" flanneld_stop
  agent_start "$1"
}

# pod_stop NAME: on this host.
pod_stop() {
  cni_pod DEL "$1" --net /etc/cni/net.d/10-flannel.conflist
  pod_del "$1"
}

# logs HOST REGEX: within 5 s.
logs() {
  wait_until 5 on "$1" node_exec grep -qE "$2" /run/flanneld.log
}

# knows_both_lengths HOST: at its next start.
knows_both_lengths() {
  [[ $(on "$1" node_exec jq -r '.networkConfig + .formerConfig' /var/lib/flannel/leases.json) == *'": 25'*'": 24'* ]]
}

# route_is HOST SUBNET: there is a peer's route to exactly that.
route_is() {
  [[ -n $(on "$1" node_exec ip route show exact "$2" proto 95) ]]
}

@test "another SubnetLen: each node takes the subnet with the same base, and nodes of either length reach each other" {
  config_is '"Network": "10.5.0.0/16", "SubnetLen": 24'
  two_pods
  local a b
  a=$(on a subnet_of).0 b=$(on b subnet_of).0
  config_is '"Network": "10.5.0.0/16", "SubnetLen": 25'
  logs b 'configuration in the store has changed; restart'
  wait_until 5 on a node_exec test -s /var/lib/flannel/leases.json # what it knows at its next start
  agent_restart a
  logs a "an earlier subnet is given up: $a/24 becomes $a/25"
  wait_until 5 route_is b "$a/25"
  wait_until 5 route_is a "$b/24"
  heals_within 2
  wait_until 5 knows_both_lengths a
  agent_restart a
  route_is a "$b/24"
  agent_restart b
  wait_until 5 route_is a "$b/25"
  heals_within 2
  assert_equal "$(lease_names | sort | xargs)" "$(printf '%s\n' "$a-25" "$b-25" | sort | xargs)"
  on a node_exec grep "FLANNEL_SUBNET=${a%.0}.1/25" /run/flannel/subnet.env
}

@test "a larger Network: subnets, pods and their connections stay" {
  config_is '"Network": "10.5.0.0/16"'
  two_pods
  local leases host
  leases=$(lease_names)
  pings_start
  reaches b client "$WEB" # the pings have begun by then
  config_is '"Network": "10.4.0.0/14"'
  for host in a b; do agent_restart "$host" && reaches b client "$WEB"; done
  assert_equal "$(lease_names)" "$leases"
  no_ping_is_lost 5
}

@test "another Network: a node gets another subnet, says whose pods must be made anew, and what keeps it from its peer" {
  config_is '"Network": "10.5.0.0/16"'
  two_pods
  local a b
  a=$(on a subnet_of).0 b=$(on b subnet_of).0
  config_is '"Network": "10.96.0.0/16"'
  agent_restart a
  logs a "an earlier subnet is given up: $a/24 is not one of the subnets"
  assert_match "$(on a status_get /readyz)" "$b/24 .*is not a part of the network 10.96.0.0/16"
  logs b "10.96.[0-9]+.0/24 .*is not a part of the network 10.5.0.0/16"
  on a pod_add new
  run on a cni_pod ADD new --net /etc/cni/net.d/10-flannel.conflist
  assert_match "$output" "the node's subnet has changed under them"
  agent_restart b
  local host
  for host in a b; do wait_until 5 peers_are "$host" 1; done
  assert_empty "$(on a node_exec ip route show root 10.5.0.0/16 proto 95)" "routes of the old network"
  on a pod_stop web
  on b pod_stop client
  WEB=$(on a pod_run newer)
  on b pod_run other >/dev/null
  reaches b other "$WEB"
}
