#!/usr/bin/env bats
# Rules of ipMasq and macspoofchk: the reference's layout, real translation, removal in every case.

load ../support/flannel_test.bash

masq_rules() {
  node_exec nft list chain inet cni_plugins_masquerade masq_checks 2>/dev/null | grep 'id:' | sed 's/^[ \t]*//'
}

@test "with nftables, table, chains, rules and comments are the reference's" {
  subnet_env_write FLANNEL_IPMASQ=false FLANNEL_IPV6_NETWORK=fd00:10:244::/48 FLANNEL_IPV6_SUBNET=fd00:10:244:1::1/64
  flannel ADD one pod "$(conf '{"name":"unit-test"}')"
  assert_equal "$(masq_rules | head -1)" \
    'ip saddr 10.244.1.2 ip daddr != 10.244.0.0/16 masquerade comment "6fd94d501e58f0aa-287fc69eff0574a2, net: unit-test, if: eth0, id: one"'
  assert_equal "$(masq_rules | tail -1)" \
    'ip6 saddr fd00:10:244:1::2 ip6 daddr != fd00:10:244::/48 masquerade comment "6fd94d501e58f0aa-287fc69eff0574a2, net: unit-test, if: eth0, id: one"'
  assert_equal "$(node_exec nft list chain inet cni_plugins_masquerade postrouting | sed 's/^[ \t]*//' | grep -v '[{}]' | tail -4 | xargs -d '\n')" \
    'type nat hook postrouting priority srcnat; policy accept; ip daddr 224.0.0.0/4 return ip6 daddr ff00::/8 return goto masq_checks'
  assert_match "$(node_exec nft list table inet cni_plugins_masquerade | sed -n 2p)" 'Masquerading for plugins from github.com/containernetworking/plugins'
  flannel DEL one pod "$(conf '{"name":"unit-test"}')"
  assert_empty "$(masq_rules)" rules
}

@test "with FLANNEL_IPMASQ=true there are no rules" {
  flannel ADD c1 pod "$(conf)"
  assert_equal "$(node_exec nft list tables)" "table bridge flannel-pods"
}

@test "with nftables, rules go with the namespace gone, come back after a flush, and others' stay" {
  local config
  config=$(conf '{"delegate":{"ipMasq":true}}')
  flannel ADD c1 pod "$config"
  pod_add pod2
  flannel ADD c2 pod2 "$config"
  node_exec nft add rule inet cni_plugins_masquerade masq_checks counter comment foreign
  pod_del pod
  flannel DEL c1 '' "$config"
  assert_match "$(masq_rules)" 'id: c2'
  assert_equal "$(masq_rules | wc -l)" 1
  node_exec nft flush ruleset
  pod_add pod3
  flannel ADD c3 pod3 "$config"
  assert_match "$(masq_rules)" 'id: c3'
  flannel DEL c2 pod2 "$config"
  flannel DEL c3 pod3 "$config"
  assert_empty "$(masq_rules)" rules
}

@test "with nftables, 30 ADDs at once make 30 rules, and 30 DELs remove them" {
  # shellcheck disable=SC2016 # expanded in the node
  NODE_TIMEOUT=60 run node_exec env "CONF=$(conf '{"delegate":{"ipMasq":true}}')" bash -c '
    call() { CNI_COMMAND=$1 CNI_CONTAINERID=c$2 CNI_NETNS=/run/netns/p$2 CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin /opt/cni/bin/flannel <<<"$CONF" >"/run/out.$2" || cat "/run/out.$2"; }
    for i in {1..30}; do ip netns add "p$i"; done
    for i in {1..30}; do call ADD "$i" & done; wait
    nft list chain inet cni_plugins_masquerade masq_checks | grep -c "id: c" >/run/count
    for i in {1..30}; do call DEL "$i" & done; wait'
  assert_empty "$output" "failed calls"
  assert_equal "$(node_exec cat /run/count)" 30
  assert_empty "$(leftovers)" leftovers
}

