#!/usr/bin/env bats
# The plugin `firewall` behind flannel and bridge, beside the reference's: rules that iptables shows, and packets.

load ../support/flannel_test.bash

setup() {
  node_start
  own_plugins_install
  node_exec ln -s /usr/lib/cni/firewall /opt/cni/bin/reference
  dual_stack
  pod_add one
  pod_add two
}

# A node with a machine outside: 192.0.2.1 and 2001:db8::1 are the node's, .2 and ::2 that machine's.
outside() {
  pod_add outside
  node_exec bash -euc 'sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    ip link add uplink type veth peer name eth0 netns outside
    ip addr add 192.0.2.1/24 dev uplink; ip addr add 2001:db8::1/64 dev uplink nodad; ip link set uplink up
    ip -n outside addr add 192.0.2.2/24 dev eth0; ip -n outside addr add 2001:db8::2/64 dev eth0 nodad
    ip -n outside link set eth0 up; ip -n outside route add default via 192.0.2.1; ip -n outside route add default via 2001:db8::1
    iptables -P FORWARD DROP; ip6tables -P FORWARD DROP'
}

# bridge NETWORK VERB POD: bridge and addresses of that network, 10.NETWORK.0.0/24 and fd00:NETWORK::/64, its result in the
# node's /run/POD.json.
bridge() {
  local config
  config=$(jq -nc --arg n "$1" '{cniVersion: "1.0.0", name: "net\($n)", type: "bridge", bridge: "br\($n)", isGateway: true, isDefaultGateway: true,
    ipam: {type: "host-local", ranges: [[{subnet: "10.\($n).0.0/24"}], [{subnet: "fd00:\($n)::/64"}]]}}')
  plugin_env bridge "CNI_COMMAND=$2" "CNI_CONTAINERID=c-$3" "CNI_NETNS=/run/netns/$3" CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin <<<"$config" |
    node_exec bash -c 'cat >"/run/$1.json"' bash "$3"
}

# firewall PROGRAM VERB POD [JSON] [NETWORK]: a call for the pod that bridge() has made, with these keys beside the usual ones;
# "prevResult": null takes the result away.
firewall() {
  plugin_env "$1" "CNI_COMMAND=$2" "CNI_CONTAINERID=c-$3" "CNI_NETNS=/run/netns/$3" CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin "PATH=$PATH" \
    <<<"$(jq -c --argjson more "${4-"{}"}" --arg network "net${5-1}" --argjson result "$(node_exec cat "/run/$3.json")" \
      '{cniVersion: "1.0.0", name: $network, type: "firewall", prevResult: $result} + $more' <<<'{}')"
}

# rules: those of table filter, of both families.
rules() {
  node_exec bash -c 'iptables -S 2>/dev/null; ip6tables -S 2>/dev/null' | grep '^-A' || true
}

# pods: the rules of pods.
pods() {
  rules | grep -E -- '-[sd] .* ACCEPT' || true
}

# reaches FROM TO...: each address answers.
reaches() {
  local address from=$1
  for address in "${@:2}"; do pod_exec "$from" ping -c 1 -W 5 "$address" >/dev/null || fail "$from does not reach $address"; done
}

# misses FROM TO...: none does.
misses() {
  local address from=$1
  for address in "${@:2}"; do ! pod_exec "$from" ping -c 1 -W 0.2 "$address" >/dev/null || fail "$from reaches $address"; done
}

