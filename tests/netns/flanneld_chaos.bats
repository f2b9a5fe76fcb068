# flanneld while everything around it breaks, all at once or at random. For longer than CI can wait:
#   CHAOS_SECONDS=600 LEASE_EVENTS=10000 bats tests/netns/flanneld_chaos.bats
# The random choices follow from a seed, CHAOS_SEED, which is the same each time without it.

load ../support/flanneld_test.bash
load ../support/chaos.bash

config='{"Network": "10.5.0.0/16", "SubnetMin": "10.5.200.0", "Backend": {"Type": "vxlan"}}'

# fake_peers COUNT: leases of that many other nodes in the lease directory.
fake_peers() {
  local i
  for ((i = 1; i <= $1; i++)); do
    lease_put "10.5.$i.0-24" "$(vxlan_value "192.168.9.$i" "c6:d2:32:6f:00:$(printf %02x "$i")")"
  done
}

@test "everything that is removed in the kernel at once comes back, also while the underlay's address and MTU change" {
  network_config '{"Network": "10.5.0.0/16", "SubnetMin": "10.5.200.0", "Backend": {"Type": "vxlan"}}'
  two_pods --ip-masq
  fake_peers 40
  settles a directory_leases
  local agents round
  agents="$(pid_of a) $(pid_of b)"
  for round in 1 2 3; do
    on a node_exec bash -c 'ip link del flannel.1; ip route flush proto 95; nft flush ruleset'
    on b node_exec bash -c 'ip neigh flush all nud permanent dev flannel.1; ip addr flush dev flannel.1; ip route flush proto 95
      bridge fdb show dev flannel.1 | while read -r mac _; do bridge fdb del "$mac" dev flannel.1 2>/dev/null; done
      ip link set flannel.1 down; nft delete table ip flannel-ipv4'
    if ((round > 1)); then # flannel's own address or the underlay's goes as well
      on b node_exec bash -euc 'ip link set eth0 down; ip addr flush dev eth0; ip addr add "192.168.1.2$1/24" dev eth0
        ip link set eth0 mtu 1$((6 - $1))00 up; ip route replace default via 192.168.1.1' bash "$round"
    fi
    heals_within 5 || fail "round $round: $(on b node_exec tail -n 10 /run/flanneld.log)"
    settles a directory_leases
    settles b directory_leases
  done
  assert_match "$(directory_leases)" "$(on b subnet_of).0/24 192.168.1.23 "
  assert_match "$(on b node_exec cat /run/flannel/subnet.env)" FLANNEL_MTU=1250
  assert_equal "$(pid_of a) $(pid_of b)" "$agents"
}

# --- at random --------------------------------------------------------------------------------------------

endpoint=http://192.168.1.101:2379

etcd_begin() {
  on m1 etcd_start m1 192.168.1.101 m1=http://192.168.1.101:2380
}

agent_begin() {
  on "$1" flanneld_start --etcd-endpoints "$endpoint" --ip-masq
}

