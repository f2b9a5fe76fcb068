#!/usr/bin/env bats
# CHECK, STATUS and GC of flannel, and the ways in which subnet.env can be wrong.

load ../support/flannel_test.bash

# Adds pod as c1 and sets $checked to the configuration of a CHECK for it.
add_for_check() {
  local config result
  config=$(conf "${1-"{}"}")
  result=$(flannel ADD c1 pod "$config")
  checked=$(with_result "$config" "$result")
}

@test "CHECK succeeds right after ADD in every version, with IPv4 and both families" {
  subnet_env_write FLANNEL_IPV6_NETWORK=fd00:10:244::/48 FLANNEL_IPV6_SUBNET=fd00:10:244:1::1/64
  for version in 0.4.0 1.0.0 1.1.0; do
    add_for_check "{\"cniVersion\":\"$version\"}"
    run flannel CHECK c1 pod "$checked"
    assert_equal "$output" ""
    assert_equal "$status" 0
    flannel DEL c1 pod "$checked"
  done
}

@test "CHECK finds each change" {
  local host
  # A change of the node or the pod, and what CHECK must say.
  local -a faults=(
    'pod ip addr del 10.244.1.2/24 dev eth0|address 10.244.1.2/24'
    'pod ip route del default|route 0.0.0.0/0'
    'pod ip route del 10.244.0.0/16|route 10.244.0.0/16'
    'pod ip link set eth0 down|eth0.*down'
    'pod ip link set eth0 address 02:00:00:00:00:99|hardware address 02:00:00:00:00:99'
    'pod ip link del eth0|eth0.*gone'
    'node ip link set HOST down|HOST.*down'
    'node ip link set HOST nomaster|no port of bridge'
    'node ip addr del 10.244.1.1/24 dev cni0|gateway.s address 10.244.1.1'
    'node ip link set cni0 down|cni0.*down'
    'node ip link del cni0|cni0.*gone'
    'node rm /var/lib/cni/networks/cbr0/10.244.1.2|10.244.1.2|c1'
    'node rm -r /var/lib/cni/flannel|scratch file'
    'node bash -c "echo 0 >/proc/sys/net/ipv4/ip_forward"|ip_forward'
  )
  for fault in "${faults[@]}"; do
    node_exec bash -c 'rm -rf /var/lib/cni/networks/cbr0/last_reserved_ip.0'
    add_for_check
    host=$(jq -r '.prevResult.interfaces[1].name' <<<"$checked")
    local action=${fault%%|*} wanted=${fault#*|}
    action=${action//HOST/$host}
    case $action in
      pod\ *) eval "pod_exec $action" ;;
      node\ *) eval "node_exec ${action#node }" ;;
    esac
    run flannel CHECK c1 pod "$checked"
    assert_error 102 "${wanted//HOST/$host}"
    flannel DEL c1 pod "$checked"
  done
}

@test "CHECK fails without prevResult, without the namespace, and for a pod that was never added" {
  run flannel CHECK c1 pod "$(conf)"
  assert_error 102 "scratch file"
  add_for_check
  run flannel CHECK c1 pod "$(conf)"
  assert_error 7 "prevResult missing"
  run flannel CHECK c1 /run/netns/none "$checked"
  assert_error 102 "not a network namespace"
}

@test "CHECK tolerates what chained plugins change" {
  add_for_check
  pod_exec pod ip link set eth0 address 02:00:00:00:00:99 mtu 1300
  checked=$(jq -c '.prevResult.interfaces[2].mac = "02:00:00:00:00:99" | .prevResult.interfaces += [{"name":"ifb0"}]' <<<"$checked")
  run flannel CHECK c1 pod "$checked"
  assert_equal "$output" ""
}

@test "STATUS of a node without pods tells ready from a missing or broken subnet.env and a bad configuration" {
  run flannel STATUS '' '' "$(conf)"
  assert_equal "$status$output" 0
  assert_empty "$(node_exec find /var/lib/cni -mindepth 1)" "files that STATUS made"
  run flannel STATUS '' '' "$(conf '{"delegate":{"vlan":9999}}')"
  assert_error 50 'delegate.vlan'
  node_exec bash -c 'echo junk >/run/flannel/subnet.env'
  run flannel STATUS '' '' "$(conf)"
  assert_error 50 'is missing FLANNEL_NETWORK'
  node_exec rm /run/flannel/subnet.env
  run flannel STATUS '' '' "$(conf)"
  assert_error 50 '/run/flannel/subnet.env.*flanneld'
}

