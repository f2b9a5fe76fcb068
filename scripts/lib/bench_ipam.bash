# shellcheck shell=bash
# shellcheck disable=SC2034 # bench_calls.bash reads program and config
# The IPAM part of scripts/bench: flannel-ipam and Debian's host-local, in turns, on directories with many leases.
# Needs bench_calls.bash and bench_report.bash; $rounds, $pods, $leases (numbers of leases, rising; they are the sizes)
# and $full_range, the prefix length of the range that is filled but for three addresses.

# ipam_candidate NAME PROGRAM NETWORK SUBNET
ipam_candidate() {
  program[$1]=/opt/cni/bin/$2
  config[$1]=$(jq -nc --arg name "$3" --arg subnet "$4" \
    '{$name, cniVersion: "1.0.0", type: "bridge", ipam: {type: "host-local", ranges: [[{$subnet}]]}}')
}

# leases_write NETWORK FIRST COUNT LAST_RESERVED: so many leases from 10.0.0.0 + FIRST on, as other attachments would
# hold them, and where the next search begins.
leases_write() {
  NODE_TIMEOUT=120 node_exec bash -euc 'directory=/var/lib/cni/networks/$1
    mkdir -p "$directory"
    cd "$directory"
    for ((i = $2; i < $2 + $3; i++)); do
      printf "pod-%d\r\neth0" "$i" >"10.$((i >> 16)).$((i >> 8 & 255)).$((i & 255))"
    done
    printf 10.%d.%d.%d $(($4 >> 16)) $(($4 >> 8 & 255)) $(($4 & 255)) >last_reserved_ip.0' bash "$@"
}

# calls_for PROGRAM LEASES: how many calls of it are worth their time; host-local reads all leases in each.
calls_for() {
  if [[ $1 == ours ]]; then echo "$pods"; elif (($2 < 10000)); then echo $((pods < 10 ? pods : 10)); else echo 1; fi
}

# ipam_verbs WHO ROUND COUNT WHAT LEASES CANDIDATE: ADD, CHECK and DEL of so many attachments.
ipam_verbs() {
  local verb line
  for verb in ADD CHECK DEL; do
    line=$(calls "$6" "$verb" "$3" 1)
    (($2 > 0)) || continue
    keep ipam "$verb$4, leases" "$5" "$1" times_ms:ms <<<"$line"
    keep ipam "$verb$4, peak memory, leases" "$5" "$1" rss_kb:kB <<<"$line"
  done
}

# ipam_mixed ROUND LEASES: both on the reference's directory. Each call of ours comes after one of host-local that
# has changed it.
ipam_mixed() {
  local turn who verb line
  for turn in reference:ADD mixed:ADD reference:DEL mixed:CHECK reference:ADD mixed:DEL reference:DEL; do
    who=${turn%:*} verb=${turn#*:}
    line=$(calls "$who" "$verb" 1 1 "$([[ $who == mixed ]] && echo 0 || echo 1000)")
    (($1 == 0)) || keep ipam "$verb, both programs in turn, leases" "$2" "${who/mixed/ours}" times_ms:ms <<<"$line"
  done
}

# ipam_sizes: directories with $leases leases, one for each program.
ipam_sizes() {
  local size who round filled=0
  ipam_candidate ours flannel-ipam ours 10.0.0.0/8
  ipam_candidate reference host-local reference 10.0.0.0/8
  ipam_candidate mixed flannel-ipam reference 10.0.0.0/8
  candidates_write
  for size in "${leases[@]}"; do
    echo "ipam: $size leases" >&2
    for who in ours reference; do leases_write "$who" $((2 + filled)) $((size - filled)) $((1 + size)); done
    filled=$size
    for ((round = 0; round <= rounds; round++)); do
      for who in $(in_turn "$round" ours reference); do
        ipam_verbs "$who" "$round" "$(calls_for "$who" "$size")" "" "$size" "$who"
      done
      ipam_mixed "$round" "$size"
    done
  done
}

# ipam_full: a range that has three free addresses left, the last ones that a search comes to.
ipam_full() {
  local held=$(((1 << (32 - full_range)) - 3 - 3)) who round count
  echo "ipam: all but 3 of $((held + 3)) addresses leased" >&2
  ipam_candidate ours flannel-ipam full-ours "10.0.0.0/$full_range"
  ipam_candidate reference host-local full-reference "10.0.0.0/$full_range"
  candidates_write
  for who in ours reference; do leases_write "full-$who" 5 "$held" 4; done
  for ((round = 0; round <= rounds; round++)); do
    for who in $(in_turn "$round" ours reference); do
      count=$(calls_for "$who" "$held")
      ipam_verbs "$who" "$round" $((count > 3 ? 3 : count)) ", almost full range" "$held" "$who"
    done
  done
}

bench_ipam() {
  cni_node_start host-local
  ipam_sizes
  ipam_full
}
