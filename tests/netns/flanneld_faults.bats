# flanneld ended or failed at each of its system calls, one by one, from its start on until it has taken in a change of
# another node's lease: no packet between pods is lost, nothing half done stays, and the next start puts all in order.
# Here it is a sample of the calls. All of them, with more errnos, take long:
#   FAULT_SWEEP=full bats tests/netns/flanneld_faults.bats

load ../support/flanneld_test.bash
load ../support/chaos.bash
load ../support/kube.bash

config='{"Network": "10.5.0.0/16", "SubnetMin": "10.5.200.0", "Backend": {"Type": "vxlan"}}'

setup() {
  if is_sanitized; then skip "AddressSanitizer's runtime does not run under strace"; fi
  cluster_start
  host_with_plugins a 192.168.1.10/24
  host_with_plugins b 192.168.1.20/24
}

# begin directory|etcd|kube: agents with that store, pods that ping each other; then the agent of b is stopped.
begin() {
  STORE=$1
  if [[ $STORE == etcd ]]; then
    members 1
    FLAGS=(--etcd-endpoints http://192.168.1.101:2379)
  elif [[ $STORE == kube ]]; then
    kube_begin
    FLAGS=("${KUBE_FLAGS[@]}")
    export NODE_NAME=b
  else
    network_config "$config"
    FLAGS=(--lease-dir "$NODE_DIR/leases")
  fi
  agents "${FLAGS[@]}"
  on b flanneld_stop
}

# kube_begin: an API server with the Nodes a, b and peer, and what agents on a and b need.
kube_begin() {
  local host
  host_add m1 192.168.1.101/24
  on m1 kube_start
  on m1 kube_node a 10.5.200.0/24 192.168.1.10 >/dev/null
  on m1 kube_node b 10.5.201.0/24 192.168.1.20 >/dev/null
  on m1 kube_node peer 10.5.1.0/24 192.168.9.1 >/dev/null
  for host in a b; do
    on "$host" kube_config
    on "$host" net_conf "$config"
  done
}

is_full() {
  [[ ${FAULT_SWEEP-} == full ]]
}

# traced_start STRACE_OPTION...: the agent of b, looked at by strace.
traced_start() {
  on b node_exec rm -f /run/flanneld.pid
  on b flanneld_spawn strace -D -f -qq "$@" "$BIN_DIR/flanneld" --ip-masq "${FLAGS[@]}"
  wait_until 5 on b node_exec test -s /run/flanneld.pid # or the one before would be asked whether it is gone
}

# change_peer: another node's lease, with a new MAC each time; in NEW_MAC.
change_peer() {
  NEW_MAC=$(printf 'c6:d2:32:6f:%02x:%02x' $((++changes / 256)) $((changes % 256)))
  local value
  value=$(vxlan_value 192.168.9.1 "$NEW_MAC")
  if [[ $STORE == etcd ]]; then
    on m1 etcd_ctl put "$prefix/subnets/10.5.1.0-24" "$value" >/dev/null
  elif [[ $STORE == kube ]]; then
    on m1 kube_annotate peer "$(jq -cn --arg mac "$NEW_MAC" '{"kube-subnet-manager": "true", "backend-type": "vxlan",
      "public-ip": "192.168.9.1", "backend-data": "{\"VNI\":1,\"VtepMAC\":\"\($mac)\"}"}')" >/dev/null
  else
    lease_put 10.5.1.0-24 "$value"
  fi
}

# stored_leases: as the store has them, for settles.
stored_leases() {
  case $STORE in
    etcd) leases_of m1 ;;
    kube) on m1 kube_leases ;;
    *) directory_leases ;;
  esac
}

fdb_has_it() {
  on b node_exec bridge fdb show dev flannel.1 | grep -q "^$NEW_MAC "
}

