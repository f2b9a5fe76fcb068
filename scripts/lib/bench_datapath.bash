# shellcheck shell=bash
# The data path's part of scripts/bench: TCP (iperf3) from a pod on one host to a pod on another, over each backend that
# this kernel has, and the processor time of all that takes part in it; in three networks on one underlay
# (tests/support/cluster.bash), in turns:
#   ours       by flanneld --ip-masq and the plugins
#   reference  made with `ip`, `bridge`, `wg` and `iptables` (bench_by_hand.bash): upstream's devices, settings and rules
#   limit      the same without any rules; beside a program that is the tunnel, UDP datagrams of its packets' size between
#              the same hosts
# Needs bench_report.bash, bench_by_hand.bash, in_turn of bench_calls.bash, and $rounds; a round is two runs of a second.

declare -A network_number=([ours]=1 [reference]=2 [limit]=3)

# host_address NETWORK NUMBER, pod_subnet NETWORK NUMBER: of host 1 or 2; the subnet without its last number.
host_address() { echo "192.168.1.${network_number[$1]}$2"; }
pod_subnet() { echo "10.${network_number[$1]}.$2"; }

# ours_up HOST NUMBER BACKEND: agent and pod.
ours_up() {
  mkdir -p "$NODE_DIR/leases"
  [[ -e $NODE_DIR/leases/config ]] || jq -nc --arg Type "$3" '{Network: "10.1.0.0/16", Backend: {$Type}}' >"$NODE_DIR/leases/config"
  on "$1" node_exec ip route add default via 192.168.1.1
  on "$1" plugins_install portmap
  on "$1" node_exec cp "$repo/conf-examples/10-flannel.conflist" /etc/cni/net.d/
  on "$1" flanneld_start --lease-dir "$NODE_DIR/leases" --ip-masq
  on "$1" flanneld_wait_ready
  on "$1" pod_run pod
}

# by_hand_up HOST NUMBER BACKEND NETWORK: what they would make, and the rules unless the network is `limit`; prints the
# pod's address.
by_hand_up() {
  local peer=$((3 - $2)) mtu=1500 subnet peer_subnet
  subnet=$(pod_subnet "$4" "$2") peer_subnet=$(pod_subnet "$4" "$peer")
  case $3 in
    vxlan) mtu=1450 ;;
    ipip) mtu=1480 ;;
    wireguard) mtu=1440 ;;
    udp) mtu=1472 ;;
  esac
  on "$1" pod_add pod
  on "$1" node_exec bash -euc 'subnet=$1 mtu=$2
    echo 1 >/proc/sys/net/ipv4/ip_forward
    ip link add cni0 mtu "$mtu" type bridge
    ip addr add "$subnet.1/24" dev cni0
    ip link set cni0 up
    ip link add veth0 mtu "$mtu" type veth peer name eth0 mtu "$mtu" netns pod
    ip link set veth0 master cni0 up
    bridge link set dev veth0 hairpin on
    ip -n pod addr add "$subnet.2/24" dev eth0
    ip -n pod link set eth0 up
    ip -n pod route add default via "$subnet.1"' bash "$subnet" "$mtu"
  "by_hand_$3" "$1" "$2" "$(host_address "$4" "$2")" "$(host_address "$4" "$peer")" "$subnet" "$peer_subnet"
  [[ $4 == limit ]] || by_hand_rules "$1" "${subnet%.*}.0.0/16" "$subnet.0/24"
  echo "$subnet.2"
}

# network_up NETWORK BACKEND: its two hosts, a pod on each, and a server in that of the second; sets server_address.
network_up() {
  local number address
  for number in 1 2; do
    host_add "$1$number" "$(host_address "$1" "$number")/24"
    if [[ $1 == ours ]]; then
      address=$(ours_up "$1$number" "$number" "$2")
    else
      address=$(by_hand_up "$1$number" "$number" "$2" "$1")
    fi
  done
  server_address[$1]=$address
  if [[ $1 == limit ]] && is_program "$2"; then
    on "${1}2" node_spawn iperf3.log iperf3 --server
    wait_until 10 on "${1}2" node_exec bash -c '[[ -n $(ss -Hltn "sport = :5201") ]]'
  else
    on "${1}2" node_spawn iperf3.log nsenter --net=/run/netns/pod iperf3 --server
    wait_until 10 answers "$1"
  fi
}

# answers NETWORK: true when the server is there, and the pods reach each other.
answers() {
  on "${1}1" pod_exec pod timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/5201"' "${server_address[$1]}" 2>/dev/null
}

# busy_time: the processor time that this machine has spent, in hundredths of a second.
busy_time() {
  awk '$1 == "cpu" { print $2 + $3 + $4 + $7 + $8 }' /proc/stat
}

# flow HOST WHERE... : prints Gbit/s that arrive within a second, and the machine's processor time, seconds per GB. The
# rest of the arguments are iperf3's, run in that pod of the host, or in the host itself by `host`.
flow() {
  local where=(on "$1" pod_exec "$2") before result
  [[ $2 != host ]] || where=(on "$1" node_exec)
  before=$(busy_time)
  result=$("${where[@]}" iperf3 --json --time 1 "${@:3}" 2>/dev/null)
  jq -r --argjson before "$before" --argjson after "$(busy_time)" \
    '.end.sum_received | "\(.bits_per_second / 1e9) \(($after - $before) / 100 / (.bytes / 1e9))"' <<<"$result"
}

# throughput NETWORK BACKEND: as flow, for what the network is measured by.
throughput() {
  if [[ $1 == limit ]] && is_program "$2"; then
    flow limit1 host --udp --bandwidth 0 --length 1472 --client "$(host_address limit 2)"
  else
    flow "${1}1" pod --client "${server_address[$1]}"
  fi
}

# can_make KIND [option...]: true when this kernel has such links.
can_make() {
  node_exec ip link add probe type "$@" 2>/dev/null && node_exec ip link del probe
}

# is_program BACKEND: true when no kernel but a program carries the packets.
is_program() {
  case $1 in
    udp) true ;;
    wireguard) ! can_make wireguard ;;
    *) false ;;
  esac
}

# backend_name BACKEND: as the tables name it.
backend_name() {
  if [[ $1 == wireguard ]] && is_program wireguard; then echo wireguard-go; else echo "$1"; fi
}

# can_measure BACKEND: true when this machine has what it needs.
can_measure() {
  case $1 in
    ipip) can_make ipip local 192.0.2.1 remote 192.0.2.2 ;;
    wireguard) can_make wireguard || command -v wireguard-go >/dev/null ;;
  esac
}

bench_datapath() {
  local backend
  declare -gA server_address
  for backend in vxlan host-gw ipip wireguard udp; do
    cluster_start
    if can_measure "$backend"; then
      echo "datapath: $backend" >&2
      measure_backend "$backend"
    fi
    cluster_stop
  done
}

measure_backend() {
  local networks=(ours reference limit) network round name gbits seconds
  [[ $1 != udp ]] || networks=(ours limit)
  name="TCP over $(backend_name "$1")"
  for network in "${networks[@]}"; do network_up "$network" "$1"; done
  for ((round = 0; round <= 2 * rounds; round++)); do
    for network in $(in_turn "$round" "${networks[@]}"); do
      read -r gbits seconds < <(throughput "$network" "$1")
      ((round > 0)) || continue
      sample datapath "$name" "" "$network" Gbit/s "$gbits"
      sample datapath "$name: processor time" "" "$network" s/GB "$seconds"
    done
  done
}
