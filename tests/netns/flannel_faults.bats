#!/usr/bin/env bats
# ADD, DEL and GC of both plugins are killed or made to fail at each of their system calls in turn. The DEL that a
# runtime sends next must find and remove everything, and ADD works again. support/fault-sweep.bash does the checks.
# Here it is a sample of the calls. All of them, with every errno, take long:
#   FAULT_SWEEP=full bats tests/netns/flannel_faults.bats

load ../support/flannel_test.bash

setup() {
  if is_sanitized; then skip "AddressSanitizer's runtime does not run under strace"; fi
  cni_node_start
  pod_add pod
  conf '{"delegate":{"ipMasq":true,"ipMasqBackend":"nftables","macspoofchk":true}}' | conf_write nftables.conf >/dev/null
  conf '{"delegate":{"ipMasq":true,"ipMasqBackend":"iptables"}}' | conf_write iptables.conf >/dev/null
  conf '{"delegate":{"type":"ptp","ipMasq":true}}' | conf_write ptp.conf >/dev/null
  conf '{"cniVersion":"1.0.0","ipam":{"type":"host-local"}}' | conf_write host-local.conf >/dev/null
  conf '{"ipam":{"type":"flannel-ipam","ranges":[[{"subnet":"10.244.1.0/24"}],[{"subnet":"fd00:10::/64"}]]}}' |
    conf_write ipam.conf >/dev/null
}

asked='"runtimeConfig": {"portMappings": [{"hostPort": 8080, "containerPort": 80}, {"hostPort": 5353, "containerPort": 53, "protocol": "udp"}],
  "bandwidth": {"ingressRate": 8000000, "ingressBurst": 800000, "egressRate": 8000000, "egressBurst": 800000}}'

# behind NAME...: the node has the plugins of these names, which are ours, and configurations for them.
behind() {
  local result name
  pod_add kept
  for pod in pod kept; do
    result=$(flannel ADD "$pod-net" "$pod" "$(conf)")
    for name in "$@"; do
      node_exec ln -sf flannel "/opt/cni/bin/$name"
      jq -c --arg type "$name" --argjson more "{$asked}" '{name: "cbr0", cniVersion: "1.1.0", $type, ingressPolicy: "same-bridge", prevResult: .} + $more' <<<"$result" |
        conf_write "$name.conf$([[ $pod == pod ]] || echo .kept)" >/dev/null
    done
  done
}

teardown() {
  [[ -z ${NODE_DIR-} ]] || node_stop
}

is_full() {
  [[ ${FAULT_SWEEP-} == full ]]
}

# sweep PLUGIN CONF VERB STRIDE FAULT...: tries every STRIDEth call, in the full sweep each, and fails when
# anything was left or fewer than 2 were tried.
sweep() {
  local plugin=$1 conf=$2 verb=$3 stride=$4 fault points
  shift 4
  if is_full; then stride=1; fi
  for fault in "$@"; do
    points=$(NODE_TIMEOUT=7000 node_exec "$repo/tests/support/fault-sweep.bash" \
      "$plugin" "$verb" "$NODE_DIR/$conf.conf" "$fault" "$stride" 2>&1)
    if is_full; then echo "# $plugin $conf $verb $fault: $points" >&3; fi
    [[ $points =~ ^[0-9]+$ && $points -ge 2 ]] || fail "$points"
  done
}

@test "flannel: ADD killed at any system call, DEL removes what it left" {
  sweep flannel nftables ADD 4 KILL
  if is_full; then sweep flannel nftables ADD 1 TERM; fi
}

@test "flannel: ADD and DEL of ptp killed, and ADD with a failure, leave nothing" {
  sweep flannel ptp ADD 60 KILL EIO
  sweep flannel ptp DEL 60 KILL
}

@test "flannel: DEL killed at any system call, the next DEL finishes" {
  sweep flannel nftables DEL 4 KILL
  if is_full; then sweep flannel nftables DEL 1 TERM; fi
}

@test "flannel: GC ended at any system call, the next GC finishes" {
  sweep flannel nftables GC 8 KILL
  sweep flannel nftables GC 20 TERM
}

@test "flannel: ADD with any system call failing once is undone, or harmless" {
  sweep flannel nftables ADD 6 EIO
  sweep flannel nftables ADD 10 ENOSPC EMFILE ENOMEM EINTR EAGAIN EOPNOTSUPP
}

@test "flannel: DEL with any system call failing once says so, the next DEL finishes" {
  sweep flannel nftables DEL 6 EIO
  sweep flannel nftables DEL 10 ENOSPC EMFILE ENOMEM EINTR EAGAIN
}

