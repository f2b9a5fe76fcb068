# flanneld with Kubernetes' Nodes as leases: what it publishes, what it follows, and what it waits for.

load ../support/flanneld_test.bash
load ../support/kube.bash

setup() {
  kube_hosts
}

# agents [flag...]: flanneld on a and b, each reaching the other.
agents() {
  local host
  for host in a b; do on "$host" kube_flanneld "$host" --ip-masq "$@"; done
  for host in a b; do on "$host" flanneld_wait_ready; done
  wait_until 5 peers_are a "${ROUTES:-1}"
  wait_until 5 peers_are b "${ROUTES:-1}"
}

fdb_has() {
  [[ $(on a node_exec bridge fdb show dev flannel.1) == *"$1 dst $2 self permanent"* ]]
}

route_is_gone() {
  [[ -z $(on a node_exec ip route show "$1") ]]
}

route_is_there() {
  [[ -n $(on a node_exec ip route show "$1") ]]
}

# waits_for HOST REGEX: true when /readyz says so.
waits_for() {
  [[ $(on "$1" status_get /readyz) =~ $2 ]]
}

# condition_of NODE: status and reason of NetworkUnavailable.
condition_of() {
  on m1 kube_order "$(jq -cn --arg name "$1" '{order: "get", $name}')" |
    jq -r '.status.conditions[] | select(.type == "NetworkUnavailable") | .status + " " + .reason'
}

condition_is() {
  [[ $(condition_of "$1") == "$2" ]]
}

annotation_is() {
  [[ $(on m1 kube_annotation "$1" "$2") == "$3" ]]
}

# A peer of Go flanneld: peer NAME SUBNET ADDRESS MAC.
peer() {
  on m1 kube_node "$1" "$2" "$3" "$(jq -cn --arg ip "$3" --arg mac "$4" '{
    "flannel.alpha.coreos.com/kube-subnet-manager": "true", "flannel.alpha.coreos.com/backend-type": "vxlan",
    "flannel.alpha.coreos.com/public-ip": $ip,
    "flannel.alpha.coreos.com/backend-data": "{\"VNI\":1,\"VtepMAC\":\"\($mac)\"}"}')" >/dev/null
}

@test "kube: Nodes are leases, pods reach each other, and the patches are Go flanneld's byte for byte" {
  kube_nodes
  agents
  assert_equal "$(on a subnet_of)" 10.244.1
  local web host
  web=$(on a pod_run web)
  on b pod_run client
  reaches b client "$web"
  local mac
  mac=$(on a mac_of flannel.1)
  assert_equal "$(on m1 kube_patches a | head -n 1)" \
    '{"metadata":{"annotations":{"flannel.alpha.coreos.com/backend-data":"{\"VNI\":1,\"VtepMAC\":\"'"$mac"'\"}","flannel.alpha.coreos.com/backend-type":"vxlan","flannel.alpha.coreos.com/kube-subnet-manager":"true","flannel.alpha.coreos.com/public-ip":"192.168.1.10"}}}'
  for host in a b; do wait_until 5 condition_is "$host" "False FlannelIsUp"; done
  assert_match "$(on m1 kube_patches a | tail -n 1)" \
    '^\{"status":\{"conditions":\[\{"type":"NetworkUnavailable","status":"False","lastHeartbeatTime":"[-0-9T:]+Z","lastTransitionTime":"[-0-9T:]+Z","reason":"FlannelIsUp","message":"Flannel is running on this node"\}\]\}\}$'
  assert_match "$(on m1 kube_log)" 'watch .*allowWatchBookmarks=true&resourceVersion=[0-9]+&timeoutSeconds=[345][0-9]+&watch=true \[flanneld/'

  assert_match "$(NODE_NAME=a on a node_exec "$BIN_DIR/flanneld" status --cluster)" "Kubernetes.*10.244.2.0/24 +192.168.1.20 +vxlan"
  assert_match "$(on a node_exec "$BIN_DIR/flanneld" doctor)" "Kubernetes.*http://192.168.1.101:6443 accepts connections"

  # A new start finds all as it should be, and writes nothing.
  local patches
  patches=$(on m1 kube_patches | wc -l)
  on a flanneld_stop
  on a kube_flanneld a --ip-masq
  on a flanneld_wait_ready
  assert_equal "$(on m1 kube_patches | wc -l)" "$patches"
  reaches b client "$web"
}

