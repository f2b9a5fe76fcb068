# flanneld with Kubernetes' Nodes as leases, and a server that fails in every way.

load ../support/flanneld_test.bash
load ../support/kube.bash
load ../support/chaos.bash

setup() {
  cluster_start
  host_with_plugins a 192.168.1.10/24
  host_add m1 192.168.1.101/24
  on m1 kube_start
  on a net_conf '{"Network": "10.244.0.0/16", "Backend": {"Type": "vxlan"}}'
  on m1 kube_node a 10.244.1.0/24 192.168.1.10
  peer b 10.244.2.0/24 192.168.1.20
}

# peer NAME SUBNET ADDRESS: a node of the host-gw kind would not do; vxlan, with a MAC made from the subnet.
peer() {
  on m1 kube_node "$1" "$2" "$3" "$(jq -cn --arg ip "$3" --arg mac "$(mac_for "$2")" '{
    "flannel.alpha.coreos.com/kube-subnet-manager": "true", "flannel.alpha.coreos.com/backend-type": "vxlan",
    "flannel.alpha.coreos.com/public-ip": $ip,
    "flannel.alpha.coreos.com/backend-data": "{\"VNI\":1,\"VtepMAC\":\"\($mac)\"}"}')" >/dev/null
}

mac_for() {
  local third=${1#*.*.}
  printf '02:00:00:00:00:%02x' "${third%%.*}"
}

agent() {
  on a kube_flanneld a "$@"
  on a flanneld_wait_ready
  wait_until 5 route_is_there 10.244.2.0/24
}

route_is_there() {
  [[ -n $(on a node_exec ip route show "$1") ]]
}

route_is_gone() {
  [[ -z $(on a node_exec ip route show "$1") ]]
}

# says REGEX: true when /readyz does.
says() {
  [[ $(on a status_get /readyz) =~ $1 ]]
}

store_is_well() {
  [[ $(on a status_get /status | jq -r .storeProblem) == null ]]
}

store_is_away() {
  ! store_is_well
}

# failures_of_store: how often the store has failed since the agent's start.
failures_of_store() {
  on a status_get /metrics | awk '$1 == "flanneld_store_disconnects_total" { print $2 }'
}

# has_failed COUNT: more often than that.
has_failed() {
  (($(failures_of_store) > $1))
}

delete() {
  on m1 kube_order "{\"order\": \"delete\", \"name\": \"$1\"}"
}

@test "kube faults: while the server is away the data path stays, and its changes meanwhile are seen at once after" {
  agent
  on m1 kube_stop
  wait_until 5 store_is_away
  route_is_there 10.244.2.0/24
  on m1 kube_start
  peer c 10.244.3.0/24 192.168.1.30
  wait_until 3 route_is_there 10.244.3.0/24
  on m1 kube_stop
  on m1 kube_start
  delete b
  wait_until 3 route_is_gone 10.244.2.0/24
  wait_until 3 store_is_well
}

@test "kube faults: a watch that ends, is cut within an event, brings rubbish or has lost its history loses no change" {
  agent
  on m1 kube_order '{"order": "end_watches"}'
  peer c 10.244.3.0/24 192.168.1.30
  wait_until 3 route_is_there 10.244.3.0/24
  on m1 kube_order '{"order": "wrong", "cut_event": 100}'
  peer d 10.244.4.0/24 192.168.1.40
  peer e 10.244.5.0/24 192.168.1.50
  wait_until 3 route_is_there 10.244.5.0/24
  route_is_there 10.244.4.0/24
  local failures
  failures=$(failures_of_store)
  on m1 kube_order '{"order": "wrong", "garble": "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":"}'
  peer f 10.244.6.0/24 192.168.1.60
  wait_until 5 has_failed "$failures"
  on m1 kube_order '{"order": "wrong"}'
  wait_until 5 route_is_there 10.244.6.0/24
  on m1 kube_order '{"order": "end_watches"}'
  on m1 kube_order '{"order": "forget"}'
  delete d
  wait_until 5 route_is_gone 10.244.4.0/24
  route_is_there 10.244.5.0/24
}

@test "kube faults: half a list and one of another kind change nothing" {
  agent
  on m1 kube_order '{"order": "wrong", "cut": 200}'
  on m1 kube_order '{"order": "forget"}'
  on m1 kube_order '{"order": "end_watches"}'
  peer c 10.244.3.0/24 192.168.1.30
  wait_until 5 store_is_away
  route_is_there 10.244.2.0/24
  on m1 kube_order '{"order": "wrong", "verbs": ["list", "watch"], "rubbish": "{\"kind\":\"NodeList\",\"metadata\":{},\"items\":[]}"}'
  wait_until 5 says "no resource version"
  route_is_there 10.244.2.0/24
  on m1 kube_order '{"order": "wrong"}'
  wait_until 10 route_is_there 10.244.3.0/24
  route_is_there 10.244.2.0/24
}

@test "kube faults: a server that is replaced by one with a younger history is listed anew" {
  agent
  peer c 10.244.3.0/24 192.168.1.30
  wait_until 3 route_is_there 10.244.3.0/24
  on m1 kube_stop
  on m1 node_exec bash -c 'jq -c ".[0] = 3 | .[1] |= (del(.c) | map_values(.metadata.resourceVersion = \"2\"))" /run/kube.json >/run/new.json && mv /run/new.json /run/kube.json'
  on m1 kube_start
  wait_until 4 route_is_gone 10.244.3.0/24
  route_is_there 10.244.2.0/24
}

@test "kube faults: a busy server, one that sends whole Nodes only, and a refused token" {
  agent
  on m1 kube_order '{"order": "wrong", "status": 429, "retry_after": 1, "verbs": ["list", "watch"]}'
  on m1 kube_order '{"order": "end_watches"}'
  peer c 10.244.3.0/24 192.168.1.30
  wait_until 3 on a node_exec grep -q "HTTP status 429" /run/flanneld.log
  on m1 kube_order '{"order": "wrong", "whole_only": true}'
  wait_until 4 route_is_there 10.244.3.0/24
  peer d 10.244.4.0/24 192.168.1.40
  wait_until 2 route_is_there 10.244.4.0/24
  wait_until 2 store_is_well
  on m1 kube_order '{"order": "wrong", "token": "another"}'
  on m1 kube_order '{"order": "end_watches"}'
  wait_until 3 store_is_away
  assert_match "$(on a status_get /readyz)" "Unauthorized .HTTP status 401.; are the credentials still valid"
  route_is_there 10.244.4.0/24
}

@test "kube faults: a node that boots while the server is away comes up with the saved leases" {
  agent
  wait_until 5 on a node_exec test -s /var/lib/flannel/leases.json
  local mac
  mac=$(on a mac_of flannel.1)
  on a flanneld_stop KILL
  on m1 kube_stop
  on a node_exec ip link del flannel.1
  on a kube_flanneld a
  on a flanneld_wait_ready
  route_is_there 10.244.2.0/24
  assert_equal "$(on a mac_of flannel.1)" "$mac"
  assert_match "$(on a status_get /readyz)" "working with the leases saved on disk"
  on m1 kube_start
  wait_until 5 store_is_well
  delete b
  wait_until 3 route_is_gone 10.244.2.0/24
}

@test "kube faults: after a minute's worth of anything that may go wrong the kernel holds what the Nodes say, and no packet is lost" {
  local host i name RANDOM=${CHAOS_SEED:-7}
  host_with_plugins b 192.168.1.20/24
  on b net_conf '{"Network": "10.244.0.0/16", "Backend": {"Type": "vxlan"}}'
  on m1 kube_order '{"order": "delete", "name": "b"}'
  on m1 kube_node b 10.244.2.0/24 192.168.1.20
  for host in a b; do on "$host" kube_config; done
  agents "${KUBE_FLAGS[@]}"
  local faults=('{}' '{}' '{"cut": 300}' '{"cut_event": 40}' '{"garble": "{\"type\":"}' '{"garble": "[]"}' '{"status": 500}'
    '{"status": 429, "retry_after": 1}' '{"rubbish": "x"}' '{"forbid": ["watch"]}' '{"whole_only": true}' '{"slow": 0.05}')
  for ((i = 0; i < 60; i++)); do
    name=p$((RANDOM % 6))
    on m1 kube_order "$(jq -c '.order = "wrong"' <<<"${faults[RANDOM % ${#faults[@]}]}")" >/dev/null
    case $((RANDOM % 7)) in
      0 | 1) peer "$name" "10.244.$((10 + 8 * ${name#p} + RANDOM % 8)).0/24" "192.168.9.${name#p}" 2>/dev/null || true ;;
      2) delete "$name" >/dev/null 2>&1 || true ;;
      3) on m1 kube_annotate "$name" '{"kube-subnet-manager": null}' >/dev/null 2>&1 || true ;;
      4) on m1 kube_order '{"order": "forget"}' >/dev/null ;;
      5) on m1 kube_order '{"order": "end_watches"}' >/dev/null ;;
      6) ((RANDOM % 4)) || { on m1 kube_stop && on m1 kube_start; } ;;
    esac
  done
  on m1 kube_order '{"order": "wrong"}'
  wait_until 35 kernel_is_as_leased a on m1 kube_leases
  wait_until 35 kernel_is_as_leased b on m1 kube_leases
  assert_equal "$(pid_of a) $(pid_of b)" "$AGENTS"
  no_ping_is_lost
}
