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

# etcd_on_b: a member on host b with a configuration for vxlan.
etcd_on_b() {
  on b etcd_start b 192.168.1.20 b=http://192.168.1.20:2380 --unsafe-no-fsync
  wait_until 20 on b etcd_answers
  on b etcd_ctl put /coreos.com/network/config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}' >/dev/null
}

# fill NAME_FORMAT COUNT VALUE [BYTES]: so many entries below the leases' prefix, each value filled up with spaces.
fill() {
  on b node_exec python3 - "$@" <<'PY'
import base64, http.client, json, sys
name, count, value, size = sys.argv[1], int(sys.argv[2]), sys.argv[3], int((sys.argv + ["0"])[4])
b64 = lambda text: base64.b64encode(text.encode()).decode()
server = http.client.HTTPConnection("127.0.0.1", 2379)
for i in range(count):
    key = "/coreos.com/network/subnets/" + name.format(hi=i >> 8, lo=i & 255, i=i)
    server.request("POST", "/v3/kv/put", json.dumps({"key": b64(key), "value": b64(value.format(i=i).ljust(size))}))
    server.getresponse().read()
PY
}

# peak_kb HOST: the most memory that the agent ever had.
peak_kb() {
  on "$1" node_exec bash -c 'awk "/VmHWM/ { print \$2 }" "/proc/$(cat /run/flanneld.pid)/status"'
}

@test "18 MB of junk in etcd, and leases of 60 kB, cost a start neither time nor memory; a huge one ends no watch" {
  etcd_on_b
  local lease='{{"PublicIP":"192.168.1.30","PublicIPv6":null,"BackendType":"vxlan","BackendData":{{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}}}'
  on a flanneld_start --etcd-endpoints http://192.168.1.20:2379 --state-file ''
  on a flanneld_wait_ready
  local without
  without=$(peak_kb a)
  on a flanneld_stop
  fill 'junk-{i}' 200 x 60000
  fill '10.5.{i}.0-24' 100 "$lease" 60000
  fill '10.5.250.0-24' 1 "$lease"
  on a flanneld_start --etcd-endpoints http://192.168.1.20:2379 --state-file ''
  on a flanneld_wait_ready
  wait_until 3 peers_are a 1
  local peak
  peak=$(peak_kb a)
  echo "# peak memory $peak kB with 18 MB of junk, $without kB without" >&3
  is_sanitized || ((peak < without + 16000)) || fail "$peak kB, and $without kB without junk"
  assert_match "$(on a status_get /readyz)" "flanneld is ready.*but the store's entry '.*60000.*but 2(79|80) more entries of the store cannot be used"
  # One of them may have been this node's own lease, which it writes again.
  assert_match "$(on a status_get /metrics)" "flanneld_store_unusable_entries (299|300)"
  (($(on a node_exec grep -c "skip the store's entry" /run/flanneld.log) <= 21)) || fail "each is a line"
  # While the watch runs.
  fill 'junk-{i}' 300 y 60000
  fill 'huge' 1 z 1400000
  local other=${lease//:44/:46}
  fill '10.5.252.0-24' 1 "${other//1.30/1.32}"
  wait_until 15 route_of_252 || fail "$(on a status_get /readyz | cut -c1-200) $(on a node_exec tail -n 5 /run/flanneld.log | cut -c1-300)"
  peak=$(peak_kb a)
  is_sanitized || ((peak < without + 24000)) || fail "$peak kB once the watch had brought it"
}

route_of_252() {
  [[ -n $(on a node_exec ip route show 10.5.252.0/24) ]]
}
