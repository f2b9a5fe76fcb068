# shellcheck shell=bash
# The agent's part of scripts/bench: flanneld on a host of tests/support/cluster.bash, its leases in a real etcd
# on another host there. Needs bench_report.bash and tests/support/{node,cluster}.bash; $rounds, $peers (the numbers of
# leases to start with, rising) and $agents.

etcd_prefix=/coreos.com/network
lease_value='{"PublicIP":"%s","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"%s"}}'

# figure WHAT SIZE UNIT VALUE: keeps one figure.
figure() {
  sample flanneld "$1" "$2" ours "$3" "$4"
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

# status_field HOST KEY: what the kernel says of the agent's process.
status_field() {
  on "$1" node_exec bash -c 'awk -v key="$1:" "\$1 == key { print \$2 }" "/proc/$(cat /run/flanneld.pid)/status"' bash "$2"
}

# memory HOST PEERS: resident and private memory and threads.
memory() {
  figure "resident memory, leases" "$2" kB "$(status_field "$1" VmRSS)"
  figure "anonymous memory, leases" "$2" kB "$(status_field "$1" RssAnon)"
  figure "threads, leases" "$2" "" "$(status_field "$1" Threads)"
  figure "private memory, leases" "$2" kB "$(on "$1" node_exec bash -c 'awk "/^Private_/ { sum += \$2 } END { print sum }" "/proc/$(cat /run/flanneld.pid)/smaps_rollup"')"
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

# start_once LEASES: from exec of flanneld to the notification of the last route.
start_once() {
  local began seen count
  agent_clean agent
  (($1 == 0)) || watch_routes agent "$1" 30
  agent_begin agent
  on agent flanneld_wait_ready
  (($1 > 0)) || return 0
  read -r seen count < <(routes_seen agent)
  began=$(on agent node_exec cat /run/flanneld.began)
  figure "start, routes missing, leases" "$1" "" $(($1 - count))
  figure "start, exec to last route, leases" "$1" ms "$(jq -n "$seen - $began * 1000 | floor")"
}

# bench_start LEASES: some starts, the first of which is a warm-up too; of the last one, which stays, the memory after
# the leases have been saved.
bench_start() {
  local i
  for ((i = 1; i < ($1 > 0 ? rounds : 1); i++)); do
    start_once "$1"
    on agent flanneld_stop
  done
  start_once "$1"
  sleep 5 # saved and settled
  memory agent "$1"
}

# $burst leases in 20 transactions within some 3 s. The time is counted from before the last transaction, so it
# holds etcdctl and etcd too. Routes that are still missing after 30 s are lost.
bench_burst() {
  local i each=$((burst / 20)) first last due seen count
  watch_routes agent "$burst" 30
  first=$(now_ms)
  for ((i = 0; i < 20; i++)); do
    due=$((first + i * 150 - $(now_ms)))
    ((due <= 0)) || sleep "$(printf '0.%03d' "$due")"
    last=$(now_ms)
    lease_puts $((i * each)) $((i * each + each - 1)) | on etcd etcd_ctl txn >/dev/null
  done
  read -r seen count < <(routes_seen agent)
  figure "burst, put within, leases" "$burst" ms $((last - first))
  figure "burst, lost, leases" "$burst" "" $((burst - count))
  figure "burst, last transaction to last route, leases" "$burst" ms "$(jq -n "$seen - $last | floor")"
}

# Ten changes a second, each another MAC of another lease, for 10 s.
bench_changes() {
  local i first due changes before
  changes=$(metric agent store_changes_total)
  before=$(cpu_ms agent)
  first=$(now_ms)
  for ((i = 0; i < 100; i++)); do
    due=$((first + i * 100 - $(now_ms)))
    ((due <= 0)) || sleep "$(printf '0.%03d' "$due")"
    lease_puts "$i" "$i" 1 | on etcd etcd_ctl txn >/dev/null
  done
  figure "lease changes: rate" "" "per s" "$(jq -n "100000 / ($(now_ms) - $first)")"
  figure "lease changes: processor time" "" "% of a core" "$(jq -n "($(cpu_ms agent) - $before) / ($(now_ms) - $first) * 100")"
  figure "lease changes: not taken" "" "" $((100 - $(metric agent store_changes_total) + changes))
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
  figure "list without change: kernel writes" "" "" $(($(metric agent kernel_writes_total) - writes))
}

# $agents agents that wait for one lock and begin together; ready by their own log.
bench_together() {
  local i lock subnets=() ready last=0
  for ((i = 1; i <= agents; i++)); do
    host_add "n$i" "192.168.1.$i/24"
    on "n$i" node_exec ip route add default via 192.168.1.254
  done
  lock=$NODE_DIR/together
  exec {together}>"$lock"
  flock "$together"
  for ((i = 1; i <= agents; i++)); do
    on "n$i" node_spawn flanneld.log bash -c 'echo $$ >/run/flanneld.pid; flock --shared "$1" true; exec "${@:2}"' \
      bash "$lock" "$BIN_DIR/flanneld" --etcd-endpoints http://192.168.1.250:2379
  done
  local began
  began=$(now_ms)
  flock --unlock "$together" # closing would not do: the agents' shells have inherited it
  exec {together}>&-
  for ((i = 1; i <= agents; i++)); do
    on "n$i" flanneld_wait_ready
    subnets+=("$(on "n$i" subnet_of)")
    ready=$(on "n$i" node_exec awk '/ info ready: / { print $1; exit }' /run/flanneld.log)
    ready=$(date -d "$ready" +%s%3N)
    ((ready <= last)) || last=$ready
  done
  figure "subnets shared, agents at once" "$agents" "" $((agents - $(printf '%s\n' "${subnets[@]}" | sort -u | wc -l)))
  figure "last one ready, agents at once" "$agents" ms $((last - began))
}

# All of it, in a world of its own.
bench_flanneld() {
  local filled=0 leases
  cluster_start
  host_add etcd 192.168.1.250/24
  host_add agent 192.168.1.200/24
  on agent node_exec ip route add default via 192.168.1.254
  etcd_fresh
  echo "flanneld: a burst of $burst leases" >&2
  bench_start 0
  bench_burst
  echo "flanneld: lease changes" >&2
  bench_changes
  bench_relist
  on agent flanneld_stop
  etcd_end
  etcd_fresh
  for leases in "${peers[@]}"; do
    echo "flanneld: starts with $leases leases" >&2
    leases_fill "$filled" $((leases - 1))
    filled=$leases
    bench_start "$leases"
    on agent flanneld_stop
  done
  echo "flanneld: $agents agents at once" >&2
  etcd_end
  etcd_fresh
  bench_together
}
