#!/usr/bin/env bats
# flannel-ipam as a runtime calls it: environment, stdin, stdout, exit status, and the files it leaves.
# Reference: Debian's host-local.

bats_require_minimum_version 1.5.0

setup() {
  BIN_DIR=${BIN_DIR:-$BATS_TEST_DIRNAME/../../build/release/bin}
  IPAM=$BIN_DIR/flannel-ipam
  REFERENCE=${REFERENCE:-/usr/lib/cni/host-local}
  DIR=$(mktemp -d /tmp/ipamXXXXXXXX)
  STORE=$DIR/net1
  INDEX=/run/cni/flannel-ipam/$(tr / - <<<"$DIR")-net1.index
  export CNI_PATH=$BIN_DIR CNI_NETNS=/var/run/netns/none CNI_IFNAME=eth0
}

teardown() {
  [ -n "${DIR:-}" ] || return 0
  if mountpoint -q "$DIR"; then umount "$DIR"; fi
  rm -rf "$DIR" "$INDEX"
}

# conf [RANGES] [VERSION] [MORE]: a configuration on this test's directory.
conf() {
  local ranges=${1:-'"subnet": "10.1.2.0/24"'} version=${2:-1.1.0} more=${3:-}
  printf '{"cniVersion": "%s", "name": "net1", "type": "x"%s, "ipam": {"type": "flannel-ipam", "dataDir": "%s", %s}}' \
    "$version" "${more:+, $more}" "$DIR" "$ranges"
}

# call VERB ID [CONFIG [PROGRAM]]
call() { CNI_COMMAND=$1 CNI_CONTAINERID=$2 timeout 60 "${4:-$IPAM}" <<<"${3-$(conf)}"; }

# fails_with CODE TEXT VERB ID [CONFIG]: the call must fail, with an error object on stdout.
fails_with() {
  local code=$1 text=$2
  shift 2
  run -1 call "$@"
  jq -e --argjson code "$code" '.code == $code' <<<"$output" || { echo "$output"; return 1; }
  jq -re '.msg + "; " + (.details // "")' <<<"$output" | grep -qF -- "$text" || { echo "$output"; return 1; }
}

address() { jq -r '.ips[0].address'; }
leases() { (cd "$STORE" 2>/dev/null && find . -maxdepth 1 -type f -name '*[.:]*' ! -name 'last_*' -printf '%P\n' | sort -V); }

@test "ipam: ADD, CHECK and DEL succeed, and the lease has the reference's bytes" {
  run -0 call ADD c1
  [ "$(address <<<"$output")" = 10.1.2.2/24 ]
  [ "$(jq -r '.ips[0].gateway' <<<"$output")" = 10.1.2.1 ]
  [ "$(jq -c 'keys' <<<"$output")" = '["cniVersion","ips"]' ]
  [ "$(od -An -c "$STORE/10.1.2.2" | tr -d ' \n')" = 'c1\r\neth0' ]
  [ "$(cat "$STORE/last_reserved_ip.0")" = 10.1.2.2 ]
  [ "$(stat -c %a "$STORE/lock")" = 600 ]
  [ "$(cat "$STORE/lock")" = "$(cat /proc/sys/kernel/random/boot_id)" ]
  run -0 call CHECK c1
  [ -z "$output" ]
  run -0 call DEL c1
  [ -z "$output" ]
  [ -z "$(leases)" ]
  run -0 call DEL c1
}

@test "ipam: the README's sample gives the README's result" {
  local readme=$BATS_TEST_DIRNAME/../../cni-ipam/README.md
  json_block() { awk -v n="$1" '/^```json/ { in_block = ++seen == n; next } /^```/ { in_block = 0 } in_block' "$readme"; }
  run -0 call ADD pod1 "$(json_block 1 | jq --arg dir "$DIR" '.name = "net1" | .ipam.dataDir = $dir')"
  diff <(json_block 2 | jq -S .) <(jq -S . <<<"$output")
}

@test "ipam: DEL and STATUS without a store make none" {
  run -0 call DEL c1
  run -0 call STATUS ""
  run -0 call GC ""
  [ -z "$(ls -A "$DIR")" ]
  [ ! -e "$INDEX" ]
}

