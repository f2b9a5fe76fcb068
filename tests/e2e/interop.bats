#!/usr/bin/env bats
# Our plugins and the reference ones take over each other's pods, share one directory of leases, and
# work together: flannel-ipam below the reference bridge, macvlan and ptp.

load ../support/assert.bash
load ../support/node.bash
load ../support/cni.bash
load ../support/web.bash

setup() {
  cni_node_start
  rootfs_make
}

teardown() {
  node_stop
}

# The delegate configuration that both implementations of flannel render and keep for DEL:
# rendered IPAM_TYPE [JSON_TO_MERGE].
rendered() {
  jq -cS --arg ipam "$1" '. + {ipam: (.ipam + {type: $ipam})} + $more' --argjson more "${2-"{}"}" <<'JSON'
{"cniVersion": "0.3.1", "name": "cbr0", "type": "bridge", "hairpinMode": true, "ipMasq": false,
 "isDefaultGateway": true, "isGateway": true, "mtu": 1450,
 "ipam": {"ranges": [[{"subnet": "10.244.1.0/24"}]], "routes": [{"dst": "10.244.0.0/16"}]}}
JSON
}

# Attaches a pod as flannel with the reference bridge and host-local does, scratch file included.
reference_add() {
  local conf
  pod_add "$1"
  conf=$(rendered host-local "${2-"{}"}" | conf_write reference.conf)
  node_exec mkdir -p /var/lib/cni/flannel
  node_exec cp "$conf" "/var/lib/cni/flannel/$1"
  cni_pod add "$1" --net "$conf"
}

# Attaches a pod with our flannel.
our_add() {
  pod_add "$1"
  cni_pod add "$1" --net "$(our_conf)"
}

our_conf() {
  conf_write ours.conf <<'JSON'
{"cniVersion": "0.3.1", "name": "cbr0", "type": "flannel",
 "delegate": {"hairpinMode": true, "isDefaultGateway": true}}
JSON
}

# Nothing is left of any pod; cni-run's own cache does not count.
check_nothing_left() {
  node_exec rm -rf /run/cni-run
  assert_empty "$(leftovers)" "what the pod leaves behind"
}

@test "our DEL removes a pod that the reference made" {
  reference_add old
  assert_equal "$(leases cbr0)" 10.244.1.2
  cni_pod del old --net "$(our_conf)"
  check_nothing_left
  assert_empty "$(pod_exec old ip -br link show eth0 2>/dev/null)" "eth0 of the pod"
}

@test "our DEL removes the reference's pod when its namespace is gone" {
  reference_add old
  pod_del old
  cni_pod del old --net "$(our_conf)"
  check_nothing_left
}

@test "our DEL removes the reference's pod and its iptables masquerade" {
  reference_add old '{"ipMasq": true}'
  assert_match "$(node_exec iptables -t nat -S POSTROUTING)" 'CNI-'
  cni_pod del old --net "$(our_conf)"
  check_nothing_left
  assert_equal "$(node_exec iptables -t nat -S | grep -c CNI-)" 0
}

@test "our DEL removes the reference's pod and its iptables masquerade when its namespace is gone" {
  reference_add old '{"ipMasq": true}'
  pod_del old
  cni_pod del old --net "$(our_conf)"
  check_nothing_left
  assert_equal "$(node_exec iptables -t nat -S | grep -c CNI-)" 0
}

# DEL of a pod by the reference flannel: the delegate's DEL with the scratch file, which then goes.
reference_del() {
  node_exec cp "/var/lib/cni/flannel/$1" "$NODE_DIR/scratch.conf"
  assert_json "$(<"$NODE_DIR/scratch.conf")" '.type == "bridge" and .ipam.type == "host-local"'
  cni_pod del "$1" --net "$NODE_DIR/scratch.conf"
  node_exec rm "/var/lib/cni/flannel/$1"
  check_nothing_left
  assert_equal "$(node_exec iptables -t nat -S | grep -c CNI-)" 0
}

@test "the reference's DEL removes a pod of ours" {
  our_add new
  reference_del new
}

@test "the reference's DEL removes a pod of ours and its iptables masquerade" {
  pod_add new
  cni_pod add new --net "$(jq '.delegate.ipMasq = true | .delegate.ipMasqBackend = "iptables"' "$(our_conf)" |
    conf_write masq.conf)"
  assert_match "$(node_exec iptables -t nat -S POSTROUTING)" 'CNI-'
  reference_del new
}

@test "our scratch file has the reference's bytes" {
  our_add new
  assert_equal "$(node_exec cat /var/lib/cni/flannel/new)" "$(rendered host-local)"
  assert_equal "$(node_exec stat -c '%a %s' /var/lib/cni/flannel/new)" "600 $(rendered host-local | tr -d '\n' | wc -c)"
  assert_equal "$(node_exec stat -c %a /var/lib/cni/flannel)" 700
}

