# flanneld doctor: what it finds on a node, what it mends, and what it says to do.

load ../support/flanneld_test.bash

# doctor_says STATE TEXT: the finding is in its report with that state.
doctor_says() {
  local report
  report=$(flanneld_run doctor) || true
  grep -E "^$1 .*$2" <<<"$report" >/dev/null || fail "wanted: $1 … $2"$'\n'"got: $report"
}

@test "doctor finds each fault and says what to do" {
  vxlan_config
  agent_start a --ip-masq --heal=false
  on a pod_run pod >/dev/null
  run -0 flanneld_run doctor
  [[ $output != *fail* ]] || fail "$output"
  assert_json "$(flanneld_run doctor -o json)" '[.checks[] | select(.state == "fail")] == [] and (.checks | length) >= 8'

  on a node_exec sysctl -qw net.ipv4.ip_forward=0
  doctor_says fail "IPv4 forwarding: net.ipv4.ip_forward is off.*sysctl -w net.ipv4.ip_forward=1"
  run -1 flanneld_run doctor
  assert_json "$(flanneld_run doctor -o json || true)" '[.checks[] | select(.state == "fail")] | length == 1'
  on a node_exec bash -c 'mkdir -p /run/sysctl.d && echo "net.ipv4.ip_forward = 0" >/run/sysctl.d/99-cloud.conf'
  doctor_says fail "IPv4 forwarding: net.ipv4.ip_forward is off.*'/run/sysctl.d/99-cloud.conf' switches it off"
  on a node_exec sysctl -qw net.ipv4.ip_forward=1
  doctor_says warn "IPv4 forwarding: net.ipv4.ip_forward is on, but '/run/sysctl.d/99-cloud.conf' switches it off"
  on a node_exec rm /run/sysctl.d/99-cloud.conf

  local gateway
  gateway=$(on a subnet_of).1/24
  on a node_exec bash -euc 'ip addr add 10.5.254.1/24 dev cni0; ip addr del "$1" dev cni0' bash "$gateway"
  doctor_says fail "bridge: cni0 has 10.5.254.1/24, and subnet.env says $gateway.*ip link delete cni0"
  on a node_exec bash -euc 'ip addr add "$1" dev cni0; ip addr del 10.5.254.1/24 dev cni0' bash "$gateway"

  on a node_exec mv /opt/cni/bin/flannel /opt/cni/gone
  doctor_says fail "network configuration: .*names 'flannel', which /opt/cni/bin does not have.*install"
  on a node_exec mv /opt/cni/gone /opt/cni/bin/flannel
  on a node_exec chmod -x /opt/cni/bin/flannel
  doctor_says fail "network configuration: .*names 'flannel', which /opt/cni/bin does not have as a program"
  on a node_exec chmod +x /opt/cni/bin/flannel
  on a node_exec mv /run/flannel/subnet.env /run/flannel/gone
  doctor_says fail "subnet file: there is no '/run/flannel/subnet.env'.*restart flanneld"
  on a node_exec mv /run/flannel/gone /run/flannel/subnet.env
  on a node_exec ip link set cni0 down
  run -0 flanneld_run doctor --fix
  assert_match "$output" "fail +bridge: cni0 is down: its pods are cut off — ip link set cni0 up.*fix   bridge: ip link set cni0 up … done"

  on a node_exec bash -c 'echo "{\"name\": \"other\", \"type\": \"bridge\"}" >/etc/cni/net.d/00-other.conf'
  doctor_says fail "network configuration: '00-other.conf' comes first, and is not flannel's"
  on a node_exec bash -c 'echo "{" >/etc/cni/net.d/00-other.conf'
  doctor_says fail "network configuration: '00-other.conf' cannot be read"
  on a node_exec mv /etc/cni/net.d/00-other.conf /etc/cni/net.d/99-other.conf
  doctor_says warn "network configuration: .*ignores 99-other.conf"
  on a node_exec rm /etc/cni/net.d/99-other.conf

  on a node_exec nft "add table inet fw; add chain inet fw gate { type filter hook forward priority 10; policy drop; }"
  doctor_says fail "other filters: chain 'gate' of nftables table 'inet fw' drops"
  on a node_exec nft "delete table inet fw"
  lease_put 10.5.250.0-24 '{"PublicIP":"192.168.7.30","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:00:01"}}'
  wait_until 5 peers_are a 1
  on a node_exec bash -euc 'ip link add other type veth peer name other-end; ip link set other-end up; ip link set other up; ip route add 192.168.7.0/24 dev other
    sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.eth0.rp_filter=0'
  doctor_says fail "way back: net/ipv4/conf/all/rp_filter is 1, strict: 'eth0' drops what 1 node sends to this node, the first 192.168.7.30: .*'other'"
  on a node_exec ip link del other
  rm "$NODE_DIR/leases/subnets/10.5.250.0-24"
  on a node_exec ip link set cni0 mtu 1500
  doctor_says warn "MTU: .*cni0 has not FLANNEL_MTU"
  on a node_exec ip link set cni0 mtu 1450
  wait_until 3 flanneld_run doctor >/dev/null

  on a flanneld_stop
  doctor_says fail "agent: flanneld does not answer at 127.0.0.1:7000"
  on a node_exec ip route del default
  doctor_says fail "external interface: none serves: default route: there is no IPv4 default route.*--iface"
  on a node_exec mv /run/flannel/subnet.env /run/flannel/gone
  doctor_says fail "subnet file: there is no '/run/flannel/subnet.env'"
  on a node_exec bash -c 'echo FLANNEL_SUBNET=nonsense >/run/flannel/subnet.env'
  doctor_says fail "subnet file: .*subnet.env.*remove it and restart flanneld"
}