@test "kube: a node that is taken over keeps its published MAC, also when its device is gone" {
  kube_nodes
  on m1 kube_annotate a '{"backend-type": "vxlan", "backend-data": "{\"VNI\":1,\"VtepMAC\":\"12:c6:65:89:b4:e3\"}",
    "backend-v6-data": "{\"VNI\":1,\"VtepMAC\":\"12:c6:65:89:b4:e4\"}", "public-ipv6": "fd00::1"}'
  agents
  assert_equal "$(on a mac_of flannel.1)" 12:c6:65:89:b4:e3
  assert_equal "$(on m1 kube_patches a | head -n 1)" \
    '{"metadata":{"annotations":{"flannel.alpha.coreos.com/backend-v6-data":null,"flannel.alpha.coreos.com/kube-subnet-manager":"true","flannel.alpha.coreos.com/public-ip":"192.168.1.10","flannel.alpha.coreos.com/public-ipv6":null}}}'
}

@test "kube: peers of Go flanneld come, change, are made anew and go; a removed marker counts" {
  kube_nodes
  agents
  peer c 10.244.3.0/24 192.168.1.30 c6:d2:32:6f:8f:44
  wait_until 2 fdb_has c6:d2:32:6f:8f:44 192.168.1.30
  on m1 kube_annotate c '{"public-ip": "192.168.1.31", "backend-data": "{\"VNI\":1,\"VtepMAC\":\"c6:d2:32:6f:8f:45\"}"}'
  wait_until 2 fdb_has c6:d2:32:6f:8f:45 192.168.1.31
  wait_until 2 eval '! fdb_has c6:d2:32:6f:8f:44 192.168.1.30'
  on m1 kube_annotate c '{"kube-subnet-manager": null}'
  wait_until 2 route_is_gone 10.244.3.0/24
  on m1 kube_annotate c '{"kube-subnet-manager": "true"}'
  wait_until 2 route_is_there 10.244.3.0/24
  on m1 kube_order '{"order": "delete", "name": "c"}'
  peer c 10.244.4.0/24 192.168.1.31 c6:d2:32:6f:8f:45
  wait_until 2 route_is_there 10.244.4.0/24
  route_is_gone 10.244.3.0/24
  # Each Node's podCIDR may have another length.
  peer e 10.244.64.0/20 192.168.1.33 c6:d2:32:6f:8f:47
  wait_until 2 route_is_there 10.244.64.0/20
  # Annotations that come before the podCIDR.
  peer d "" 192.168.1.32 c6:d2:32:6f:8f:46
  on m1 kube_order '{"order": "patch", "name": "d", "patch": {"spec": {"podCIDR": "10.244.5.0/24", "podCIDRs": ["10.244.5.0/24"]}}}'
  wait_until 2 route_is_there 10.244.5.0/24
  on m1 kube_order '{"order": "delete", "name": "d"}'
  wait_until 2 route_is_gone 10.244.5.0/24
}

