# What hangs beside the agent does not hang the agent: it heals and answers meanwhile.

load ../support/flanneld_test.bash

teardown() {
  local status=0
  on a node_exec fsfreeze -u /run/disk 2>/dev/null || true
  on a agent_ends_well || status=1
  on a node_exec umount /run/disk 2>/dev/null || true
  cluster_stop
  return "$status"
}

link_is_up() {
  on a node_exec ip -j link show flannel.1 | jq -e '.[0].flags | index("UP")' >/dev/null
}

# heals_and_answers: a link that somebody sets down is up again, and probes are answered.
heals_and_answers() {
  for _ in 1 2; do
    on a node_exec ip link set flannel.1 down
    wait_until 2 link_is_up || fail "not healed: $(on a node_exec tail -3 /run/flanneld.log)"
    assert_equal "$(on a node_exec curl -s --max-time "$(patience 1)" http://127.0.0.1:7000/healthz)" "flanneld is running"
  done
}

# threads_are COUNT: so many threads has the agent.
threads_are() {
  # shellcheck disable=SC2016 # expanded in the node
  (($(on a node_exec bash -c 'ls /proc/$(cat /run/flanneld.pid)/task' | wc -l) == $1))
}

@test "a disk that hangs while the leases are saved" {
  on a node_exec bash -c 'truncate -s 16M /run/image && mkfs.ext4 -q /run/image && mkdir /run/disk && mount -o loop /run/image /run/disk' ||
    skip "no file system can be mounted from a file here"
  host_add m1 192.168.1.101/24
  on m1 etcd_start m1 192.168.1.101 m1=http://192.168.1.101:2380
  wait_until 20 on m1 etcd_answers
  on m1 etcd_ctl put /coreos.com/network/config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}' >/dev/null
  on a flanneld_start --etcd-endpoints http://192.168.1.101:2379 --state-file /run/disk/leases.json
  on a flanneld_wait_ready
  wait_until 5 on a node_exec test -s /run/disk/leases.json
  on a node_exec fsfreeze -f /run/disk
  on m1 etcd_ctl put /coreos.com/network/subnets/10.5.250.0-24 \
    '{"PublicIP":"192.168.1.30","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:00:30"}}' >/dev/null
  wait_until 4 threads_are 2 # one of them hangs
  heals_and_answers
  peers_are a 1
  on a node_exec fsfreeze -u /run/disk
  wait_until 4 threads_are 1
  assert_match "$(on a node_exec cat /run/disk/leases.json)" "10.5.250.0-24"
}

@test "somebody who holds the lock of the lease directory" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  agent_start a
  assert_equal "$(stat -c %a "$NODE_DIR/leases/lock")" 600
  on a node_spawn hold.log flock "$NODE_DIR/leases/lock" bash -c 'touch /run/held; sleep 60'
  wait_until 3 on a node_exec test -e /run/held
  lease_put 10.5.250.0-24 '{"PublicIP":"192.168.1.30","PublicIPv6":null,"BackendType":"host-gw"}'
  heals_and_answers
  wait_until 3 on a node_exec grep -q "lock, which another process holds: Connection timed out" /run/flanneld.log
  heals_and_answers
}