@test "rules and answer are the reference's, each checks and removes the other's, and nothing comes twice" {
  local keys='{"iptablesAdminChainName": "MINE"}' theirs answer first second
  bridge 1 ADD one
  answer=$(firewall reference ADD one "$keys" | jq -S 'del(.dns)')
  theirs=$(rules)
  node_exec nft flush ruleset
  assert_equal "$(firewall firewall ADD one "$keys" | jq -S 'del(.dns)')" "$answer"
  assert_equal "$(rules)" "$theirs"
  for first in firewall reference; do
    second=$([[ $first == firewall ]] && echo reference || echo firewall)
    firewall "$first" ADD one "$keys" >/dev/null
    firewall "$second" CHECK one "$keys"
    firewall "$second" ADD one "$keys" >/dev/null
    assert_equal "$(rules)" "$theirs"
    firewall "$second" DEL one "$keys"
    assert_empty "$(pods)" "rules of the pod"
  done
  node_exec nft flush ruleset
  keys='{"ingressPolicy": "same-bridge"}'
  firewall reference ADD one "$keys" >/dev/null
  theirs=$(rules)
  firewall firewall ADD one "$keys" >/dev/null
  firewall firewall CHECK one "$keys"
  assert_equal "$(rules)" "$theirs"
  node_exec nft flush ruleset
  firewall firewall ADD one "$keys" >/dev/null
  # Debian's reference is older than the policy `isolated`.
  assert_equal "$(rules | sed 's/same-bridge|isolated/same-bridge/')" "$theirs"
  node_exec nft flush ruleset
  run firewall firewall CHECK one
  assert_error 102 "lacks the rule: FORWARD .*-j CNI-FORWARD"
}

@test "a pod passes a node that forwards nothing, an other one does not, and an operator's rule goes before" {
  outside
  bridge 1 ADD one
  bridge 1 ADD two
  firewall firewall ADD one >/dev/null
  reaches one 192.0.2.2 2001:db8::2
  misses two 192.0.2.2 2001:db8::2
  misses outside 10.1.0.2
  node_exec iptables -A CNI-ADMIN -s 10.1.0.2 -j DROP
  misses one 192.0.2.2
  firewall firewall DEL one
  misses one 2001:db8::2
}

@test "with same-bridge, other bridges' pods do not reach a pod, and its own bridge's and what it asks for do" {
  outside
  pod_add three
  bridge 1 ADD one
  bridge 1 ADD two
  bridge 2 ADD three
  for pod in one two; do firewall firewall ADD "$pod" '{"ingressPolicy": "same-bridge"}' >/dev/null; done
  firewall firewall ADD three '{}' 2 >/dev/null
  reaches one 10.1.0.3 fd00:1::3 192.0.2.2 2001:db8::2
  reaches one 10.2.0.2 # whose network is open
  firewall firewall ADD three '{"ingressPolicy": "same-bridge"}' 2 >/dev/null
  misses one 10.2.0.2 fd00:2::2
  misses three 10.1.0.2
  reaches three 192.0.2.2
  firewall firewall CHECK three '{"ingressPolicy": "same-bridge"}' 2
  node_exec iptables -F CNI-ISOLATION-STAGE-2
  run firewall firewall CHECK three '{"ingressPolicy": "same-bridge"}' 2
  assert_error 102 "CNI-ISOLATION-STAGE-2 -o br2 .* -j DROP"
}

@test "DEL needs no prevResult, and leaves the rules of who has the address by now" {
  bridge 1 ADD one
  firewall firewall ADD one >/dev/null
  firewall firewall DEL one '{"prevResult": null}'
  assert_empty "$(pods)" "rules of the pod"
  firewall firewall ADD one >/dev/null
  node_exec bash -c 'sed s/netns.one/netns.two/ /run/one.json >/run/two.json'
  firewall firewall ADD two >/dev/null
  firewall firewall DEL one
  assert_equal "$(pods | wc -l)" 4
  firewall firewall DEL two
  assert_empty "$(pods)" "rules of the pod"
}