# stale_rules NETWORK COUNT: input for nft: rules as attachments of that network leave them.
stale_rules() {
  local key
  key=$(printf %s "$1" | sha512sum | cut -c1-16)
  seq "$2" | awk -v key="$key" -v network="$1" '{
    printf "add rule inet cni_plugins_masquerade masq_checks ip saddr 10.244.%d.%d ip daddr != 10.244.0.0/16 masquerade comment \"%s-%016x, net: %s, if: eth0, id: s%d\"\n",
      $1 / 256, $1 % 256, key, $1, network, $1 }'
}

@test "nftables: GC removes 10000 stale rules within seconds, and no others" {
  local config keep took
  config=$(conf '{"delegate":{"ipMasq":true}}')
  flannel ADD c1 pod "$config"
  { stale_rules cbr0 10000 && stale_rules cbr1 1; } | node_exec nft -f -
  keep='{"cni.dev/valid-attachments":[{"containerID":"c1","ifname":"eth0"}]}'
  took=${EPOCHREALTIME/./}
  flannel GC '' '' "$(conf "$keep")"
  took=$((${EPOCHREALTIME/./} - took))
  assert_equal "$(masq_rules | sed 's/.*net: //' | sort)" $'cbr0, if: eth0, id: c1"\ncbr1, if: eth0, id: s1"'
  ((took < $(patience 10000000))) || fail "GC took $took us"
}

@test "CHECK misses the masquerade rules of either backend, also when none is asked for" {
  local backend config result
  for backend in null '"nftables"' '"iptables"'; do
    config=$(conf '{"delegate":{"ipMasq":true,"ipMasqBackend":'"$backend"'}}' | jq -c 'del(..|nulls)')
    result=$(flannel ADD c1 pod "$config")
    config=$(with_result "$config" "$result")
    flannel CHECK c1 pod "$config"
    node_exec nft flush ruleset
    run flannel CHECK c1 pod "$config"
    assert_error 102 'masquerade rules .* are gone'
    flannel DEL c1 pod "$config"
  done
}

@test "CHECK is content with iptables rules where no backend is asked for" {
  local config result
  config=$(conf '{"delegate":{"ipMasq":true}}')
  result=$(flannel ADD c1 pod "$(conf '{"delegate":{"ipMasq":true,"ipMasqBackend":"iptables"}}')")
  flannel CHECK c1 pod "$(with_result "$config" "$result")"
  flannel DEL c1 pod "$config"
  assert_empty "$(leftovers)" leftovers
}

@test "with iptables, the chain is the reference's and goes with the namespace gone" {
  local config
  config=$(conf '{"delegate":{"ipMasq":true,"ipMasqBackend":"iptables"}}')
  subnet_env_write FLANNEL_IPV6_NETWORK=fd00:10:244::/48 FLANNEL_IPV6_SUBNET=fd00:10:244:1::1/64
  flannel ADD c4 pod "$config"
  assert_equal "$(node_exec iptables-save -t nat | grep CNI-12cac0db6bae62c0a1d214dc | grep -c 'comment "name: \\"cbr0\\" id: \\"c4\\""')" 3
  assert_equal "$(node_exec ip6tables-save -t nat | grep -c CNI-12cac0db6bae62c0a1d214dc)" 4
  pod_del pod
  flannel DEL c4 '' "$config"
  assert_empty "$(node_exec iptables-save -t nat | grep CNI-)" chains
  assert_empty "$(node_exec ip6tables-save -t nat | grep CNI-)" chains
}

