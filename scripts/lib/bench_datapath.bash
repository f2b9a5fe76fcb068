# shellcheck shell=bash
# The data path's part of scripts/bench: TCP (iperf3) from a pod on one host to a pod on another, over vxlan and host-gw,
# in three networks on one underlay (tests/support/cluster.bash), in turns:
#   ours       by flanneld --ip-masq and the plugins
#   reference  made here with `ip`, `bridge` and `iptables`: upstream's devices, settings and rules
#   limit      the same without any rules
# Needs bench_report.bash, in_turn of bench_calls.bash, and $rounds; a round is two runs of a second.

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
  [[ $3 == host-gw ]] || mtu=1450
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

# by_hand_vxlan HOST NUMBER ADDRESS PEER SUBNET PEER_SUBNET
by_hand_vxlan() {
  on "$1" node_exec bash -euc 'peer_mac=02:00:00:00:00:0$((3 - $1))
    ip link add flannel.1 address "02:00:00:00:00:0$1" txqueuelen 0 type vxlan id 1 local "$2" dev eth0 dstport 8472 nolearning
    ip addr add "$4.0/32" dev flannel.1
    ip link set flannel.1 up
    ip neigh add "$5.0" lladdr "$peer_mac" dev flannel.1 nud permanent
    bridge fdb add "$peer_mac" dev flannel.1 dst "$3"
    ip route add "$5.0/24" via "$5.0" dev flannel.1 onlink' bash "${@:2}"
}

by_hand_host-gw() {
  on "$1" node_exec ip route add "$6.0/24" via "$4" dev eth0
}

# by_hand_rules HOST POD_NETWORK SUBNET: upstream's iptables rules, with --ip-masq.
by_hand_rules() {
  on "$1" node_exec iptables-restore <<TEXT
*nat
:FLANNEL-POSTRTG - [0:0]
-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s $3 -d $2 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s $2 -d $3 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG ! -s $2 -d $3 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s $2 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
-A FLANNEL-POSTRTG ! -s $2 -d $2 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
COMMIT
*filter
:FLANNEL-FWD - [0:0]
-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
-A FLANNEL-FWD -s $2 -m comment --comment "flanneld forward" -j ACCEPT
-A FLANNEL-FWD -d $2 -m comment --comment "flanneld forward" -j ACCEPT
COMMIT
TEXT
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
  on "${1}2" node_spawn iperf3.log nsenter --net=/run/netns/pod iperf3 --server
  wait_until 10 answers "$1"
}

# answers NETWORK: true when the server is there, and the pods reach each other.
answers() {
  on "${1}1" pod_exec pod timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/5201"' "${server_address[$1]}" 2>/dev/null
}

# throughput NETWORK: Gbit/s that arrive within a second.
throughput() {
  on "${1}1" pod_exec pod iperf3 --json --time 1 --client "${server_address[$1]}" | jq '.end.sum_received.bits_per_second / 1e9'
}

bench_datapath() {
  local backend network round value
  declare -gA server_address
  for backend in vxlan host-gw; do
    echo "datapath: $backend" >&2
    cluster_start
    for network in ours reference limit; do network_up "$network" "$backend"; done
    for ((round = 0; round <= 2 * rounds; round++)); do
      for network in $(in_turn "$round" ours reference limit); do
        value=$(throughput "$network")
        ((round == 0)) || sample datapath "TCP over $backend" "" "$network" Gbit/s "$value"
      done
    done
    cluster_stop
  done
}