@test "GC removes the rules of containers that are gone, and of the reference's those whose address nobody has" {
  local valid='{"cniVersion": "1.1.0", "cni.dev/valid-attachments": [{"containerID": "c-one", "ifname": "eth0"}]}'
  bridge 1 ADD one
  bridge 1 ADD two
  firewall firewall ADD one >/dev/null
  firewall firewall ADD two >/dev/null
  firewall firewall GC one "$valid" 2
  assert_equal "$(pods | wc -l)" 8
  firewall firewall GC one "$valid"
  assert_equal "$(pods | grep -o '10.1.0[0-9.]*' | sort -u)" 10.1.0.2
  firewall reference ADD two >/dev/null
  node_exec mkdir -p /var/lib/cni/results
  firewall firewall GC one "$valid"
  assert_equal "$(pods | wc -l)" 8 # a lease says that the pod lives
  node_exec rm /var/lib/cni/networks/net1/10.1.0.3 /var/lib/cni/networks/net1/fd00:1::3
  node_exec bash -c 'echo "{\"result\": {\"ips\": [{\"address\": \"10.1.0.3/24\"}]}}" >/var/lib/cni/results/net1-c-two-eth0'
  firewall firewall GC one "$valid"
  assert_equal "$(pods | grep -o '10.1.0[0-9.]*' | sort -u | xargs)" '10.1.0.2 10.1.0.3'
  assert_equal "$(pods | grep -o 'fd00:1::[0-9]*' | sort -u)" fd00:1::2
}

@test "of many at once, the reference's among them, each has its rules, and all go" {
  bridge 1 ADD one
  # shellcheck disable=SC2016 # expanded in the node
  node_exec bash -c 'call() { CNI_COMMAND=$2 CNI_CONTAINERID=c$3 CNI_NETNS=/run/netns/one CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin "/opt/cni/bin/$1" >"/run/out.$3" \
      <<<"{\"cniVersion\": \"1.0.0\", \"name\": \"net1\", \"type\": \"firewall\", \"ingressPolicy\": \"${4-open}\", \"prevResult\": {\"cniVersion\": \"1.0.0\",
        \"interfaces\": [{\"name\": \"br1\"}], \"ips\": [{\"address\": \"10.1.0.$3/24\"}]}}" || echo "$3 $2: $(cat "/run/out.$3")" >&2; }
    for i in {10..39}; do call firewall ADD $i same-bridge & done; wait
    iptables-save -t filter >/run/1
    for i in {10..24}; do call firewall DEL $i & done; for i in {40..43}; do call reference ADD $i & done; wait
    iptables-save -t filter >/run/2
    for i in {25..39}; do call firewall DEL $i & done; for i in {40..43}; do call reference DEL $i & done; wait' 2>"$BATS_TEST_TMPDIR/failures"
  assert_empty "$(<"$BATS_TEST_TMPDIR/failures")" "failed calls"
  assert_equal "$(node_exec grep -c '^-A .*ACCEPT' /run/1)" 60
  assert_equal "$(node_exec grep -c '^-A' /run/1)" 67 # nothing shared twice
  assert_equal "$(node_exec grep -c '^-A .*ACCEPT' /run/2)" 38
  assert_empty "$(pods)" "rules of the pods"
}

@test "on a node of legacy iptables the rules are there, with those of nf_tables if both are in use" {
  bridge 1 ADD one
  node_exec bash -euc 'iptables-legacy -P FORWARD DROP; iptables-legacy -N CNI-FORWARD'
  firewall firewall ADD one >/dev/null
  firewall firewall ADD one >/dev/null
  firewall firewall CHECK one
  assert_equal "$(node_exec iptables-legacy -S | grep -c ACCEPT$'$')" 4 # two of them policies
  assert_equal "$(pods | grep -c 10.1.0.2)" 0
  node_exec iptables -P FORWARD DROP 2>/dev/null
  run firewall firewall CHECK one
  assert_error 102 CNI-FORWARD
  firewall firewall ADD one >/dev/null
  assert_equal "$(pods | grep -c 10.1.0.2)" 2
  firewall firewall CHECK one
  node_exec iptables-legacy -D CNI-FORWARD -s 10.1.0.2 -j ACCEPT
  run firewall firewall CHECK one
  assert_error 102 "CNI-FORWARD -s 10.1.0.2/32 -j ACCEPT"
  firewall firewall DEL one
  assert_empty "$(pods; node_exec iptables-legacy -S CNI-FORWARD | grep ACCEPT)" "rules of the pod"
}

