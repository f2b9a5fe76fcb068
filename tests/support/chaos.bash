# shellcheck shell=bash
# What chaos tests of flanneld share: a ping that counts, the kernel's state against the leases, and etcd's
# gateway behind a proxy that lies. Needs flanneld_test.bash and etcd on hosts.

prefix=/coreos.com/network
# shellcheck disable=SC2154 # repo: cni.bash
outage_program=$repo/tests/support/outage.perl

# members NUMBER...: that many etcd members m1, m2, …, and the network configuration, $config, in them.
members() {
  local i
  MEMBERS=() PEERS=
  for ((i = 1; i <= $1; i++)); do MEMBERS+=("m$i") PEERS+="${PEERS:+,}m$i=http://192.168.1.$((100 + i)):2380"; done
  for i in "${MEMBERS[@]}"; do
    host_add "$i" "192.168.1.$((100 + ${i#m}))/24"
    member_start "$i"
  done
  wait_until 30 on m1 etcd_answers
  wait_until 10 on m1 etcd_ctl put "$prefix/config" "$config" >/dev/null # its leader may change meanwhile
}

member_start() {
  on "$1" etcd_start "$1" "192.168.1.$((100 + ${1#m}))" "$PEERS"
}

# agents FLAG...: on a and b, a pod on each, and pings between them.
# shellcheck disable=SC2034 # the tests read SUBNETS and AGENTS
agents() {
  local host
  for host in a b; do NODE_NAME=$host on "$host" flanneld_start --ip-masq "$@"; done
  for host in a b; do on "$host" flanneld_wait_ready; done
  wait_until 5 peers_are a 1
  WEB=$(on a pod_run web)
  on b pod_run client >/dev/null
  SUBNETS="$(on a subnet_of) $(on b subnet_of)"
  AGENTS="$(pid_of a) $(pid_of b)"
  wait_until 3 reaches b client "$WEB"
  pings_start
}

# pings_start: pings the web pod on a from the client pod on b, 50 times a second.
pings_start() {
  on b node_spawn outage.json bash -c 'echo $$ >/run/outage.pid; exec nsenter --net=/run/netns/client perl "$@"' \
    bash "$outage_program" "$WEB" 20
  wait_until 5 on b node_exec test -s /run/outage.pid
}

# pings_end: stops that and prints {"sent":…,"lost":…,"longest":milliseconds}.
pings_end() {
  on b node_exec bash -c 'kill "$(cat /run/outage.pid)"'
  wait_until 5 on b node_exec test -s /run/outage.json
  on b node_exec cat /run/outage.json
}

# no_ping_is_lost [COUNT]: ends it; fails if any was, or fewer than COUNT [50] were sent.
no_ping_is_lost() {
  assert_json "$(pings_end)" ".lost == 0 and .sent >= ${1:-50}"
}

# vxlan_value PUBLIC_IP MAC: a lease's value.
vxlan_value() {
  printf '{"PublicIP":"%s","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"%s"}}' "$1" "$2"
}

# put_peer HOST NUMBER: by the member on HOST, another node's lease 10.5.NUMBER.0/24.
put_peer() {
  on "$1" etcd_ctl --command-timeout "$(patience 3)s" put "$prefix/subnets/10.5.$2.0-24" \
    "$(vxlan_value "192.168.9.$2" "c6:d2:32:6f:00:$(printf %02x "$2")")" >/dev/null
}

# leases_of HOST: by the member on HOST, a line "SUBNET PUBLIC_IP MAC" for each lease.
leases_of() {
  on "$1" etcd_ctl get --prefix "$prefix/subnets/" |
    awk -v cut="$prefix/subnets/" 'NR % 2 { sub(cut, ""); sub("-", "/"); name = $0; next } { print name, $0 }' |
    while read -r name value; do echo "$name $(jq -r '"\(.PublicIP) \(.BackendData.VtepMAC)"' <<<"$value")"; done
}

# both_are_leased: a and b have their leases, by the word of the member on m1.
both_are_leased() {
  (($(leases_of m1 | grep -cE " 192\.168\.1\.(10|20) ") == 2))
}

# directory_leases: the same of the lease directory.
directory_leases() {
  jq -r '(input_filename | sub(".*/"; "") | sub("-"; "/")) + " " + .PublicIP + " " + .BackendData.VtepMAC' \
    "$NODE_DIR"/leases/subnets/10.*
}

# kernel_matches HOST: the kernel has exactly what the leases on stdin demand for that host's peers.
kernel_matches() {
  local leases own wanted got
  own=$(on "$1" subnet_of).0/24
  leases=$(grep -v "^$own " | sort)
  wanted=$(awk '{ base = $1; sub("/.*", "", base)
    print $1 " via " base " dev flannel.1 proto 95 onlink"; print base " lladdr " $3 " PERMANENT"; print $3 " dst " $2 " self permanent" }' <<<"$leases")
  got=$(on "$1" node_exec bash -c 'ip route | grep "proto 95"; ip neigh show dev flannel.1 nud permanent
    bridge fdb show dev flannel.1 | grep -v "^33:33:\|^01:00:5e" ' | sed 's/ *$//')
  [[ $(sort <<<"$wanted") == $(sort <<<"$got") ]] || return
  [[ $(on "$1" node_exec ip -br -4 addr show flannel.1) == *" ${own%/24}/32"* ]] || return
  on "$1" node_exec nft list table ip flannel-ipv4 >/dev/null 2>&1
}

# kernel_is_as_leased HOST SOURCE...: the same against what the command SOURCE prints.
kernel_is_as_leased() {
  "${@:2}" | kernel_matches "$1"
}

# settles HOST SOURCE...: the kernel is as leased within 10 s; otherwise prints the difference.
settles() {
  wait_until 10 kernel_is_as_leased "$@" && return
  fail "$1: the leases are:"$'\n'"$("${@:2}")"$'\n'"the kernel has:"$'\n'"$(on "$1" node_exec bash -c 'ip route; ip neigh show dev flannel.1
    bridge fdb show dev flannel.1; ip addr show flannel.1; tail -n 20 /run/flanneld.log')"
}

# signal HOST NAME SIGNAL: to what has its number in /run/NAME.pid there.
signal() {
  on "$1" node_exec bash -c 'kill "-$2" "$(cat "/run/$1.pid")"' bash "$2" "$3"
}

# etcd_kill HOST: and waits until its ports are free.
etcd_kill() {
  signal "$1" etcd KILL
  wait_until 10 on "$1" node_exec bash -c '! kill -0 "$(cat /run/etcd.pid)" 2>/dev/null'
}

# pid_of HOST: its agent's number.
pid_of() {
  on "$1" node_exec cat /run/flanneld.pid
}
