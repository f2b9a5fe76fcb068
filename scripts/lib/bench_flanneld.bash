# shellcheck shell=bash
# The agent's part of scripts/bench: flanneld on a host of tests/support/cluster.bash, its leases in a real etcd
# on another host there. Each figure is one line of JSON in $flanneld_results: what, value, unit.
# Needs BIN_DIR and $machine, and tests/support/{node,cluster}.bash loaded.

etcd_prefix=/coreos.com/network
lease_value='{"PublicIP":"%s","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"%s"}}'

# figure WHAT VALUE UNIT: keeps one figure.
figure() {
  jq -nc --arg what "$1" --argjson value "$2" --arg unit "$3" '{$what, $value, $unit}' >>"$flanneld_results"
}

now_ms() {
  echo $((${EPOCHREALTIME//[!0-9]/} / 1000))
}

# lease_puts FIRST LAST [VARIANT]: a transaction that puts the leases of so many made-up nodes, bound to $etcd_lease.
# Another variant is another MAC for each. Takes no process per lease.
lease_puts() {
  local i value address mac
  echo
  for ((i = $1; i <= $2; i++)); do
    printf -v address '172.16.%d.%d' $((i / 250)) $((1 + i % 250))
    printf -v mac '02:00:%02x:%02x:%02x:%02x' "${3-0}" $((i >> 16)) $((i >> 8 & 255)) $((i & 255))
    # shellcheck disable=SC2059 # it is the format
    printf -v value "$lease_value" "$address" "$mac"
    printf 'put --lease=%s %s/subnets/10.%d.%d.0-24 "%s"\n' "$etcd_lease" "$etcd_prefix" $((100 + i / 256)) $((i % 256)) "${value//\"/\\\"}"
  done
  printf '\n\n'
}

# leases_fill FIRST LAST: the same in transactions of 100, as fast as they go.
leases_fill() {
  local i
  for ((i = $1; i <= $2; i += 100)); do lease_puts "$i" $((i + 99 < $2 ? i + 99 : $2)) | on etcd etcd_ctl txn >/dev/null; done
}

# An etcd with an empty network, whose agents choose subnets beside those of leases_fill.
etcd_fresh() {
  on etcd node_exec bash -c '[[ ! -d /run/etcd ]] || rm -r /run/etcd'
  etcd_run
  on etcd etcd_ctl put "$etcd_prefix/config" '{"Network": "10.0.0.0/8", "SubnetLen": 24, "SubnetMin": "10.1.0.0", "SubnetMax": "10.99.0.0", "Backend": {"Type": "vxlan"}}' >/dev/null
  etcd_lease=$(on etcd etcd_ctl lease grant 86400 | awk '{ print $2 }')
}

etcd_run() {
  on etcd etcd_start etcd 192.168.1.250 etcd=http://192.168.1.250:2380
  wait_until 20 on etcd etcd_answers
}

etcd_end() {
  on etcd node_exec bash -c 'kill -KILL "$(cat /run/etcd.pid)"'
  wait_until 10 etcd_is_down
}

etcd_is_down() {
  ! on etcd etcd_answers
}

# agent_begin HOST: flanneld; when, to the microsecond, is in /run/flanneld.began.
agent_begin() {
  on "$1" node_spawn flanneld.log bash -c 'echo $$ >/run/flanneld.pid; echo "$EPOCHREALTIME" >/run/flanneld.began; exec "$@"' \
    bash "$BIN_DIR/flanneld" --etcd-endpoints http://192.168.1.250:2379
}

# agent_clean HOST: as if there had never been an agent. The kernel tells of no route that goes with its device, so
# this comes before watch_routes.
agent_clean() {
  on "$1" node_exec bash -c 'rm -f /run/flannel/subnet.env /var/lib/flannel/leases.json; ip link del flannel.1 2>/dev/null || true'
}

# watch_routes HOST COUNT SECONDS: begins to wait for so many routes; routes_seen prints when they were there.
# Fails when there are some already: those would be taken for flanneld's work.
watch_routes() {
  on "$1" node_exec rm -f /run/routes
  on "$1" node_spawn routes "$BIN_DIR/bench_route_watch" "$2" "$3"
  wait_until 5 on "$1" node_exec grep -qx 'ready 0' /run/routes
}

# Milliseconds since the epoch, and the number of routes then.
routes_seen() {
  wait_until 60 on "$1" node_exec bash -c '(($(wc -l </run/routes) == 2))'
  on "$1" node_exec tail -n 1 /run/routes
}

# memory HOST PEERS: resident and private memory and threads.
memory() {
  local kb
  for kb in VmRSS RssAnon; do
    figure "$2 peers: $kb" "$(on "$1" node_exec bash -c 'awk -v key="$1:" "\$1 == key { print \$2 }" "/proc/$(cat /run/flanneld.pid)/status"' bash "$kb")" kB
  done
  figure "$2 peers: private" "$(on "$1" node_exec bash -c 'awk "/^Private_/ { sum += \$2 } END { print sum }" "/proc/$(cat /run/flanneld.pid)/smaps_rollup"')" kB
  figure "$2 peers: threads" "$(on "$1" node_exec bash -c 'ls "/proc/$(cat /run/flanneld.pid)/task" | wc -l')" ""
}

# cpu_ms HOST: processor time that flanneld has used.
cpu_ms() {
  on "$1" node_exec bash -c 'awk -v hz="$(getconf CLK_TCK)" "{ print (\$14 + \$15) * 1000 / hz }" "/proc/$(cat /run/flanneld.pid)/stat"'
}

# metric HOST NAME: one of flanneld's metrics.
metric() {
  on "$1" status_get /metrics | awk -v name="flanneld_$2" '$1 == name { print $2 }'
}

metric_exceeds() {
  (($(metric "$1" "$2" 2>/dev/null) > $3))
}

# From exec of flanneld to the notification of the last route; then memory, after the leases have been saved.
bench_start() {
  local peers=$1 began seen count
  agent_clean agent
  ((peers == 0)) || watch_routes agent "$peers" 30
  agent_begin agent
  on agent flanneld_wait_ready
  if ((peers > 0)); then
    read -r seen count < <(routes_seen agent)
    began=$(on agent node_exec cat /run/flanneld.began)
    figure "start, $peers leases: routes" "$count" ""
    figure "start, $peers leases: exec to last route" "$(jq -n "$seen - $began * 1000 | floor")" ms
  fi
  sleep 3
  memory agent "$peers"
}

# 2,000 leases in 20 transactions within some 3 s. The time is counted from before the last transaction, so it
# holds etcdctl and etcd too. Routes that are still missing after 30 s are lost.
bench_burst() {
  local i first last due seen count
  watch_routes agent 2000 30
  first=$(now_ms)
  for ((i = 0; i < 20; i++)); do
    due=$((first + i * 150 - $(now_ms)))
    ((due <= 0)) || sleep "$(printf '0.%03d' "$due")"
    last=$(now_ms)
    lease_puts $((i * 100)) $((i * 100 + 99)) | on etcd etcd_ctl txn >/dev/null
  done
  read -r seen count < <(routes_seen agent)
  figure "burst, 2000 leases: put within" $((last - first)) ms
  figure "burst, 2000 leases: lost" $((2000 - count)) ""
  figure "burst, 2000 leases: last transaction's begin to last route" "$(jq -n "$seen - $last | floor")" ms
}

# Ten changes a second, each another MAC of another lease.
bench_changes() {
  local i first due changes before
  changes=$(metric agent store_changes_total)
  before=$(cpu_ms agent)
  first=$(now_ms)
  for ((i = 0; i < 200; i++)); do
    due=$((first + i * 100 - $(now_ms)))
    ((due <= 0)) || sleep "$(printf '0.%03d' "$due")"
    lease_puts "$i" "$i" 1 | on etcd etcd_ctl txn >/dev/null
  done
  figure "changes: per second" "$(jq -n "200000 / ($(now_ms) - $first) * 10 | round / 10")" ""
  figure "changes: CPU" "$(jq -n "($(cpu_ms agent) - $before) / ($(now_ms) - $first) * 1000 | round / 10")" "% of a core"
  figure "changes: not taken" $((200 - $(metric agent store_changes_total) + changes)) ""
}

# etcd away and back with the same leases: a list, and nothing to write.
bench_relist() {
  local lists writes
  lists=$(metric agent store_lists_total) writes=$(metric agent kernel_writes_total)
  etcd_end
  sleep 11 # until flanneld notices by its probe
  etcd_run
  wait_until 30 metric_exceeds agent store_lists_total "$lists"
  sleep 1
  figure "list without change: kernel writes" $(($(metric agent kernel_writes_total) - writes)) ""
}

# 50 agents that wait for one lock and begin together; ready by their own log.
bench_together() {
  local i lock subnets=() ready last=0
  for ((i = 1; i <= 50; i++)); do
    host_add "n$i" "192.168.1.$i/24"
    on "n$i" node_exec ip route add default via 192.168.1.254
  done
  lock=$NODE_DIR/together
  exec {together}>"$lock"
  flock "$together"
  for ((i = 1; i <= 50; i++)); do
    on "n$i" node_spawn flanneld.log bash -c 'echo $$ >/run/flanneld.pid; flock --shared "$1" true; exec "${@:2}"' \
      bash "$lock" "$BIN_DIR/flanneld" --etcd-endpoints http://192.168.1.250:2379
  done
  local began
  began=$(now_ms)
  flock --unlock "$together" # closing would not do: the agents' shells have inherited it
  exec {together}>&-
  for ((i = 1; i <= 50; i++)); do
    on "n$i" flanneld_wait_ready
    subnets+=("$(on "n$i" subnet_of)")
    ready=$(on "n$i" node_exec awk '/ info ready: / { print $1; exit }' /run/flanneld.log)
    ready=$(date -d "$ready" +%s%3N)
    ((ready <= last)) || last=$ready
  done
  figure "50 agents at once: distinct subnets" "$(printf '%s\n' "${subnets[@]}" | sort -u | wc -l)" ""
  figure "50 agents at once: last one ready" $((last - began)) ms
}

# All of it, in a world of its own, which node_stop removes: bench_flanneld SUMMARY.
bench_flanneld() {
  cluster_start
  flanneld_results=$NODE_DIR/flanneld
  : >"$flanneld_results"
  host_add etcd 192.168.1.250/24
  host_add agent 192.168.1.200/24
  on agent node_exec ip route add default via 192.168.1.254
  etcd_fresh
  echo "flanneld: no peers, burst" >&2
  bench_start 0
  bench_burst
  echo "flanneld: start with 2000 and 5000 leases" >&2
  on agent flanneld_stop
  bench_start 2000
  bench_changes
  bench_relist
  on agent flanneld_stop
  leases_fill 2000 4999
  bench_start 5000
  on agent flanneld_stop
  echo "flanneld: 50 agents at once" >&2
  etcd_end
  etcd_fresh
  bench_together
  jq -s --arg machine "$machine" '{machine: $machine, flanneld: .}' "$flanneld_results" >"$1"
  flanneld_table <"$1"
}

# The table for people.
flanneld_table() {
  jq -r '"machine: \(.machine)", ((["what", "value", "unit"], (.flanneld[] | [.what, .value, .unit])) | @tsv)' |
    column -t -s $'\t'
}
