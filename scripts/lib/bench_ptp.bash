# shellcheck shell=bash
# shellcheck disable=SC2034 # bench_calls.bash reads program and config
# Pods without a bridge, for scripts/bench: ADD, DEL, and packets between two pods of a node, in turns:
#   ours       delegate ptp
#   reference  Debian's ptp and host-local
#   limit      ours on a bridge
# and ADD and DEL of ours and the reference's with few pods on the node and with more than a bridge takes.
# Needs bench_calls.bash, bench_report.bash, and round_trip and pod_throughput of bench_guard.bash; $rounds, $pods and
# $routed_crowd (numbers of pods on the node, rising).

ptp_candidates() {
  program=() config=()
  ours_candidate ours none /run/ours.env '{"type": "ptp"}'
  ours_candidate limit free0 /run/limit.env
  program[reference]=/opt/cni/bin/ptp
  config[reference]=$(jq -nc '{name: "reference", cniVersion: "1.0.0", type: "ptp", mtu: 1450,
    ipam: {type: "host-local", ranges: [[{subnet: "10.98.0.0/20"}]], routes: [{dst: "0.0.0.0/0"}]}}')
}

# ptp_pods WHO ROUND: as many pods as in a round, what is between two of them, and their end.
ptp_pods() {
  local verb line
  for verb in ADD DEL; do
    line=$(calls "$1" "$verb" "$pods" 1)
    (($2 > 0)) || continue
    keep ptp "$verb" "" "$1" times_ms:ms "cpu_ms:ms:processor time" <<<"$line"
    [[ $verb == ADD ]] || continue
    sample ptp "echo between pods" "" "$1" µs "$(round_trip)"
    sample ptp "TCP between pods" "" "$1" Gbit/s "$(pod_throughput)"
  done
}

# ptp_crowd WHO: fills the node step by step, each time removing the last pods again, and empties it.
ptp_crowd() {
  local size line verb here=0 last
  for size in "${routed_crowd[@]}"; do
    last=$((pods < size ? pods : size))
    for verb in ADD DEL; do
      if [[ $verb == ADD ]]; then line=$(calls "$1" ADD $((size - here)) 1 "$here"); else line=$(calls "$1" DEL "$last" 1 $((size - last))); fi
      jq -c --argjson n "$last" '.times_ms |= .[-$n:] | .cpu_ms |= .[-$n:]' <<<"$line" |
        keep ptp "$verb, pods on the node" "$size" "$1" times_ms:ms
    done
    here=$((size - last))
  done
  calls "$1" DEL "$here" 32 >/dev/null
}

bench_ptp() {
  local round who
  cni_node_start ptp host-local
  crowd_env_write ours 10.96.0.1/20
  crowd_env_write limit 10.96.16.1/20
  ptp_candidates
  candidates_write
  namespaces_add "${routed_crowd[-1]}"
  for ((round = 0; round <= rounds; round++)); do
    echo "ptp: round $round of $rounds" >&2
    for who in $(in_turn "$round" ours reference limit); do ptp_pods "$who" "$round"; done
  done
  for who in ours reference; do
    echo "ptp: ${routed_crowd[-1]} pods of $who" >&2
    ptp_crowd "$who"
  done
}
