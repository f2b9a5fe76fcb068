# A running cluster changes its backend, node by node: a node that has changed and one that has not reach each other all
# the time, and what the former backend had goes when the last one has changed.

load ../support/flanneld_test.bash
load ../support/chaos.bash

setup() {
  cluster_start
  host_with_plugins a 192.168.1.10/24
  host_with_plugins b 192.168.1.20/24
  host_with_plugins c 192.168.1.30/24
}

# three_pods BACKEND: agents on all hosts, and a pod on each: web on a, client on b, third on c.
three_pods() {
  backend_is "$1"
  local host
  for host in a b c; do agent_start "$host"; done
  for host in a b c; do wait_until 5 peers_are "$host" 2; done
  WEB=$(on a pod_run web)
  CLIENT=$(on b pod_run client)
  THIRD=$(on c pod_run third)
  for host in a b c; do wait_until 2 knows_at_next_start "$host" "$1"; done
}

# backend_is JSON: what the network configuration says of it from now on.
backend_is() {
  network_config "{\"Network\": \"10.5.0.0/16\", \"Backend\": $1}"
}

# knows_at_next_start HOST BACKEND
knows_at_next_start() {
  [[ $(on "$1" node_exec jq -r '.networkConfig | fromjson | .Backend | tojson' /var/lib/flannel/leases.json 2>/dev/null) == \
    "$(jq -c . <<<"$2")" ]]
}

agent_restart() {
  on "$1" flanneld_stop
  agent_start "$1"
}

all_reach_all() {
  reaches a web "$CLIENT" && reaches a web "$THIRD" && reaches b client "$WEB" && reaches b client "$THIRD" &&
    reaches c third "$WEB" && reaches c third "$CLIENT"
}

# has_devices HOST NAME...: these and no others of VXLAN.
has_devices() {
  [[ $(on "$1" links_of vxlan | xargs) == "${*:2}" ]]
}

# backend_of HOST: what status says.
backend_of() {
  on "$1" node_exec "$BIN_DIR/flanneld" status | sed -n 's/^backend *//p'
}

@test "vxlan to host-gw, node by node: no packet is lost, and the tunnel goes with the last node that had it" {
  three_pods '{"Type": "vxlan"}'
  pings_start
  local host a=10.5.0.0
  a=$(on a subnet_of).0/24
  backend_is '{"Type": "host-gw"}'
  agent_restart a
  all_reach_all
  assert_equal "$(backend_of a)" \
    "host-gw, MTU of pods 1450; the backend changes from 'vxlan' to 'host-gw': 2 peers have not yet, the first: $(
      lease_names | sort -V | sed -n "/^$(on a subnet_of)\\./!s/-/\\//p" | head -n 1)"
  wait_until 3 eval '[[ $(on b status_get /readyz) == *"1 of the peers has changed its backend"* ]]'
  assert_match "$(on b node_exec "$BIN_DIR/flanneld" status)" "$a .*host-gw .*as before: its backend is 'host-gw' now"

  agent_restart c # reached by plain routes from a, by the tunnel from b
  all_reach_all
  wait_until 3 eval '[[ $(on a node_exec ip route show "$(on c subnet_of).0/24") == *"via 192.168.1.30 dev eth0"* ]]'
  assert_match "$(on b node_exec ip route show "$(on c subnet_of).0/24")" "dev flannel.1"
  agent_restart c # in the middle of it
  all_reach_all
  agent_restart b
  all_reach_all

  for host in a b c; do wait_until 10 has_devices "$host" || fail "$(on "$host" node_exec ip -br link)"; done
  no_ping_is_lost
  all_reach_all
  for host in a b c; do
    assert_equal "$(backend_of "$host")" "host-gw, MTU of pods 1500"
    assert_match "$(on "$host" node_exec cat /run/flannel/subnet.env)" "FLANNEL_MTU=1500"
    assert_empty "$(on "$host" node_exec nft list ruleset | grep 8472)" "rules for the tunnel's port"
  done
}

@test "another VNI: both tunnels serve until all have changed, also for one that changes its mind" {
  three_pods '{"Type": "vxlan"}'
  pings_start
  local host
  backend_is '{"Type": "vxlan", "VNI": 2}'
  agent_restart a
  all_reach_all
  has_devices a flannel.1 flannel.2
  agent_restart b
  all_reach_all
  backend_is '{"Type": "vxlan"}'
  agent_restart a
  all_reach_all
  has_devices a flannel.1 flannel.2
  agent_restart b
  all_reach_all
  for host in a b; do wait_until 10 has_devices "$host" flannel.1; done
  all_reach_all
  no_ping_is_lost
}

@test "vxlan to wireguard and back, node by node: all reach all at every step, and a few packets are lost at most" {
  three_pods '{"Type": "vxlan"}'
  pings_start
  local host
  backend_is '{"Type": "wireguard"}'
  for host in a b c; do
    agent_restart "$host"
    all_reach_all
  done
  for host in a b c; do wait_until 10 has_devices "$host"; done
  all_reach_all
  assert_json "$(pings_end)" ".lost <= $(patience 3) and .sent >= 50" # of 20 ms each: wireguard-go begins late
  assert_equal "$(on a node_exec ip -j route show | jq -r '.[] | select(.dev == "flannel-wg").dst' | sort)" \
    "$(printf '%s\n' "$(on b subnet_of).0/24" "$(on c subnet_of).0/24" | sort)"
  assert_match "$(on a node_exec cat /run/flannel/subnet.env)" FLANNEL_MTU=1440

  pings_start
  backend_is '{"Type": "vxlan"}'
  for host in a b c; do
    agent_restart "$host"
    all_reach_all
  done
  for host in a b c; do wait_until 10 eval "! on $host node_exec ip link show flannel-wg &>/dev/null"; done
  all_reach_all
  assert_json "$(pings_end)" ".lost <= $(patience 3) and .sent >= 50"
  assert_empty "$(on a node_exec ip route show type blackhole)" blackholes
}
