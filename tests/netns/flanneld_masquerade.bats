# What flanneld masquerades: by family, and not toward networks that are spared.

load ../support/flanneld_test.bash

# Host b; the world routes between it and the host `outside`, which has two addresses.
setup() {
  cluster_start
  host_with_plugins b 192.168.1.20/24
  node_exec bash -euc 'ip addr add 192.168.1.1/24 dev underlay; sysctl -qw net.ipv4.ip_forward=1
    ip netns add outside
    ip link add to-outside type veth peer name eth0 netns outside
    ip addr add 10.99.0.1/24 dev to-outside; ip link set to-outside up
    ip -n outside addr add 10.99.0.2/24 dev eth0; ip -n outside addr add 10.98.0.2/32 dev eth0; ip -n outside link set eth0 up
    ip -n outside route add default via 10.99.0.1
    ip route add 10.98.0.2 via 10.99.0.2'
}

# takes_only ADDRESS: outside, pings of other sources are dropped.
takes_only() {
  node_exec ip netns exec outside nft "add table ip only; add chain ip only in { type filter hook input priority 0; };
    flush chain ip only in; add rule ip only in icmp type echo-request ip saddr != $1 drop"
}

# spares_only_one POD: outside, a new pod is seen as itself at 10.99.0.2, and as its node at 10.98.0.2.
spares_only_one() {
  local address
  address=$(on b pod_run "$1")
  node_exec ip route replace "$(on b subnet_of).0/24" via 192.168.1.20
  takes_only "$address"
  wait_until 2 reaches b "$1" 10.99.0.2 || fail "the pod's own address does not come"
  takes_only 192.168.1.20
  reaches b "$1" 10.98.0.2 || fail "elsewhere the node's address does not come"
}

@test "what pods send to spared networks is not masqueraded: by flag with nftables, by the configuration with iptables" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  agent_start b --ip-masq=v4 --no-masquerade 10.99.0.0/24
  spares_only_one first
  on b flanneld_stop
  network_config '{"Network": "10.5.0.0/16", "EnableNFTables": false, "IPMasq": true, "NoMasquerade": ["10.99.0.0/24"],
    "Backend": {"Type": "vxlan"}}'
  agent_start b
  spares_only_one second
  assert_equal "$(on b node_exec grep IPMASQ /run/flannel/subnet.env)" FLANNEL_IPMASQ=true
}

@test "of two families one is masqueraded, and the configuration goes before the flag" {
  network_config '{"Network": "10.5.0.0/16", "EnableIPv6": true, "IPv6Network": "fd00:5::/48", "IPMasq": "v6",
    "Backend": {"Type": "vxlan"}}'
  on b node_exec ip addr add fd00:1::20/64 dev eth0 nodad
  agent_start b --ip-masq=v4 --iface eth0
  assert_match "$(on b node_exec nft list table ip6 flannel-ipv6)" 'masquerade'
  assert_empty "$(on b node_exec nft list table ip flannel-ipv4 | grep masquerade)" "IPv4 rules that masquerade"
  assert_equal "$(on b node_exec grep IPMASQ /run/flannel/subnet.env)" FLANNEL_IPMASQ=true
}
