# shellcheck shell=bash
# A Kubernetes API server of the tests' own (kube-api.py) on a host of the cluster, and agents that use it.
# Sourced after cluster.bash. The server is at http://192.168.1.101:6443, its orders at port 6444.

kube_support=$(dirname "$(realpath "${BASH_SOURCE[0]}")")

# kube_start [flag...]: the server on this host, its objects in /run/kube.json, its number in /run/kube.pid.
kube_start() {
  node_exec test -e /run/kube-api.py || node_exec bash -c 'cat >/run/kube-api.py' <"$kube_support/kube-api.py"
  node_spawn kube.log bash -c 'echo $$ >/run/kube.pid; exec "$@"' bash \
    /usr/bin/python3 /run/kube-api.py --listen 192.168.1.101:6443 --control 192.168.1.101:6444 \
    --state /run/kube.json "$@"
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
  node_exec curl -sS --fail --max-time 5 --noproxy '*' -d "$1" http://192.168.1.101:6444/control
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
  node_exec curl -sS --max-time 5 --noproxy '*' http://192.168.1.101:6444/log
}

# net_conf JSON: the network configuration of this host.
net_conf() {
  node_exec bash -c 'mkdir -p /run/kube-flannel && cat >/run/kube-flannel/net-conf.json' <<<"$1"
}

# kube_flanneld NODE [flag...]: the agent of this host, as that Node.
kube_flanneld() {
  local name=$1
  node_exec bash -c 'cat >/run/kubeconfig' <<'EOF'
apiVersion: v1
kind: Config
current-context: test
clusters: [{name: test, cluster: {server: "http://192.168.1.101:6443"}}]
contexts: [{name: test, context: {cluster: test}}]
EOF
  flanneld_spawn env NODE_NAME="$name" "$BIN_DIR/flanneld" --kube-subnet-mgr --kubeconfig-file /run/kubeconfig \
    --net-config-path /run/kube-flannel/net-conf.json "${@:2}"
}
