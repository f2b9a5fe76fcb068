#!/usr/bin/env bats
# What outlives a process: a reboot, clocks that jump, unexpected files, disks that are full
# or read-only. A live pod keeps its address through all of it, and a dead one does not.

load ../support/flannel_test.bash

# in_node SCRIPT [WORD...]: a bash script run in the node.
in_node() {
  node_exec bash -c "$@"
}

# reboot ID: brings the node into the state after a reboot with that boot id: no pods, links, rules or /run; files
# on the disk are years old.
reboot() {
  in_node 'for pod in $(ls /run/netns); do ip netns del "$pod"; done
    ip link del cni0; nft flush ruleset; rm -rf /run/cni
    find /var/lib/cni -exec touch -h -d 2021-06-01 {} +
    echo "$0" >/run/boot_id; mount --bind /run/boot_id /proc/sys/kernel/random/boot_id' "$1"
  wait_until 5 links_are_gone
  pod_add pod
}

links_are_gone() {
  [[ -z $(links_of veth) ]]
}

# files: the names of leases and scratch files.
files() {
  in_node 'cd /var/lib/cni; { find networks -name "*[.:]*" ! -name "last_*"; find flannel -type f; } | sort | xargs'
}

@test "the first ADD after a reboot removes the leases and scratch files of the boot before" {
  local i
  for i in 1 2 3; do
    pod_add "p$i"
    flannel ADD "old$i" "p$i" "$(conf)" >/dev/null
  done
  reboot second
  flannel ADD new pod "$(conf)" >/dev/null
  assert_equal "$(files)" 'flannel/new networks/cbr0/10.244.1.5'
  # Within a boot nothing is judged by its age again.
  in_node 'find /var/lib/cni -exec touch -h -d 2021-06-01 {} +'
  pod_add p1
  flannel ADD more p1 "$(conf)" >/dev/null
  assert_equal "$(files)" 'flannel/more flannel/new networks/cbr0/10.244.1.5 networks/cbr0/10.244.1.6'
}

@test "after a reboot a container can start under its old name, and a late DEL does no harm" {
  flannel ADD same pod "$(conf)" >/dev/null
  reboot second
  flannel ADD same pod "$(conf '{"delegate":{"ipMasq":true}}')" >/dev/null
  assert_json "$(node_exec cat /var/lib/cni/flannel/same)" '.ipMasq'
  flannel DEL same pod "$(conf)"
  assert_empty "$(leftovers)" leftovers
  flannel DEL same '' "$(conf)"
}

@test "clocks that jump, and a state directory that is lost, free no live pod's address" {
  local boottime result
  result=$(flannel ADD live pod "$(conf)")
  in_node 'find /var/lib/cni -type f -exec touch -d "10 seconds ago" {} +'
  # The wall clock set forward, or back, makes the boot seem later or earlier: so does another uptime.
  for boottime in -$(($(cut -d. -f1 /proc/uptime) - 1)) 100000000; do
    in_node 'rm -rf /run/cni'
    with_result "$(conf)" "$result" | CNI_COMMAND=CHECK node_exec unshare --time --boottime "$boottime" --fork \
      env CNI_COMMAND=CHECK CNI_CONTAINERID=live CNI_NETNS=/run/netns/pod CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin \
      /opt/cni/bin/flannel
    assert_equal "$(files)" 'flannel/live networks/cbr0/10.244.1.2'
  done
  # Its files bear times of a clock that was not set yet, or set wrong.
  for when in 1970-01-02 2021-06-01 2038-01-01 now; do
    in_node 'rm -rf /run/cni; find /var/lib/cni -type f -exec touch -h -d "$0" {} +' "$when"
    pod_add p1
    flannel ADD another p1 "$(conf)" >/dev/null
    assert_match "$(files)" 'flannel/live networks/cbr0/10.244.1.2$|live networks/cbr0/10.244.1.2 '
    flannel DEL another p1 "$(conf)"
    pod_del p1
  done
  flannel CHECK live pod "$(with_result "$(conf)" "$result")"
}

@test "torn, empty, oversized and foreign files block nothing and belong to no network" {
  in_node 'for dir in /var/lib/cni/networks/cbr0 /var/lib/cni/flannel; do
      mkdir -p $dir; cd $dir
      : >10.244.1.2; head -c 5000000 /dev/zero >10.244.1.3; mkdir 10.244.1.4; mkfifo 10.244.1.5; ln -s /etc/passwd 10.244.1.6
      ln -s 10.244.1.7 10.244.1.7; printf "other\r\net" >10.244.1.8; ln -s nowhere 10.244.1.9
      : >c1; head -c 5000000 /dev/zero >c2; mkdir c3; mkfifo c4; ln -s /etc/passwd c5; echo "{" >c6
      : >c1:eth0; head -c 5000000 /dev/zero >c2:eth0; mkdir c3:eth0; mkfifo c4:eth0; ln -s /etc/passwd c5:eth0; echo "{" >c6:eth0
      head -c 300 /dev/urandom >"$(printf "\377\n:x")"; : >README; mkdir last_reserved_ip.0
    done'
  local i result id
  for i in 1 2 3 4 5 6; do
    id=c$i
    result=$(flannel ADD "$id" pod "$(conf)") || fail "$id: $result"
    [[ $i == 3 || $i == 4 ]] || flannel CHECK "$id" pod "$(with_result "$(conf)" "$result")"
    flannel STATUS '' '' "$(conf)"
    flannel DEL "$id" pod "$(conf)"
    assert_empty "$(links_of veth)" "links after DEL of $id"
  done
  in_node 'echo "{" >/var/lib/cni/flannel/torn:eth0'
  flannel GC '' '' "$(conf)"
  in_node 'test -e /var/lib/cni/flannel/torn:eth0' # it may be another network's
  flannel DEL torn pod "$(conf)"
  in_node '! test -e /var/lib/cni/flannel/torn:eth0'
  flannel ADD c1 pod "$(conf)" >/dev/null
  flannel DEL c1 pod "$(conf)"
  assert_equal "$(in_node 'ls -d /var/lib/cni/networks/cbr0/{README,c3} /var/lib/cni/flannel/c3; head -1 /etc/passwd | cut -c1-5')" \
    "$(printf '%s\n' /var/lib/cni/flannel/c3 /var/lib/cni/networks/cbr0/{README,c3} root:)"
}

