# shellcheck shell=bash
# The tests of all backends: two hosts a and b with a pod each (flanneld_test.bash), and what goes over the wire between
# them. Words: FAMILIES is v4, v6 or dual; STORE is directory, etcd or kube; underlay addresses are .10 and .20.

# What each ping carries, in the clear.
readable='pods-own-words'

# net_config FAMILIES BACKEND: the network configuration with this value of `Backend`.
net_config() {
  jq -cn --arg families "$1" --argjson Backend "$2" '{EnableNFTables: true, $Backend}
    + if $families == "v6" then {EnableIPv4: false} else {Network: "10.5.0.0/16"} end
    + if $families == "v4" then {} else {EnableIPv6: true, IPv6Network: "fd05::/48"} end'
}

# agents_start FAMILIES STORE BACKEND [flag...]: agents on a and b that share a store, each reaching the other. They do
# not probe: the wire shows the pods' packets alone.
agents_start() {
  local config host families=$1
  config=$(net_config "$1" "$3")
  "store_$2" "$config" "$families"
  for host in a b; do "agent_$2" "$host" --probe-interval 0 "${@:4}"; done
  for host in a b; do on "$host" flanneld_wait_ready; done
  for host in a b; do wait_until 10 peers_are "$host" "$([[ $families == dual ]] && echo 2 || echo 1)"; done
}

store_directory() {
  network_config "$1"
}

agent_directory() {
  on "$1" flanneld_start --lease-dir "$NODE_DIR/leases" "${@:2}"
}

store_etcd() {
  host_add m1 192.168.1.101/24
  on m1 etcd_start m1 192.168.1.101 m1=http://192.168.1.101:2380
  wait_until 20 on m1 etcd_answers
  on m1 etcd_ctl put /coreos.com/network/config "$1" >/dev/null
}

agent_etcd() {
  on "$1" flanneld_start --etcd-endpoints http://192.168.1.101:2379 "${@:2}"
}

store_kube() {
  local host
  host_add m1 192.168.1.101/24
  on m1 kube_start
  for host in a b; do on "$host" net_conf "$1"; done
  case $2 in
    v4) set -- 10.5.1.0/24 10.5.2.0/24 ;;
    v6) set -- fd05:0:0:1::/64 fd05:0:0:2::/64 ;;
    dual) set -- 10.5.1.0/24,fd05:0:0:1::/64 10.5.2.0/24,fd05:0:0:2::/64 ;;
  esac
  on m1 kube_node a "$1" 192.168.1.10,fd00:1::10 >/dev/null
  on m1 kube_node b "$2" 192.168.1.20,fd00:1::20 >/dev/null
}

agent_kube() {
  on "$1" kube_flanneld "$@"
}

# pods_start: a pod web on a and client on b; sets `addresses` to those of web that the client tries.
pods_start() {
  local result client
  on b pod_add client
  on b cni_pod ADD client --net /etc/cni/net.d/10-flannel.conflist >/dev/null &
  client=$!
  on a pod_add web
  result=$(on a cni_pod ADD web --net /etc/cni/net.d/10-flannel.conflist)
  wait "$client"
  mapfile -t addresses < <(jq -r '.ips[].address | sub("/.*"; "")' <<<"$result")
}

# wire_tap, wire_untap: keep what passes b's port of the underlay in /run/wire of the world.
wire_tap() {
  node_spawn tcpdump.log tcpdump -Z root -i u-b --immediate-mode -U -w /run/wire
  wait_until 5 node_exec grep -q '^tcpdump: listening' /run/tcpdump.log
}

wire_untap() {
  node_exec bash -c 'kill -INT "$(pidof tcpdump)" && while pidof -q tcpdump; do sleep 0.05; done'
}

# on_wire FILTER: how many of the packets that were kept match the filter of tcpdump.
on_wire() {
  local count
  read -r count _ < <(node_exec tcpdump -nr /run/wire --count "$1" 2>/dev/null)
  echo "$count"
}

# words_on_wire: how many lines of what was kept hold the words of the pings.
words_on_wire() {
  node_exec grep -ac "$readable" /run/wire || true
}