@test "iptables: GC removes the rules that the reference's DEL leaves when the link is gone, and no others" {
  local reference keep
  reference=$(jq -c '. + {type: "bridge", ipMasq: true, ipam: {type: "host-local", ranges: [[{subnet: "10.244.1.0/24"}]]}}' \
    <<<'{"cniVersion": "1.0.0", "name": "cbr0", "bridge": "cni0", "isGateway": true}')
  # reference_call VERB ID POD [NETWORK]
  reference_call() {
    plugin_env bridge PATH="$PATH" "CNI_COMMAND=$1" "CNI_CONTAINERID=$2" "CNI_NETNS=/run/netns/$3" CNI_IFNAME=eth0 \
      CNI_PATH=/opt/cni/bin <<<"$(jq -c --arg name "${4:-cbr0}" '.name = $name' <<<"$reference")"
  }
  pod_add alive
  pod_add other
  reference_call ADD c4 pod
  reference_call ADD c5 alive
  reference_call ADD c4 other cbr1
  pod_exec pod ip link del eth0
  reference_call DEL c4 pod
  assert_equal "$(node_exec iptables-save -t nat | grep -c '^:CNI-')" 3
  keep='{"cni.dev/valid-attachments":[{"containerID":"c5","ifname":"eth0"}]}'
  flannel GC '' '' "$(conf "$keep")"
  assert_equal "$(node_exec iptables-save -t nat | sed -n 's/^-A POSTROUTING .*name: \\"\(.*\)\\" id: \\"\(.*\)\\"".*/\1 \2/p' | sort)" \
    $'cbr0 c5\ncbr1 c4'
  assert_equal "$(node_exec iptables-save -t nat | grep -c '^:CNI-')" 2
}

@test "a kernel without nftables: iptables by default, refused when nftables is asked for" {
  if is_sanitized; then skip "AddressSanitizer's runtime does not run under strace"; fi
  # From the third on the sockets of an ADD and a DEL are netfilter's; strace answers for such a kernel.
  node_exec bash -c 'mv /opt/cni/bin/flannel /run/flannel.real; cat >/opt/cni/bin/flannel; chmod +x /opt/cni/bin/flannel' <<'WRAPPER'
#!/bin/sh
exec strace -qq -o /dev/null -e trace=socket -e "inject=socket:error=EPROTONOSUPPORT:when=$SOCKET" /run/flannel.real
WRAPPER
  local path="PATH=$PATH"
  run flannel ADD c4 pod "$(conf '{"delegate":{"ipMasq":true,"ipMasqBackend":"nftables"}}')" eth0 "$path" SOCKET=3+
  assert_error 2 'ipMasqBackend.*nftables'
  assert_empty "$(leftovers)" leftovers
  flannel ADD c4 pod "$(conf '{"delegate":{"ipMasq":true}}')" eth0 "$path" SOCKET=3+
  assert_equal "$(node_exec iptables-save -t nat | grep -c CNI-12cac0db6bae62c0a1d214dc)" 4
  # What else protects others from the pod does not depend on it.
  assert_match "$(node_exec ip neigh show dev cni0)" 'lladdr 0a:58:0a:f4:01:0. PERMANENT'
  assert_match "$(node_exec bridge -d link)" 'learning off.*locked on'
  flannel DEL c4 pod "$(conf '{"delegate":{"ipMasq":true}}')" eth0 "$path" SOCKET=3+
  assert_empty "$(leftovers)" leftovers
}

@test "what leaves the subnet has the node's address, what stays does not" {
  rootfs_make
  subnet_env_write FLANNEL_IPMASQ=false
  # A host beyond the node that knows no way back to the pods.
  pod_add outside
  node_exec ip link add up0 type veth peer name eth0 netns /run/netns/outside
  node_exec ip addr add 192.0.2.1/24 dev up0
  node_exec ip link set up0 up
  pod_exec outside ip addr add 192.0.2.2/24 dev eth0
  pod_exec outside ip link set eth0 up
  web_serve outside 80
  flannel ADD c1 pod "$(conf)"
  assert_equal "$(web_fetch pod http://192.0.2.2/)" "hello from a pod"
  flannel DEL c1 pod "$(conf)"
  flannel ADD c1 pod "$(conf '{"delegate":{"ipMasq":false}}')"
  web_misses pod http://192.0.2.2/ || fail "reached the outside without masquerade: the test proves nothing"
}