# points REGEX: puts each call after the loader's into POINTS as "syscall:occurrence", as strace counts. Without brk, whose
# failure has no error number.
points() {
  traced_start -o /run/trace
  on b flanneld_wait_ready
  change_peer
  wait_until 5 fdb_has_it
  on b flanneld_stop KILL
  mapfile -t POINTS < <(on b node_exec awk -v wanted="^($1)$" '
    /^[0-9]+ +write\(2,/ { begun = 1 }
    match($2, /^[a-z_0-9]+\(/) { name = substr($2, 1, RLENGTH - 1); seen = ++count[$1 " " name]
      if (seen > most[name]) { most[name] = seen; if (begun && name != "brk" && name ~ wanted) print name ":" seen } }' /run/trace)
}

is_gone_or_ready() {
  on b flanneld_is_gone || on b flanneld_is_ready
}

# try POINT INJECTION: fails if the agent neither ends with a reason nor works, or the next one finds no way on.
try() {
  traced_start -o /dev/null -e "trace=${1%:*}" -e "inject=${1%:*}:$2:when=${1#*:}"
  wait_until 10 is_gone_or_ready || { fail "neither ready nor gone: $(log_end)"; return; }
  if ! on b flanneld_is_gone; then
    change_peer
    wait_until 10 is_gone_or fdb_has_it || { fail "deaf: $(log_end)"; return; }
  fi
  if ! on b flanneld_is_gone; then
    on b flanneld_stop KILL
  elif [[ $2 == error=* ]]; then
    assert_match "$(on b node_exec cat /run/flanneld.log)" " error " || return
  fi
  on b flanneld_start --ip-masq "${FLAGS[@]}"
  on b flanneld_wait_ready || return
  settles b stored_leases || return
  on b flanneld_stop KILL
  assert_empty "$(on b node_exec find /run/flannel /var/lib -name '.*' -type f)" "unfinished files"
}

log_end() {
  on b node_exec tail -n 5 /run/flanneld.log
}

is_gone_or() {
  on b flanneld_is_gone || "$@"
}

# sweep STRIDE INJECTION REGEX: at every STRIDEth call that matches, in the full sweep each.
sweep() {
  local stride=$1 i tried=0 changes=0
  if is_full; then stride=1; fi
  points "$3"
  for ((i = stride - 1; i < ${#POINTS[@]}; i += stride)); do
    try "${POINTS[i]}" "$2" || fail "$2 at ${POINTS[i]}"
    tried=$((tried + 1))
  done
  if is_full; then echo "# $2: $tried" >&3; fi
  ((tried > 2)) || fail "only $tried of ${#POINTS[@]} calls tried"
}

# errnos: any call fails once; in the full sweep with more errnos.
errnos() {
  sweep 25 error=EIO '.*'
  if is_full; then
    sweep 1 error=EMFILE 'openat|socket|fcntl|epoll_create1|inotify_init1|timerfd_create|signalfd4|eventfd2|accept4'
    sweep 1 error=ENOSPC 'openat|write|renameat|mkdir|inotify_add_watch|epoll_ctl'
    sweep 1 error=ENOMEM 'mmap|openat|read|socket|sendto|sendmsg|recvfrom|epoll_ctl|clone3'
    sweep 1 error=EINTR 'openat|read|write|flock|poll|epoll_wait|sendto|sendmsg|recvfrom'
    sweep 1 error=ENOBUFS 'sendto|sendmsg|recvfrom'
  fi
}

@test "killed at any system call it leaves the data path, and the next start puts everything in order" {
  begin etcd
  sweep 25 signal=KILL '.*'
  no_ping_is_lost
}

@test "with any one system call failing it ends with a reason, or works all the same" {
  begin etcd
  errnos
  no_ping_is_lost
}

@test "both hold with Kubernetes" {
  begin kube
  sweep 75 error=EIO '.*'
  sweep 75 signal=KILL '.*'
  no_ping_is_lost
}

@test "both hold with a lease directory" {
  begin directory
  errnos
  no_ping_is_lost
}