# no_disk SCRIPT REGEX: after SCRIPT nothing can be written; ADD says so, and existing leases stay.
no_disk() {
  local result
  pod_add p1
  result=$(flannel ADD live pod "$(conf '{"delegate":{"ipMasq":true}}')")
  in_node "$1"
  run flannel ADD new p1 "$(conf '{"delegate":{"ipMasq":true}}')"
  assert_error 5 "$2"
  assert_equal "$(links_of veth | grep -c '^veth')" 1
  assert_equal "$(node_exec nft list ruleset | grep -c 'id: ')" 1
  flannel CHECK live pod "$(with_result "$(conf '{"delegate":{"ipMasq":true}}')" "$result")"
  assert_equal "$(files)" 'flannel/live networks/cbr0/10.244.1.2'
}

@test "on a read-only disk calls fail with a reason, lose nothing, and work when it is writable again" {
  no_disk 'mount -o remount,ro /var/lib/cni' 'Read-only file system'
  run flannel STATUS '' '' "$(conf)"
  assert_error 50 'writable'
  run flannel DEL live pod "$(conf)"
  assert_error 5 'Read-only file system'
  run flannel GC '' '' "$(conf)"
  assert_error 5 'Read-only file system'
  assert_equal "$(files)" 'flannel/live networks/cbr0/10.244.1.2'
  in_node 'mount -o remount,rw /var/lib/cni'
  flannel DEL live pod "$(conf)"
  assert_empty "$(leftovers)" leftovers
  flannel ADD new p1 "$(conf)" >/dev/null
}

@test "on a disk without inodes ADD fails with a reason, loses nothing, and DEL makes room" {
  no_disk 'mount -o remount,nr_inodes=100 /var/lib/cni; for i in {1..100}; do : >/var/lib/cni/$i; done 2>/dev/null || true' \
    'No space left on device'
  flannel DEL live pod "$(conf)"
  assert_empty "$(leftovers)" leftovers
}

@test "on a disk without blocks ADD fails with a reason, loses nothing, and DEL works" {
  no_disk 'mount -o remount,size=256k /var/lib/cni; head -c 1M /dev/zero >/var/lib/cni/filler 2>/dev/null || true' 'No space left on device'
  flannel DEL live pod "$(conf)"
  assert_empty "$(leftovers)" leftovers
}

@test "without a place for the index and the record of the boot everything works" {
  in_node 'mkdir -p /run/cni; mount -t tmpfs -o nr_inodes=1 tmpfs /run/cni'
  local result
  result=$(flannel ADD c1 pod "$(conf)")
  flannel CHECK c1 pod "$(with_result "$(conf)" "$result")"
  flannel DEL c1 pod "$(conf)"
  assert_empty "$(leftovers)" leftovers
}

@test "DEL frees address and interface whatever is in the lock's place, also without an inode to make one" {
  local plant planted=('mkdir -p lock/full' 'mkfifo lock' 'ln -s /nowhere lock' 'mknod lock c 1 3' 'install -o nobody -m 0666 /dev/null lock')
  for plant in "${planted[@]}"; do
    flannel ADD c1 pod "$(conf)" >/dev/null
    in_node "cd /var/lib/cni/networks/cbr0 && rm -rf lock && $plant"
    flannel DEL c1 pod "$(conf)"
    assert_empty "$(leftovers)$(links_of veth)" "left with $plant"
  done
  assert_equal "$(node_exec stat -c %a /var/lib/cni/networks/cbr0/lock)" 600
  flannel ADD c1 pod "$(conf)" >/dev/null
  in_node 'cd /var/lib/cni; rm networks/cbr0/lock; mount -o remount,nr_inodes=100 .; for i in {1..100}; do : >$i; done; true' 2>/dev/null
  flannel DEL c1 pod "$(conf)"
  assert_empty "$(leftovers)$(links_of veth)" "left without an inode"
}

@test "DEL removes the interface by the host's end, wherever the pod has put its own" {
  local hide
  pod_add elsewhere
  for hide in 'ip link set eth0 down; ip link set eth0 name x0; ip link set x0 up; ip link add eth0 type veth peer name y0' \
    'ip link set eth0 name z0 netns elsewhere' 'ip addr flush dev eth0; ip link set eth0 address 02:00:00:00:00:99'; do
    flannel ADD c1 pod "$(conf)" >/dev/null
    in_node "exec nsenter --net=/run/netns/pod bash -c \"\$0\"" "$hide"
    flannel DEL c1 pod "$(conf)"
    assert_empty "$(leftovers)$(links_of veth)" "left after $hide"
    in_node 'ip -n pod link del eth0' 2>/dev/null || true
  done
}