@test "ipam: bad input is named, has its error code and leaves nothing" {
  fails_with 6 'JSON' ADD c1 '{"cniVersion": "1.0.0"'
  fails_with 6 'JSON' ADD c1 ''
  fails_with 7 "missing 'ipam'" ADD c1 '{"cniVersion": "1.0.0", "name": "net1"}'
  fails_with 7 'no IP ranges specified' ADD c1 "$(conf '"x": 1')"
  fails_with 7 'too small' ADD c1 "$(conf '"subnet": "10.1.2.0/32"')"
  fails_with 7 '10.1.2.0' ADD c1 "$(conf '"subnet": "10.1.2.7/24"')"
  fails_with 7 'ipam.gateway' ADD c1 "$(conf '"gateway": "10.1.2.7"')"
  fails_with 6 'ipam.ranges' ADD c1 "$(conf '"ranges": {}')"
  fails_with 6 'ipam.ranges[0][0]' ADD c1 "$(conf '"ranges": [[null]]')"
  fails_with 6 'ips' ADD c1 "$(conf '' '' '"runtimeConfig": {"ips": [null]}')"
  fails_with 5 '/nowhere' ADD c1 "$(conf '"subnet": "10.1.2.0/24", "resolvConf": "/nowhere"')"
  fails_with 7 'all requested IPs: 10.9.9.9' ADD c1 "$(conf '' '' '"runtimeConfig": {"ips": ["10.9.9.9"]}')"
  CNI_ARGS=IP=10.1.2 fails_with 4 "'10.1.2'" ADD c1
  CNI_ARGS=FOO=1 fails_with 4 'FOO' ADD c1
  fails_with 4 'CONTAINERID' ADD 'a/b'
  [ -z "$(leases)" ]
}

@test "ipam: one hundred ADDs at once get one hundred addresses" {
  for i in $(seq 100); do call ADD "c$i" >"$DIR/out.$i" & done
  wait
  for i in $(seq 100); do address <"$DIR/out.$i"; done | sort -u >"$DIR/addresses"
  [ "$(grep -c '^10\.1\.2\.[0-9]*/24$' "$DIR/addresses")" = 100 ]
  [ "$(leases | wc -l)" = 100 ]
  for i in $(seq 100); do call DEL "c$i" & done
  wait
  [ -z "$(leases)" ]
}

@test "ipam: one hundred ADDs at once beside host-local get one hundred addresses" {
  for i in $(seq 50); do
    call ADD "ours$i" "$(conf '' 1.0.0)" >"$DIR/out.a$i" &
    call ADD "theirs$i" "$(conf '' 1.0.0)" "$REFERENCE" >"$DIR/out.b$i" &
  done
  wait
  cat "$DIR"/out.* | address | sort -u >"$DIR/addresses"
  [ "$(grep -c '^10\.1\.2\.[0-9]*/24$' "$DIR/addresses")" = 100 ]
  # Each deletes the other's.
  for i in $(seq 50); do
    call DEL "ours$i" "$(conf '' 1.0.0)" "$REFERENCE" &
    call DEL "theirs$i" "$(conf '' 1.0.0)" &
  done
  wait
  [ -z "$(leases)" ]
}

@test "ipam: it takes turns with host-local on one directory" {
  local c
  c=$(conf '"ranges": [[{"subnet": "10.1.2.0/29"}], [{"subnet": "fd00:0:0:1::/64"}]], "routes": [{"dst": "0.0.0.0/0"}]' 1.0.0)
  run -0 call ADD a "$c"
  [ "$(jq -r '[.ips[].address] | join(" ")' <<<"$output")" = '10.1.2.2/29 fd00:0:0:1::2/64' ]
  run -0 call ADD b "$c" "$REFERENCE"
  [ "$(jq -r '[.ips[].address] | join(" ")' <<<"$output")" = '10.1.2.3/29 fd00:0:0:1::3/64' ]
  run -0 call ADD c "$c"
  [ "$(jq -r '[.ips[].address] | join(" ")' <<<"$output")" = '10.1.2.4/29 fd00:0:0:1::4/64' ]
  run -0 call CHECK b "$c"
  run -0 call CHECK a "$c" "$REFERENCE"
  fails_with 101 'duplicate allocation' ADD b "$c"
  run -1 call ADD a "$c" "$REFERENCE"
  [[ $output == *'duplicate allocation'* ]]
  run -0 call DEL a "$c" "$REFERENCE"
  run -0 call DEL b "$c"
  run -1 call CHECK a "$c"
  [ "$(leases | tr '\n' ' ')" = '10.1.2.4 fd00:0:0:1::4 ' ]
  # A lease has the same bytes and name from both programs.
  run -0 call ADD d "$c"
  run -0 call ADD e "$c" "$REFERENCE"
  cmp <(sed s/d/e/ "$STORE/10.1.2.5") "$STORE/10.1.2.6"
}

