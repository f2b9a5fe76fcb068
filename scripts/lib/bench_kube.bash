# shellcheck shell=bash
# The agent's part of scripts/bench with Kubernetes' Nodes as leases: flanneld on a host of tests/support/cluster.bash,
# the API server of tests/support/kube-api.py on another, and Nodes of real size. Needs bench_flanneld.bash and
# tests/support/kube.bash; $kube_nodes, the numbers of Nodes, and $rounds.

# kube_figure WHAT SIZE UNIT VALUE: keeps one figure.
kube_figure() {
  sample flanneld "Kubernetes: $1" "$2" ours "$3" "$4"
}

# kube_control JSON: as kube_order, for what takes long.
kube_control() {
  on kube node_exec curl -sS --fail --noproxy '*' -d "$1" http://192.168.1.101:6444/control >/dev/null
}

# received HOST: bytes that have come in at eth0.
received() {
  on "$1" node_exec ip -s -j link show eth0 | jq '.[0].stats64.rx.bytes'
}

# kube_start_once NODES: from exec of flanneld to the notification of the last route; what was received by then.
kube_start_once() {
  local began seen count before
  agent_clean agent
  watch_routes agent "$1" 30
  before=$(received agent)
  NODE_NAME=agent on agent node_spawn flanneld.log bash -c 'echo $$ >/run/flanneld.pid; echo "$EPOCHREALTIME" >/run/flanneld.began; exec "$@"' \
    bash "$BIN_DIR/flanneld" "${KUBE_FLAGS[@]}"
  on agent flanneld_wait_ready
  read -r seen count < <(routes_seen agent)
  began=$(on agent node_exec cat /run/flanneld.began)
  kube_figure "start, routes missing, Nodes" "$1" "" $(($1 - count))
  kube_figure "start, exec to last route, Nodes" "$1" ms "$(jq -n "$seen - $began * 1000 | floor")"
  kube_figure "start, received, Nodes" "$1" kB "$(jq -n "($(received agent) - $before) / 1000")"
}

# 100 heartbeats a second for some time.
bench_heartbeats() {
  local seconds=$2 before bytes
  before=$(cpu_ms agent) bytes=$(received agent)
  kube_control "{\"order\": \"heartbeats\", \"rate\": 100, \"seconds\": $seconds}"
  sleep "$seconds"
  kube_figure "100 heartbeats a second: processor time, Nodes" "$1" "% of a core" "$(jq -n "($(cpu_ms agent) - $before) / $seconds / 10")"
  kube_figure "100 heartbeats a second: received, Nodes" "$1" "kB/s" "$(jq -n "($(received agent) - $bytes) / $seconds / 1000")"
}

# All of it, in a world of its own.
bench_kube() {
  # shellcheck disable=SC2034 # kube_start reads it: nothing outlives a server
  local nodes i heartbeats=10 KUBE_STATE=
  ((rounds > 1)) || heartbeats=1
  cluster_start
  host_add kube 192.168.1.101/24
  host_add agent 192.168.1.200/24
  on agent net_conf '{"Network": "10.0.0.0/8", "Backend": {"Type": "vxlan"}}'
  on agent kube_config
  for nodes in "${kube_nodes[@]}"; do
    echo "flanneld: $nodes Nodes of Kubernetes" >&2
    on kube kube_start
    kube_control "{\"order\": \"fill\", \"count\": $nodes, \"bytes\": 12000}"
    kube_control '{"order": "node", "name": "agent", "cidrs": ["10.1.1.0/24"], "address": "192.168.1.200"}'
    for ((i = 0; i < rounds; i++)); do
      kube_start_once "$nodes"
      ((i == rounds - 1)) || on agent flanneld_stop
    done
    sleep 5
    kube_figure "resident memory, Nodes" "$nodes" kB "$(status_field agent VmRSS)"
    kube_figure "peak memory, Nodes" "$nodes" kB "$(status_field agent VmHWM)"
    bench_heartbeats "$nodes" "$heartbeats"
    on agent flanneld_stop
    on kube kube_stop
  done
}
