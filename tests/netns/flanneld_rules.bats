# flanneld's packet filter rules, in nftables and by iptables: what is written, how packets fare, what is restored.

load ../support/flanneld_test.bash

# Hosts a and b; the world routes between them and a third network, where the host `outside` is.
setup() {
  cluster_start
  host_with_plugins a 192.168.1.10/24
  host_with_plugins b 192.168.1.20/24
  node_exec bash -euc 'ip addr add 192.168.1.1/24 dev underlay; sysctl -qw net.ipv4.ip_forward=1
    ip netns add outside
    ip link add to-outside type veth peer name eth0 netns outside
    ip addr add 10.99.0.1/24 dev to-outside; ip link set to-outside up
    ip -n outside addr add 10.99.0.2/24 dev eth0; ip -n outside link set eth0 up
    ip -n outside route add 192.168.1.0/24 via 10.99.0.1'
}

engine_config() {
  network_config '{"Network": "10.5.0.0/16", "EnableNFTables": '"$1"', "Backend": {"Type": "vxlan"}}'
}

# Without the end that some rules have, a day or so from now.
flannel_table() {
  on "$1" node_exec nft list table ip flannel-ipv4 | sed -E 's/ meta time < "[^"]*"//'
}

# table_is HOST TEXT
table_is() {
  [[ $(flannel_table "$1" 2>/dev/null) == "$2" ]]
}

# only_from ADDRESS COMMAND...: what runs COMMAND nft takes pings of that source only.
only_from() {
  "${@:2}" nft "add table ip only; add chain ip only in { type filter hook input priority 0; };
    flush chain ip only in; add rule ip only in icmp type echo-request ip saddr != $1 drop"
}

outside() {
  node_exec ip netns exec outside "$@"
}

# iptables_of HOST: flannel's lines of iptables-save.
iptables_of() {
  on "$1" node_exec iptables-save | grep -E '^\*|FLANNEL-|flanneld' | grep -v '^:' |
    sed -E 's/ -m time --datestop [^ ]+//' | awk '/^\*/ { table = $0; next } { print table, $0 }'
}

# wanted_iptables SUBNET: those lines: upstream's as upstream writes them, and ours in the table mangle.
wanted_iptables() {
  local nat='-A FLANNEL-POSTRTG' masq='-m comment --comment "flanneld masq" -j' net=10.5.0.0/16
  local fwd='-m comment --comment "flanneld forward" -j'
  local tunnel='-p udp -m udp --dport 8472 -m comment --comment "flanneld tunnel" -j' jump='-m comment --comment "flanneld tunnel" -j'
  local source='-m comment --comment "flanneld sources" -j'
  printf '*mangle %s\n' "-A PREROUTING $source FLANNEL-SOURCES" "-A INPUT $jump FLANNEL-TUNNEL-IN" "-A FORWARD $jump FLANNEL-TUNNEL-FWD" \
    "-A FLANNEL-SOURCES -d 127.0.0.0/8 ! -i lo $source DROP" "-A FLANNEL-SOURCES -s 127.0.0.0/8 ! -i lo $source DROP" \
    "-A FLANNEL-SOURCES -s $1 -i cni0 $source RETURN" "-A FLANNEL-SOURCES -s $net -i cni0 $source DROP" "-A FLANNEL-SOURCES -i cni0 $source DROP" \
    "-A FLANNEL-TUNNEL-FWD -s $net ! -d $net $tunnel DROP" "-A FLANNEL-TUNNEL-FWD ! -d $net -i cni0 $tunnel DROP" \
    "-A FLANNEL-TUNNEL-IN -s $net $tunnel DROP" "-A FLANNEL-TUNNEL-IN ${tunnel/--dport/--sport 0:1023 --dport} DROP" "-A FLANNEL-TUNNEL-IN -d 192.168.1.10/32 -i eth0 $tunnel RETURN" "-A FLANNEL-TUNNEL-IN $tunnel DROP"
  printf '*filter %s\n' "-A FORWARD $fwd FLANNEL-FWD" "-A FLANNEL-FWD -s $net $fwd ACCEPT" "-A FLANNEL-FWD -d $net $fwd ACCEPT"
  printf '*nat %s\n' "-A POSTROUTING $masq FLANNEL-POSTRTG" \
    "$nat -m mark --mark 0x4000/0x4000 $masq RETURN" \
    "$nat -s $1 -d $net $masq RETURN" \
    "$nat -s $net -d $1 $masq RETURN" \
    "$nat ! -s $net -d $1 $masq RETURN" \
    "$nat -s $net ! -d 224.0.0.0/4 $masq MASQUERADE --random-fully" \
    "$nat ! -s $net -d $net $masq MASQUERADE --random-fully"
}