@test "pods of both kinds reach each other on one bridge" {
  local old new
  old=$(reference_add old | jq -r '.ips[0].address | sub("/.*"; "")')
  new=$(our_add new | jq -r '.ips[0].address | sub("/.*"; "")')
  assert_equal "$old $new" '10.244.1.2 10.244.1.3'
  web_serve old 80
  web_serve new 80
  assert_equal "$(web_fetch new "http://$old/")" 'hello from a pod'
  assert_equal "$(web_fetch old "http://$new/")" 'hello from a pod'
  cni_pod del old --net "$(our_conf)"
  assert_equal "$(web_fetch node "http://$new/")" 'hello from a pod'
}

# each_pod_serves NAME ADDRESS...: every pod has its address and serves its page there.
each_pod_serves() {
  while (($#)); do
    assert_match "$(pod_exec "$1" ip -o -4 addr show eth0)" "inet $2/24"
    assert_equal "$(web_fetch node "http://$2/")" 'hello from a pod'
    shift 2
  done
}

# ADD as address: the pod's, which serves a page from now on.
serving() {
  local address
  address=$("$1" "$2" | jq -r '.ips[0].address | sub("/.*"; "")')
  web_serve "$2" 80 >&2
  echo "$address"
}

# mtus POD: of cni0, of the pod's port, and of its interface.
mtus() {
  node_exec ip -j link show cni0 | jq '.[0].mtu'
  cni_pod add "$1" --net "$(our_conf)" | jq -r '.interfaces[1].name' >"$NODE_DIR/port"
  node_exec ip -j link show "$(<"$NODE_DIR/port")" | jq '.[0].mtu'
  pod_exec "$1" ip -j link show eth0 | jq '.[0].mtu'
}

@test "in a dual stack pods agree on the reference's larger MTU until its last pod is gone" {
  # The reference reckons with IPv4 between the nodes: 1450. Ours leaves room for IPv6: 1430.
  subnet_env_write FLANNEL_MTU=1430 FLANNEL_IPV6_NETWORK=fd00:10:244::/48 FLANNEL_IPV6_SUBNET=fd00:10:244:1::1/64
  local both='{"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.1.0/24"}], [{"subnet": "fd00:10:244:1::/64"}]]}}'
  reference_add old "$both"
  pod_add new
  assert_equal "$(mtus new | xargs)" "1450 1450 1450"
  pod_exec new ping -c 1 -W 5 -M 'do' -s 1422 10.244.1.2
  pod_exec old ping -c 1 -W 5 -M 'do' -s 1402 fd00:10:244:1::3
  cni_pod del old --net "$(our_conf)"
  pod_add between
  assert_equal "$(mtus between | xargs)" "1450 1450 1450"
  cni_pod del new --net "$(our_conf)"
  cni_pod del between --net "$(our_conf)"
  pod_add last
  assert_equal "$(mtus last | tail -2 | xargs)" "1430 1430"
}

@test "an upgrade in place with running pods, and back: every pod keeps its address" {
  local old1 old2 new1 new2 late valid
  old1=$(serving reference_add old1)
  old2=$(serving reference_add old2)
  # Our plugins from here on.
  new1=$(serving our_add new1)
  new2=$(serving our_add new2)
  assert_equal "$(printf '%s\n' "$old1" "$old2" "$new1" "$new2")" "$(leases cbr0)"
  valid=$(jq -c '.cniVersion = "1.1.0" | ."cni.dev/valid-attachments" =
    [("old1", "old2", "new1", "new2") | {containerID: ., ifname: "eth0"}]' "$(our_conf)")
  node_exec env CNI_COMMAND=GC CNI_PATH=/opt/cni/bin /opt/cni/bin/flannel <<<"$valid"
  each_pod_serves old1 "$old1" old2 "$old2" new1 "$new1" new2 "$new2"
  cni_pod del old1 --net "$(our_conf)"
  assert_equal "$(serving our_add new3)" 10.244.1.6
  # And back: the reference's from here on.
  late=$(serving reference_add late)
  assert_equal "$late" 10.244.1.7
  node_exec cp /var/lib/cni/flannel/new1 "$NODE_DIR/scratch.conf"
  cni_pod del new1 --net "$NODE_DIR/scratch.conf"
  each_pod_serves old2 "$old2" new2 "$new2" new3 10.244.1.6 late "$late"
  assert_equal "$(printf '%s\n' "$old2" "$new2" 10.244.1.6 "$late")" "$(leases cbr0)"
}

# Calls an IPAM plugin as its main plugin would, and prints the address of the result:
# ipam ADD|DEL TYPE ID.
ipam() {
  local result
  result=$(rendered "$2" '{"cniVersion": "1.0.0"}' |
    node_exec env CNI_COMMAND="$1" CNI_CONTAINERID="$3" CNI_NETNS=/unused CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin \
      "/opt/cni/bin/$2") || { fail "$1 by $2 for $3: $result" || return; }
  jq -r '.ips[0].address' <<<"$result"
}

@test "host-local and flannel-ipam share a directory and its rotation" {
  assert_equal "$(ipam ADD host-local a)" 10.244.1.2/24
  assert_equal "$(ipam ADD flannel-ipam b)" 10.244.1.3/24
  assert_equal "$(ipam ADD host-local c)" 10.244.1.4/24
  ipam DEL flannel-ipam a
  ipam DEL host-local b
  assert_equal "$(ipam ADD flannel-ipam d)" 10.244.1.5/24
  assert_equal "$(ipam ADD host-local e)" 10.244.1.6/24
  assert_equal "$(leases)" "$(printf '10.244.1.%s\n' 4 5 6)"
  run ipam ADD flannel-ipam c
  [[ $status -ne 0 ]]
}

@test "a lease has the same bytes from both" {
  ipam ADD host-local a
  ipam ADD flannel-ipam b
  cd "$(mktemp -d -p "$NODE_DIR")"
  node_exec tar -C /var/lib/cni/networks/cbr0 -c . | tar -x
  assert_equal "$(sed s/b/a/ 10.244.1.3 | sha256sum)" "$(sha256sum <10.244.1.2)"
  assert_equal "$(od -An -c last_reserved_ip.0 | tr -d ' ')" 10.244.1.3
}

# Runs `ipam VERB` for containers ref1.. with the type $2 and our1.. with the type $3, 20 each and ten
# at once, addresses going to files of the containers' names.
ipam_storm() {
  local i jobs=()
  for i in {1..20}; do
    ipam "$1" "$2" "ref$i" >"$NODE_DIR/ref$i" & jobs+=($!)
    ipam "$1" "$3" "our$i" >"$NODE_DIR/our$i" & jobs+=($!)
    if ((i % 5 == 0)); then wait "${jobs[@]}" && jobs=(); fi
  done
}

@test "host-local and flannel-ipam at once give no address twice" {
  ipam_storm ADD host-local flannel-ipam
  assert_equal "$(cat "$NODE_DIR"/{ref,our}{1..20} | sort -u | wc -l)" 40
  assert_equal "$(leases | wc -l)" 40
  ipam_storm DEL flannel-ipam host-local
  assert_empty "$(leases)" leases
}

# ADD, CHECK and DEL of two pods by a reference main plugin above flannel-ipam, and a page from one to the
# other: with_main TYPE JSON_TO_MERGE.
with_main() {
  local conf one two
  conf=$(rendered flannel-ipam "$2" | jq --arg type "$1" '. + {type: $type, cniVersion: "1.0.0"}
    | .ipam.routes[0].gw = "10.244.1.1"' | conf_write main.conf) # CHECK of version 1.1.1 wants a gw
  pod_add one
  pod_add two
  one=$(cni_pod add one --net "$conf" | jq -r '.ips[0].address')
  two=$(cni_pod add two --net "$conf" | jq -r '.ips[0].address')
  assert_equal "$one $two" '10.244.1.2/24 10.244.1.3/24'
  web_serve two 80
  assert_equal "$(web_fetch one "http://${two%/*}/")" 'hello from a pod'
  cni_pod check one --net "$conf"
  cni_pod del one --net "$conf"
  assert_equal "$(leases)" 10.244.1.3
  cni_pod del two --net "$conf"
  check_nothing_left
}

@test "the reference bridge takes addresses from flannel-ipam" {
  with_main bridge '{}'
}

@test "the reference macvlan takes addresses from flannel-ipam" {
  node_exec ip link add parent type bridge
  node_exec ip link set parent up
  with_main macvlan '{"master": "parent", "mode": "bridge"}'
}

@test "the reference ptp takes addresses from flannel-ipam" {
  with_main ptp '{}'
}

@test "flannel delegates to the reference macvlan, which takes addresses from flannel-ipam" {
  local conf
  node_exec ip link add parent type bridge
  node_exec ip link set parent up
  conf=$(jq '.delegate = {type: "macvlan", master: "parent"}' "$(our_conf)" | conf_write macvlan.conf)
  pod_add one
  assert_json "$(cni_pod add one --net "$conf")" '.ips[0].address == "10.244.1.2/24"'
  assert_match "$(pod_exec one ip -d link show eth0)" 'macvlan'
  cni_pod del one --net "$conf"
  check_nothing_left
}