# pings_fit MTU: pings of exactly that size pass unbroken to all addresses, and a larger one is refused.
pings_fit() {
  local address headers
  for address in "${addresses[@]}"; do
    headers=28
    [[ $address != *:* ]] || headers=48
    on b pod_exec client bash -euc 'pattern=$(od -An -tx1 <<<"$4" | tr -d " \n" | cut -c1-32)
      ping -c 1 -W 5 -M do -p "$pattern" -s "$2" "$1"
      ! ping -c 1 -W 5 -M do -s "$3" "$1" 2>&1 || exit 1' \
      bash "$address" $(($1 - headers)) $(($1 - headers + 1)) "$readable" || fail "pings of $1 bytes to $address"
  done
}

# wire_worsen: from now on the wire loses packets and, where the kernel can, delays and reorders them.
wire_worsen() {
  local netem=(root netem delay 2ms loss 3% reorder 20%)
  if node_exec tc qdisc add dev u-a "${netem[@]}" 2>/dev/null; then
    node_exec tc qdisc add dev u-b "${netem[@]}"
  else
    node_exec nft 'add table bridge wire; add chain bridge wire lose { type filter hook forward priority 0; }
      add rule bridge wire lose numgen inc mod 30 == 7 counter drop'
  fi
}

# lost_on_wire: true if it has lost any.
lost_on_wire() {
  node_exec bash -c '{ tc -s qdisc show dev u-a; tc -s qdisc show dev u-b; nft list table bridge wire 2>/dev/null; } |
    grep -qE "dropped [1-9]|counter packets [1-9]"'
}

# bytes_arrive: 200 kB come through by TCP to all addresses over a bad wire.
bytes_arrive() {
  local address
  wire_worsen
  on a node_spawn iperf3.log nsenter --net=/run/netns/web iperf3 --server
  wait_until 5 on a pod_exec web bash -c '[[ -n $(ss -Hltn "sport = :5201") ]]'
  for address in "${addresses[@]}"; do
    NODE_TIMEOUT=100 on b pod_exec client iperf3 --bytes 200K --client "$address" >/dev/null || fail "no bytes to $address"
  done
  lost_on_wire || fail "the wire has lost nothing"
}

# combinations FAMILIES: those of families and stores to be tried for a backend that serves at most FAMILIES.
combinations() {
  local families store all=(v4 v6 dual)
  if [[ ${MATRIX-} != full ]]; then
    echo "$1 directory"
    return
  fi
  [[ $1 == dual ]] || all=("$1")
  for families in "${all[@]}"; do
    for store in directory etcd kube; do echo "$families $store"; done
  done
}

# outer_size MTU OVERHEAD: how long a full packet of a pod is on the wire. WireGuard fills it up to 16 bytes, or to its MTU:
# its test sets `block`.
outer_size() {
  local block=${block:-1}
  local inner=$((($1 + block - 1) / block * block))
  echo $((inner + $2 < 1500 ? inner + $2 : 1500))
}

# carries FAMILIES BACKEND OVERHEAD4 OVERHEAD6 FILTER4 FILTER6: in each combination, pods reach each other with packets of
# the underlay's 1500 bytes less the overhead, the wire shows these whole and as the filters of tcpdump say, and the path
# survives loss. Then `also FAMILIES`, if the test defines it, looks at what was kept.
carries() {
  local families store mtu
  while read -r families store; do
    echo "# $families, $store"
    dual_stack_hosts_start
    agents_start "$families" "$store" "$2"
    pods_start
    mtu=$((1500 - ($4 > $3 ? $4 : $3)))
    [[ $families != v4 ]] || mtu=$((1500 - $3))
    wire_tap
    pings_fit "$mtu"
    wire_untap
    assert_equal "$(on a node_exec awk -F = '$1 == "FLANNEL_MTU" { print $2 }' /run/flannel/subnet.env)" "$mtu"
    if [[ $families != v6 ]]; then
      assert_equal "v4: $(on_wire "$5 and ip[2:2] == $(outer_size "$mtu" "$3")")" "v4: 2"
    fi
    if [[ $families != v4 ]]; then
      assert_equal "v6: $(on_wire "$6 and ip6[4:2] + 40 == $(outer_size "$mtu" "$4")")" "v6: 2"
    fi
    assert_equal "$(on_wire 'ip[6:2] & 0x3fff != 0 or ip6[6] == 44')" 0 # fragments
    also "$families"
    bytes_arrive
    teardown
  done < <(combinations "$1")
}

# What is not encrypted can be read, if one looks as these tests do.
also() {
  (($(words_on_wire) > 0)) || fail "the words of the pings are not found: is this test blind?"
}
