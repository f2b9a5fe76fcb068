# A cluster of three nodes turns from flannel's own manifest to ours and back, one node at a time, with the arguments
# and the network configuration of each. tests/e2e/daemonset.bats has the containers, on one node.

load ../support/flanneld_test.bash
load ../support/kube.bash
load ../support/daemonset.bash

ours=$repo/conf-examples/kubernetes/kube-flannel.yaml
hosts=(a b c)

setup() {
  cluster_start
  host_add m1 192.168.1.101/24
  on m1 kube_start
  local i
  for i in 1 2 3; do
    host_with_plugins "${hosts[i - 1]}" "192.168.1.${i}0/24"
    on m1 kube_node "${hosts[i - 1]}" "10.244.$i.0/24" "192.168.1.${i}0" >/dev/null
    on "${hosts[i - 1]}" kube_config
  done
}

# stock HOST: the agent as flannel's own manifest starts it, with iptables.
stock() {
  on "$1" net_conf '{"Network": "10.244.0.0/16", "EnableNFTables": false, "Backend": {"Type": "vxlan"}}'
  agent "$1" --ip-masq --kube-subnet-mgr
}

# exchanged HOST: the same as our manifest says.
exchanged() {
  local words configuration
  mapfile -t words < <(daemonset_words "$ours" kube-flannel "$1" | sed '1,/^--$/d' | tail -n +2)
  on "$1" net_conf "$(yq -c . "$ours" | jq -r 'select(.kind == "ConfigMap").data["net-conf.json"]')"
  configuration=$(yq -c . "$ours" | jq -r 'select(.kind == "ConfigMap").data["cni-conf.json"]')
  on "$1" node_exec bash -c 'cat >/run/cni-conf.json' <<<"$configuration"
  agent "$1" "${words[@]}" --cni-conf-source /run/cni-conf.json
}

# agent HOST ARGUMENT...: starts it in the place of the one that runs, and waits until it is ready.
agent() {
  local NODE_NAME=$1
  export NODE_NAME
  ! on "$1" node_exec test -e /run/flanneld.pid || on "$1" flanneld_stop
  on "$1" flanneld_start "${@:2}" --kubeconfig-file /run/kubeconfig --net-config-path /run/kube-flannel/net-conf.json
  on "$1" flanneld_wait_ready
}

# talk HOST ADDRESS: the pod of that host pings the address, 50 times a second.
talk() {
  on "$1" node_spawn outage.json bash -c 'echo $$ >/run/outage.pid; exec nsenter --net=/run/netns/pod perl "$@"' \
    bash "$repo/tests/support/outage.perl" "$2" 20
  wait_until 5 on "$1" node_exec test -s /run/outage.pid
}

# has_lost_nothing HOST: ends that; fails if an answer was missing.
has_lost_nothing() {
  on "$1" node_exec bash -c 'kill "$(cat /run/outage.pid)"'
  wait_until 5 on "$1" node_exec test -s /run/outage.json
  assert_json "$(on "$1" node_exec cat /run/outage.json)" '.lost == 0 and .sent >= 50'
}

@test "kube migration: three nodes, one at a time, to our manifest and back; no pod misses an answer" {
  local host addresses=()
  for host in "${hosts[@]}"; do stock "$host"; done
  for host in "${hosts[@]}"; do
    wait_until 5 peers_are "$host" 2
    addresses+=("$(on "$host" pod_run pod)")
  done
  for host in "${hosts[@]}"; do wait_until 3 reaches "$host" pod "${addresses[0]}"; done
  talk a "${addresses[1]}"
  talk b "${addresses[2]}"
  talk c "${addresses[0]}"
  for host in "${hosts[@]}"; do exchanged "$host"; done
  on b node_exec nft list table ip flannel-ipv4 >/dev/null
  assert_empty "$(on b node_exec iptables-save | grep FLANNEL)" "iptables' rules of flannel"
  for host in c b a; do stock "$host"; done
  assert_match "$(on b node_exec iptables-save -t nat)" 'FLANNEL-POSTRTG'
  for host in "${hosts[@]}"; do has_lost_nothing "$host"; done
}