@test "with either backend, a pod of another node sees the pod's own address" {
  rootfs_make
  subnet_env_write FLANNEL_IPMASQ=false
  # The other node's pod answers only whom it has a route to: not the node.
  pod_add far
  node_exec ip link add up0 type veth peer name eth0 netns /run/netns/far
  node_exec ip addr add 192.0.2.1/24 dev up0
  node_exec ip link set up0 up
  pod_exec far ip addr add 192.0.2.2/24 dev eth0
  pod_exec far ip addr add 10.244.2.2/32 dev lo
  pod_exec far ip link set eth0 up
  pod_exec far ip route add 10.244.1.0/24 via 192.0.2.1
  pod_exec far ip route add table 100 blackhole 192.0.2.1
  pod_exec far ip rule add to 192.0.2.1 ipproto tcp lookup 100
  node_exec ip route add 10.244.2.0/24 via 192.0.2.2
  web_serve far 80
  for backend in nftables iptables; do
    config=$(conf '{"delegate":{"ipMasqBackend":"'$backend'"}}')
    flannel ADD c1 pod "$config"
    assert_equal "$(web_fetch pod http://10.244.2.2/)" "hello from a pod"
    flannel DEL c1 pod "$config"
  done
}

@test "macspoofchk: the reference's rules work and go" {
  rootfs_make
  local config host
  config=$(conf '{"delegate":{"macspoofchk":true}}')
  host=$(flannel ADD c1 pod "$config" | jq -r '.interfaces[1].name')
  web_serve node 80
  assert_equal "$(web_fetch pod http://10.244.1.1/)" "hello from a pod"
  assert_equal "$(node_exec nft -a list table bridge nat | grep -c 'comment "macspoofchk-c1-eth0"')" 4
  assert_match "$(node_exec nft list chain bridge nat PREROUTING)" "iifname \"$host\" jump cni-br-iface-c1-eth0"
  pod_exec pod ip link set eth0 address 02:00:00:00:00:99
  web_misses pod http://10.244.1.1/ || fail "a forged source address passed"
  pod_del pod
  flannel DEL c1 '' "$config"
  assert_empty "$(node_exec nft list table bridge nat | grep -E 'cni-br-iface|macspoofchk')" "rules and chains"
}

# spoof_rules: chains and rules of macspoofchk that are there.
spoof_rules() {
  node_exec nft list table bridge nat 2>/dev/null | grep -E 'cni-br-iface|macspoofchk'
}

@test "macspoofchk: container IDs and interface names of any length, each with chains of its own" {
  local long config one two
  long=$(printf 'c%.0s' {1..238})
  config=$(conf '{"delegate":{"macspoofchk":true}}')
  pod_add pod2
  one=$(flannel ADD "${long}1" pod "$config" abcdefghijklmno | jq -r '.interfaces[1].name')
  two=$(flannel ADD "${long}2" pod2 "$config" abcdefghijklmno | jq -r '.interfaces[1].name')
  assert_match "$(spoof_rules)" "iifname \"$one\" jump cni-br-iface-"
  flannel DEL "${long}1" pod "$config" abcdefghijklmno
  assert_match "$(spoof_rules)" "iifname \"$two\" jump cni-br-iface-"
  assert_equal "$(spoof_rules | grep -c '^.chain')" 2
  flannel DEL "${long}2" pod2 "$config" abcdefghijklmno
  assert_empty "$(spoof_rules)" "rules and chains"
}

@test "macspoofchk: GC removes the chains of interfaces that are gone, and no others" {
  local config i
  config=$(conf '{"delegate":{"macspoofchk":true}}')
  for i in 2 3 4; do pod_add "pod$i"; done
  flannel ADD c1 pod "$config"
  flannel ADD c2 pod2 "$config"
  flannel ADD c3 pod3 "$(jq -c '.name = "cbr1"' <<<"$config")"
  node_exec rm -r /var/lib/cni/flannel # without it GC does not know the pods
  pod_del pod
  wait_until 5 veths_are 2
  flannel GC '' '' "$(conf '{"cni.dev/valid-attachments":[{"containerID":"c2","ifname":"eth0"}]}')"
  assert_equal "$(spoof_rules | grep -oE 'macspoofchk-c[0-9]' | sort -u | xargs)" "macspoofchk-c2 macspoofchk-c3"
  assert_equal "$(spoof_rules | grep -c 'chain cni-br-iface')" 4
}

veths_are() {
  (($(links_of veth | grep -c '^veth') == $1))
}