@test "doctor --fix tells each step before it does it, and checks again" {
  vxlan_config
  agent_start a --ip-masq
  on a flanneld_stop
  on a node_exec bash -euc 'ip link add cni0 type bridge; ip addr add 10.5.254.1/24 dev cni0; ip link set flannel.1 down
    sysctl -qw net.ipv4.ip_forward=0'
  run -1 flanneld_run doctor --fix
  assert_match "$output" "fail +IPv4 forwarding: .*fix   IPv4 forwarding: sysctl -w net/ipv4/ip_forward=1 … done"
  assert_match "$output" "fix   UDP port 8472: ip link set flannel.1 up … done"
  assert_match "$output" "fix   bridge: ip link delete cni0 … done.*ok +bridge: there is no cni0 yet"
  assert_equal "$(grep ^fail <<<"$output" | tail -n 1 | cut -d: -f1)" "fail  agent" # the rest is well
  on a node_exec bash -euc 'ip link add cni0 type bridge; ip addr add 10.5.254.1/24 dev cni0'
  on a node_exec sysctl -qw net.ipv4.ip_forward=0
  run -1 on a node_exec setpriv --bounding-set -all --inh-caps -all "$BIN_DIR/flanneld" --lease-dir "$NODE_DIR/leases" doctor --fix
  assert_match "$output" "ip link delete cni0 … failed: .*Operation not permitted; run this as root"
}

@test "doctor tells of a runtime that watches a directory of network configurations that is gone" {
  vxlan_config
  agent_start a
  # GNU tail watches the directory of a file that it waits for, as containerd does.
  on a node_exec bash -euc 'cp "$(command -v tail)" /run/containerd; touch /etc/cni/net.d/x'
  on a node_spawn containerd.log /run/containerd -n 0 -F /etc/cni/net.d/x
  wait_until 10 doctor_says ok "container runtime: containerd .[0-9]+. watches /etc/cni/net.d"
  on a node_exec bash -euc 'cp -r /etc/cni/net.d /etc/cni/new; mv /etc/cni/net.d /etc/cni/old; mv /etc/cni/new /etc/cni/net.d'
  doctor_says fail "container runtime: containerd .* does not watch /etc/cni/net.d.*restart containerd"
}
