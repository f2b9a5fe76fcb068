# shellcheck shell=bash
# shellcheck disable=SC2034,SC2004 # bench_calls.bash reads program, config and behind, which are its associative arrays
# What host ports and limits cost, for scripts/bench: a pod's network with both by one call of ours, and by the reference's
# three programs one after the other; beside the network alone, and where another pod of the node has many host ports.
# Needs bench_calls.bash, bench_plugins.bash and bench_report.bash; $rounds, $pods and $mappings.

chain_candidates() {
  local limits='{"ingressRate": 80000000, "ingressBurst": 8000000, "egressRate": 80000000, "egressBurst": 8000000}'
  local one='[{"hostPort": "@port@", "containerPort": 80, "protocol": "tcp"}]' name
  program=() config=() behind=()
  ours_candidate ours ours0 /run/flannel/subnet.env
  reference_candidate reference ref0 '[[{"subnet":"10.99.1.0/24"}]]'
  for name in portmap bandwidth; do
    program[$name]=/opt/cni/bin/$name
    config[$name]=$(jq -nc --arg name "$name" --argjson ports "$one" --argjson limits "$limits" \
      '{name: "reference", cniVersion: "1.0.0", type: $name, runtimeConfig: {portMappings: $ports, bandwidth: $limits}}')
  done
  for name in ours portmap; do # one pod with all of the mappings
    program["$name-many"]=${program[$name]}
    config["$name-many"]=$(jq -c --argjson count "$mappings" '. + {runtimeConfig: {portMappings:
      [range($count) | {hostPort: (40000 + .), containerPort: 80, protocol: "tcp"}]}}' <<<"${config[$name]}")
  done
  program[ours-all]=${program[ours]}
  config[ours-all]=$(jq -c --argjson of "${config[bandwidth]}" '. + {runtimeConfig: $of.runtimeConfig}' <<<"${config[ours]}")
  program[reference-all]=${program[reference]} config[reference-all]=${config[reference]} behind[reference-all]="portmap bandwidth"
  program[reference-many]=${program[reference]} config[reference-many]=${config[reference]} behind[reference-many]=portmap-many
}

# attach_with WHAT CANDIDATE WHO ROUND [SIZE]: ADD and DEL, kept unless it is the warm-up round.
attach_with() {
  local verb line
  for verb in ADD DEL; do
    line=$(calls "$2" "$verb" "$pods" 1)
    (($4 > 0)) || continue
    keep chain "$verb, $1" "${5-}" "$3" times_ms:ms <<<"$line"
    [[ -n ${5-} ]] || keep chain "$verb, $1" "" "$3" cpu_ms:ms:"processor time" <<<"$line"
  done
}

bench_chain() {
  local round who
  cni_node_start bridge host-local portmap bandwidth
  chain_candidates
  candidates_write
  namespaces_add $((pods + 1))
  for ((round = 0; round <= rounds; round++)); do
    echo "chain: round $round of $rounds" >&2
    for who in $(in_turn "$round" ours reference); do
      attach_with "network alone" "$who" "$who" "$round"
      attach_with "network, hostPort and bandwidth" "$who-all" "$who" "$round"
    done
  done
  for who in ours reference; do
    calls "$who-many" ADD 1 1 "$pods" >/dev/null
    for ((round = 0; round <= rounds; round++)); do
      attach_with "all three, mappings of another pod" "$who-all" "$who" "$round" "$mappings"
    done
    calls "$who-many" DEL 1 1 "$pods" >/dev/null
  done
  quotient chain "ADD, all three ÷ network alone" "ADD, network, hostPort and bandwidth" "" "ADD, network alone" ""
}
