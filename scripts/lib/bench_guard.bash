# shellcheck shell=bash
# shellcheck disable=SC2034 # bench_calls.bash reads program and config
# What the protection of pods costs, for scripts/bench: ADD, and packets between two pods of a node, with few pods on
# the bridge and with many, in turns:
#   ours       as it is
#   reference  Debian's bridge, which protects nobody
#   limit      ours, all protection switched off by the keys that there are for it
# Needs bench_calls.bash and bench_report.bash; $rounds, $pods and $crowd (numbers of pods on the bridge, rising).

guard_candidates() {
  program=() config=()
  ours_candidate ours ours0 /run/ours.env
  ours_candidate limit free0 /run/limit.env '{"allowNestedMacs": true, "allowAnySource": true}'
  reference_candidate reference ref0 '[[{"subnet":"10.98.0.0/21"}]]'
}

# crowd_env_write WHO SUBNET: one that holds so many pods.
crowd_env_write() {
  printf '%s\n' FLANNEL_NETWORK=10.96.0.0/16 FLANNEL_SUBNET="$2" FLANNEL_MTU=1450 FLANNEL_IPMASQ=true |
    node_exec bash -c 'cat >"/run/$0.env"' "$1"
}

# address_of POD: its IPv4 address.
address_of() {
  pod_exec "$1" ip -j -4 addr show dev eth0 | jq -r '.[0].addr_info[0].local'
}

# round_trip: µs that an echo request from pod bench0 to bench1 and its answer take, one at a time.
round_trip() {
  pod_exec bench0 ping -f -q -c "$pings" "$(address_of bench1)" | awk -v n="$pings" '/received.*time/ { sub(/ms$/, "", $NF); print $NF * 1000 / n }'
}

# pod_throughput: Gbit/s of TCP from pod bench0 to bench1 within a second.
pod_throughput() {
  local address
  address=$(address_of bench1)
  node_spawn iperf3.log nsenter --net=/run/netns/bench1 iperf3 --server --one-off
  wait_until 5 pod_exec bench1 bash -c 'ss -Hltn sport = :5201 | grep -q .'
  pod_exec bench0 iperf3 --json --time 1 --client "$address" | jq '.end.sum_received.bits_per_second / 1e9'
}

# crowd WHO ROUND: fills the bridge step by step, measures at each, and empties it.
crowd() {
  local size line here=0
  for size in "${crowd[@]}"; do
    line=$(calls "$1" ADD $((size - here)) 1 "$here")
    here=$size
    (($2 > 0)) || continue
    jq -c --argjson n "$pods" '.times_ms |= .[-$n:]' <<<"$line" | keep guard "ADD, pods on the bridge" "$size" "$1" times_ms:ms
    sample guard "echo between pods, pods on the bridge" "$size" "$1" µs "$(round_trip)"
    sample guard "TCP between pods, pods on the bridge" "$size" "$1" Gbit/s "$(pod_throughput)"
  done
  calls "$1" DEL "$here" 32 >/dev/null
}

bench_guard() {
  local round who
  cni_node_start bridge host-local
  crowd_env_write ours 10.96.0.1/21
  crowd_env_write limit 10.96.8.1/21
  guard_candidates
  candidates_write
  namespaces_add "${crowd[-1]}"
  for ((round = 0; round <= rounds; round++)); do
    echo "guard: round $round of $rounds" >&2
    for who in $(in_turn "$round" ours reference limit); do crowd "$who" "$round"; done
  done
}
