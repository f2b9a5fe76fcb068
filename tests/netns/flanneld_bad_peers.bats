# flanneld beside peers whose leases are wrong, on purpose or not: their trouble is told, and is not this node's.

load ../support/flanneld_test.bash

ready_line() {
  on "$1" status_get /readyz | head -n 1
}

# http_code HOST PATH
http_code() {
  on "$1" node_exec curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:7000$2"
}

tells_of() {
  [[ $(on "$1" status_get /readyz) == *"$2"* ]]
}

# systemd_listens: collects what the agent of host b tells its service manager, in /run/told there.
systemd_listens() {
  on b node_spawn notify.log python3 -c '
import socket
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind("/run/notify")
while True:
    with open("/run/told", "ab") as told: told.write(listener.recv(4096) + b"\n")'
  wait_until 5 on b node_exec test -S /run/notify
}

@test "a peer whose route the kernel refuses is told of, and every node is ready, also one that starts" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "host-gw"}}'
  agent_start a
  lease_put 10.5.250.0-24 '{"PublicIP":"10.99.0.9","PublicIPv6":null,"BackendType":"host-gw"}'
  wait_until 3 tells_of a "route 10.5.250.0/24 via 10.99.0.9 dev eth0"
  assert_equal "$(http_code a /readyz) $(ready_line a)" "200 flanneld is ready"
  assert_match "$(on a status_get /metrics)" "flanneld_kernel_failures 0.*flanneld_peer_failures 1"
  assert_json "$(on a status_get /status)" '.ready and (.kernel.peerFailures[0] | test("10.5.250.0/24.*host-gw needs nodes on one network"))'
  assert_match "$(on a node_exec cat /run/flanneld.log)" "warning .*route 10.5.250.0/24 via 10.99.0.9"
  assert_match "$(on a node_exec "$BIN_DIR/flanneld" doctor || true)" "warn +agent: .*10.5.250.0/24 via 10.99.0.9"
  assert_match "$(on a node_exec "$BIN_DIR/flanneld" status || true)" "! .*10.5.250.0/24 via 10.99.0.9"

  systemd_listens
  on b flanneld_spawn env NOTIFY_SOCKET=/run/notify "$BIN_DIR/flanneld" --lease-dir "$NODE_DIR/leases"
  on b flanneld_wait_ready
  wait_until 3 on b node_exec grep -q READY=1 /run/told
  # Once the address is there, so is the route.
  on a node_exec ip addr add 10.99.0.1/24 dev eth0
  wait_until 3 peer_is_well a
  assert_match "$(on a node_exec ip route show 10.5.250.0/24)" "via 10.99.0.9"
}

peer_is_well() {
  [[ $(on "$1" status_get /readyz) == "flanneld is ready" ]]
}
