# flanneld with nftables on a node where legacy iptables has rules, which only its own programs can read.

load ../support/flanneld_test.bash

# tells_of HOST TEXT: /readyz holds the text.
tells_of() {
  [[ $(on "$1" status_get /readyz) == *"$2"* ]]
}

# legacy_rules HOST TABLE: flannel's lines and the policy of FORWARD in a table of legacy iptables.
legacy_rules() {
  on "$1" node_exec iptables-legacy -t "$2" -S | grep -E 'FLANNEL|-P FORWARD' || true
}

@test "with nftables upstream's rules in legacy iptables are removed, and its FORWARD chain is opened" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  on a node_exec bash -euc 'iptables-legacy -t nat -N FLANNEL-POSTRTG; iptables-legacy -t nat -A POSTROUTING -j FLANNEL-POSTRTG
    iptables-legacy -P FORWARD DROP'
  two_pods --ip-masq
  assert_empty "$(legacy_rules a nat)" "legacy rules in table nat"
  assert_equal "$(legacy_rules a filter | grep -E '^-P|^-A FORWARD')" \
    $'-P FORWARD DROP\n-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD'
  heals_within 3
  assert_match "$(on a status_get /readyz)" '^flanneld is ready$'
}

@test "legacy iptables rules that come when programs are forbidden are told of, and seen to after a restart" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  agent_start a
  wait_until 5 is_seccomp_filtered a
  on a node_exec iptables-legacy -P FORWARD DROP
  on a node_exec nft add table ip nudge '{ chain forward { type filter hook forward priority 20; }; }'
  wait_until 5 tells_of a "iptables-legacy since flanneld gave up starting programs: restart it"
  on a flanneld_stop
  agent_start a
  assert_match "$(legacy_rules a filter)" 'j FLANNEL-FWD'
}

is_seccomp_filtered() {
  on "$1" node_exec bash -c 'grep -q "^Seccomp:.2" "/proc/$(cat /run/flanneld.pid)/status"'
}