@test "without a verb it says what nerdctl asks for: how new a reference's it is like" {
  run --separate-stderr plugin_env firewall
  assert_match "${stderr-}" '^CNI firewall plugin v1[.](7[.][1-9]|[89][.]|[1-9][0-9])[0-9.]*[+][0-9a-z.]+'
}

@test "what cannot be is refused: firewalld, unknown policies, names that are no chain's; and DEL works all the same" {
  local keys
  bridge 1 ADD one
  for keys in '{"backend": "firewalld"}' '{"ingressPolicy": "none"}' '{"iptablesAdminChainName": "a b"}'; do
    run firewall firewall ADD one "$keys"
    assert_error "$([[ $keys == *firewalld* ]] && echo 2 || echo 7)" '(firewalld|none|a b)'
    firewall firewall DEL one "$keys"
  done
  run firewall firewall STATUS one '{"cniVersion": "1.1.0", "backend": "firewalld"}'
  assert_error 50 firewalld
  assert_empty "$(pods)" "rules of the pod"
}

@test "STATUS tells of a node that has neither nf_tables nor iptables" {
  if is_sanitized; then skip "AddressSanitizer's runtime does not run under strace"; fi
  local config='{"cniVersion": "1.1.0", "name": "net1", "type": "firewall", "capabilities": {"portMappings": true}}'
  # status PROGRAM FAULT...: of a node where these calls fail.
  status() {
    node_exec env CNI_COMMAND=STATUS CNI_PATH=/opt/cni/bin strace -qq -o /dev/null "${@:2}" "/opt/cni/bin/$1" <<<"$config"
  }
  status firewall
  status firewall -e inject=socket:error=EPROTONOSUPPORT
  status firewall -e inject=access:error=ENOENT
  run status firewall -e inject=socket:error=EPROTONOSUPPORT -e inject=access:error=ENOENT
  assert_error 50 'nf_tables or iptables, and this node has neither'
  status portmap
  run status portmap -e inject=socket:error=EPROTONOSUPPORT
  assert_error 50 'host ports need nf_tables'
}

# firewalld NETWORK...: the chains that firewalld 1.3 has, with these networks in its zone trusted.
firewalld() {
  local network sources=
  for network in "$@"; do
    sources+="$([[ $network == *:* ]] && echo ip6 || echo ip) saddr $network goto filter_FWD_trusted; "
  done
  node_exec nft -f - <<NFT
table inet firewalld { }
delete table inet firewalld
table inet firewalld {
  chain filter_FWD_trusted { accept; }
  chain filter_FORWARD_ZONES { $sources }
  chain filter_FORWARD {
    type filter hook forward priority 10
    ct state { established, related } accept
    jump filter_FORWARD_ZONES
    reject with icmpx admin-prohibited
  }
}
NFT
}

@test "next to firewalld the pods' network has to be in its zone, and pods pass then; the error says how" {
  outside
  bridge 1 ADD one
  firewalld 10.1.0.0/16 fd00:2::/64
  run firewall firewall ADD one
  assert_error 2 "zone 'trusted' lacks the pod's address fd00:1::2.*firewall-cmd --permanent --zone=trusted --add-source=fd00:1::/64"
  assert_empty "$(pods)" "rules of the pod"
  firewall firewall ADD one '{"backend": "iptables"}' >/dev/null
  misses one 2001:db8::2
  firewalld 10.1.0.0/16 fd00:1::/64
  firewall firewall ADD one >/dev/null
  firewall firewall CHECK one
  reaches one 192.0.2.2 2001:db8::2
  run firewall firewall ADD one '{"firewalldZone": "public"}'
  assert_error 2 "zone 'public' lacks the pod's address 10.1.0.2"
  firewalld 10.2.0.0/16
  run firewall firewall CHECK one
  assert_error 102 "zone 'trusted' lacks the pod's address 10.1.0.2"
  firewall firewall DEL one
  assert_empty "$(pods)" "rules of the pod"
}
