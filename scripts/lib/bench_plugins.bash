# shellcheck shell=bash
# shellcheck disable=SC2034 # bench_calls.bash reads program and config
# The plugins' part of scripts/bench: ADD and DEL of ours, of Debian's reference pair (bridge and host-local) and of the
# bare limit, in turns, in one node. Needs bench_calls.bash and bench_report.bash; $rounds, $pods and $full_node.

plugins_candidates() {
  program=([limit]=$BIN_DIR/bench_bare_limit)
  config=([limit]='{"name":"limit","cniVersion":"1.0.0","type":"limit"}')
  ours_candidate ours ours0 /run/flannel/subnet.env
  ours_candidate ours-dual ours6 /run/dual.env
  ours_candidate ours-masq ours0 /run/flannel/subnet.env '{"ipMasq": true}'
  reference_candidate reference ref0 '[[{"subnet":"10.99.1.0/24"}]]'
  reference_candidate reference-dual ref6 '[[{"subnet":"10.99.2.0/24"}],[{"subnet":"fd00:99:2::/64"}]]'
  reference_candidate reference-masq ref0 '[[{"subnet":"10.99.1.0/24"}]]' '{"ipMasq": true}'
}

# ours_candidate NAME BRIDGE SUBNET_FILE [MORE]: MORE is merged into the delegate's configuration.
ours_candidate() {
  program[$1]=/opt/cni/bin/flannel
  config[$1]=$(jq -nc --arg name "$1" --arg bridge "$2" --arg subnetFile "$3" --argjson more "${4-"{}"}" \
    '{$name, cniVersion: "1.0.0", type: "flannel", $subnetFile,
      delegate: ({$bridge, isDefaultGateway: true, hairpinMode: true} + $more)}')
}

# reference_candidate NAME BRIDGE RANGES [MORE]: what upstream's flannel would pass on to bridge and host-local.
reference_candidate() {
  program[$1]=/opt/cni/bin/bridge
  config[$1]=$(jq -nc --arg name "$1" --arg bridge "$2" --argjson ranges "$3" --argjson more "${4-"{}"}" \
    '{$name, cniVersion: "1.0.0", type: "bridge", $bridge, isDefaultGateway: true, hairpinMode: true, mtu: 1450,
      ipam: {type: "host-local", $ranges, routes: [{dst: "10.99.0.0/16"}]}} + $more')
}

# attach_and_detach CANDIDATE WHO ROUND WHAT PARALLEL: ADD and DEL of one candidate, kept unless it is the warm-up
# round. WHAT is empty for the plain case, which has a size, PARALLEL.
attach_and_detach() {
  local verb line
  for verb in ADD DEL; do
    line=$(calls "$1" "$verb" "$pods" "$5")
    (($3 > 0)) || continue
    if [[ -z $4 ]]; then
      keep plugins "$verb, calls at once" "$5" "$2" times_ms:ms rate:"per s" <<<"$line"
    else
      keep plugins "$verb, $4" "" "$2" times_ms:ms <<<"$line"
    fi
    (($5 > 1)) || keep plugins "$verb${4:+, $4}" "" "$2" "cpu_ms:ms:processor time" "rss_kb:kB:peak memory" <<<"$line"
  done
}

# fill_node WHO ROUND: ADD of $full_node pods; what a call of the first tenth takes, and one of the last.
fill_node() {
  local line tenth=$((full_node / 10))
  line=$(calls "$1" ADD "$full_node" 1)
  calls "$1" DEL "$full_node" 32 >/dev/null
  (($2 > 0)) || return 0
  jq -c --argjson n "$tenth" '.times_ms |= .[:$n]' <<<"$line" | keep plugins "ADD, pods up to" "$tenth" "$1" times_ms:ms
  jq -c --argjson n "$tenth" '.times_ms |= .[-$n:] | .failures = 0' <<<"$line" |
    keep plugins "ADD, pods up to" "$full_node" "$1" times_ms:ms
}

# dual_env_write: a second subnet.env in the node, for the candidates with dual stack.
dual_env_write() {
  printf '%s\n' FLANNEL_NETWORK=10.97.0.0/16 FLANNEL_SUBNET=10.97.1.1/24 FLANNEL_IPV6_NETWORK=fd00:97::/48 \
    FLANNEL_IPV6_SUBNET=fd00:97:0:1::1/64 FLANNEL_MTU=1450 FLANNEL_IPMASQ=true | node_exec bash -c 'cat >/run/dual.env'
}

bench_plugins() {
  local round parallel who
  cni_node_start bridge host-local
  dual_env_write
  plugins_candidates
  candidates_write
  namespaces_add $((full_node > pods ? full_node : pods))
  for ((round = 0; round <= rounds; round++)); do
    echo "plugins: round $round of $rounds" >&2
    for parallel in 1 8 32; do
      for who in $(in_turn "$round" ours reference limit); do attach_and_detach "$who" "$who" "$round" "" "$parallel"; done
    done
    for who in $(in_turn "$round" ours reference); do
      attach_and_detach "$who-dual" "$who" "$round" "dual stack" 1
      attach_and_detach "$who-masq" "$who" "$round" "ipMasq" 1
    done
    for who in $(in_turn "$round" ours reference limit); do fill_node "$who" "$round"; done
  done
  quotient plugins "ADD, dual stack ÷ single" "ADD, dual stack" "" "ADD, calls at once" 1
  quotient plugins "ADD, last pods ÷ first" "ADD, pods up to" "$full_node" "ADD, pods up to" $((full_node / 10))
}