# iptables_are HOST TEXT
iptables_are() {
  [[ $(iptables_of "$1") == "$2" ]]
}

# sources_are_right: pods are seen outside as their node, and by other nodes' pods as themselves.
sources_are_right() {
  only_from "$CLIENT" on a pod_exec web
  only_from 192.168.1.20 outside
  reaches b client "$WEB" || fail "a pod's own address does not come to another node's pod"
  reaches b client 10.99.0.2 || fail "outside, the node's address does not come"
  # From the node itself to a pod elsewhere: as the node's address in the overlay.
  only_from "$(on b subnet_of).0" on a pod_exec web
  on b node_exec busybox ping -c 1 -W 5 -I 192.168.1.20 "$WEB" >/dev/null || fail "the node's own packets do not come masqueraded"
  on a pod_exec web nft delete table ip only
}

@test "with nftables the rules work, come back within 2 s, and no process is started" {
  engine_config true
  two_pods --ip-masq
  local a wanted undo start
  node_spawn strace.log bash -c 'echo $$ >/run/strace.pid; exec strace -f -e trace=process -o /run/strace.out -p "$1"' \
    bash "$(on b node_exec cat /run/flanneld.pid)"
  wait_until 5 is_traced b
  start=$SECONDS
  a=$(on a subnet_of).0/24
  wanted=$(flannel_table a)
  assert_equal "$wanted" "table ip flannel-ipv4 {
	comment \"rules for flannel-ipv4\"
	set nodes {
		type ipv4_addr
		elements = { 192.168.1.20 }
	}

	chain postrtg {
		comment \"chain to manage traffic masquerading by flannel\"
		type nat hook postrouting priority srcnat; policy accept;
		meta mark & 0x00004000 == 0x00004000 return comment \"flanneld masq\"
		ip saddr $a ip daddr 10.5.0.0/16 return comment \"flanneld masq\"
		ip saddr 10.5.0.0/16 ip daddr $a return comment \"flanneld masq\"
		ip saddr != 10.5.0.0/16 ip daddr $a return comment \"flanneld masq\"
		ip saddr 10.5.0.0/16 ip daddr != 224.0.0.0/4 masquerade fully-random comment \"flanneld masq\"
		ip saddr != 10.5.0.0/16 ip daddr 10.5.0.0/16 masquerade fully-random comment \"flanneld masq\"
	}

	chain forward {
		comment \"chain to accept flannel traffic\"
		type filter hook forward priority filter; policy accept;
		ip saddr 10.5.0.0/16 accept comment \"flanneld forward\"
		ip daddr 10.5.0.0/16 accept comment \"flanneld forward\"
	}

	chain sources {
		comment \"chain to drop what comes in with an address that it cannot have\"
		type filter hook prerouting priority raw; policy accept;
		ip daddr 127.0.0.0/8 iifname != \"lo\" drop comment \"flanneld sources\"
		ip saddr 127.0.0.0/8 iifname != \"lo\" drop comment \"flanneld sources\"
		ip saddr $a iifname \"cni0\" return comment \"flanneld sources\"
		ip saddr 10.5.0.0/16 iifname \"cni0\" drop comment \"flanneld sources\"
		iifname \"cni0\" drop comment \"flanneld sources\"
	}

	chain tunnel-input {
		comment \"chain to drop tunnel packets that pods forge\"
		type filter hook input priority filter; policy accept;
		ip saddr 10.5.0.0/16 udp dport 8472 drop comment \"flanneld tunnel\"
		udp dport 8472 udp sport < 1024 drop comment \"flanneld tunnel\"
		ip daddr 192.168.1.10 iifname \"eth0\" udp dport 8472 ip saddr @nodes return comment \"flanneld tunnel\"
		udp dport 8472 drop comment \"flanneld tunnel\"
	}

	chain tunnel-forward {
		comment \"chain to drop tunnel packets that pods forge\"
		type filter hook forward priority filter; policy accept;
		ip saddr 10.5.0.0/16 ip daddr != 10.5.0.0/16 udp dport 8472 drop comment \"flanneld tunnel\"
		ip daddr != 10.5.0.0/16 iifname \"cni0\" udp dport 8472 drop comment \"flanneld tunnel\"
	}
}"
  assert_empty "$(on a node_exec nft list tables | grep ip6)" "tables for IPv6"
  sources_are_right

  for undo in "flush ruleset" "delete table ip flannel-ipv4" "flush chain ip flannel-ipv4 postrtg" \
    "insert rule ip flannel-ipv4 forward drop" "flush chain ip flannel-ipv4 tunnel-input" \
    "delete chain ip flannel-ipv4 sources" "add table ip flannel-ipv4 { flags dormant; }"; do
    on a node_exec nft "$undo"
    wait_until 2 table_is a "$wanted" || fail "2 s after nft $undo: $(flannel_table a)"
  done
  assert_json "$(on a status_get /status)" '.rules.engine == "nftables" and .rules.restored >= 6 and .rules.failure == null'
  sources_are_right

  on a node_exec nft "add table ip other; add chain ip other mine" # no business of flannel's
  on b node_exec nft flush ruleset
  wait_until 2 on b node_exec nft list table ip flannel-ipv4 >/dev/null 2>&1
  assert_equal "$(on a node_exec nft list table ip other | xargs)" "table ip other { chain mine { } }"
  sleep "$((start + 10 > SECONDS ? start + 10 - SECONDS : 0))"
  is_traced b
  node_exec bash -c 'kill -INT "$(cat /run/strace.pid)"'
  wait_until 5 trace_is_over b
  # A thread of its own saves the leases.
  assert_empty "$(node_exec grep -E 'clone|fork|exec' /run/strace.out | grep -v CLONE_THREAD)" "processes started"
  on b flanneld_is_ready
}

