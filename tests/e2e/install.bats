#!/usr/bin/env bats
# `cmake --install` puts each program where the runtime, the service unit and the README look for it; `install-conf` puts
# files where the runtime does.

bats_require_minimum_version 1.5.0

load ../support/assert.bash

repo=$BATS_TEST_DIRNAME/../..
build=${BIN_DIR:-$repo/build/release/bin}/..

setup_file() {
  DESTDIR=$BATS_FILE_TMPDIR cmake --install "$build" --prefix /usr/local >/dev/null
}

# Prints the installed files, sorted.
installed() {
  (cd "$BATS_FILE_TMPDIR" && find . -type f | sort)
}

@test "install: plugins go to the CNI plugin directory and flanneld to sbin" {
  assert_equal "$(installed)" "$(printf '%s\n' ./opt/cni/bin/flannel ./opt/cni/bin/flannel-ipam ./usr/local/sbin/flanneld)"
}

@test "install: the example service unit starts the flanneld that was installed" {
  local path
  path=$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$repo/conf-examples/flanneld.service")
  [[ -x $BATS_FILE_TMPDIR$path ]]
}

# A link to flanneld, as the image has it: linked install-conf
linked() {
  ln -sf "$(realpath "$build")/bin/flanneld" "$BATS_TEST_TMPDIR/$1"
  echo "$BATS_TEST_TMPDIR/$1"
}

@test "install-conf and cp: one copies a file as the other, says so, and tells of a mistake with status 1" {
  local name
  cd "$BATS_TEST_TMPDIR"
  mkdir net.d bin
  for name in install-conf cp; do
    run -0 "$(linked "$name")" "$repo/conf-examples/10-flannel.conflist" net.d/10-flannel.conflist
    cmp net.d/10-flannel.conflist "$repo/conf-examples/10-flannel.conflist"
    assert_match "$output" "^$name: 'net.d/10-flannel.conflist' is now a copy of .*mode 0644"
    rm net.d/*
    run -1 "$(linked "$name")" /none net.d/
    assert_equal "$output" "$name: open file '/none': No such file or directory"
    run -1 "$(linked "$name")" /none
    assert_match "$output" "^$name: usage: $name .*SOURCE TARGET$"
  done
  run -0 "$(linked cp)" -f "$build/bin/flannel" bin/
  [[ -x bin/flannel ]]
  run -1 "$(linked cp)" -r / bin
  assert_match "$output" "^cp: '-r' is not known; usage: cp"
}

@test "install-conf: killed at any system call, it leaves the old file or the new one, and the next call tidies up" {
  local program point olds=0 news=0
  program=$(linked install-conf)
  cd "$BATS_TEST_TMPDIR"
  mkdir bin
  seq 1000 >old && seq 2000 >new
  strace -qq -o calls "$program" new bin/flannel
  # "syscall:occurrence", as strace counts, from where the source is opened.
  awk -F '(' '{ n[$1]++ } /"new"/ { on = 1 } on && $1 !~ /exit/ { print $1 ":" n[$1] }' calls >points
  while read -r point; do
    cp old bin/flannel
    strace -qq -o /dev/null -e "inject=${point%:*}:signal=KILL:when=${point#*:}" "$program" new bin/flannel \
      </dev/null >/dev/null 2>&1 || true
    if cmp -s bin/flannel old; then olds=$((olds + 1)); else cmp bin/flannel new && news=$((news + 1)); fi
    "$program" new bin/flannel >/dev/null
    assert_equal "$(find bin -mindepth 1 -printf '%f\n' | sort | xargs)" "bandwidth bridge firewall flannel loopback portmap ptp tuning"
  done <points
  ((olds > 5 && news > 0))
}

@test "install: the example service unit holds up neither containerd nor kubelet, and systemd finds no fault in it" {
  local unit=$repo/conf-examples/flanneld.service
  # kubelet would wait for an agent that waits for the etcd that kubelet is to start.
  run grep -E '^Before=|^TimeoutStartSec=(infinity|0)$' "$unit"
  assert_empty "$output"
  sed 's|^ExecStart=.*|ExecStart=/bin/true|' "$unit" >"$BATS_TEST_TMPDIR/flanneld.service"
  run systemd-analyze verify --man=no "$BATS_TEST_TMPDIR/flanneld.service"
  [[ $output != *flanneld.service* ]] || fail "$output"
}
