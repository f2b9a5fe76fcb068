# A node as Go flanneld 0.28 makes it, by hand, beside one of ours: device, routes, MTU and lease are what its backends write;
# what it does with our lease is what they do.
# bats file_tags=vm

load ../support/flanneld_test.bash
load ../support/matrix.bash

setup() {
  cluster_start
  host_with_plugins a 192.168.1.10/24
  host_add go 192.168.1.30/24
  on go node_exec ip link add cni0 type bridge
  on go node_exec ip addr add 10.5.250.1/24 dev cni0 # its pods stand behind this address
  on go node_exec ip link set cni0 up
}

# our_node BACKEND: the agent on a and the pod web there; sets LEASE to the file of its lease, SUBNET to its subnet.
our_node() {
  network_config "{\"Network\": \"10.5.0.0/16\", \"EnableNFTables\": true, \"Backend\": {\"Type\": \"$1\"}}"
  agent_start a --ip-masq
  WEB=$(on a pod_run web)
  SUBNET=$(on a subnet_of).0/24
  LEASE=$NODE_DIR/leases/subnets/${SUBNET/\//-}
}

# reach_each_other MTU: full packets of the smaller MTU in both directions, unbroken.
reach_each_other() {
  on a pod_exec web ping -q -c 1 -W 5 -M 'do' -s $(($1 - 28)) 10.5.250.1
  on go node_exec ping -q -c 1 -W 5 -M 'do' -s $(($1 - 28)) -I 10.5.250.1 "$WEB"
}

@test "wireguard: a node by hand as Go flanneld's, also an old one that tells no port" {
  local key data
  our_node wireguard
  key=$(wg genkey)
  on go node_exec bash -euc 'ip link add flannel-wg mtu 1420 type wireguard
    wg set flannel-wg listen-port 51820 private-key <(echo "$1")
    ip addr add 10.5.250.0/32 dev flannel-wg
    ip link set flannel-wg up
    ip route add 10.5.0.0/16 dev flannel-wg
    wg set flannel-wg peer "$2" endpoint "$3" allowed-ips "$4"' bash "$key" \
    "$(jq -r .BackendData.PublicKey "$LEASE")" "$(jq -r '"\(.PublicIP):\(.BackendData.Port)"' "$LEASE")" "$SUBNET"
  for data in "{\"PublicKey\":\"$(wg pubkey <<<"$key")\",\"Port\":51820}" "{\"PublicKey\":\"$(wg pubkey <<<"$key")\"}"; do
    lease_put 10.5.250.0-24 '{"PublicIP":"192.168.1.30","PublicIPv6":null,"BackendType":"wireguard","BackendData":'"$data"'}'
    wait_until 5 peers_are a 1
    reach_each_other 1420
    rm "$NODE_DIR/leases/subnets/10.5.250.0-24"
    wait_until 5 peers_are a 0
  done
  assert_empty "$(on a node_exec wg show flannel-wg peers)" "peers that have no lease"
}

@test "ipip: a node by hand as Go flanneld's" {
  our_node ipip
  on go node_exec bash -euc 'ip link add flannel.ipip mtu 1480 type ipip mode any local 192.168.1.30
    ip addr add 10.5.250.0/32 dev flannel.ipip
    ip link set flannel.ipip up
    ip route add "$2" via "$1" dev flannel.ipip onlink' bash "$(jq -r .PublicIP "$LEASE")" "$SUBNET"
  assert_equal "$(<"$LEASE")" '{"PublicIP":"192.168.1.10","PublicIPv6":null,"BackendType":"ipip"}'
  lease_put 10.5.250.0-24 "{\"PublicIP\":\"192.168.1.30\",\"PublicIPv6\":null,\"BackendType\":\"ipip\"}"
  wait_until 5 peers_are a 1
  reach_each_other 1480
}
