# flanneld when its etcd goes wrong in every way: no packet between pods is lost, no node loses its subnet, and
# afterwards the kernel holds exactly what the leases say.

load ../support/flanneld_test.bash
load ../support/chaos.bash

config='{"Network": "10.5.0.0/16", "SubnetMin": "10.5.200.0", "Backend": {"Type": "vxlan"}}'

setup() {
  cluster_start
  host_with_plugins a 192.168.1.10/24
  host_with_plugins b 192.168.1.20/24
}

# all_is_well MEMBER: by its word the kernels are as leased; and nothing else has changed.
all_is_well() {
  settles a leases_of "$1"
  settles b leases_of "$1"
  assert_equal "$(on a subnet_of) $(on b subnet_of)" "$SUBNETS"
  assert_equal "$(pid_of a) $(pid_of b)" "$AGENTS"
}

# leader: the member that leads.
leader() {
  local member
  for member in "${MEMBERS[@]}"; do
    on "$member" etcd_ctl --command-timeout 2s endpoint status -w json 2>/dev/null |
      jq -e '.[0].Status | .leader == .header.member_id' >/dev/null && echo "$member" && return
  done
  return 1
}

# another_than MEMBER
another_than() {
  [[ $1 == m1 ]] && echo m2 || echo m1
}

# firewall HOST RULE...: the nftables rules that cut it off; none: not any more.
firewall() {
  on "$1" node_exec nft "add table ip cut; flush table ip cut; add chain ip cut in { type filter hook input priority 0; };
    add chain ip cut out { type filter hook output priority 0; }; ${*:2}"
}

is_away() {
  [[ $(on "$1" status_get /status | jq -r .storeProblem) != null ]]
}

is_back() {
  ! is_away "$1"
}

@test "no packet is lost while members are frozen, killed, cut off, or all wiped and past the old revision" {
  members 3
  agents --etcd-endpoints http://192.168.1.101:2379,http://192.168.1.102:2379,http://192.168.1.103:2379
  local fault lost other number=100 host
  for fault in frozen killed "cut off"; do
    wait_until 10 leader >/dev/null
    lost=$(leader) other=$(another_than "$(leader)")
    case $fault in
      frozen) signal "$lost" etcd STOP ;;
      killed) etcd_kill "$lost" ;;
      "cut off") firewall "$lost" 'add rule ip cut in iifname eth0 drop; add rule ip cut out oifname eth0 drop' ;;
    esac
    wait_until 10 put_peer "$other" "$((++number))"
    all_is_well "$other" || fail "with the leader $lost $fault"
    case $fault in
      frozen) signal "$lost" etcd CONT ;;
      killed) member_start "$lost" ;;
      "cut off") firewall "$lost" ;;
    esac
  done
  for host in "${MEMBERS[@]}"; do signal "$host" etcd STOP; done
  sleep 6 # longer than a call may take
  for host in "${MEMBERS[@]}"; do signal "$host" etcd CONT; done
  wait_until 10 put_peer m1 "$((++number))"
  all_is_well m1 || fail "after all were frozen"

  # No agent sees the new cluster before it has passed the old one's revision.
  local revision
  revision=$(on m1 etcd_ctl get -w json x | jq .header.revision)
  for host in "${MEMBERS[@]}"; do firewall "$host" 'add rule ip cut in iifname eth0 tcp dport 2379 drop'; done
  for host in "${MEMBERS[@]}"; do etcd_kill "$host"; done
  for host in "${MEMBERS[@]}"; do
    on "$host" node_exec rm -r /run/etcd
    member_start "$host"
  done
  wait_until 30 on m1 etcd_answers
  wait_until 10 on m1 etcd_ctl put "$prefix/config" "$config" >/dev/null
  on m1 node_exec bash -ec 'for ((i = 0; i < $1; i++)); do
    echo "next"; echo "url = http://127.0.0.1:2379/v3/kv/put"; echo "data = \"{\\\"key\\\":\\\"eA==\\\",\\\"value\\\":\\\"eA==\\\"}\""; echo "output = /dev/null"
  done | tail -n +2 | curl -sS -K -' bash "$((revision + 20))"
  for number in {101..104}; do wait_until 10 put_peer m1 "$number"; done # as those nodes would
  for host in "${MEMBERS[@]}"; do firewall "$host"; done
  wait_until 25 both_are_leased
  all_is_well m1 || fail "after all were wiped"
  assert_match "$(on a node_exec cat /run/flanneld.log)" "the lease store was wiped"
  no_ping_is_lost
}

