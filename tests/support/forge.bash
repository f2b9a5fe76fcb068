# shellcheck shell=bash
# What a hostile pod may try, and who hears of it (forge.py). For files that load flannel_test.bash.

forge_py=$(dirname "$(realpath "${BASH_SOURCE[0]}")")/forge.py

# forge POD FRAME...: frames out of the pod's eth0.
forge() {
  pod_exec "$1" python3 "$forge_py" send eth0 "${@:2}"
}

# catch_start POD [LINK]: listens there to what comes in, until a frame with the label "end".
catch_start() {
  node_spawn "catch.$1" nsenter "--net=/run/netns/$1" python3 "$forge_py" catch "${2:-eth0}"
  wait_until 10 node_exec grep -q ready "/run/catch.$1"
}

# caught POD: prints the labels of what came before "end", in order, on one line.
caught() {
  wait_until 10 node_exec grep -qx end "/run/catch.$1" || return 1
  node_exec sed '/^ready$/d; /^end$/d' "/run/catch.$1" | xargs
}

# mac_of LINK [POD]
mac_of() {
  local where=(node_exec)
  [[ -z ${2-} ]] || where=(pod_exec "$2")
  "${where[@]}" ip -j link show "$1" | jq -r '.[0].address'
}

# port_of POD: the name of its port on the node.
port_of() {
  local index
  index=$(pod_exec "$1" ip -j link show "${2:-eth0}" | jq '.[0].link_index')
  node_exec ip -j link | jq -r ".[] | select(.ifindex == $index).ifname"
}

# guard_elements SET: prints the set's elements, one a line, parts joined by a blank.
guard_elements() {
  node_exec nft -j list set bridge flannel-pods "$1" 2>/dev/null |
    jq -r '.nftables[] | .set.elem // empty | .[] | if type == "object" then .concat | join(" ") else . end' | sort
}

# A node of a dual stack network with the namespaces of two pods: evil, to be .2 and ::2, and web, .3 and ::3.
evil_and_web_start() {
  cni_node_start
  dual_stack
  pod_add evil
  pod_add web
}

# shellcheck disable=SC2034 # the tests read them
v6=fd00:10:244:1: gateway=10.244.1.1
