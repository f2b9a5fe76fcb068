# shellcheck shell=bash
# One call of a plugin in a node (node.bash), with exactly the environment that the test names: what
# scripts/cni-run would not let through can be sent too.

# plugin_env PLUGIN NAME=VALUE...: runs a plugin with only those variables, stdin passed on.
plugin_env() {
  local plugin=$1
  shift
  node_exec env -i "$@" "/opt/cni/bin/$plugin"
}

# flannel VERB ID POD|PATH CONFIG [IFNAME] [NAME=VALUE...]: a call as a runtime makes it. POD is the
# name of a pod_add namespace; a path or an empty word is passed as it is.
flannel() {
  local verb=$1 id=$2 netns=$3 config=$4 ifname=${5:-eth0}
  shift $(($# < 5 ? $# : 5))
  [[ -z $netns || $netns == /* ]] || netns=/run/netns/$netns
  plugin_env flannel "CNI_COMMAND=$verb" "CNI_CONTAINERID=$id" "CNI_NETNS=$netns" "CNI_IFNAME=$ifname" \
    "CNI_PATH=${PLUGIN_PATH-/opt/cni/bin}" "$@" <<<"$config"
}

# add_at_once COUNT: as many ADDs at the same time, for containers c1, c2, … in new namespaces p1, p2, ….
# Prints the answers of those that fail; each answer is in the node's /run/out.N.
add_at_once() {
  # shellcheck disable=SC2016 # expanded in the node
  NODE_TIMEOUT=120 node_exec env "CONF=$(conf)" bash -c '
    for ((i = 1; i <= $1; i++)); do ip netns add "p$i"; done
    for ((i = 1; i <= $1; i++)); do
      (CNI_COMMAND=ADD CNI_CONTAINERID=c$i CNI_NETNS=/run/netns/p$i CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin \
        /opt/cni/bin/flannel <<<"$CONF" >"/run/out.$i" || echo "$i: $(cat "/run/out.$i")") &
    done
    wait' bash "$1"
}

# The configuration that most tests use: conf [JSON_TO_MERGE], keys of `delegate` merged too.
conf() {
  jq -c --argjson more "${1-"{}"}" '. * $more' <<'JSON'
{"name": "cbr0", "cniVersion": "1.1.0", "type": "flannel",
 "delegate": {"hairpinMode": true, "isDefaultGateway": true}}
JSON
}

# with_result CONFIG RESULT: the configuration as a runtime sends it for CHECK and DEL.
with_result() {
  jq -c --argjson result "$2" '. + {prevResult: $result}' <<<"$1"
}

# assert_error CODE REGEX: the last `run` failed with that code and its msg or details match.
assert_error() {
  [[ $status -eq 1 ]] || fail "status $status, wanted 1: $output"
  assert_json "$output" ".code == $1"
  assert_json "$output" 'has("cniVersion") and (.msg | length > 0)'
  assert_match "$(jq -r '.msg + "; " + (.details // "")' <<<"$output")" "$2"
}

# Everything in the node that an attachment could leave, for comparing before and after.
node_state() {
  node_exec bash -c 'ip -o link show | cut -d" " -f2; find /var/lib/cni -type f ! -name lock ! -name "last_reserved_ip.*"
    nft list ruleset 2>/dev/null | grep -c "comment.*id:"; iptables-save -t nat 2>/dev/null | grep CNI-' || true
}
