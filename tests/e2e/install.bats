#!/usr/bin/env bats
# `cmake --install` puts each program where the runtime, the service unit and the README look for it.

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

@test "install: the example service unit holds up neither containerd nor kubelet, and systemd finds no fault in it" {
  local unit=$repo/conf-examples/flanneld.service
  # kubelet would wait for an agent that waits for the etcd that kubelet is to start.
  run grep -E '^Before=|^TimeoutStartSec=(infinity|0)$' "$unit"
  assert_empty "$output"
  command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
  sed 's|^ExecStart=.*|ExecStart=/bin/true|' "$unit" >"$BATS_TEST_TMPDIR/flanneld.service"
  run systemd-analyze verify --man=no "$BATS_TEST_TMPDIR/flanneld.service"
  [[ $output != *flanneld.service* ]] || fail "$output"
}
