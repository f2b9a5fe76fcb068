# Which addresses a pod's packets may have when they come to the node: those of a pod that nothing else guards.

load ../support/flanneld_test.bash

# dual_config ENGINE_IS_NFTABLES
dual_config() {
  network_config '{"Network": "10.5.0.0/16", "EnableIPv6": true, "IPv6Network": "fd00:10:5::/48", "EnableNFTables": '"$1"', "Backend": {"Type": "vxlan"}}'
}

# unguarded: nothing but the agent's rules looks at what the pod web sends.
unguarded() {
  on a node_exec sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.cni0.rp_filter=0
}

# pods_may_route: the plugin lets the pods of host a send from any address.
pods_may_route() {
  on a node_exec sed -i 's/"hairpinMode": true/&, "allowAnySource": true/' /etc/cni/net.d/10-flannel.conflist
}

# count_at_b: host b counts what comes there from addresses that no pod of host a can have.
count_at_b() {
  on b node_exec nft 'add table inet seen; delete table inet seen; add table inet seen
    add chain inet seen in { type filter hook prerouting priority -500; }
    add rule inet seen in ip saddr { 10.99.0.5, 10.5.77.7, 127.0.0.9 } counter
    add rule inet seen in ip6 saddr { fd00:99::5, fd00:10:5:77::7 } counter'
}

seen_at_b() {
  on b node_exec nft -j list table inet seen | jq '[.. | .counter? // empty | .packets] | add'
}

# send_as SOURCE DESTINATION: one packet, for whose answer it does not wait long.
send_as() {
  on a pod_exec web ping -c 1 -W 0.05 -I "$1" "$2" >/dev/null 2>&1 || true
}

# send_forged: the pod web sends to host b, in the clear and to a pod there, under others' addresses.
send_forged() {
  local source
  for source in 10.99.0.5 10.5.77.7; do send_as "$source" 192.168.1.20 && send_as "$source" "$CLIENT"; done
  for source in fd00:99::5 fd00:10:5:77::7; do send_as "$source" fd00:1::20; done
}

@test "what a pod sends under an address that is not of its node's subnet does not leave the node, with either engine" {
  local engine
  on a node_exec ip addr add fd00:1::10/64 dev eth0 nodad
  on b node_exec ip addr add fd00:1::20/64 dev eth0 nodad
  pods_may_route
  for engine in true false; do
    dual_config "$engine"
    if [[ $engine == true ]]; then
      for host in a b; do on "$host" node_exec sysctl -qw net.ipv6.conf.all.forwarding=1 && agent_start "$host" --iface eth0; done
      wait_until 5 peers_are a 2
      on a pod_run web >/dev/null
      CLIENT=$(on b pod_run client)
      on a pod_exec web bash -euc 'for ip in 10.99.0.5 10.5.77.7; do ip addr add "$ip/32" dev lo; done
        for ip in fd00:99::5 fd00:10:5:77::7; do ip addr add "$ip/128" dev lo nodad; done'
    else
      on a flanneld_stop && agent_start a --iface eth0
    fi
    unguarded
    count_at_b
    send_forged
    reaches a web "$CLIENT" # sent later, comes later
    assert_equal "$(seen_at_b)" 0
    # What IPv6 needs on the link passes, with the addresses that it has there.
    on a pod_exec web ip -6 neigh flush dev eth0
    on a node_exec ip -6 neigh flush dev cni0
    reaches a web "$(on a node_exec awk -F '[=/]' '$1 == "FLANNEL_IPV6_SUBNET" { print $2 }' /run/flannel/subnet.env)"
    wait_until 3 reaches a web "$(on a node_exec ip -j -6 addr show dev cni0 scope link | jq -r '[.[].addr_info[]?.local // empty][0]')" -I eth0
  done
  on a flanneld_stop
  agent_start a --iface eth0 --pod-sources 10.99.0.0/24,fd00:99::/64
  count_at_b
  send_forged
  reaches a web "$CLIENT"
  wait_until 2 eval '(($(seen_at_b) == 3))' || fail "of the allowed sources' 3 packets $(seen_at_b) come"
  # A network that the operator gave to the bridge needs no flag.
  on a node_exec ip addr add 10.5.77.1/24 dev cni0
  count_at_b
  wait_until 3 allowed_comes
}

allowed_comes() {
  send_as 10.5.77.7 192.168.1.20
  (($(seen_at_b) > 0))
}

# pod_enters_loopback: the pod web asks for the page at the node's own 127.0.0.1.
pod_enters_loopback() {
  on a pod_exec web curl -sS --max-time 0.5 --interface eth0 http://127.0.0.1:7000/healthz 2>/dev/null
}

# enters_without_rules: the same once they are removed; the agent makes them again.
enters_without_rules() {
  on a node_exec nft delete table ip flannel-ipv4 2>/dev/null || on a node_exec iptables -t mangle -F
  [[ $(pod_enters_loopback) == "flanneld is running" ]]
}

@test "no pod and no stranger reaches the node's loopback though port mappings open it; the node's own way to a port is open" {
  local engine
  on a rootfs_make
  for engine in true false; do
    network_config '{"Network": "10.5.0.0/16", "EnableNFTables": '"$engine"', "Backend": {"Type": "vxlan"}}'
    if [[ $engine == true ]]; then
      two_pods
      on a pod_add mapped
      on a cni_pod ADD mapped --net /etc/cni/net.d/10-flannel.conflist \
        --cap '{"portMappings":[{"hostPort":8088,"containerPort":80,"protocol":"tcp"}]}' >/dev/null
      on a web_serve mapped 80
      on a pod_exec web bash -euc 'ip addr flush dev lo; sysctl -qw net.ipv4.conf.all.route_localnet=1
        ip route add 127.0.0.0/8 via "$(ip -j route show default | jq -r ".[0].gateway")"'
      node_exec bash -euc 'ip addr add 192.168.1.99/24 dev underlay; ip route add 127.0.0.7/32 via 192.168.1.10
        sysctl -qw net.ipv4.conf.underlay.route_localnet=1'
      on a node_exec sysctl -qw net.ipv4.conf.all.route_localnet=1
      # After the rules and before an answer to the node's loopback gets its address back.
      on a node_exec nft 'add table ip seen; add chain ip seen in { type filter hook prerouting priority -140; }
        add rule ip seen in iifname != "lo" ip daddr 127.0.0.0/8 counter'
    else
      on a flanneld_stop && agent_start a
    fi
    unguarded
    run ! pod_enters_loopback
    node_exec timeout 0.1 busybox ping -c 1 127.0.0.7 >/dev/null 2>&1 || true
    assert_equal "$(on a node_exec nft -j list table ip seen | jq '[.. | .counter? // empty | .packets] | add')" 0
    for host in 127.0.0.1 192.168.1.10; do
      assert_equal "$(on a web_fetch node "http://$host:8088/")" "hello from a pod"
    done
    assert_equal "$(on a pod_exec mapped curl -sS --max-time "$(patience 2)" http://192.168.1.10:8088/)" "hello from a pod" # hairpin
  done
  on a flanneld_stop
  on a node_exec nft flush ruleset
  agent_start a
  wait_until 3 enters_without_rules # this test sees
}
