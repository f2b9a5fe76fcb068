# flanneld's backend udp between two hosts: the agents carry the packets themselves.

load ../support/flanneld_test.bash

setup() {
  cluster_start
  host_with_plugins a 192.168.1.10/24
  host_with_plugins b 192.168.1.20/24
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "udp"}}'
}

# counter HOST NAME: what /status counts of the packets that its agent carries.
counter() {
  on "$1" status_get /status | jq ".udp.$2, .udp.dropped.$2 | values"
}

# inject HOST HEX: that host sends the agent of a a datagram with these bytes.
inject() {
  on "$1" node_exec perl -MSocket -e 'socket(my $s, AF_INET, SOCK_DGRAM, 0);
    send($s, pack("H*", $ARGV[0]), 0, sockaddr_in(8285, inet_aton("192.168.1.10"))) or die $!' "$2"
}

# hex_of ADDRESS: the four bytes of an IPv4 address in hex.
hex_of() {
  local bytes
  IFS=. read -ra bytes <<<"$1"
  printf '%02x' "${bytes[@]}"
}

# echo_request SOURCE DESTINATION: an ICMP echo request in hex, with right checksums.
echo_request() {
  perl -MSocket -e 'sub sum { my $s = unpack("%32n*", $_[0]); $s = ($s & 65535) + ($s >> 16) while $s >> 16; pack("n", ~$s & 65535) }
    my $icmp = pack("CCnnnN2", 8, 0, 0, 1, 1, 0x666f7267, 0x65642121); substr($icmp, 2, 2) = sum($icmp);
    my $ip = pack("CCnnnCCna4a4", 0x45, 0, 20 + length $icmp, 1, 0, 64, 1, 0, inet_aton($ARGV[0]), inet_aton($ARGV[1]));
    substr($ip, 10, 2) = sum($ip); print unpack("H*", $ip . $icmp)' "$1" "$2"
}

@test "udp: pods reach each other in datagrams that are their packets and nothing else" {
  two_pods --ip-masq
  local a b
  a=$(on a subnet_of) b=$(on b subnet_of)
  assert_equal "$(cat "$NODE_DIR/leases/subnets/$b.0-24")" '{"PublicIP":"192.168.1.20","PublicIPv6":null}'
  assert_match "$(on a node_exec cat /run/flannel/subnet.env)" "FLANNEL_MTU=1472"
  assert_match "$(on a node_exec ip -d addr show flannel0)" "mtu 1472 .*tun type tun .*inet $a.0/32 scope global flannel0"
  assert_equal "$(on a node_exec ip route show dev flannel0 | xargs)" "10.5.0.0/16 proto 95 $b.0/24 proto 95"

  # After UDP's 8 bytes the pods' packet, client to web; what the agents ask each other passes the wire too.
  local from to hex
  from=$(hex_of "$CLIENT") to=$(hex_of "$WEB")
  on b node_spawn wire tcpdump --immediate-mode -n -x -l -c 1 -i eth0 \
    "udp port 8285 and src 192.168.1.20 and udp[20:4] == 0x$from and udp[24:4] == 0x$to"
  wait_until 3 on b node_exec grep -q listening /run/wire
  reaches b client "$WEB"
  wait_until 3 on b node_exec grep -q 0x0020 /run/wire
  # Version 4, TTL 63 as only the kernel counts down, an ICMP echo request.
  hex=$(on b node_exec awk '/^\t0x/ { for (i = 2; i <= NF; i++) printf "%s", $i }' /run/wire)
  assert_match "${hex:56}" "^4500.{12}3f01.{4}$from${to}0800"

  reaches a web "$CLIENT" -s 1444                         # 1472 with its headers
  on a node_exec ping -c 1 -W 5 "$CLIENT" >/dev/null      # the node itself
  local doctor
  doctor=$(on a node_exec "$BIN_DIR/flanneld" doctor || true)
  assert_match "$doctor" "this node can serve .*udp"
  assert_empty "$(grep -E '^fail +UDP port' <<<"$doctor")" "complaints of another tunnel's port"
  # No node has that subnet, and the sender is told.
  assert_match "$(on b pod_exec client busybox traceroute -n -w "$(patience 1)" -q 1 -m 3 10.5.254.1)" "!N"
  (($(counter b noNode) >= 1))
}

@test "udp: bulk goes through whole, in large pieces, and restarts of the agent lose nothing but time" {
  two_pods
  on a rootfs_make
  on b rootfs_make
  on a node_exec bash -c 'head -c 30000000 /dev/urandom >/run/rootfs/www/large'
  on a web_serve web 8080
  local wanted
  wanted=$(on a node_exec sha256sum /run/rootfs/www/large | cut -c -64)
  assert_equal "$(on b web_fetch client "http://$WEB:8080/large" | sha256sum | cut -c -64)" "$wanted"
  assert_equal "$(counter a malformed) $(counter b malformed) $(counter b forged)" "0 0 0"

  local index
  index=$(on a node_exec ip -j link show flannel0 | jq '.[0].ifindex')
  on a flanneld_stop KILL
  on a node_exec ip link show flannel0 >/dev/null
  agent_start a
  assert_equal "$(on a node_exec ip -j link show flannel0 | jq '.[0].ifindex')" "$index"
  heals_within 1

  on a node_exec ip link del flannel0
  heals_within 3 || fail "$(on a node_exec cat /run/flanneld.log)"
  on a node_exec ip link set flannel0 down
  heals_within 3
  on a flanneld_stop
  on a node_exec "$BIN_DIR/flanneld" cleanup
  assert_empty "$(on a links_of tun)" "devices after cleanup"
}

# forged_packets_are COUNT
forged_packets_are() {
  [[ $(forged_packets ip) == "$1" ]]
}

@test "udp: packets of strangers and forged ones reach no pod; nodes of another backend are told of" {
  two_pods
  host_add c 192.168.1.30/24
  forged_packets_count ip icmp
  local b
  b=$(on b subnet_of)
  inject c "$(echo_request "$b.77" "$WEB")"
  on b flanneld_stop
  inject b "$(echo_request 10.5.250.7 "$WEB")" # no pod of b
  inject b 4500
  inject b "$(echo_request "$b.77" "$WEB")"
  wait_until 3 forged_packets_are 1
  assert_equal "$(counter a forged) $(counter a malformed) $(forged_packets ip)" "1 1 1"

  lease_put 10.5.251.0-24 '{"PublicIP":"192.168.1.51","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}'
  wait_until 3 problem_is a "lease of 10.5.251.0/24 is of backend 'vxlan' instead of no backend"
}

# problem_is HOST REGEX: /readyz names it.
problem_is() {
  [[ $(on "$1" status_get /readyz) =~ $2 ]]
}

@test "no backend named is udp, with a hint; without /dev/net/tun the node says what it needs" {
  network_config '{"Network": "10.5.0.0/16"}'
  agent_start a
  problem_is a "names no backend, so that it is 'udp'.*vxlan"
  on a flanneld_stop
  on a node_exec ip link del flannel0
  on a node_exec mount -t tmpfs tmpfs /dev/net
  on a flanneld_start --lease-dir "$NODE_DIR/leases"
  wait_until 3 problem_is a "not ready yet: .*/dev/net/tun.*modprobe tun"
}