# is_traced HOST: strace looks at its agent.
is_traced() {
  ! on "$1" node_exec bash -c 'grep -q "TracerPid:.0$" "/proc/$(cat /run/flanneld.pid)/status"'
}

trace_is_over() {
  ! is_traced "$1"
}

@test "with nftables a FORWARD chain with policy DROP is opened for pods; another table's drop is reported" {
  engine_config true
  two_pods --ip-masq
  on a node_exec iptables -P FORWARD DROP
  on b node_exec iptables -P FORWARD DROP
  heals_within 3 || fail "FORWARD drops: $(on a node_exec iptables-save -t filter)"
  reaches b client 10.99.0.2
  assert_equal "$(iptables_of a)" "$(wanted_iptables x | grep filter)"
  wait_until 3 is_ready_without_but a
  on a node_exec iptables -F FORWARD
  heals_within 3 || fail "after iptables -F FORWARD: $(on a node_exec iptables-save -t filter)"
  on a node_exec iptables -P FORWARD ACCEPT
  on b node_exec iptables -P FORWARD ACCEPT
  wait_until 3 iptables_are a ""

  on a node_exec nft "add table inet fw; add chain inet fw gate { type filter hook forward priority 10; policy drop; }"
  wait_until 3 tells_of a "chain 'gate' of nftables table 'inet fw'"
  assert_match "$(on a status_get /readyz)" "flanneld is ready.*but .*gate.*drops"
  assert_match "$(on a status_get /metrics)" "flanneld_forward_blocked 1"
  run ! on b pod_exec client busybox ping -c 1 -W 1 "$WEB" # it is true
  on a node_exec nft "insert rule inet fw gate ip saddr 10.5.0.0/16 accept; insert rule inet fw gate ip daddr 10.5.0.0/16 accept"
  wait_until 3 heals_within 1
  wait_until 3 is_ready_without_but a
  on a node_exec nft "delete table inet fw"
}

# tells_of HOST TEXT: /readyz holds the text.
tells_of() {
  [[ $(on "$1" status_get /readyz) == *"$2"* ]]
}

is_ready_without_but() {
  [[ $(on "$1" status_get /readyz) == "flanneld is ready" ]]
}

