#!/usr/bin/env bats
# The Debian packages on a fresh minimal Debian with systemd: installed, used, upgraded, removed, purged.

bats_require_minimum_version 1.5.0

load ../support/flanneld_test.bash
load ../support/debian.bash
load ../../scripts/lib/debian_root.bash

setup_file() {
  local version
  export DEBFULLNAME=Tests DEBEMAIL=tests@debian.org
  for version in 0.1.0 0.1.1; do
    "$repo/scripts/package" --build "$BIN_DIR/.." --version "$version" --output "$BATS_FILE_TMPDIR" >"$BATS_FILE_TMPDIR/made" ||
      return 1
  done
  old=("$BATS_FILE_TMPDIR"/*_0.1.0_*.deb)
  archive=$(debian_archive "$(debian_depends "${old[@]}")")
  export archive
}

# deb VERSION NAME: the path of a package.
deb() {
  echo "$BATS_FILE_TMPDIR/$2_$1"_*.deb
}

@test "package: lintian finds nothing" {
  run lintian --allow-root --suppress-tags no-manual-page --fail-on error,warning "$(deb 0.1.0 flanneld)" "$(deb 0.1.0 flannel-cni)"
  assert_equal "$status $output" "0 "
}

@test "package: the same build makes the same packages, bit by bit" {
  "$repo/scripts/package" --build "$BIN_DIR/.." --version 0.1.0 --output "$BATS_TEST_TMPDIR"
  cmp "$(deb 0.1.0 flanneld)" "$BATS_TEST_TMPDIR"/flanneld_*.deb
  cmp "$(deb 0.1.0 flannel-cni)" "$BATS_TEST_TMPDIR"/flannel-cni_*.deb
}

# install_packages VERSION: both, by dpkg.
install_packages() {
  cp "$(deb "$1" flanneld)" "$(deb "$1" flannel-cni)" "$debian_root/root/"
  debian dpkg --install /root/flanneld_"$1"_amd64.deb /root/flannel-cni_"$1"_amd64.deb
}

agent_number() {
  debian systemctl show --property MainPID --value flanneld
}

agent_is_active() {
  [[ $(debian systemctl is-active flanneld) == active ]]
}

# another_agent NUMBER: the agent has another process than that, and is ready.
another_agent() {
  [[ $(agent_number) != "$1" ]] && agent_is_active
}

@test "package: pods keep their network while the packages are upgraded, removed and purged" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  agent_start b
  debian_boot a "$archive"
  install_packages 0.1.0
  assert_equal "$(debian systemctl is-enabled flanneld)" disabled # nothing starts unconfigured
  assert_equal "$(debian systemctl is-active flanneld)" inactive
  echo FLANNELD_LEASE_DIR=/var/lib/flannel/leases >>"$debian_root/etc/default/flanneld"
  debian systemctl enable --now --quiet flanneld
  WEB=$(debian_pod web)
  on b pod_run client
  reaches b client "$WEB"
  wait_until 5 test -e "$debian_root/var/lib/flannel/leases.json"
  assert_equal "$(debian systemctl show --property NRestarts --value flanneld)" 0
  assert_equal "$(debian journalctl --unit flanneld --priority warning --quiet)" ""

  # Upgrade, with a defaults file that the operator has changed: it stays.
  local before pings
  before=$(agent_number)
  on b node_spawn pings nsenter --net=/run/netns/client busybox ping -i 0.05 "$WEB"
  install_packages 0.1.1
  wait_until 10 another_agent "$before"
  grep -q ^FLANNELD_LEASE_DIR "$debian_root/etc/default/flanneld"
  debian flanneld status >/dev/null

  # Removed: the data path stays, with configuration and state.
  debian dpkg --remove flanneld flannel-cni
  assert_equal "$(debian systemctl is-active flanneld)" inactive
  [[ -e $debian_root/etc/default/flanneld && -e $debian_root/var/lib/flannel/leases.json ]]
  run ! ls "$debian_root"/usr/lib/cni
  debian dpkg --purge flanneld flannel-cni
  on b node_exec pkill -INT -f "ping -i 0.05"
  pings=$(on b node_exec cat /run/pings)
  assert_match "$pings" " 0% packet loss"
  [[ ! -e $debian_root/etc/default/flanneld && ! -e $debian_root/var/lib/flannel/leases.json ]]
  run find "$debian_root"/{etc,usr,lib,var/lib/systemd} -iname '*flannel*' ! -path '*/dpkg/*'
  assert_equal "$output" ""
}

# plugin_links: the further names in /usr/lib/cni, and where they lead.
plugin_links() {
  find "$debian_root/usr/lib/cni" -type l -printf '%f>%l\n' | sort | xargs
}

@test "package: the plugin's further names make way for containernetworking-plugins, and come back" {
  local ours='bandwidth>flannel loopback>flannel portmap>flannel'
  debian_boot a "$archive"
  install_packages 0.1.0
  assert_equal "$(plugin_links)" "$ours"
  debian bash -c 'dpkg --install /root/containernetworking-plugins_*.deb'
  assert_equal "$(plugin_links)" ""
  debian dpkg --verify containernetworking-plugins flannel-cni
  install_packages 0.1.1
  debian dpkg --verify containernetworking-plugins flannel-cni
  debian dpkg --purge containernetworking-plugins
  assert_equal "$(plugin_links)" "$ours"
  debian dpkg --install "/root/$(basename "$(deb 0.1.0 flannel-cni)")" # back to the version before
  debian dpkg --purge flannel-cni
  [[ ! -e $debian_root/usr/lib/cni ]]
}