@test "flannel: GC with any system call failing once says so, the next GC finishes" {
  sweep flannel nftables GC 10 EIO
  sweep flannel nftables GC 20 EMFILE ENOMEM EINTR
  if is_full; then sweep flannel nftables GC 1 ENOSPC EAGAIN; fi
}

@test "host ports and limits by flannel's one call: ended at any system call, or one failing once" {
  conf "{\"capabilities\": {\"portMappings\": true, \"bandwidth\": true}, $asked}" | conf_write extras.conf >/dev/null
  sweep flannel extras ADD 100 KILL EIO
  sweep flannel extras DEL 100 KILL
  if is_full; then sweep flannel extras DEL 1 EIO; fi
  if is_full; then
    sweep flannel extras GC 1 KILL EIO
    for verb in ADD DEL GC; do sweep flannel extras "$verb" 1 TERM ENOSPC EMFILE ENOMEM EINTR EAGAIN EOPNOTSUPP; done
  fi
}

@test "portmap and bandwidth behind flannel: ended at any system call, or one failing once" {
  local plugin verb
  behind portmap bandwidth
  for plugin in portmap bandwidth; do
    sweep "$plugin" "$plugin" ADD 40 KILL EIO
    if ! is_full; then continue; fi
    sweep "$plugin" "$plugin" DEL 1 KILL EIO
    for verb in ADD DEL; do sweep "$plugin" "$plugin" "$verb" 1 TERM EMFILE ENOMEM EINTR EAGAIN EOPNOTSUPP; done
  done
  # That of bandwidth leaves a limit that the link of a pod leads to.
  if is_full; then sweep portmap portmap GC 1 KILL EIO TERM EMFILE ENOMEM EINTR EAGAIN EOPNOTSUPP; fi
}

@test "firewall behind flannel, and loopback: ended at any system call, or one failing once" {
  local verb
  behind firewall
  sweep firewall firewall ADD 20 KILL EIO
  sweep firewall firewall DEL 20 KILL EIO
  sweep firewall firewall GC 20 KILL
  node_exec ln -sf flannel /opt/cni/bin/loopback
  conf '{"type": "loopback"}' | conf_write loopback.conf >/dev/null
  sweep loopback loopback ADD 15 KILL EIO
  if ! is_full; then return; fi
  for verb in ADD DEL GC; do sweep firewall firewall "$verb" 1 KILL EIO TERM EMFILE ENOMEM EINTR EAGAIN EOPNOTSUPP; done
  for verb in ADD DEL; do sweep loopback loopback "$verb" 1 KILL EIO TERM EMFILE ENOMEM EINTR EAGAIN EOPNOTSUPP; done
}

@test "flannel with iptables: ended at any system call, its programs' too" {
  sweep flannel iptables ADD 80 KILL TERM
  sweep flannel iptables DEL 80 KILL
  sweep flannel iptables GC 80 KILL
}

@test "flannel with the reference host-local: ended at any system call, that program's too" {
  sweep flannel host-local ADD 80 KILL TERM
  sweep flannel host-local DEL 60 KILL
}

@test "flannel-ipam: ended at any system call" {
  local verb
  for verb in ADD DEL GC; do
    sweep flannel-ipam ipam "$verb" 5 KILL
    if is_full; then sweep flannel-ipam ipam "$verb" 1 TERM; fi
  done
}

@test "flannel-ipam: any system call failing once" {
  local verb
  for verb in ADD DEL GC; do
    sweep flannel-ipam ipam "$verb" 5 EIO
    sweep flannel-ipam ipam "$verb" 5 ENOMEM EINTR
    if is_full; then sweep flannel-ipam ipam "$verb" 1 ENOSPC EMFILE EAGAIN EOPNOTSUPP; fi
  done
}

@test "an ADD that cannot replace the scratch file of an earlier one is undone" {
  local before
  flannel ADD c0 pod "$(<"$NODE_DIR/nftables.conf")" >/dev/null
  flannel DEL c0 pod "$(<"$NODE_DIR/nftables.conf")"
  node_exec bash -c 'echo "{\"name\":\"cbr0\",\"type\":\"bridge\"}" >/var/lib/cni/flannel/c1'
  before=$(node_state)
  run node_exec env CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/pod CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin \
    strace -qqq -o /dev/null -e inject=unlinkat:error=EIO:when=1 /opt/cni/bin/flannel <"$NODE_DIR/nftables.conf"
  assert_error 5 'scratch file'
  assert_equal "$(node_state)" "$before"
}
