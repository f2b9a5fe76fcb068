# shellcheck shell=bash
# A Kubernetes API server of the tests' own (kube-api.py) on a host of the cluster, and agents that use it.
# Sourced after cluster.bash. The server is at http://192.168.1.101:6443, its orders at port 6444.

kube_support=$(dirname "$(realpath "${BASH_SOURCE[0]}")")

# kube_start [flag...]: the server on this host, its objects in $KUBE_STATE, its number in /run/kube.pid.
KUBE_STATE=/run/kube.json
kube_start() {
  node_exec test -e /run/kube-api.py || node_exec bash -c 'cat >/run/kube-api.py' <"$kube_support/kube-api.py"
  node_spawn kube.log bash -c 'echo $$ >/run/kube.pid; exec "$@"' bash \
    /usr/bin/python3 /run/kube-api.py --listen 192.168.1.101:6443 --control 192.168.1.101:6444 \
    --state "$KUBE_STATE" "$@"
  wait_until 20 kube_answers
}

kube_answers() {
  kube_order '{"order": "nothing"}' >/dev/null 2>&1
}

# kube_stop [SIGNAL]: ends the server, at once by default.
kube_stop() {
  node_exec bash -c 'kill "-$1" "$(cat /run/kube.pid)"' bash "${1:-KILL}"
  wait_until 10 kube_is_gone
}

kube_is_gone() {
  ! kube_answers
}

# kube_order JSON: tells the server what other clients do, or what is to go wrong; prints its answer.
kube_order() {
  node_exec curl -sS --fail --max-time "$(patience 5)" --noproxy '*' -d "$1" http://192.168.1.101:6444/control
}

# kube_node NAME CIDR[,CIDR...] ADDRESS[,ADDRESS...] [ANNOTATIONS]: registers a Node.
kube_node() {
  kube_order "$(jq -cn --arg name "$1" --arg cidrs "$2" --arg address "$3" --argjson annotations "${4:-null}" \
    '{order: "node", $name, cidrs: ($cidrs | split(",") | map(select(. != ""))), $address, $annotations}')"
}

# kube_annotate NAME JSON: sets annotations of flannel's, null removes one: kube_annotate a '{"public-ip": null}'
kube_annotate() {
  kube_order "$(jq -cn --arg name "$1" --argjson all "$2" '{order: "patch", $name, patch: {metadata: {annotations:
    ($all | with_entries(.key |= "flannel.alpha.coreos.com/" + .))}}}')"
}

# kube_annotation NAME SUFFIX: prints it; nothing if there is none.
kube_annotation() {
  kube_order "$(jq -cn --arg name "$1" '{order: "get", $name}')" |
    jq -r --arg key "flannel.alpha.coreos.com/$2" '.metadata.annotations[$key] // empty'
}

# kube_patches [NAME]: the bodies of the patches that were made, one a line, those of a Node's agent.
kube_patches() {
  kube_order '{"order": "patches"}' | jq -r --arg name "${1-}" '.[] | select($name == "" or .name == $name) | .body'
}

# kube_log: the requests that were made.
kube_log() {
  node_exec curl -sS --max-time "$(patience 5)" --noproxy '*' http://192.168.1.101:6444/log
}

# net_conf JSON: the network configuration of this host.
net_conf() {
  node_exec bash -c 'mkdir -p /run/kube-flannel && cat >/run/kube-flannel/net-conf.json' <<<"$1"
}

# kube_leases: a line "SUBNET PUBLIC_IP MAC" for each Node that a flanneld manages, for settles.
kube_leases() {
  kube_order '{"order": "nodes"}' | jq -r '.[] | .spec.podCIDR as $cidr | .metadata.annotations |
    with_entries(.key |= sub("^flannel.alpha.coreos.com/"; "")) |
    select(."kube-subnet-manager" == "true" and $cidr) |
    "\($cidr) \(."public-ip") \(."backend-data" | fromjson.VtepMAC)"'
}

# kube_flanneld NODE [flag...]: the agent of this host, as that Node.
kube_flanneld() {
  local NODE_NAME=$1
  export NODE_NAME
  kube_config
  flanneld_start "${KUBE_FLAGS[@]}" "${@:2}"
}

# kube_hosts: a cluster of the hosts a and b, with plugins, whose leases are the Nodes of a server on m1.
kube_hosts() {
  cluster_start
  host_with_plugins a 192.168.1.10/24
  host_with_plugins b 192.168.1.20/24
  host_add m1 192.168.1.101/24
  on m1 kube_start
}

KUBE_VXLAN='{"Network": "10.244.0.0/16", "EnableNFTables": true, "Backend": {"Type": "vxlan"}}'

# kube_nodes [JSON]: the Nodes a and b, with a network configuration for both.
kube_nodes() {
  local host
  for host in a b; do on "$host" net_conf "${1:-$KUBE_VXLAN}"; done
  on m1 kube_node a 10.244.1.0/24 192.168.1.10 >/dev/null
  on m1 kube_node b 10.244.2.0/24 192.168.1.20 >/dev/null
}

# What an agent needs for kube_config's kubeconfig and net_conf's configuration, beside NODE_NAME.
KUBE_FLAGS=(--kube-subnet-mgr --kubeconfig-file /run/kubeconfig --net-config-path /run/kube-flannel/net-conf.json)

# kube_config: a kubeconfig on this host, in /run/kubeconfig.
kube_config() {
  node_exec bash -c 'cat >/run/kubeconfig' <<'EOF'
apiVersion: v1
kind: Config
current-context: test
clusters: [{name: test, cluster: {server: "http://192.168.1.101:6443"}}]
contexts: [{name: test, context: {cluster: test}}]
EOF
}
