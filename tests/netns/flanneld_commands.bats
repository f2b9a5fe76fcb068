# flanneld as people and service managers meet it: flags, status, cleanup, probes, log, signals, privileges.

load ../support/flanneld_test.bash

log_of() {
  on "$1" node_exec cat /run/flanneld.log
}

# http_code HOST PATH [curl option...]: the status that its status server answers with.
http_code() {
  on "$1" node_exec curl -s -o /dev/null --max-time "$(patience 5)" --noproxy '*' -w '%{http_code}' "${@:3}" "http://127.0.0.1:7000$2"
}

@test "--help and --version print, and a mistake in the flags is named with exit status 2" {
  vxlan_config
  run -0 flanneld_run --help
  assert_match "$output" "usage: flanneld .*--lease-dir DIR.*--etcd-endpoints URL"
  run -0 flanneld_run --version
  assert_match "$output" '^[0-9]+\.[0-9]+\.[0-9]+$'
  local flags text
  while IFS='|' read -r flags text; do
    # shellcheck disable=SC2086 # words
    run -2 --separate-stderr flanneld_run $flags
    assert_empty "$output" "output of $flags"
    assert_match "$stderr" "$text"
    assert_match "$stderr" "flanneld --help"
  done <<'FLAGS'
--nonsense|nonsense
--ifcae eth0|unknown flag --ifcae; did you mean --iface\?
--iface|needs a value
--ip-masq=perhaps|--ip-masq.*perhaps
--iptables-resync 0|--iptables-resync.*0 is not between
--subnet-lease-renew-margin 1440|--subnet-lease-renew-margin.*1440 is not between
--public-ip fd00::1|--public-ip.*not an IPv4 address
--iface-regex [|--iface-regex.*not a regular expression
--status-listen 7000|--status-listen.*not an address and port
--config /nonexistent|no file '/nonexistent'
--kube-subnet-mgr|--kube-subnet-mgr.*NODE_NAME, or POD_NAME and POD_NAMESPACE
explode|'explode' is none of the commands
status -o yaml|usage: flanneld .*status
doctor --what|usage: flanneld .*doctor
cleanup everything|usage: flanneld .*cleanup
FLAGS
  # A health server's port that is taken is a failed start: probes would ask somebody else.
  agent_start a
  run -1 flanneld_run --subnet-file /run/other.env --healthz-ip 127.0.0.1 --healthz-port 7000
  assert_match "$output" "listen on 127.0.0.1:7000: Address already in use"
}

@test "the status server, flanneld status and the health server agree" {
  vxlan_config
  run -3 --separate-stderr flanneld_run status
  assert_match "$stderr" "no answer from http://127.0.0.1:7000/status"
  rm "$NODE_DIR/leases/config"
  on a flanneld_start --lease-dir "$NODE_DIR/leases" --healthz-ip 192.168.1.10 --healthz-port 7001
  wait_until 5 is_answering a
  run -1 flanneld_run status
  assert_match "$output" "NOT READY.*! waiting for .*no network configuration"
  assert_equal "$(http_code a /healthz) $(http_code a /readyz) $(http_code a /metrics)" "200 503 200"
  vxlan_config
  agent_start b
  on a flanneld_wait_ready
  wait_until 3 peers_are a 1

  run -0 flanneld_run status
  assert_match "$output" "flanneld +0\.[0-9.]+, ready.*interface +eth0 192.168.1.10, MTU 1500, by default route"
  assert_match "$output" "$(on b subnet_of).0/24 +192.168.1.20 +vxlan +$(on b mac_of flannel.1) +reached"
  # shellcheck disable=SC2016 # for the node's shell
  assert_equal "$(on a node_exec bash -c '"$1" status --watch | grep -m 2 "^lease "' bash "$BIN_DIR/flanneld" | wc -l)" 2
  run -1 on a node_exec bash -c '"$1" status >/dev/full' bash "$BIN_DIR/flanneld"
  assert_match "$output" "write to standard output: No space left on device"
  run -0 flanneld_run status -o json
  assert_json "$output" ".ready and .mtu == 1450 and .rules.engine == \"nftables\" and .lease.subnet == \"$(on a subnet_of).0/24\"
    and .peers[0].publicIP == \"192.168.1.20\" and .problems == [] and .kernel.failures == []"
  run -0 flanneld_run status --cluster
  assert_match "$output" "store +lease directory .*leases +2.*$(on b subnet_of).0/24 +192.168.1.20 +vxlan +$(on b mac_of flannel.1) +23 h"
  assert_json "$(on a status_get /leases)" ".own.publicIP == \"192.168.1.10\" and (.peers | length) == 1 and .own.expiresInSeconds > 86000"
  assert_json "$(on a status_get /routes)" ".routes[0].dst == \"$(on b subnet_of).0/24\" and .routes[0].dev == \"flannel.1\"
    and .neighbours[0].mac == .fdb[0].mac and .fdb[0].dst == \"192.168.1.20\""
  assert_equal "$(http_code a /healthz) $(http_code a /readyz) $(http_code a /nonsense) $(http_code a /status -X POST -d x)" "200 200 404 405"
  assert_equal "$(on b node_exec curl -sS --max-time 5 http://192.168.1.10:7001/healthz)" "flanneld is running"
  assert_equal "$(on b node_exec curl -sS --max-time 5 http://192.168.1.10:7001/readyz)" "flanneld is ready"
  # Leases are not for everybody on the network.
  assert_equal "$(on b node_exec curl -s -o /dev/null --max-time 5 -w '%{http_code}' http://192.168.1.10:7001/status)" 404
  metrics_are_prometheus "$(on a status_get /metrics)"
  # Foreign names that point here are refused (DNS rebinding), the node's own are not.
  assert_equal "$(http_code a /status -H 'Host: evil.example:7000') $(http_code a /status -H "Host: $(hostname):7000")" "421 200"

  # A peer that cannot be used is reported and does not make the node unready; with most of them it is this node's trouble.
  lease_put 10.5.250.0-24 '{"PublicIP":"192.168.1.30","PublicIPv6":null,"BackendType":"host-gw"}'
  wait_until 3 status_tells
  run -0 flanneld_run status
  run -1 flanneld_run status --cluster
  assert_match "$output" "! 10.5.250.0/24 has the backend 'host-gw'"
  lease_put 10.5.251.0-24 '{"PublicIP":"192.168.1.31","PublicIPv6":null,"BackendType":"host-gw"}'
  wait_until 3 status_fails
  run -1 flanneld_run status
  assert_match "$output" "! the lease 10.5.250.0/24 of 192.168.1.30 cannot be used: .*host-gw"
  assert_equal "$(http_code a /readyz)" 200
}

# hold_connections HOST IP:PORT: never finishes a request on any of 200 connections, and opens each again when it is closed.
hold_connections() {
  on "$1" node_spawn hold.log perl -MIO::Socket::INET -e '
    $SIG{PIPE} = "IGNORE";
    while (1) {
      @held = grep { $_ && $_->syswrite("X: y\r\n") } @held;
      while (@held < 200) {
        my $new = IO::Socket::INET->new(PeerAddr => $ARGV[0], Timeout => 1) or last;
        $new->syswrite("GET /healthz HTTP/1.1\r\nHost: localhost\r\n");
        push @held, $new;
      }
      open my $done, ">", "/run/held";
      select undef, undef, undef, 0.2;
    }' "$2"
  wait_until 10 on "$1" node_exec test -e /run/held
}

@test "what calls of the plugin took, and the codes of those that failed, is in the metrics" {
  vxlan_config
  agent_start a
  agent_start b
  wait_until 5 peers_are a 1
  assert_empty "$(on a status_get /metrics | grep flanneld_cni_call)" "metrics of no calls"
  on a pod_run pod >/dev/null
  run -1 on a cni_pod ADD pod --net /etc/cni/net.d/10-flannel.conflist # a second ADD
  on a cni_pod DEL pod --net /etc/cni/net.d/10-flannel.conflist
  local metrics
  metrics=$(on a status_get /metrics)
  assert_match "$metrics" 'flanneld_cni_call_duration_seconds_bucket.verb="ADD",le="10". 1'
  assert_match "$metrics" 'flanneld_cni_call_duration_seconds_count.verb="ADD". 1'
  assert_match "$metrics" 'flanneld_cni_call_duration_seconds_count.verb="DEL". [1-9]'
  assert_match "$metrics" 'flanneld_cni_call_failures_total.verb="ADD",code="101". 1'
  metrics_are_prometheus "$metrics"
}

@test "clients that never finish a request keep no probe away, from whatever address" {
  vxlan_config
  on a flanneld_start --lease-dir "$NODE_DIR/leases" --healthz-ip 192.168.1.10 --healthz-port 7001
  on a flanneld_wait_ready
  hold_connections a 127.0.0.1:7000
  hold_connections b 192.168.1.10:7001
  for _ in {1..10}; do
    assert_equal "$(http_code a /healthz --max-time "$(patience 1)")" 200
    assert_equal "$(on a node_exec curl -sS --max-time "$(patience 1)" http://192.168.1.10:7001/healthz)" "flanneld is running"
    assert_equal "$(on b node_exec curl -sS --max-time "$(patience 1)" http://192.168.1.10:7001/healthz)" "flanneld is running"
  done
}

is_answering() {
  [[ $(http_code "$1" /healthz) == 200 ]]
}

status_tells() {
  flanneld_run status | grep -q '! elsewhere: the lease 10.5.250.0/24 of 192.168.1.30 cannot be used: .*host-gw'
}

status_fails() {
  ! flanneld_run status >/dev/null
}

# metric_is HOST NAME VALUE: a line of /metrics.
metric_is() {
  [[ $(on "$1" status_get /metrics | awk -v name="flanneld_$2" '$1 == name { print $2 }') == "$3" ]]
}

@test "with --heal=false changes by others are counted, named and left" {
  vxlan_config
  agent_start a --heal=false
  agent_start b
  wait_until 5 peers_are a 1
  metric_is a kernel_drift 0
  on a node_exec bridge fdb del "$(on b mac_of flannel.1)" dev flannel.1
  wait_until 3 metric_is a kernel_drift 1 || fail "no drift: $(log_of a)"
  assert_equal "$(http_code a /readyz)" 503
  assert_match "$(on a status_get /readyz)" "fdb entry $(on b mac_of flannel.1) dst 192.168.1.20 dev flannel.1 is missing"
  assert_equal "$(http_code a /healthz)" 200
  run -1 flanneld_run status -o json
  assert_match "$(jq -r '.kernel.drift[0]' <<<"$output")" "192.168.1.20"
  on a node_exec ip link del flannel.1
  wait_until 3 metric_is a kernel_drift 2 || fail "$(on a status_get /status)"
  assert_match "$(on a status_get /readyz)" "link 'flannel.1' is gone"
  # A new lease is no matter of healing: with it all is made as it should be.
  lease_put 10.5.77.0-24 '{"PublicIP":"192.168.1.77","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:00:77"}}'
  on a flanneld_stop
  agent_start a
  wait_until 5 peers_are a 2
  metric_is a kernel_drift 0
}

@test "SIGHUP ends nothing; SIGTERM leaves the data path; cleanup removes it, and nothing else" {
  vxlan_config
  two_pods --ip-masq --ip-blackhole-route
  local a
  a=$(on a subnet_of)
  on a node_exec bash -euc 'ip route add 10.5.250.0/24 via 192.168.1.99; nft add table ip mine'
  run -1 flanneld_run cleanup
  assert_match "$output" "an agent answers at 127.0.0.1:7000 and would make everything again: stop it first"
  reaches b client "$WEB"

  on a node_exec bash -c 'kill -HUP "$(cat /run/flanneld.pid)"'
  wait_until 3 on a node_exec grep -q "SIGHUP: credentials" /run/flanneld.log
  run -0 flanneld_run status --status-listen 127.0.0.1:7000 # a flag behind the command

  local before
  before=$(kernel_of a)
  on a flanneld_stop
  assert_equal "$(kernel_of a)" "$before"
  assert_match "$(log_of a)" "asked to stop; the data path stays as it is"
  reaches b client "$WEB"

  run -0 flanneld_run cleanup
  assert_match "$output" "removed device 'flannel.1'.*left bridge 'cni0': it has 1 port.*removed nftables table 'ip flannel-ipv4'.*removed file '/run/flannel/subnet.env'"
  assert_empty "$(on a links_of vxlan)" "devices"
  assert_equal "$(on a node_exec ip route show | grep -E 'proto 95|blackhole|flannel' || true)" ""
  # What guards the pods that are still there stays with their bridge.
  assert_equal "$(on a node_exec nft list tables | grep -E 'flannel' || true)$(on a node_exec iptables-save | grep -iE flannel || true)" \
    "table bridge flannel-pods"
  run ! on a node_exec test -e /run/flannel/subnet.env
  assert_match "$(on a node_exec ip route show 10.5.250.0/24)" 192.168.1.99
  assert_match "$(on a node_exec nft list tables)" "table ip mine"
  run -0 flanneld_run cleanup
  assert_match "$output" "^(left bridge 'cni0': it has 1 ports?.)?nothing to remove\$"

  # Back again, with the subnet that it had.
  agent_start a --ip-masq
  assert_equal "$(on a subnet_of)" "$a"
  heals_within 3
}

# kernel_of HOST: what flannel has made there.
kernel_of() {
  on "$1" node_exec bash -c 'ip -o link show flannel.1 | sed "s/ state.*//"; ip route; ip neigh show dev flannel.1
    bridge fdb show dev flannel.1; nft list ruleset; cat /run/flannel/subnet.env'
}

@test "with two capabilities it starts, notifies systemd, hides secrets, and ends with the right status" {
  vxlan_config
  # Receives what the service manager would, a line each.
  on a node_spawn notify.log perl -e 'use Socket; $| = 1; socket(S, PF_UNIX, SOCK_DGRAM, 0) or die;
    bind(S, pack_sockaddr_un("/run/notify")) or die;
    while (defined recv(S, $message, 4096, 0)) { $message =~ s/\n/ /g; print "$message\n"; last if $message =~ /^STOPPING/ }'
  wait_until 5 on a node_exec test -S /run/notify
  # As under systemd: root's files, but of its privileges these two alone.
  on a node_spawn flanneld.log bash -c 'echo $$ >/run/flanneld.pid; "$@"; echo "exit status $?" >/run/exit' bash \
    env NOTIFY_SOCKET=/run/notify setpriv --bounding-set -all,+net_admin,+net_raw --inh-caps -all --no-new-privs \
    "$BIN_DIR/flanneld" --lease-dir "$NODE_DIR/leases" --ip-masq --etcd-username me --etcd-password sesame \
    --etcd-endpoints http://me:sesame@192.168.1.99:2379
  on a flanneld_wait_ready
  local agent
  agent=$(on a node_exec bash -c 'pgrep -P "$(cat /run/flanneld.pid)"')
  assert_match "$(on a node_exec cat "/proc/$agent/status")" "CapEff:.0000000000003000"
  wait_until 3 is_confined a "$agent"
  agent_start b --ip-masq
  wait_until 3 peers_are a 1
  on b pod_run client >/dev/null
  WEB=$(on a pod_run web)
  heals_within 3
  on a node_exec ip link del flannel.1
  heals_within 3
  on a node_exec nft flush ruleset
  wait_until 3 on a node_exec nft list table ip flannel-ipv4 >/dev/null 2>&1
  assert_json "$(on a status_get /status)" '.ready and .kernel.failures == [] and .rules.failure == null'
  on a node_exec kill -TERM "$agent"
  wait_until 5 on a node_exec test -s /run/exit
  assert_equal "$(on a node_exec cat /run/exit)" "exit status 0"
  wait_until 5 on a node_exec grep -q STOPPING /run/notify.log
  assert_match "$(on a node_exec cat /run/notify.log)" "READY=1 STATUS=subnet $(on a subnet_of).0/24.*STOPPING=1"
  assert_match "$(log_of a)" "etcd-password=\*\*\*"
  assert_empty "$(log_of a | grep sesame)" "secrets in the log"

  # Waiting, it says for what; SIGINT ends it as well; etcd's URL is shown without them.
  on a node_spawn notify.log true
  on a node_spawn flanneld.log bash -c 'echo $$ >/run/flanneld.pid; "$@"; echo "exit status $?" >/run/exit2' bash \
    "$BIN_DIR/flanneld" --etcd-endpoints http://me:sesame@192.168.1.99:2379 --etcd-username me --etcd-password sesame
  wait_until 10 on a node_exec grep -q "warning .*192.168.1.99" /run/flanneld.log
  assert_match "$(on a status_get /readyz)" "not ready yet: waiting for "
  assert_empty "$(log_of a | grep sesame)$(on a status_get /status | grep sesame)$(on a status_get /readyz | grep sesame)" "secrets"
  on a node_exec bash -c 'kill -INT "$(pgrep -P "$(cat /run/flanneld.pid)")"'
  wait_until 5 on a node_exec test -s /run/exit2
  assert_equal "$(on a node_exec cat /run/exit2)" "exit status 0"
}

# is_confined HOST PID: no thread of that process can start a program any more.
is_confined() {
  [[ $(on "$1" node_exec bash -c 'sort -u <(sed -n "/^NoNewPrivs/p; /^Seccomp:/p" /proc/$1/task/*/status) | xargs' bash "$2") == "NoNewPrivs: 1 Seccomp: 2" ]]
}

@test "the log says which rule chose the interface; a configuration file can hold flags" {
  vxlan_config
  on a node_exec bash -euc 'ip link add other type veth peer name other-end; ip addr add 172.20.0.10/24 dev other
    ip link set other up; ip link set other-end up; ip route add 10.66.0.0/16 via 172.20.0.1'
  local flags text
  while IFS='|' read -r flags text; do
    # shellcheck disable=SC2086 # words
    on a flanneld_start --lease-dir "$NODE_DIR/leases" $flags
    wait_until 5 on a node_exec grep -qE "external interface" /run/flanneld.log
    assert_match "$(log_of a)" "$text"
    on a flanneld_stop
  done <<'FLAGS'
--iface other|external interface 'other' 172.20.0.10, MTU 1500, by --iface=other
--iface nope --iface 172.20.0.10|external interface 'other' 172.20.0.10, MTU 1500, by --iface=172.20.0.10
--iface-regex ^172\.20\.|external interface 'other' 172.20.0.10, MTU 1500, by --iface-regex=\^172
--iface nope --iface-regex ^oth.r$|external interface 'other' 172.20.0.10, MTU 1500, by --iface-regex=\^oth
--iface-cidr 198.18.0.0/15,172.16.0.0/12|external interface 'other' 172.20.0.10, MTU 1500, by --iface-cidr=172.16.0.0/12
--iface-can-reach 10.66.1.1|external interface 'other' 172.20.0.10, MTU 1500, by --iface-can-reach=10.66.1.1
--public-ip 172.20.0.10|external interface 'other' 172.20.0.10, MTU 1500, by --public-ip=172.20.0.10
--iface eth0 --public-ip 203.0.113.9|external interface 'eth0' 192.168.1.10, public address 203.0.113.9, MTU 1500, by --iface=eth0
--iface nope|no external interface serves: --iface=nope: there is no interface 'nope'; there are .*eth0, other
--public-ip 203.0.113.9|no external interface serves: --public-ip=203.0.113.9: no interface has the address 203.0.113.9; behind NAT --iface must say
FLAGS
  # One that comes later is taken then.
  on a flanneld_start --lease-dir "$NODE_DIR/leases" --iface late
  wait_until 5 on a node_exec grep -q "there is no interface 'late'" /run/flanneld.log
  assert_match "$(on a status_get /readyz)" "waiting for an external interface: --iface=late"
  on a node_exec bash -euc 'ip link set other down; ip link set other name late; ip link set late up'
  on a flanneld_wait_ready
  assert_match "$(log_of a)" "external interface 'late' 172.20.0.10, MTU 1500, by --iface=late"
  on a flanneld_stop
  run -0 on a node_exec "$BIN_DIR/flanneld" --lease-dir "$NODE_DIR/leases" cleanup

  # The file's flags and network; the environment goes before it, the command line before that.
  rm "$NODE_DIR/leases/config"
  conf_write flanneld.yaml >/dev/null <<YAML
Network: 10.9.0.0/16
Backend: {Type: host-gw}
lease-dir: $NODE_DIR/other
ip-masq: true
subnet-file: /run/from-file.env
status-listen: 127.0.0.1:7099
iface: [nope, eth0]
YAML
  on a node_spawn flanneld.log bash -c 'echo $$ >/run/flanneld.pid; exec "$@"' bash env FLANNELD_STATUS_LISTEN=127.0.0.1:7000 \
    FLANNELD_SUBNET_FILE=/run/from-environment.env "$BIN_DIR/flanneld" --config "$NODE_DIR/flanneld.yaml" --subnet-file /run/flannel/subnet.env
  on a flanneld_wait_ready
  assert_match "$(on a node_exec cat /run/flannel/subnet.env)" "FLANNEL_NETWORK=10.9.0.0/16.*FLANNEL_MTU=1500.*FLANNEL_IPMASQ=true"
  assert_match "$(log_of a)" "iface='nope' 'eth0' \($NODE_DIR/flanneld.yaml line 7: iface\)"
  assert_match "$(log_of a)" "status-listen='127.0.0.1:7000' \(FLANNELD_STATUS_LISTEN\)"
  run ! on a node_exec test -e /run/from-file.env -o -e /run/from-environment.env
  echo 'no-such-flag: 1' >>"$NODE_DIR/flanneld.yaml"
  run -2 on a node_exec "$BIN_DIR/flanneld" --config "$NODE_DIR/flanneld.yaml"
  assert_match "$output" "flanneld.yaml line 8: 'no-such-flag' is neither a flag nor a key"
}
