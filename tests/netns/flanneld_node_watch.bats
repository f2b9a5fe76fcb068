# What keeps pods from talking although flanneld's own objects are there: it is told, and put right where it is ours.

load ../support/flanneld_test.bash

# tells_of HOST TEXT: /readyz holds the text.
tells_of() {
  [[ $(on "$1" status_get /readyz) == *"$2"* ]]
}

is_all_well() {
  [[ $(on "$1" status_get /readyz) == "flanneld is ready" ]]
}

# input_chain RULE...: host a drops what comes in, but for what the rules accept.
input_chain() {
  on a node_exec nft 'add table inet fw; delete table inet fw; add table inet fw;
    add chain inet fw helper; add chain inet fw input { type filter hook input priority 0; policy drop; }'
  local rule
  for rule in 'input iifname lo accept' "$@"; do on a node_exec nft "add rule inet fw $rule"; done
}

is_closed() {
  [[ $({ on a node_exec "$BIN_DIR/flanneld" --lease-dir "$NODE_DIR/leases" doctor || true; } | grep 'other filters') == *"to UDP port 8472"* ]]
}

@test "a firewall that drops the tunnel's packets is told of, one that lets them in is not" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  agent_start a
  input_chain 'input ct state established,related accept' 'input tcp dport 22 accept' 'input meta l4proto { tcp, icmp } accept' \
    'input ct status dnat accept' 'input ip protocol icmp accept' 'input ip saddr 10.5.0.0/16 accept' 'input ip saddr 10.5.7.0/28 accept' 'input ct state ! new accept' \
    'input iifname "eth7" accept' 'input jump helper' 'helper udp dport 53 accept'
  wait_until 2 tells_of a "chain 'input' of nftables table 'inet fw' drops what other nodes send to UDP port 8472"
  is_closed
  input_chain 'input udp dport 8472 accept'
  wait_until 2 is_all_well a
  run ! is_closed
  local rule
  for rule in 'input iifname eth0 accept' 'input ip saddr 192.168.1.0/24 accept' 'input udp dport { 53, 8472 } accept' 'helper meta l4proto udp accept' \
    'input udp dport vmap { 53 : drop, 8472 : accept }' 'input ct state new accept' 'input ct state != established accept' \
    'input ip saddr != 10.5.0.0/16 accept' 'input ip saddr 192.0.0.0/8 accept'; do
    input_chain "$rule" 'input jump helper' 'input reject'
    run ! is_closed || fail "$rule does let them in"
  done
  on a node_exec nft delete table inet fw
  on a node_exec bash -euc 'iptables -A INPUT -i lo -j ACCEPT; iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    iptables -A INPUT -p tcp --dport 22 -j ACCEPT; iptables -P INPUT DROP
    iptables -N ufw-not-local; iptables -A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
    iptables -A ufw-not-local -m limit --limit 3/min -j LOG; iptables -A ufw-not-local -j DROP
    iptables -A INPUT -p udp --sport 67 --dport 68 -j ACCEPT; iptables -A INPUT -j ufw-not-local'
  wait_until 2 tells_of a "chain 'INPUT' of nftables table 'ip filter' drops what other nodes send to UDP port 8472: no packet of their pods comes in: ufw allow 8472/udp"
  on a node_exec iptables -A INPUT -p udp --dport 8472 -j ACCEPT
  wait_until 2 is_all_well a
}

forwards() {
  [[ $(on a node_exec cat /proc/sys/net/ipv4/ip_forward) == 1 ]]
}

@test "forwarding that is switched off comes back; a bridge that is down, empty or gone is told of" {
  two_pods
  on a node_exec sysctl -qw net.ipv4.ip_forward=0
  wait_until 5 forwards
  heals_within 2
  assert_match "$(on a status_get /metrics)" "flanneld_repairs_total [1-9]"
  on a node_exec ip link set cni0 down
  wait_until 5 tells_of a "the bridge 'cni0' is down: its pods are cut off; ip link set cni0 up"
  on a node_exec ip link del cni0
  wait_until 5 tells_of a "1 pod hangs on no bridge"
  tells_of a "the bridge 'cni0' is gone"
  assert_equal "$(on a node_exec grep -c "the bridge 'cni0' is gone" /run/flanneld.log)" 1
}

# subnet_file_says HOST TEXT: its subnet.env is as it was.
subnet_file_says() {
  [[ $(on "$1" node_exec cat /run/flannel/subnet.env 2>/dev/null) == "$2" ]]
}

@test "a subnet.env that somebody removes is there again at once, with its directory; one that is changed is left alone" {
  local file action
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  agent_start a
  file=$(on a node_exec cat /run/flannel/subnet.env)
  for action in 'rm /run/flannel/subnet.env' 'mv /run/flannel/subnet.env /run/flannel/away' 'rm -r /run/flannel || true' \
    'mv /run/flannel /run/away' 'rm /run/flannel/subnet.env'; do
    on a node_exec bash -euc "$action"
    wait_until 2 subnet_file_says a "$file" || fail "after $action there is none"
  done
  wait_until 2 is_all_well a
  assert_match "$(on a status_get /metrics)" "flanneld_repairs_total 5"
  on a node_exec bash -c 'echo FLANNEL_MTU=1400 >/run/flannel/subnet.env'
  on a node_exec ip link del flannel.1
  wait_until 2 on a node_exec ip link show flannel.1 >/dev/null 2>&1
  subnet_file_says a FLANNEL_MTU=1400

  on a flanneld_stop
  on a node_exec rm /run/flannel/subnet.env # nobody watches now
  agent_start a --heal=false
  on a node_exec rm /run/flannel/subnet.env
  wait_until 2 tells_of a "somebody has removed /run/flannel/subnet.env, and --heal is off"
  on a node_exec bash -c 'echo "$1" >/run/flannel/subnet.env' bash "$file"
  on a node_exec rm /run/flannel/subnet.env
  run ! subnet_file_says a "$file"
}

@test "a subnet.env that cannot be written again is told of until it can" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  agent_start a
  on a node_exec bash -euc 'kill -STOP "$(cat /run/flanneld.pid)"
    rm -r /run/flannel
    touch /run/flannel
    kill -CONT "$(cat /run/flanneld.pid)"'
  wait_until 2 tells_of a "somebody has removed /run/flannel/subnet.env, and it cannot be written again"
  on a node_exec rm /run/flannel
  wait_until 10 is_all_well a
  on a node_exec test -s /run/flannel/subnet.env
}

@test "a firewall that lets in the tunnel's packets of one family alone is told of" {
  network_config '{"Network": "10.5.0.0/16", "EnableIPv6": true, "IPv6Network": "fd05::/48", "Backend": {"Type": "vxlan"}}'
  on a node_exec bash -euc 'ip addr add fd00:1::10/64 dev eth0 nodad
    ip route add default via fd00:1::1 dev eth0'
  agent_start a
  local other
  for other in 'ip6 daddr ::1 accept' 'ip saddr 192.168.1.0/24 udp dport 8472 accept' 'meta nfproto ipv4 udp dport 8472 accept'; do
    input_chain "input $other"
    is_closed || fail "with $other no packet comes in over IPv6"
  done
  input_chain 'input ip6 nexthdr icmpv6 accept' 'input meta nfproto ipv6 udp dport 8472 accept'
  is_closed
  input_chain 'input meta nfproto ipv6 udp dport 8472 accept' 'input ip saddr 192.168.1.0/24 udp dport 8472 accept'
  run ! is_closed
}
