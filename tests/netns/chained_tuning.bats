#!/usr/bin/env bats
# The plugin `tuning` behind flannel, beside the reference's.

load ../support/flannel_test.bash

setup() {
  node_start
  own_plugins_install
  node_exec ln -s /usr/lib/cni/tuning /opt/cni/bin/reference
  dual_stack
  pod_add pod
  pod_add other
}

# list PROGRAM JSON [DELEGATE]: flannel's list with tuning, by that program and with these keys.
list() {
  local file=$BATS_TEST_TMPDIR/$1.conflist
  jq -c --arg type "$1" --argjson keys "$2" --argjson delegate "${3-"{}"}" \
    '.plugins[0].delegate += $delegate | .plugins += [{type: $type} + $keys]' >"$file" <<'JSON'
{"name": "cbr0", "cniVersion": "1.0.0", "plugins": [{"type": "flannel", "delegate": {"isDefaultGateway": true}}]}
JSON
  echo "$file"
}

# tuned: what the pod has of all that tuning changes.
tuned() {
  pod_exec pod ip -j link show dev eth0 | jq -c '.[] | [.address, .mtu, .txqlen, (.flags | contains(["PROMISC"])), (.flags | contains(["ALLMULTI"]))]'
  pod_exec pod cat /proc/sys/net/core/somaxconn /proc/sys/net/ipv4/conf/eth0/arp_filter
}

all='{"mac": "02:11:22:33:44:55", "mtu": 1300, "txQLen": 77, "promisc": true, "allmulti": true,
  "sysctl": {"net.core.somaxconn": "777", "net.ipv4.conf.IFNAME.arp_filter": "1"}}'

@test "values, the file of former ones and the result are those of the reference's; DEL gives back" {
  local program id=c1 list before
  for program in reference tuning; do
    list=$(list "$program" "$(jq -c 'del(.txQLen)' <<<"$all")") # which Debian's does not know yet
    cni_pod add pod --net "$list" --id $id --plugin flannel >/dev/null
    before=$(pod_exec pod ip -j link show dev eth0 | jq -c '.[] | [.mtu, .txqlen]')
    cni_pod del pod --net "$list" --id $id
    cni_pod add pod --net "$list" --id $id | jq -c '.interfaces[] | select(.sandbox) | .mac' >"$BATS_TEST_TMPDIR/$program"
    tuned >>"$BATS_TEST_TMPDIR/$program"
    node_exec cat /run/cni/tuning/${id}_eth0.json | sed -E 's/"(0a:58|mac).*"/MAC/' >>"$BATS_TEST_TMPDIR/$program"
    [[ $program = reference ]] || cni_pod check pod --net "$list" --id $id
    cni_pod del pod --net "$list" --id $id --plugin "$program"
    assert_equal "$(pod_exec pod ip -j link show dev eth0 | jq -c '.[] | [.mtu, .txqlen]')" "$before"
    assert_equal "$(pod_exec pod ip -j link show dev eth0 | jq -c '.[].flags | contains(["PROMISC"])')" false
    cni_pod del pod --net "$list" --id $id
    assert_empty "$(leftovers; node_exec ls /run/cni/tuning)" "what is left"
  done
  diff "$BATS_TEST_TMPDIR/reference" "$BATS_TEST_TMPDIR/tuning"
}

@test "a pod with a MAC of tuning's is reached, over both families, on the bridge and routed" {
  local type list
  for type in bridge ptp; do
    list=$(list tuning '{"mac": "02:11:22:33:44:55"}' "{\"type\": \"$type\"}")
    cni_pod add pod --net "$list" >/dev/null
    cni_pod add other --net "$list" --plugin flannel >/dev/null
    pod_exec other ping -c 1 -W 5 "$(pod_address pod 4)" >/dev/null
    pod_exec other ping -c 1 -W 5 "$(pod_address pod 6)" >/dev/null
    pod_exec pod ping -c 1 -W 5 10.244.1.1 >/dev/null
    node_exec ping -c 1 -W 5 "$(pod_address pod 4)" >/dev/null
    cni_pod check pod --net "$list"
    cni_pod del pod --net "$list"
    cni_pod del other --net "$list" --plugin flannel
    assert_empty "$(leftovers)" "what is left"
  done
}

# pod_address POD FAMILY
pod_address() {
  pod_exec "$1" ip -j "-$2" addr show dev eth0 scope global | jq -r '.[].addr_info[].local // empty'
}

@test "the MAC of the bridge or of another pod is refused, a setting that is no pod's too; DEL cleans up" {
  local list taken
  list=$(list tuning '{}')
  cni_pod add other --net "$list" >/dev/null
  for taken in "$(pod_exec other ip -j link show dev eth0 | jq -r .[].address)" "$(node_exec ip -j link show dev cni0 | jq -r .[].address)"; do
    list=$(list tuning "{\"mac\": \"$taken\"}")
    run cni_pod add pod --net "$list"
    assert_error 101 "MAC $taken is that of the"
    cni_pod del pod --net "$list"
  done
  list=$(list tuning '{"sysctl": {"kernel.pid_max": "1000"}}')
  run cni_pod add pod --net "$list"
  assert_error 7 "invalid net sysctl key"
  cni_pod del pod --net "$list"
  pod_exec other ping -c 1 -W 5 10.244.1.1 >/dev/null
}

@test "CHECK finds each value that somebody changed" {
  local list change
  list=$(list tuning "$(jq -c '.sysctl["net.ipv4.ip_local_port_range"] = "2000 60000"' <<<"$all")") # shown with a tab
  cni_pod add pod --net "$list" >/dev/null
  cni_pod check pod --net "$list" --plugin tuning
  for change in 'ip link set eth0 mtu 1299' 'ip link set eth0 promisc off' 'ip link set eth0 txqueuelen 5' \
    'sysctl -q -w net.core.somaxconn=3'; do
    pod_exec pod bash -c "$change"
    run cni_pod check pod --net "$list" --plugin tuning
    assert_error 102 "(MTU|promiscuous|queues|somaxconn)"
  done
  cni_pod del pod --net "$list" --plugin tuning
  assert_equal "$(pod_exec pod ip -j link show dev eth0 | jq .[].txqlen)" 1000
}

@test "GC forgets the former values of containers that are gone, and of no other network's" {
  local list file
  list=$(list tuning "$all")
  cni_pod add pod --net "$list" >/dev/null
  cni_pod add other --net "$list" --plugin flannel >/dev/null
  node_exec bash -c 'mkdir -p /var/lib/cni/results; cd /run/cni/tuning; cp pod_eth0.json gone_eth0.json; cp pod_eth0.json other_eth0.json
    cp pod_eth0.json valid_net_1.json; touch not-ours.json; echo {} >/var/lib/cni/results/elsewhere-kept_1-eth_0; cp pod_eth0.json kept_1_eth_0.json'
  plugin_env tuning CNI_COMMAND=GC CNI_PATH=/opt/cni/bin <<<'{"cniVersion": "1.1.0", "name": "cbr0", "type": "tuning",
    "cni.dev/valid-attachments": [{"containerID": "valid", "ifname": "net_1"}]}'
  assert_equal "$(node_exec ls /run/cni/tuning | xargs)" 'kept_1_eth_0.json not-ours.json other_eth0.json pod_eth0.json valid_net_1.json'
}