@test "with iptables upstream's chains are made and restored; either engine takes over from the other" {
  engine_config false
  two_pods --ip-masq --iptables-resync 1
  local wanted undo
  wanted=$(wanted_iptables "$(on a subnet_of).0/24")
  # This engine needs its programs, so it must stay able to start them.
  assert_match "$(on a node_exec bash -c 'cat "/proc/$(cat /run/flanneld.pid)/status"')" "Seccomp:.0"
  assert_equal "$(iptables_of a)" "$wanted"
  assert_empty "$(on a node_exec nft list tables | grep flannel-ipv)" "nftables tables"
  sources_are_right
  on a flanneld_stop
  assert_equal "$(iptables_of a)" "$wanted"
  agent_start a --ip-masq --iptables-resync 1
  assert_equal "$(iptables_of a)" "$wanted"
  on a node_exec iptables -t nat -A POSTROUTING -s 10.77.0.0/16 -j RETURN # somebody else's
  for undo in "iptables -t nat -F FLANNEL-POSTRTG" "iptables -F" "iptables -D FORWARD 1" \
    "iptables -A FORWARD -m comment --comment twice -j FLANNEL-FWD" "iptables -I FLANNEL-FWD -j DROP" "iptables -t mangle -F"; do
    # shellcheck disable=SC2086 # words
    on a node_exec $undo
    wait_until 3 iptables_are a "$wanted" || fail "after $undo: $(iptables_of a)"
  done
  on a node_exec iptables -t nat -C POSTROUTING -s 10.77.0.0/16 -j RETURN
  on a node_exec iptables -t nat -F
  wait_until 3 iptables_are a "$wanted" || fail "after iptables -t nat -F: $(iptables_of a)"
  on a node_exec iptables -P FORWARD DROP
  heals_within 2
  sources_are_right

  on a node_exec iptables -P FORWARD ACCEPT
  on a flanneld_stop
  engine_config true
  agent_start a --ip-masq
  assert_equal "$(iptables_of a)" ""
  assert_match "$(flannel_table a)" "masquerade fully-random"
  sources_are_right

  on a flanneld_stop
  engine_config false
  agent_start a --ip-masq --iptables-resync 1
  assert_equal "$(iptables_of a)" "$wanted"
  assert_empty "$(on a node_exec nft list tables | grep flannel-ipv)" "nftables tables"
  sources_are_right
}

# iptables_restore_hangs HOST: from now on until the host's /run/hang is removed; /run/hangs says that one does.
iptables_restore_hangs() {
  on "$1" node_exec bash -euc 'cp /usr/sbin/xtables-nft-multi /run/real
    cat >/run/wrapper && chmod +x /run/wrapper && touch /run/hang
    mount --bind /run/wrapper "$(realpath /usr/sbin/iptables-restore)"' <<'WRAPPER'
#!/bin/bash
if [[ $0 == *restore ]]; then
  while [[ -e /run/hang ]]; do touch /run/hangs && sleep 0.05; done
fi
exec -a "$0" /run/real "$@"
WRAPPER
}

hangs() {
  on "$1" node_exec test -e /run/hangs
}

@test "an iptables program that hangs delays no answer, and its rules come when it goes on" {
  engine_config false
  agent_start a --ip-masq --iptables-resync 1
  local wanted
  wanted=$(wanted_iptables "$(on a subnet_of).0/24")
  assert_equal "$(iptables_of a)" "$wanted"
  iptables_restore_hangs a
  on a node_exec nft flush ruleset
  wait_until 5 hangs a
  for _ in {1..20}; do
    assert_equal "$(on a node_exec curl -sS --max-time "$(patience 1)" http://127.0.0.1:7000/healthz)" "flanneld is running"
  done
  on a node_exec rm /run/hang
  wait_until 5 iptables_are a "$wanted" || fail "when it goes on: $(iptables_of a)"
}

@test "an iptables program that hangs at the start keeps the agent from being ready, and is given up after 10 s" {
  engine_config false
  iptables_restore_hangs a
  on a flanneld_start --lease-dir "$NODE_DIR/leases" --ip-masq --iptables-resync 1
  wait_until 5 hangs a
  run ! on a node_exec test -e /run/flannel/subnet.env
  assert_match "$(on a status_get /readyz)" "not ready yet: waiting for the packet filter's rules"
  wait_until 15 tells_of a "iptables-restore': Connection timed out"
  on a node_exec rm /run/hang
  on a flanneld_wait_ready
  assert_match "$(iptables_of a)" "FLANNEL-POSTRTG"
}