@test "a gateway that is slow, silent, or answers half, garbage or too much costs little memory, and changes arrive" {
  members 1
  on m1 node_exec bash -c 'echo pass >/run/mode'
  on m1 node_spawn liar.log bash -c 'echo $$ >/run/liar.pid; exec perl "$@"' bash "$repo/tests/support/liar.perl" 4379 2379 /run/mode
  agents --etcd-endpoints http://192.168.1.101:4379
  local mode number=100
  for mode in slow close rubbish half nothing endless; do
    on m1 node_exec bash -c 'echo "$1" >/run/mode' bash "$mode"
    signal m1 liar HUP
    if [[ $mode != slow ]]; then
      wait_until 20 is_away a || fail "no trouble with mode $mode"
      wait_until 20 is_away b
      on m1 node_exec bash -c 'echo pass >/run/mode'
      signal m1 liar HUP
    fi
    put_peer m1 "$((++number))"
    wait_until 15 is_back a || fail "not back after $mode"
    wait_until 15 is_back b
    all_is_well m1 || fail "after mode $mode"
  done
  if ! is_sanitized; then # which keeps what is freed
    # VmHWM: the most that it ever had.
    assert_json "$(on a node_exec awk '/^VmHWM/ { print $2 }' "/proc/$(pid_of a)/status")" ". < 120000"
  fi
  no_ping_is_lost
}

@test "over a link of 64 kbit/s that loses every tenth packet changes arrive, and nothing else changes" {
  members 1
  agents --etcd-endpoints http://192.168.1.101:2379
  on m1 node_exec tc qdisc add dev eth0 root tbf rate 64kbit burst 1600 latency 4s
  firewall m1 'add rule ip cut in iifname eth0 tcp dport 2379 numgen inc mod 10 0 counter drop' \
    '; add rule ip cut out oifname eth0 tcp sport 2379 numgen inc mod 10 0 counter drop'
  local number
  for number in {100..159}; do put_peer m1 "$number"; done
  on m1 etcd_ctl del "$prefix/subnets/10.5.150.0-24" >/dev/null
  wait_until 60 kernel_is_as_leased a leases_of m1 || true # settles tells of the difference
  all_is_well m1
  on b flanneld_stop
  on b flanneld_start --etcd-endpoints http://192.168.1.101:2379 --ip-masq
  on b flanneld_wait_ready
  settles b leases_of m1
  assert_json "$(on m1 node_exec nft -j list chain ip cut in | jq '[.. | .counter? // empty | .packets] | add')" '. > 3'
  assert_json "$(on m1 node_exec tc -s -j qdisc show dev eth0)" '.[0].kind == "tbf"'
  no_ping_is_lost
}

@test "with a full etcd an agent starts all the same, and one that lost its lease says why it gets none" {
  members 1
  agents --etcd-endpoints http://192.168.1.101:2379
  # As etcd itself does when its file reaches the quota.
  on m1 node_exec curl -sS -o /dev/null http://127.0.0.1:2379/v3/maintenance/alarm -d "{\"action\":\"ACTIVATE\",\"alarm\":\"NOSPACE\",
    \"memberID\":\"$(on m1 etcd_ctl endpoint status -w json | jq '.[0].Status.header.member_id')\"}"
  run ! put_peer m1 100
  local host
  for host in a b a b a b; do
    on "$host" flanneld_stop
    on "$host" flanneld_start --etcd-endpoints http://192.168.1.101:2379 --ip-masq
    on "$host" flanneld_wait_ready
  done
  AGENTS="$(pid_of a) $(pid_of b)"
  all_is_well m1
  no_ping_is_lost 20
  on m1 etcd_ctl del "$prefix/subnets/$(on b subnet_of).0-24" >/dev/null
  wait_until 5 on b node_exec grep -q "etcd does not serve: .*database space exceeded; .*alarm disarm" /run/flanneld.log
  sleep 2 # some attempts, told once
  assert_equal "$(on b node_exec grep -c "does not serve\|answers again" /run/flanneld.log)" 1
  on m1 etcd_ctl alarm disarm >/dev/null
  wait_until 15 both_are_leased
  all_is_well m1
}
