# shellcheck shell=bash
# Timed calls of plugins in a node (tests/support/node.bash), for the parts of scripts/bench that make them.
# A candidate has a name, a program and a configuration, which candidates_write puts where the calls find it.

declare -gA program config
declare -gA behind # the candidates that a call of one goes on with, if any

# candidates_write: the configurations of all candidates, as files of the node.
candidates_write() {
  local name
  for name in "${!config[@]}"; do node_exec bash -c 'cat >"/run/$0.conf"' "$name" <<<"${config[$name]}"; done
}

# namespaces_add COUNT: the pods' namespaces, /run/netns/bench0 and on.
namespaces_add() {
  NODE_TIMEOUT=120 node_exec bash -c 'for ((i = 0; i < $0; i++)); do ip netns add "bench$i"; done' "$1"
}

# in_turn ROUND NAME...: the names, each round beginning with another, so that no one always comes after the same.
in_turn() {
  local first=$(($1 % ($# - 1)))
  shift
  echo "${@:first+1}" "${@:1:first}"
}

# calls CANDIDATE VERB COUNT PARALLEL [FIRST]: so many calls, for containers FIRST [0] and on; prints the driver's line.
calls() {
  local programs=${program[$1]} files=/run/$1.conf next
  for next in ${behind[$1]-}; do programs+=,${program[$next]} files+=,/run/$next.conf; done
  NODE_TIMEOUT=300 node_exec env CNI_PATH=/opt/cni/bin "$BIN_DIR/bench_driver" "$programs" "$files" "$2" "${5-0}" "$3" "$4" \
    /run/netns/bench || (($? == 1)) # 1: calls failed, which the line says
}

# keep PART WHAT SIZE WHO KEY:UNIT... [KEY:UNIT:NAME]: samples of the driver's line on stdin; a NAME is added to WHAT.
# KEY `rate` is calls per second. Failed calls are always kept.
keep() {
  jq -c --arg part "$1" --arg what "$2" --arg size "$3" --arg who "$4" '
    {$part, $what, size: ($size | if . == "" then null else tonumber end), $who} as $row | . as $line
    | ($ARGS.positional[] | split(":") as [$key, $unit, $name] | $row + {$unit}
        + (if $name then {what: "\($what): \($name)"} else {} end)
        + {values: (if $key == "rate" then [($line.times_ms | length) / $line.total_ms * 1000] else $line[$key] end)}),
      $row + {what: "failed calls", size: null, unit: "calls", values: [.failures]}' --args "${@:5}" >>"$samples"
}