@test "kube: host-gw and dual stack" {
  local host
  on a node_exec ip addr add fd00:1::10/64 dev eth0 nodad
  on b node_exec ip addr add fd00:1::20/64 dev eth0 nodad
  for host in a b; do
    on "$host" net_conf '{"Network": "10.244.0.0/16", "EnableIPv6": true, "IPv6Network": "fd00:244::/56", "Backend": {"Type": "host-gw"}}'
  done
  on m1 kube_node a 10.244.1.0/24,fd00:244:0:1::/64 192.168.1.10,fd00:1::10
  on m1 kube_node b 10.244.2.0/24,fd00:244:0:2::/64 192.168.1.20,fd00:1::20
  ROUTES=2 agents
  assert_equal "$(on m1 kube_patches a | head -n 1)" \
    '{"metadata":{"annotations":{"flannel.alpha.coreos.com/backend-data":"null","flannel.alpha.coreos.com/backend-type":"host-gw","flannel.alpha.coreos.com/backend-v6-data":"null","flannel.alpha.coreos.com/kube-subnet-manager":"true","flannel.alpha.coreos.com/public-ip":"192.168.1.10","flannel.alpha.coreos.com/public-ipv6":"fd00:1::10"}}}'
  assert_match "$(on a node_exec ip route show 10.244.2.0/24)" "via 192.168.1.20 dev eth0"
  assert_match "$(on a node_exec ip -6 route show fd00:244:0:2::/64)" "via fd00:1::20 dev eth0"
}

@test "kube: a node without saved leases that changes its backend reaches those that have not" {
  kube_nodes '{"Network": "10.244.0.0/16", "Backend": {"Type": "vxlan", "VNI": 7, "Port": 4789}}'
  agents --state-file ''
  local web
  web=$(on a pod_run web)
  on b pod_run client
  wait_until 3 reaches b client "$web"
  on a flanneld_stop
  on a net_conf '{"Network": "10.244.0.0/16", "Backend": {"Type": "host-gw"}}'
  on a kube_flanneld a --ip-masq --state-file ''
  on a flanneld_wait_ready
  reaches b client "$web"
  on b flanneld_stop
  on b net_conf '{"Network": "10.244.0.0/16", "Backend": {"Type": "host-gw"}}'
  on b kube_flanneld b --ip-masq --state-file ''
  on b flanneld_wait_ready
  reaches b client "$web"
  assert_match "$(on a node_exec ip route show 10.244.2.0/24)" "via 192.168.1.20 dev eth0"
}

@test "kube: wireguard, whose key and port are published in Go flanneld's order" {
  kube_nodes '{"Network": "10.244.0.0/16", "Backend": {"Type": "wireguard"}}'
  agents
  assert_match "$(on m1 kube_annotation a backend-data)" '^\{"PublicKey":"[A-Za-z0-9+/]{43}=","Port":51820\}$'
  local web
  web=$(on a pod_run web)
  on b pod_run client
  wait_until 3 reaches b client "$web"
}

@test "kube: what somebody changes in the own Node is written again, and the Node may be made anew" {
  kube_nodes
  agents
  on m1 kube_annotate a '{"public-ip": "6.6.6.6", "kube-subnet-manager": null}'
  wait_until 3 annotation_is a public-ip 192.168.1.10
  annotation_is a kube-subnet-manager true
  on m1 kube_annotate a '{"public-ip-overwrite": "203.0.113.1"}'
  wait_until 3 annotation_is a public-ip 203.0.113.1
  on m1 kube_annotate a '{"public-ip-overwrite": null, "node-public-ip": "203.0.113.2"}'
  wait_until 8 annotation_is a public-ip 203.0.113.2
  on m1 kube_order '{"order": "delete", "name": "a"}'
  wait_until 3 waits_for a "there is no Node 'a'"
  route_is_there 10.244.2.0/24
  on m1 kube_node a 10.244.1.0/24 192.168.1.10
  wait_until 3 annotation_is a public-ip 192.168.1.10
  wait_until 3 condition_is a "False FlannelIsUp"
  wait_until 3 waits_for a "^flanneld is ready"
}

@test "kube: the condition is set again when a controller sets it back" {
  kube_nodes
  agents
  wait_until 3 condition_is a "False FlannelIsUp"
  on m1 kube_order '{"order": "patch", "name": "a", "patch": {"status": {"conditions": [{"type": "NetworkUnavailable", "status": "True", "reason": "NoRouteCreated"}]}}}'
  wait_until 8 condition_is a "False FlannelIsUp"
}