@test "ipam: results are host-local's for each version of the specification" {
  local version c
  printf 'nameserver 192.0.2.3\nsearch a.example\n' >"$DIR/resolv.conf"
  for version in 0.1.0 0.2.0 0.3.0 0.3.1 0.4.0 1.0.0; do
    c=$(conf '"ranges": [[{"subnet": "10.1.2.0/24", "gateway": "10.1.2.254"}], [{"subnet": "fd00::/64"}]], "resolvConf": "'"$DIR"'/resolv.conf",
      "routes": [{"dst": "0.0.0.0/0"}, {"dst": "fd01::/64", "gw": "fd00::9"}]' "$version")
    call ADD a "$c" | jq -S . >"$DIR/ours"
    rm -rf "$STORE"
    call ADD a "$c" "$REFERENCE" | jq -S . >"$DIR/theirs"
    rm -rf "$STORE"
    diff "$DIR/theirs" "$DIR/ours"
  done
}

# system_calls VERB ID: how many a call makes that succeeds.
system_calls() {
  CNI_COMMAND=$1 CNI_CONTAINERID=$2 strace -qqq -o "$DIR/trace" "$IPAM" <<<"$(conf '"subnet": "10.1.0.0/16"' 1.0.0)" >/dev/null
  wc -l <"$DIR/trace"
}

# turns: the system calls of ADD, CHECK and DEL, each after a change that host-local made.
turns() {
  local verb
  for verb in ADD CHECK DEL; do
    call ADD "before-$verb" "$(conf '"subnet": "10.1.0.0/16"' 1.0.0)" "$REFERENCE" >/dev/null
    system_calls "$verb" ours
    call DEL "before-$verb" "$(conf '"subnet": "10.1.0.0/16"' 1.0.0)" "$REFERENCE"
  done
}

@test "ipam: beside host-local a call does not cost more for more leases" {
  if grep -q __asan_init "$IPAM"; then skip "the sanitizer's own system calls are no steps of the plugin"; fi
  call ADD first "$(conf '"subnet": "10.1.0.0/16"' 1.0.0)" >/dev/null
  turns >"$DIR/few"
  seq 2000 | awk -v d="$STORE" '{ n = $1 + 1000; f = d "/10.1." int(n / 256) "." n % 256; printf "c%d\r\neth0", n > f; close(f) }'
  call DEL unknown "$(conf '"subnet": "10.1.0.0/16"' 1.0.0)"  # reads them all
  turns >"$DIR/many"
  paste -d' ' "$DIR/few" "$DIR/many"
  paste -d' ' "$DIR/few" "$DIR/many" | awk '{ if ($2 > $1 + 10) exit 1 }'
  [ "$(wc -l <"$DIR/many")" = 3 ]
}

# steps VERB ID: each system call of a call, as "name:occurrence", but for the first and the last.
steps() {
  CNI_COMMAND=$1 CNI_CONTAINERID=$2 strace -qqq -o "$DIR/trace" "$IPAM" <<<"$(conf)" >/dev/null
  sed -n 's/^\([a-z_0-9]*\)(.*/\1/p' "$DIR/trace" | grep -v -e execve -e exit_group | awk '{ print $1 ":" ++seen[$1] }'
}

# kill_at STEP VERB ID: a call that gets SIGKILL when it enters that system call.
kill_at() {
  CNI_COMMAND=$2 CNI_CONTAINERID=$3 strace -qqq -o /dev/null -e "inject=${1%:*}:signal=KILL:when=${1#*:}" "$IPAM" \
    <<<"$(conf)" >/dev/null 2>&1 || true
}

@test "ipam: killed at any step it leaves a whole lease or none, and later calls are right" {
  if grep -q __asan_init "$IPAM"; then skip "the sanitizer's own system calls are no steps of the plugin"; fi
  local step
  call ADD other >/dev/null
  steps ADD victim >"$DIR/add"
  steps DEL victim >"$DIR/del"
  [ "$(wc -l <"$DIR/add")" -gt 30 ]
  while read -r step; do
    kill_at "$step" ADD victim
    [ "$(find "$STORE" -name '10.*' -size 0 | wc -l)" = 0 ]
    fails_with 101 duplicate ADD other
    run -0 call DEL victim
    [ "$(leases)" = 10.1.2.2 ]
  done <"$DIR/add"
  while read -r step; do
    call ADD victim >/dev/null
    kill_at "$step" DEL victim
    fails_with 101 duplicate ADD other
    run -0 call DEL victim
    [ "$(leases)" = 10.1.2.2 ]
  done <"$DIR/del"
}

@test "ipam: a lease that host-local tore in a crash is taken back" {
  call ADD a >/dev/null
  : >"$STORE/10.1.2.3"
  run -0 call ADD b
  [ "$(address <<<"$output")" = 10.1.2.3/24 ]
}

@test "ipam: a lost or damaged index changes no result" {
  call ADD a >/dev/null
  rm -f "$INDEX"
  fails_with 101 duplicate ADD a
  [ -e "$INDEX" ]
  printf 'ipamidx1 nonsense' >"$INDEX"
  run -0 call CHECK a
  : >"$INDEX"
  run -0 call DEL a
  [ -z "$(leases)" ]
}

@test "ipam: on a read-only directory ADD, DEL and STATUS fail with a reason and lose nothing" {
  call ADD a >/dev/null
  mount --bind "$DIR" "$DIR" 2>/dev/null || skip "may not mount"
  mount -o remount,bind,ro "$DIR"
  fails_with 5 'Read-only file system' ADD b
  fails_with 5 "$STORE/10.1.2.2" DEL a
  run -0 call DEL unknown
  run -0 call CHECK a
  fails_with 50 'remount it' STATUS "" || fails_with 50 'writable' STATUS ""
  umount "$DIR"
  [ "$(leases)" = 10.1.2.2 ]
  run -0 call DEL a
}

@test "ipam: on a full file system ADD fails, says to make room, and leaves nothing" {
  mount -t tmpfs -o nr_inodes=6 tmpfs "$DIR" 2>/dev/null || skip "may not mount"
  # The root, the store, its lock, a lease and a cursor leave room for one file more.
  run -0 call ADD a
  : >"$DIR/filler"
  fails_with 5 'make room' ADD b
  [ "$(leases)" = 10.1.2.2 ]
  rm "$DIR/filler"
  run -0 call ADD b
}

@test "ipam: a file in the place of the directory is named" {
  : >"$STORE"
  fails_with 5 "$STORE" ADD a
  fails_with 5 "$STORE" DEL a
  fails_with 50 "$STORE" STATUS ""
}

@test "ipam: a full range is counted by ADD and no matter for STATUS, and GC frees it" {
  local c id
  c=$(conf '"subnet": "10.1.2.0/29"')
  for id in c1 c2 c3 c4 c5; do  # bats' run has an i of its own
    run -0 call STATUS "" "$c"
    call ADD "$id" "$c" >/dev/null
  done
  fails_with 11 'no IP addresses available in range set: 10.1.2.1-10.1.2.6' ADD more "$c"
  fails_with 11 '5 addresses, 5 of them held by 5 containers' ADD more "$c"
  fails_with 11 'among them c1, c2, c3, c4, c5' ADD more "$c"
  run -0 call STATUS "" "$c"
  run -0 call GC "" "$(conf '"ranges": "broken"' 1.1.0 '"cni.dev/valid-attachments": [{"containerID": "c3", "ifname": "eth0"}]')"
  [ "$(leases)" = 10.1.2.4 ]
  run -0 call STATUS "" "$c"
  run -0 call ADD more "$c"
}

@test "ipam: the one free address of an almost full /16 is found" {
  mkdir -p "$STORE"
  seq 65533 | awk -v d="$STORE" '{ n = $1 + 1; if (n == 40000) next; f = d "/10.1." int(n / 256) "." n % 256;
    printf "c%d\r\neth0", n > f; close(f) }'
  printf 10.1.156.64 >"$STORE/last_reserved_ip.0"  # the free one: it is visited last
  local c
  c=$(conf '"subnet": "10.1.0.0/16"')
  call CHECK c2 "$c"  # the first call reads them all
  run -0 call ADD new "$c"
  [ "$(address <<<"$output")" = 10.1.156.64/16 ]
  fails_with 11 '65533 addresses, 65533 of them held by 65533 containers' ADD more "$c"
}