# forge HOST POD DESTINATION [OUTER_SOURCE]: a pod's hand-made tunnel packet for the device of host a, in it an
# echo request to the web pod.
forge() {
  on "$1" pod_exec "$2" perl "$repo/tests/support/forge-vxlan.perl" "$3" 8472 1 "$VTEP" "$CLIENT" "$WEB" "${@:4}"
}

# forge_all: in every way in which a pod may hope to reach another.
forge_all() {
  local a
  a=$(on a subnet_of)
  for to in 192.168.1.10 "$a.1" "$a.0"; do # the node by its own address, its bridge's and its device's
    forge a mate "$to" && forge b client "$to" || return
    forge a mate "$to" 192.168.1.20 && forge b client "$to" 192.168.1.20 || return # as if it were another node
  done
}

# pods_cannot_forge: and what the tunnel's port is used for otherwise goes on.
pods_cannot_forge() {
  forged_packets_count ip icmp
  forge_all
  reaches b client "$WEB" # sent later, come later
  reaches a mate "$WEB"
  assert_equal "$(forged_packets ip)" 0
  # A cluster within the cluster: a pod's tunnel ends at a pod.
  on a pod_exec web nft "add rule ip forged in udp dport 8472 counter"
  forge b client "$WEB"
  wait_until 2 is_one_forged
}

is_one_forged() {
  (($(forged_packets ip) == 1))
}

@test "tunnel packets that pods forge reach no pod, with either engine; without the rules they would" {
  local engine
  for engine in true false; do
    engine_config "$engine"
    if [[ $engine == true ]]; then
      two_pods --ip-masq
      on a pod_run mate >/dev/null
      VTEP=$(on a mac_of flannel.1)
    else
      for host in a b; do on "$host" flanneld_stop && agent_start "$host" --ip-masq; done
    fi
    pods_cannot_forge
    assert_match "$(on a status_get /status | jq -r .rules.engine)" "$([[ $engine == true ]] && echo nftables || echo iptables)"
  done
  # The same packets without the rules.
  for host in a b; do
    on "$host" flanneld_stop
    on "$host" node_exec nft flush ruleset
  done
  forge_all
  reaches b client "$WEB"
  wait_until 2 are_forged 6 || fail "only $(forged_packets ip) forged packets come without the rules: is this test blind?"
  agent_start a --ip-masq
  run -0 on a flanneld_stop
  run -0 on a node_exec "$BIN_DIR/flanneld" --lease-dir "$NODE_DIR/leases" cleanup
  assert_empty "$(iptables_of a)" "rules after cleanup"
}

@test "without --ip-masq or forward rules there are none, and those that were there go" {
  engine_config true
  agent_start a --ip-masq
  on a flanneld_stop
  agent_start a
  assert_equal "$(flannel_table a | grep -cE 'masquerade|postrtg')" 0
  assert_match "$(flannel_table a)" 'ip saddr 10.5.0.0/16 accept'
  on a flanneld_stop
  agent_start a --iptables-forward-rules=false
  assert_equal "$(flannel_table a | grep -E 'chain|accept|masq' | xargs)" \
    "chain sources { comment chain to drop what comes in with an address that it cannot have type filter hook prerouting priority raw; policy accept; chain tunnel-input { comment chain to drop tunnel packets that pods forge type filter hook input priority filter; policy accept; chain tunnel-forward { comment chain to drop tunnel packets that pods forge type filter hook forward priority filter; policy accept;"
  on a flanneld_stop
  agent_start a --ip-masq --ip-masq-fully-random-disable
  assert_match "$(flannel_table a)" '224.0.0.0/4 masquerade comment'
  on a flanneld_stop
  engine_config false
  agent_start a
  assert_equal "$(iptables_of a)" "$(wanted_iptables "$(on a subnet_of).0/24" | grep -E 'filter|mangle')"
  assert_empty "$(on a node_exec nft list tables | grep flannel)" "nftables tables"
}
