# Pods without a bridge, on nodes whose agents run: traffic between nodes, and what the agent makes of them.

load ../support/flanneld_test.bash

# routed_hosts: the hosts' configuration for pods names ptp.
routed_hosts() {
  local host
  for host in a b; do
    on "$host" node_exec bash -c 'jq ".plugins[0].delegate.type = \"ptp\" | .plugins |= .[:1]" /etc/cni/net.d/10-flannel.conflist >/run/c
      mv /run/c /etc/cni/net.d/10-flannel.conflist'
  done
}

has_rules() {
  [[ $(on a node_exec nft list table inet flannel-routed-pods) == *fib* ]]
}

@test "pods reach those of the other node, masqueraded beyond or not, and the agent sees nothing wrong with them" {
  routed_hosts
  two_pods --ip-masq
  reaches b client "$WEB"
  reaches a web "$CLIENT" -s 1422
  on a node_exec busybox ping -c 1 -W 5 "$CLIENT" >/dev/null
  on b pod_exec client busybox ping -c 1 -W 5 192.168.1.10 >/dev/null # the other node's own address
  assert_match "$(on a status_get /readyz)" "flanneld is ready"
  assert_empty "$(on a node_exec grep -E 'warning|error' /run/flanneld.log | grep -v -e 'lease' -e nft)" "complaints"
  on b flanneld_stop
  agent_start b
  reaches b client "$WEB"
}

@test "rules that somebody removes come back, those of the time before a start too" {
  routed_hosts
  two_pods
  on a node_exec nft flush ruleset
  wait_until 4 has_rules
  on a flanneld_stop
  on a node_exec nft delete table inet flannel-routed-pods
  agent_start a
  wait_until 4 has_rules
  reaches b client "$WEB"
}

# doctor_says STATE TEXT
doctor_says() {
  local report
  report=$(flanneld_run doctor) || true
  grep -E "^$1 .*routed pods: .*$2" <<<"$report" >/dev/null || fail "wanted: $1 … $2"$'\n'"got: $report"
}

@test "doctor finds each fault of a pod's link, and --ip-blackhole-route keeps what no pod has on the node" {
  local port pod
  routed_hosts
  vxlan_config
  agent_start a --heal=false
  pod=$(on a pod_run web)
  port=$(on a links_of veth | grep '^veth')
  doctor_says warn "an address of 10.5.*/24 that no pod has leaves the node.*--ip-blackhole-route"
  on a flanneld_stop
  agent_start a --heal=false --ip-blackhole-route
  doctor_says ok "1 are reached"
  run -2 on a node_exec ip route get "${pod%.*}.200"
  on a node_exec busybox ping -c 1 -W 5 "$pod" >/dev/null

  on a node_exec nft delete table inet flannel-routed-pods
  doctor_says warn "the rules that keep them to their own addresses are missing"
  on a node_exec sysctl -qw "net.ipv4.conf.$port.forwarding=0"
  doctor_says fail "does not forward IPv4 that comes by '$port'.*sysctl -w net/ipv4/conf/$port/forwarding=1"
  flanneld_run doctor --fix >/dev/null || true
  on a node_exec ip route del "$pod"
  doctor_says fail "the node does not send to $pod by '$port'.*ip route replace $pod dev $port"
  on a node_exec ip addr flush dev "$port" # with which the kernel forgets the pod
  doctor_says fail "the node has no way to the pod behind '$port'"
  on a node_exec ip link set "$port" down
  doctor_says fail "'$port' is down"
}
