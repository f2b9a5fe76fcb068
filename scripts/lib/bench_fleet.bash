# shellcheck shell=bash
# The fleet of scripts/bench: the store clients of many agents (tests/scale) on one host of tests/support/cluster.bash,
# a real etcd, or a double of Kubernetes' API server, on another. Needs bench_report.bash and tests/support/{node,cluster}.bash;
# $fleets, the numbers of agents; $fleet_store, what they keep leases in.

# fleet_run AGENTS SERVER COMMAND...: all scenarios; keeps their figures. The server runs on the host `store`.
fleet_run() {
  local agents=$1 place what unit value failed=$NODE_DIR/fleet.failed
  place=$(<"/proc/$WORLD_PID/root/run/store.pid")
  echo "fleet: $agents agents" >&2
  on store node_exec bash -c '[[ ! -d /run/etcd ]] || rm -r /run/etcd'
  rm -f "$failed"
  while IFS='|' read -r what unit value; do
    sample fleet "${fleet_label[$fleet_store]}$what, agents" "$agents" ours "$unit" "$value"
  done < <(NODE_TIMEOUT=7200 on fleet node_exec "$BIN_DIR/scale_fleet" store="$fleet_store" members="$agents" batch=$((agents < 50 ? 1 : agents / 50)) \
    "${fleet_settings[@]}" -- nsenter --target "$place" --mount --net --root --wd=/ "${@:2}" || touch "$failed")
  [[ ! -e $failed ]]
}

# What the rows of a store begin with.
declare -A fleet_label=([etcd]="" [kube]="Kubernetes: ")

# All of it, in a world of its own.
bench_fleet() {
  local agents
  cluster_start
  host_add store 192.168.1.250/24
  host_add fleet 192.168.1.10/24
  for agents in "${fleets[@]}"; do
    case $fleet_store in
      etcd)
        fleet_run "$agents" etcd --data-dir /run/etcd --logger zap --log-level error \
          --listen-client-urls http://192.168.1.250:2379 --advertise-client-urls http://192.168.1.250:2379 \
          --listen-peer-urls http://127.0.0.1:2380 --heartbeat-interval 10 --election-timeout 100
        ;;
      kube) fleet_run "$agents" "$BIN_DIR/scale_fleet" kube-server 2379 ;;
    esac
  done
}