# One of the list, by the test's own random numbers.
pick() {
  local words=("$@")
  CHOICE=${words[RANDOM % $#]}
}

# put_config: what all etcds need. Waits for it to answer.
put_config() {
  wait_until 20 on m1 etcd_answers
  on m1 etcd_ctl put "$prefix/config" "$config" >/dev/null
}

# What may happen, each with a host or without one.
chaos_kill() { signal "$1" flanneld KILL && agent_begin "$1"; }
chaos_restart() { on "$1" flanneld_stop && agent_begin "$1"; }
chaos_freeze() { signal "$1" flanneld STOP && sleep "$((RANDOM % 3)).2" && signal "$1" flanneld CONT; }
chaos_etcd_kill() { etcd_kill m1 && sleep "0.$((RANDOM % 10))" && etcd_begin && wait_until 20 on m1 etcd_answers; }
chaos_etcd_freeze() { signal m1 etcd STOP && sleep "$((RANDOM % 3)).5" && signal m1 etcd CONT; }
chaos_etcd_wipe() { etcd_kill m1 && on m1 node_exec rm -rf /run/etcd && etcd_begin && put_config; }
chaos_etcd_cut() {
  on m1 node_exec nft 'add table ip cut; add chain ip cut in { type filter hook input priority 0; }; add rule ip cut in tcp dport 2379 drop'
  sleep "$((RANDOM % 4))"
  on m1 node_exec nft delete table ip cut
}
chaos_compact() { on m1 etcd_ctl compact "$(on m1 etcd_ctl get -w json x | jq .header.revision)" >/dev/null 2>&1 || true; }
chaos_peer() { put_peer m1 "$((1 + RANDOM % 30))"; }
chaos_peer_gone() { on m1 etcd_ctl del "$prefix/subnets/10.5.$((1 + RANDOM % 30)).0-24" >/dev/null; }
chaos_own_key() { on m1 etcd_ctl del "$prefix/subnets/$(on "$1" subnet_of).0-24" >/dev/null; }
chaos_device() { on "$1" node_exec ip link del flannel.1; }
chaos_device_down() { on "$1" node_exec ip link set flannel.1 down; }
chaos_mac() { on "$1" node_exec ip link set flannel.1 address "02:00:00:00:00:0$((RANDOM % 9))"; }
chaos_routes() { on "$1" node_exec ip route flush proto 95; }
chaos_neighbours() { on "$1" node_exec ip neigh flush all nud permanent dev flannel.1; }
chaos_rules() { on "$1" node_exec nft flush ruleset; }
chaos_address() { on "$1" node_exec ip addr flush dev flannel.1; }
chaos_underlay() { on "$1" node_exec bash -c 'ip link set eth0 down; sleep 0.2; ip link set eth0 up; ip route replace default via 192.168.1.1'; }
chaos_mtu() { on "$1" node_exec ip link set eth0 mtu "1$((RANDOM % 2 + 4))00"; }

@test "pods reach each other again after random kills, freezes, cuts and wipes of agents, etcd and kernel" {
  local seconds=${CHAOS_SECONDS:-15} seed=${CHAOS_SEED:-7} done_for='' actions=0 action end
  local on_hosts=(kill kill kill restart freeze own_key device device_down mac routes neighbours rules address underlay mtu)
  local on_etcd=(etcd_kill etcd_freeze etcd_wipe etcd_cut compact peer peer peer peer_gone)
  RANDOM=$seed
  host_add m1 192.168.1.101/24
  etcd_begin
  put_config
  agent_begin a
  agent_begin b
  on a flanneld_wait_ready
  on b flanneld_wait_ready
  wait_until 5 peers_are a 1
  WEB=$(on a pod_run web)
  on b pod_run client >/dev/null
  local subnets
  subnets="$(on a subnet_of) $(on b subnet_of)"
  wait_until 3 reaches b client "$WEB"
  pings_start
  end=$((SECONDS + seconds))
  while ((SECONDS < end)); do
    pick "${on_hosts[@]/#/host:}" "${on_etcd[@]/#/etcd:}"
    action=chaos_${CHOICE#*:}
    pick a b
    done_for+="$(date +%T) $action $CHOICE"$'\n'
    "$action" "$CHOICE" || fail "cannot do $action $CHOICE"
    actions=$((actions + 1))
    sleep "$((RANDOM % 2)).$((RANDOM % 10))"
  done
  echo "# seed $seed: $actions things done" >&3
  on a flanneld_wait_ready
  on b flanneld_wait_ready
  wait_until 15 both_are_leased
  local result i
  for i in {1..30}; do put_peer m1 "$i"; done # what was wiped is kept for a minute, unless it comes again
  result=$(pings_end)
  settles a leases_of m1 || fail "seed $seed: $done_for"
  settles b leases_of m1 || fail "seed $seed: $done_for"
  echo "# $result" >&3
  assert_equal "$(on a subnet_of) $(on b subnet_of)" "$subnets"
  assert_json "$result" ".longest < $(patience 5000)" || fail "seed $seed: $done_for"
}

# lease_events ROUNDS: 90 leases of other nodes put, changed or deleted in each round, by transactions.
lease_events() {
  on m1 node_exec bash -c 'for ((round = 0; round < $2; round++)); do
      awk -v round="$round" -v prefix="$1" "BEGIN {
        print \"\"
        for (i = 1; i <= 90; i++) {
          key = prefix \"/subnets/10.5.\" i \".0-24\"
          mac = sprintf(\"c6:d2:32:6f:%02x:%02x\", round % 200, i)
          value = \"{\\\\\\\"PublicIP\\\\\\\":\\\\\\\"192.168.9.\" i \"\\\\\\\",\\\\\\\"PublicIPv6\\\\\\\":null,\\\\\\\"BackendType\\\\\\\":\\\\\\\"vxlan\\\\\\\",\\\\\\\"BackendData\\\\\\\":{\\\\\\\"VNI\\\\\\\":1,\\\\\\\"VtepMAC\\\\\\\":\\\\\\\"\" mac \"\\\\\\\"}}\"
          print ((i + round) % 3 == 0 ? \"del \" key : \"put \" key \" \\\"\" value \"\\\"\")
        }
        print \"\"; print \"\"
      }" | ETCDCTL_API=3 etcdctl --endpoints http://127.0.0.1:2379 txn >/dev/null || exit
    done' bash "$prefix" "$1"
}

# footprint HOST: the agent's anonymous memory in kB, and its open descriptors.
footprint() {
  on "$1" node_exec bash -c 'echo "$(awk "/^RssAnon/ { print \$2 }" "/proc/$1/status") $(ls "/proc/$1/fd" | wc -l)"' bash "$(pid_of "$1")"
}

# has_not_grown FOOTPRINT: since that of the agent of a; what it has now is in `after`. Sanitizers keep memory that is freed.
has_not_grown() {
  after=$(footprint a)
  ((${after#* } <= ${1#* } + 2)) || return # a connection more or less
  is_sanitized || ((${after% *} - ${1% *} < 512))
}

@test "memory and descriptors stay flat over thousands of lease events" {
  local rounds=$((${LEASE_EVENTS:-1800} / 90)) before after
  host_add m1 192.168.1.101/24
  etcd_begin
  put_config
  agent_begin a
  on a flanneld_wait_ready
  NODE_TIMEOUT=120 lease_events 10
  settles a leases_of m1
  sleep 3 # later than it saves the leases and gives memory back
  before=$(footprint a)
  NODE_TIMEOUT=600 lease_events "$rounds"
  settles a leases_of m1
  wait_until 5 has_not_grown "$before" || fail "kB and descriptors: $before, now $after"
  echo "# $((rounds * 90)) events: kB and descriptors before $before, after $after" >&3
  assert_json "$(on a status_get /metrics | awk '$1 == "flanneld_store_changes_total" { print $2 }')" ". >= $(((rounds + 10) * 60))"
}
