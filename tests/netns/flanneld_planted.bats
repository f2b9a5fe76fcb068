# Five faults that operators meet, each of which page, status and doctor must name by themselves, with what to do; and a
# node without any, that has nothing to say.

load ../support/flanneld_test.bash
load ../support/kube.bash

setup() {
  kube_hosts
  kube_nodes
}

# agents: on a and b, each reaching the other.
agents() {
  local host
  for host in a b; do on "$host" kube_flanneld "$host" --ip-masq --probe-interval "${PROBE_INTERVAL:-1}"; done
  for host in a b; do on "$host" flanneld_wait_ready; done
  wait_until 60 probe_is reached
}

probe_is() {
  [[ $(on a status_get /peers | jq -r '.[0].probes[0].state') == "$1" ]]
}

# said BY: what a says: the page as it is without JavaScript, without its markup; status; doctor.
said() {
  case $1 in
    page) on a status_get / | sed -n '/<main/,/<\/main>/p' | sed "s/<[^>]*>/ /g; s/&#39;/'/g" ;;
    *) on a node_exec "$BIN_DIR/flanneld" "$1" || true ;;
  esac
}

says() {
  said "$1" >"$BATS_TEST_TMPDIR/said"
  tr -s ' \n' ' ' <"$BATS_TEST_TMPDIR/said" | grep -qE "$2"
}

# all_say REGEX: page, status and doctor, within a minute of now.
all_say() {
  local by began=$SECONDS
  for by in page status doctor; do
    wait_until $((60 - SECONDS + began)) says "$by" "$1" || fail "$by does not say '$1': $(cat "$BATS_TEST_TMPDIR/said")"
    if [[ -n ${SHOW-} ]]; then echo "# $by after $((SECONDS - began)) s: $(tr -s ' \n' ' ' <"$BATS_TEST_TMPDIR/said" | grep -oE ".{0,80}$1.{0,160}" | head -n 1)" >&3; fi
  done
}

# drops_at_b RULE: an nftables rule of the netdev family on b's eth0.
drops_at_b() {
  on b node_exec nft "add table netdev fault; add chain netdev fault in { type filter hook ingress device eth0 priority 0; };
    add rule netdev fault in $1 drop"
}

answered() {
  on a status_get /metrics | awk '$1 == "flanneld_probes_answered_total" { print $2 }'
}

answers_exceed() {
  (($(answered) > $1))
}

# trace: what a has said, and what was asked of the API server.
trace() {
  on a node_exec cat /run/flanneld.log
  on m1 kube_log
}

@test "planted: nothing, and nothing is said or written while probes go on" {
  agents
  on a pod_run pod >/dev/null
  wait_until 5 condition_is_told
  for host in a b; do wait_until 10 node_was_read "$host"; done
  local before
  before=$(trace)
  wait_until 15 answers_exceed $(($(answered) + 6)) # two turns and more
  assert_equal "$(trace)" "$before"
}

# That the network is there, which is the last that an agent writes.
condition_is_told() {
  [[ $(on m1 kube_patches | grep -c FlannelIsUp) == 2 ]]
}

# node_was_read NAME: by its agent, which does so when it hears of what it has written.
node_was_read() {
  [[ $(on m1 kube_log) == *"get /api/v1/nodes/$1 "* ]]
}

@test "planted: a blocked UDP port between the nodes" {
  agents
  drops_at_b 'udp dport 8472'
  all_say "does not answer.*UDP port 8472"
}

@test "planted: a network between the nodes with a smaller MTU" {
  agents
  drops_at_b 'ether type ip ip length > 1450'
  all_say "gets no packets of the pods' MTU"
}

@test "planted: a firewall that drops what is forwarded" {
  agents
  on a node_exec nft "add table inet fw; add chain inet fw gate { type filter hook forward priority 10; policy drop; }"
  all_say "chain 'gate' of nftables table 'inet fw' drops"
}

@test "planted: a Node without podCIDR" {
  on m1 kube_node a "" 192.168.1.10 >/dev/null
  on a kube_flanneld a --ip-masq
  all_say "podCIDR"
}

@test "planted: a cni0 of another subnet" {
  agents
  on a pod_run pod >/dev/null
  on a node_exec bash -euc 'ip addr add 10.99.0.1/24 dev cni0; ip addr del 10.244.1.1/24 dev cni0'
  all_say "cni0.*10.244.1.1/24"
}
