# Host ports and limits that flannel serves itself: one process for what otherwise takes three plugins.

load ../support/flannel_test.bash

setup() {
  cni_node_start host-local # and none of the plugins that would stand behind
  pod_add pod
}

# all [JSON]: the configuration of a pod that asks for both.
all() {
  conf "$(jq -c --argjson more "${1-"{}"}" '{capabilities: {portMappings: true, bandwidth: true},
    runtimeConfig: {portMappings: [{hostPort: 8080, containerPort: 80, protocol: "tcp"}],
      bandwidth: {ingressRate: 80000000, ingressBurst: 8000000, egressRate: 80000000, egressBurst: 8000000}}} * $more' <<<'{}')"
}

# left: what there is of host ports and limits.
left() {
  node_exec bash -c '{ nft list table ip cni_hostport 2>/dev/null | grep "comment \"c"; ip -o link | grep -o "bwp[0-9a-f]*"; } || true'
}

@test "a pod gets its host port and its limits by one call, CHECK and DEL know of both" {
  local result before
  pod_add other # the first makes the bridge
  flannel ADD c0 other "$(conf)" >/dev/null
  before=$(node_state)
  result=$(flannel ADD c1 pod "$(all)")
  assert_json "$result" '.interfaces[-1].name | startswith("bwp")'
  assert_json "$result" '.interfaces[-2].name == "eth0"'
  rootfs_make
  web_serve pod 80
  assert_match "$(web_fetch node http://10.244.1.1:8080/)" "hello from a pod"
  assert_match "$(node_exec tc qdisc show)" "tbf .* rate 80Mbit"
  flannel CHECK c1 pod "$(with_result "$(all)" "$result")"
  node_exec nft flush chain ip cni_hostport hostports
  run flannel CHECK c1 pod "$(with_result "$(all)" "$result")"
  assert_error 102 "0 of the pod's 1 host ports"
  flannel DEL c1 pod "$(conf)" # of a runtime that says nothing of them
  assert_empty "$(left)" "host ports and limits"
  assert_equal "$(node_state)" "$before"
}

@test "when the host port is another pod's, nothing of the pod stays" {
  pod_add other
  flannel ADD c1 pod "$(all)" >/dev/null
  local before
  before=$(node_state; left)
  run flannel ADD c2 other "$(all)"
  assert_error 101 "tcp port 8080 of the node leads to container 'c1' already"
  assert_equal "$(node_state; left)" "$before"
  flannel DEL c1 pod "$(all)"
  flannel ADD c2 other "$(all)" >/dev/null
}

@test "GC takes both from pods that are gone, whose namespace died or whose files were lost" {
  pod_add other
  flannel ADD c1 pod "$(all)" >/dev/null
  flannel ADD c2 other "$(all '{"runtimeConfig": {"portMappings": [{"hostPort": 8081, "containerPort": 80}]}}')" >/dev/null
  pod_del pod
  flannel GC "" "" "$(all '{"cni.dev/valid-attachments": [{"containerID": "c2", "ifname": "eth0"}]}')"
  assert_equal "$(left | grep -c bwp)" 1
  assert_match "$(left)" '8081'
  assert_empty "$(left | grep -e 8080 -e '"c1"')" "of the dead pod"
  node_exec rm -r /var/lib/cni/flannel
  pod_del other
  flannel GC "" "" "$(all '{"cni.dev/valid-attachments": []}')"
  assert_empty "$(left)" "host ports and limits"
}

@test "what cannot be is refused before anything is made" {
  local before
  before=$(node_state)
  run flannel ADD c1 pod "$(all '{"runtimeConfig": {"portMappings": [{"hostPort": 70000, "containerPort": 80}]}}')"
  assert_error 7 "Invalid host port number: 70000"
  run flannel ADD c1 pod "$(all '{"runtimeConfig": {"bandwidth": {"ingressBurst": 0}}}')"
  assert_error 7 "if rate is set, burst must also be set"
  assert_equal "$(node_state)" "$before"
  flannel STATUS "" "" "$(all)"
}

@test "DEL lets the kernel free the rules while both links go, each by a thread of its own" {
  if is_sanitized; then skip "AddressSanitizer's runtime does not run under strace"; fi
  flannel ADD c1 pod "$(all)" >/dev/null
  node_exec env CNI_COMMAND=DEL CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/pod CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin \
    strace -f -qq -e trace=socket,sendto,close -o "$NODE_DIR/trace" /opt/cni/bin/flannel <<<"$(all)"
  # The kernel waits when the first socket of netfilter is closed, and before it answers to the removal of a link.
  assert_equal "$(awk '/NETLINK_NETFILTER/ { asked[$1] = 1 }
    /socket/ && asked[$1] && !nft && $NF ~ /^[0-9]+$/ { nft = $NF }
    /RTM_DELLINK/ { print "link" }
    nft && $0 ~ "close\\(" nft "[ )]" { print "rules"; nft = "none" }' "$NODE_DIR/trace" | xargs)" "link link rules"
  assert_equal "$(awk '/RTM_DELLINK/ { print $1 }' "$NODE_DIR/trace" | sort -u | wc -l)" 2
}
