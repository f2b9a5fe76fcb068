#!/usr/bin/env bats
# ADD and DEL ended or failed at each of their system calls, one by one: what a runtime does next
# (DEL) must find and remove everything.

load ../support/flannel_test.bash

setup() {
  if grep -q __asan_init "$BIN_DIR/flannel"; then skip "AddressSanitizer's runtime does not run under strace"; fi
  cni_node_start
  pod_add pod
  conf '{"delegate":{"ipMasq":true,"macspoofchk":true}}' | conf_write faults.conf
}

teardown() {
  [[ -z ${NODE_DIR-} ]] || node_stop
}

# sweep VERB INJECTION: runs VERB once for every system call that it makes, with strace's INJECTION at
# that call, then DEL, and prints each call after which something was left or DEL failed. With an error
# injected, an ADD that fails must leave nothing by itself and answer with an error object.
# The last line is the number of calls tried.
sweep() {
  # shellcheck disable=SC2016 # expanded in the node
  NODE_TIMEOUT=250 node_exec bash -c '
    conf=$1 verb=$2 injection=$3 points=0
    export CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/pod CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin
    call() { CNI_COMMAND=$1 "${@:2}" /opt/cni/bin/flannel <"$conf"; }
    left() {
      ip -o link show type veth
      ip netns exec pod ip -o link show eth0 2>/dev/null
      find /var/lib/cni -type f ! -name lock ! -name "last_reserved*"
      nft list ruleset | grep -E "id: |macspoofchk"
    }
    call ADD >/run/out && call DEL || exit
    [[ $verb == ADD ]] || call ADD >/run/out || exit
    call "$verb" strace -f -o /run/trace >/run/out
    call DEL || exit
    while read -r count name; do
      for ((i = 1; i <= count; i++)); do
        [[ $verb == ADD ]] || call ADD >/run/out || echo "ADD before $name $i: $(cat /run/out)"
        call "$verb" strace -f -qq -o /dev/null -e "trace=$name" -e "inject=$name:$injection:when=$i" >/run/out 2>/dev/null
        status=$?
        if [[ $injection == error=* && $verb == ADD && $status -ne 0 ]]; then
          jq -e .code /run/out >/dev/null || echo "no error object at $name $i: $(cat /run/out)"
          [[ -z $(left) ]] || echo "the failed ADD left at $name $i: $(left)"
        fi
        call DEL >/run/out || echo "DEL after $name $i: $(cat /run/out)"
        [[ -z $(left) ]] || { echo "left after $name $i: $(left)"; exit; }
        points=$((points + 1))
      done
    done < <(cut -d" " -f2- /run/trace | grep -oE "^ *[a-z_0-9]+\(" | tr -d " (" | grep -vE "$4" | sort | uniq -c)
    echo "$points"' bash "$NODE_DIR/faults.conf" "$1" "$2" "^(execve|exit_group${3+|$3})\$"
}

# check_sweep: the last `run sweep` tried at least $1 calls and told of none.
check_sweep() {
  [[ ${#lines[@]} -eq 1 && ${lines[0]} -ge $1 ]] || fail "$output"
}

@test "ADD killed at every system call: DEL removes what it left" {
  run sweep ADD signal=KILL
  check_sweep 80
}

@test "DEL killed at every system call: the next DEL finishes" {
  run sweep DEL signal=KILL
  check_sweep 50
}

@test "ADD with each system call failing once: undone, or harmless" {
  # A setns that fails on the way home ends the program at once: to go on would be in the wrong namespace.
  run sweep ADD error=EIO setns
  check_sweep 80
}

@test "DEL with each system call failing once: the next DEL finishes" {
  run sweep DEL error=ENOSPC
  check_sweep 50
}
