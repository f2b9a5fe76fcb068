#!/usr/bin/env bats
# Many random calls at once, some killed, of both implementations on one bridge and one directory of
# leases (tests/storm), and dumps of the kernel's lists while these change.
# The long run: STORM_OPERATIONS=2000 bats tests/netns/flannel_storm.bats

load ../support/flannel_test.bash

WORKERS=16

# What the reference bridge needs to make the same pods.
reference_conf() {
  cat <<'JSON'
{"cniVersion": "1.0.0", "name": "cbr0", "type": "bridge", "hairpinMode": true, "isDefaultGateway": true,
 "isGateway": true, "mtu": 1450, "ipMasq": true,
 "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.1.0/24"}]], "routes": [{"dst": "10.244.0.0/16", "gw": "10.244.1.1"}]}}
JSON
}

@test "a storm of both implementations: live containers, leases and bridge ports are the same in the end" {
  local ours reference slots operations=${STORM_OPERATIONS:-300} program
  ours=$(conf '{"cniVersion": "1.0.0", "capabilities": {"portMappings": true, "bandwidth": true}, "delegate": {"ipMasq": true, "ipMasqBackend": "iptables"}}' | conf_write ours.conf)
  reference=$(reference_conf | conf_write reference.conf)
  slots=$((WORKERS * 4))
  # The firewall of ours beside the reference's. GC takes rules of the latter only where libcni could keep results.
  node_exec bash -c 'mkdir -p /run/own /var/lib/cni/results && ln -s /opt/cni/bin/flannel /run/own/firewall'
  # The bridge is ours: one that the reference makes takes the lowest MAC among its ports, and CHECK of either minds.
  flannel ADD first pod "$(<"$ours")" >/dev/null
  flannel DEL first pod "$(<"$ours")"
  # shellcheck disable=SC2016 # expanded in the node
  NODE_TIMEOUT=120 node_exec bash -c 'for ((i = 0; i < $0; i++)); do ip netns add "s$i"; done' "$slots"
  NODE_TIMEOUT=3000 run node_exec "$BIN_DIR/storm_driver" "$operations" "$WORKERS" "${STORM_SEED:-1}" "$ours" "$reference" \
    /var/lib/cni/networks/cbr0
  if [[ -n ${STORM_OPERATIONS-} ]]; then echo "# ${lines[-1]}" >&3; fi
  [[ $status -eq 0 ]] || fail "$output"
  assert_match "${lines[-1]}" 'firewall ADD .*flannel ADD killed.*reference ADD killed.*reference firewall ADD .*breaches 0$'
  assert_equal "$(leases cbr0)" "$(awk '$1 == "live" { print $3 }' <<<"$output" | sort)"
  local holders
  holders=$(node_exec nft list chain ip cni_hostport hostports | grep -oE 'comment "[^"]*"' | cut -d '"' -f 2 | sort -u)
  [[ -n $holders ]] || fail "no pod has a host port"
  assert_empty "$(comm -23 <(echo "$holders") <(awk '$1 == "live" { print $2 }' <<<"$output" | sort))" "host ports of dead pods"
  # These pods have rules of the firewall, whichever made them, and no other has.
  assert_equal "$(node_exec iptables -S CNI-FORWARD | grep -oP -- '-[sd] \K[0-9.]+(?=/32 .*ACCEPT)' | sort)" \
    "$(awk '$1 == "live" && $5 == "firewall" { print $3; print $3 }' <<<"$output" | sort)"
  wait_until 5 ports_are "$(grep -c '^live ' <<<"$output")"
  # shellcheck disable=SC2016 # expanded in the node
  run node_exec env CNI_COMMAND=DEL CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin "CONF=$(<"$ours")" bash -c '
    while read -r _ id address netns _; do
      ip -n "$netns" -o -4 addr show eth0 | grep -qF "inet $address/24" || echo "$id lacks $address"
      CNI_CONTAINERID=$id CNI_NETNS=/run/netns/$netns /opt/cni/bin/flannel <<<"$CONF" &
    done
    wait' <<<"$(grep '^live ' <<<"$output")"
  assert_empty "$output" "addresses and answers to DEL"
  # The reference's DEL leaves its rules behind when the link is gone already.
  for program in /opt/cni/bin/flannel /run/own/firewall; do
    node_exec env CNI_COMMAND=GC CNI_PATH=/opt/cni/bin "$program" \
      <<<"$(jq -c '.cniVersion = "1.1.0" | ."cni.dev/valid-attachments" = []' "$ours")"
  done
  # Its ADD, killed between a chain and the rules in it, leaves an empty one, which does not tell whose it is.
  assert_empty "$(leftovers | grep -v '^:CNI-')" leftovers
  assert_empty "$(node_exec iptables-save -t nat | grep '^-A .*CNI-')" rules
  assert_empty "$(node_exec nft list ruleset | grep 'comment "s[0-9]*g'; links_of ifb)" "host ports and limits"
}

# ports_are COUNT: that many links hang on the bridge.
ports_are() {
  (($(node_exec ip -o link show master cni0 | wc -l) == $1))
}

# churn_links and churn_rules: lists that are longer than one part of a dump, and that change all the time.
churn_links() {
  node_exec bash -c 'for ((i = 0; i < 100; i++)); do echo "link add d$i master cni0 type veth peer name e$i"; done | ip -batch -'
  node_spawn churn.log bash -c 'for i in 1 2 3 4; do
    while :; do ip link add "x$i" type veth peer name "y$i"; ip link del "x$i"; done & done; wait'
}

churn_rules() {
  node_exec bash -c '{ echo "table inet cni_plugins_masquerade { chain masq_checks {"
    for ((i = 0; i < 400; i++)); do echo "ip saddr 192.0.2.$((i % 250)) accept comment \"a rule of somebody else, and a long one, number $i\""; done
    printf "}\n}\n"; } | nft -f -'
  node_spawn churn2.log bash -c 'while :; do nft add table ip x; nft delete table ip x; done'
}

# until_interrupted VERB: calls the verb, which must succeed each time, until the kernel has reported a list as
# changed while it was read. Fails when that does not happen in 400 calls: it takes a few.
until_interrupted() {
  local i ours=$1 verb=$2
  for ((i = 0; i < 400; i++)); do
    [[ $verb != DEL ]] || flannel ADD c1 pod "$ours" >/dev/null
    node_exec env CNI_COMMAND="$verb" CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/pod CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin \
      strace -o "$NODE_DIR/trace" -e trace=recvfrom /opt/cni/bin/flannel <<<"$ours" || return
    if grep -q NLM_F_DUMP_INTR "$NODE_DIR/trace"; then return; fi
  done
  fail "no dump was interrupted"
}

@test "GC reads the bridge's ports again when they change meanwhile" {
  if is_sanitized; then skip "AddressSanitizer's runtime does not run under strace"; fi
  flannel ADD kept pod "$(conf)" >/dev/null
  churn_links
  until_interrupted "$(conf '{"cni.dev/valid-attachments":[{"containerID":"kept","ifname":"eth0"}]}')" GC
  assert_equal "$(leases)" 10.244.1.2
}

@test "DEL reads the rules again when they change meanwhile" {
  if is_sanitized; then skip "AddressSanitizer's runtime does not run under strace"; fi
  local ours
  ours=$(conf '{"delegate":{"ipMasq":true,"ipMasqBackend":"nftables"}}')
  flannel ADD c1 pod "$ours" >/dev/null
  flannel DEL c1 pod "$ours"
  churn_rules
  until_interrupted "$ours" DEL
  assert_empty "$(leftovers)" leftovers
}