@test "kube: it waits for API server, Node, podCIDR and rights, and says for which" {
  local host
  for host in a b; do on "$host" net_conf "$KUBE_VXLAN"; done
  on m1 kube_stop
  on a kube_flanneld a --healthz-port 8081
  wait_until 5 waits_for a "http://192.168.1.101:6443: .*(refused|connect)"
  on a node_exec curl -sS --fail --noproxy '*' http://127.0.0.1:8081/healthz
  on m1 kube_start
  on m1 kube_order '{"order": "wrong", "forbid": ["list"]}'
  on m1 kube_order '{"order": "forget"}'
  on m1 kube_order '{"order": "end_watches"}'
  wait_until 5 waits_for a 'ClusterRole of this agent must allow nodes: list'
  on m1 kube_order '{"order": "wrong"}'
  wait_until 15 waits_for a "there is no Node 'a'"
  on m1 kube_node a 10.99.1.0/24 192.168.1.10
  wait_until 3 waits_for a "the podCIDR 10.99.1.0/24 of the Node 'a' is not within the network 10.244.0.0/16"
  assert_empty "$(on m1 kube_patches)" patches
  on m1 kube_node a "" 192.168.1.10
  wait_until 3 waits_for a "the Node 'a' has no podCIDR: .*--allocate-node-cidrs=true and --cluster-cidr=10.244.0.0/16"
  on m1 kube_order '{"order": "wrong", "forbid": ["patch"]}'
  on m1 kube_order '{"order": "patch", "name": "a", "patch": {"spec": {"podCIDR": "10.244.1.0/24", "podCIDRs": ["10.244.1.0/24"]}}}'
  wait_until 5 waits_for a 'must allow nodes/status: patch'
  on m1 kube_order '{"order": "wrong"}'
  on a flanneld_wait_ready
}

@test "kube: the node's name comes from its pod, as the stock manifest has it" {
  kube_nodes
  on m1 kube_order '{"order": "pod", "name": "kube-flannel-ds-x", "node": "a"}'
  on a kube_config
  on a flanneld_spawn env POD_NAME=kube-flannel-ds-x POD_NAMESPACE=kube-flannel "$BIN_DIR/flanneld" "${KUBE_FLAGS[@]}"
  on a flanneld_wait_ready
  assert_match "$(on m1 kube_log)" "get /api/v1/namespaces/kube-flannel/pods/kube-flannel-ds-x"
}

@test "kube: the uplink is the interface with the Node's InternalIP, not that of the default route" {
  kube_nodes
  on a node_exec ip link add lan2 type veth peer name lan2-end
  on a node_exec ip addr add 192.168.77.1/24 dev lan2
  on a node_exec ip link set lan2 up
  on a node_exec ip link set lan2-end up
  on a node_exec ip route replace default via 192.168.77.9
  agents
  assert_match "$(on a node_exec cat /run/flanneld.log)" "external interface 'eth0' 192.168.1.10.*by the Node's address 192.168.1.10"
}

@test "kube: the guide's line for kubectl shows the machine id of each Node" {
  command -v kubectl >/dev/null || skip "no kubectl"
  local words host
  kube_nodes
  for host in a b; do
    on m1 kube_order "$(jq -cn --arg name "$host" \
      '{order: "patch", $name, patch: {status: {nodeInfo: {machineID: "id of \($name)"}}}}')" >/dev/null
  done
  read -ra words < <(grep -o 'kubectl get nodes -o [^`]*' "$repo/flanneld/GUIDE.md")
  assert_equal "$(on m1 node_exec "${words[@]}" --server http://192.168.1.101:6443 --cache-dir /run/kubectl)" \
    "$(printf '%s\n' 'NODE   ID' 'a      id of a' 'b      id of b')"
}
