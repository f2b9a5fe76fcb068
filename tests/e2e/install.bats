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