@test "STATUS is ready with a full range, and without subnet.env as long as pods run; ADD tells of either" {
  pod_add more
  subnet_env_write FLANNEL_SUBNET=10.244.1.1/30
  flannel ADD c1 pod "$(conf)"
  run flannel ADD c2 more "$(conf)"
  assert_error 11 'held by 1 container \(among them c1\)'
  flannel STATUS '' '' "$(conf)"
  PLUGIN_PATH=/nowhere flannel STATUS '' '' "$(conf)" # by the copy that is linked in
  for change in 'echo junk >/run/flannel/subnet.env' 'rm /run/flannel/subnet.env'; do
    node_exec bash -c "$change"
    flannel STATUS '' '' "$(conf)"
    run flannel STATUS '' '' "$(conf '{"name":"other"}')" # a network without pods
    assert_error 50 'subnet.env'
  done
  run flannel ADD c2 more "$(conf)"
  assert_error 11 'subnet.env'
  flannel DEL c1 pod "$(conf)"
  run flannel STATUS '' '' "$(conf)"
  assert_error 50 'subnet.env'
  flannel ADD c1 pod "$(subnet_env_write && conf)"
  # The pod died with an earlier boot, which no mark of this one denies.
  node_exec bash -c 'rm -r /run/flannel/subnet.env /run/cni; cd /var/lib/cni
    mkdir copy && cp flannel/* copy && rm -r flannel && mv copy flannel && touch -d "2021-01-01" flannel/*'
  run flannel STATUS '' '' "$(conf)"
  assert_error 50 'subnet.env'
}

@test "GC removes what is not valid and keeps the rest and other networks'" {
  local keep before
  for i in 1 2 3; do
    pod_add "p$i"
    flannel ADD "c$i" "p$i" "$(conf '{"delegate":{"ipMasq":true}}')"
  done
  flannel ADD other pod "$(conf '{"name":"othernet","delegate":{"bridge":"cni1","ipMasq":true},"ipam":{"dataDir":"/var/lib/cni/other"}}')"
  keep='{"cni.dev/valid-attachments":[{"containerID":"c2","ifname":"eth0"},{"containerID":"c3","ifname":"wrong"}]}'
  flannel GC '' '' "$(conf "$keep" | jq -c '.delegate.ipMasq = true')"
  assert_equal "$(leases cbr0)" 10.244.1.3
  assert_equal "$(node_exec ip -j link show master cni0 | jq length)" 1
  assert_equal "$(node_exec ip -j link show master cni1 | jq length)" 1
  assert_equal "$(node_exec ls /var/lib/cni/flannel | xargs)" "c2 other"
  assert_equal "$(node_exec nft list chain inet cni_plugins_masquerade masq_checks | grep -o 'id: [a-z0-9]*' | xargs)" "id: c2 id: other"
  before=$(node_state)
  flannel GC '' '' "$(conf '{"cni.dev/attachments":[{"containerID":"c2","ifname":"eth0"}]}')"
  assert_equal "$(node_state)" "$before"
  run flannel GC '' '' "$(conf '{"cni.dev/valid-attachments":[{"containerID":"c2"}]}')"
  assert_error 6 'nothing was removed'
  assert_equal "$(node_state)" "$before"
  node_exec rm /run/flannel/subnet.env
  flannel GC '' '' "$(conf '{"cni.dev/valid-attachments":[]}')"
  assert_empty "$(leases cbr0)" "leases"
}

@test "GC removes a veth and a lease whose scratch file is lost, and those of a dead namespace" {
  for i in 1 2; do
    pod_add "p$i"
    flannel ADD "c$i" "p$i" "$(conf)"
  done
  node_exec rm -r /var/lib/cni/flannel
  pod_del p2
  flannel GC '' '' "$(conf)"
  assert_empty "$(leftovers)" leftovers
}

@test "each malformed subnet.env is a clear error and leaves nothing" {
  local line
  for line in FLANNEL_MTU FLANNEL_MTU=x FLANNEL_MTU=-1 FLANNEL_SUBNET=10.244.1.1 FLANNEL_SUBNET=x 'FLANNEL_NETWORK=10.244.0.0/16,' FLANNEL_SUBNET=fd00::1/64; do
    subnet_env_write
    # shellcheck disable=SC2016 # expanded in the node
    node_exec bash -c 'echo "$0" >>/run/flannel/subnet.env' "$line"
    run flannel ADD c1 pod "$(conf)"
    assert_error 6 "/run/flannel/subnet.env.*${line%%=*}"
  done
  node_exec bash -c 'echo junk >/run/flannel/subnet.env'
  run flannel ADD c1 pod "$(conf)"
  assert_error 6 'is missing FLANNEL_NETWORK, FLANNEL_IPV6_NETWORK, FLANNEL_SUBNET, FLANNEL_IPV6_SUBNET, FLANNEL_MTU, FLANNEL_IPMASQ'
  node_exec bash -c 'head -c 100000 /dev/zero >/run/flannel/subnet.env'
  run flannel ADD c1 pod "$(conf)"
  assert_error 5 'subnet.env.*[Ff]ile too large'
  node_exec rm /run/flannel/subnet.env
  run flannel ADD c1 pod "$(conf)"
  assert_error 11 '/run/flannel/subnet.env: no such file or directory; flanneld writes this file'
  assert_empty "$(node_exec find /var/lib/cni -type f)" "files"
  assert_empty "$(links_of bridge)" "bridges"
}
