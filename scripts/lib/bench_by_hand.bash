# shellcheck shell=bash
# What each backend makes, made by hand for bench_datapath.bash: devices and routes as upstream's, with `ip`, `bridge` and
# `wg`, and upstream's iptables rules. Usage: by_hand_BACKEND HOST NUMBER ADDRESS PEER SUBNET PEER_SUBNET

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

by_hand_ipip() {
  on "$1" node_exec bash -euc '
    ip link add flannel.ipip txqueuelen 0 type ipip local "$2"
    ip addr add "$4.0/32" dev flannel.ipip
    ip link set flannel.ipip mtu 1480 up
    ip route add "$5.0/24" via "$3" dev flannel.ipip onlink' bash "${@:2}"
}

by_hand_wireguard() {
  [[ -e $NODE_DIR/key2 ]] || (umask 077 && wg genkey >"$NODE_DIR/key1" && wg genkey >"$NODE_DIR/key2")
  on "$1" node_exec bash -euc '
    ip link add flannel-wg type wireguard 2>/dev/null || wireguard-go flannel-wg 2>/dev/null
    wg set flannel-wg listen-port 51820 private-key "$6/key$1" \
      peer "$(wg pubkey <"$6/key$((3 - $1))")" endpoint "$3:51820" allowed-ips "$5.0/24"
    ip addr add "$4.0/32" dev flannel-wg
    ip link set flannel-wg mtu 1440 up
    ip route add "$5.0/24" dev flannel-wg' bash "${@:2}" "$NODE_DIR"
}

# A backend that cannot be made by hand is compared with plain datagrams between the hosts.
by_hand_udp() {
  :
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
