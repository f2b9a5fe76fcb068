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
  run lintian --allow-root --fail-on error,warning "$(deb 0.1.0 flanneld)" "$(deb 0.1.0 flannel-cni)"
  assert_equal "$status $output" "0 "
}

@test "package: each man page is well formed, and flanneld's has every flag" {
  local flag page
  "$repo/scripts/man" "$BATS_TEST_TMPDIR/man"
  run mandoc -Tlint -Wwarning "$BATS_TEST_TMPDIR"/man/*/*
  assert_equal "$status $output" "0 "
  page=$(mandoc -Tascii "$BATS_TEST_TMPDIR/man/man8/flanneld.8" | col -b)
  for flag in $("$BIN_DIR/flanneld" --help | sed -n 's/^  \(--[a-z0-9_-]*\).*/\1/p'); do
    grep -q -- "^     $flag\b" <<<"$page" || fail "no $flag"
  done
}

# complete WORD...: what bash offers for the last word of that command line.
complete_words() {
  bash -c '. <("$0" completion bash); COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _flanneld; printf "%s\n" "${COMPREPLY[@]}"' \
    "$BIN_DIR/flanneld" "$@"
}

@test "completion: bash offers flags, commands and interfaces" {
  assert_equal "$(complete_words flanneld --etcd-pre)" "--etcd-prefix"
  assert_equal "$(complete_words flanneld doc)" "doctor"
  assert_equal "$(complete_words flanneld --v 1 status --wa)" "--watch"
  assert_equal "$(complete_words flanneld completion z)" "zsh"
  assert_equal "$(complete_words flanneld --iface lo)" "lo"
  assert_equal "$(complete_words flanneld --net-config-path /etc/host.c)" "/etc/host.conf"
  assert_equal "$(complete_words flanneld --v 1)" ""
}

# complete_in_zsh LINE: what becomes of it when TAB is pressed.
complete_in_zsh() {
  mkdir -p "$BATS_TEST_TMPDIR/functions"
  "$BIN_DIR/flanneld" completion zsh >"$BATS_TEST_TMPDIR/functions/_flanneld"
  # shellcheck disable=SC2016 # it is zsh's to expand
  timeout "$((20 * ${PATIENCE:-1}))" zsh -f -c '
    zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell "PATH=$1:\$PATH; fpath=($2 \$fpath); autoload -Uz compinit; compinit -u -D
      show() { print -r -- \"<\"\"<\$BUFFER>\"\">\" }; zle -N show; bindkey \"^X\" show; print REA\"\"DY"
    zpty -r -m shell said "*READY*"
    zpty -n -w shell "$3"$'\''\t\x18'\''
    zpty -r -m shell said "*<<*>>*"
    said=${said##*<<}
    print -r -- ${said%%>>*}' zsh "$BIN_DIR" "$BATS_TEST_TMPDIR/functions" "$1"
}

@test "completion: zsh offers flags, commands and what stands behind these" {
  assert_equal "$(complete_in_zsh 'flanneld doc')" "flanneld doctor "
  assert_equal "$(complete_in_zsh 'flanneld --etcd-pre')" "flanneld --etcd-prefix "
  assert_equal "$(complete_in_zsh 'flanneld --config /etc/host.c')" "flanneld --config /etc/host.conf "
  assert_equal "$(complete_in_zsh 'flanneld doctor --f')" "flanneld doctor --fix "
  assert_equal "$(complete_in_zsh 'flanneld status -o j')" "flanneld status -o json "
  assert_equal "$(complete_in_zsh 'flanneld completion z')" "flanneld completion zsh "
}

@test "package: the same build makes the same packages, bit by bit" {
  "$repo/scripts/package" --build "$BIN_DIR/.." --version 0.1.0 --output "$BATS_TEST_TMPDIR"
  cmp "$(deb 0.1.0 flanneld)" "$BATS_TEST_TMPDIR"/flanneld_*.deb
  cmp "$(deb 0.1.0 flannel-cni)" "$BATS_TEST_TMPDIR"/flannel-cni_*.deb
}

# install_packages VERSION: both, by dpkg.
install_packages() {
  local agent plugins
  agent=$(deb "$1" flanneld) plugins=$(deb "$1" flannel-cni)
  cp "$agent" "$plugins" "$debian_root/root/"
  debian dpkg --install "/root/${agent##*/}" "/root/${plugins##*/}"
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
  wait_until 5 on b node_exec grep -q "packet loss" /run/pings
  pings=$(on b node_exec cat /run/pings)
  assert_match "$pings" " 0% packet loss"
  [[ ! -e $debian_root/etc/default/flanneld && ! -e $debian_root/var/lib/flannel/leases.json ]]
  run find "$debian_root"/{etc,usr,lib,var/lib/systemd} -iname '*flannel*' ! -path '*/dpkg/*'
  assert_equal "$output" ""
}

# journal_says TEXT: the agent's lines have it.
journal_says() {
  debian journalctl --unit flanneld --output cat --quiet | grep -qF "$1"
}

@test "package: under systemd the unit is shut off, reload reads again, and an agent that hangs is started anew" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  debian_boot a "$archive"
  install_packages 0.1.0
  run -0 debian systemd-analyze security --threshold 30 flanneld # 3.0 of 10
  debian mkdir /run/systemd/system/flanneld.service.d
  printf '[Service]\nWatchdogSec=3\n' >"$NODE_DIR/limit"
  debian bash -c 'cat >/run/systemd/system/flanneld.service.d/limit.conf' <"$NODE_DIR/limit"
  printf 'FLANNELD_LEASE_DIR=/var/lib/flannel/leases\nFLANNELD_LOG_FORMAT=json\nFLANNELD_CONFIG=/etc/flanneld.yaml\n' \
    >"$debian_root/etc/default/flanneld"
  echo 'ip-masq: true' >"$debian_root/etc/flanneld.yaml"
  debian systemctl daemon-reload
  debian systemctl start flanneld
  debian journalctl --unit flanneld --output cat _PID="$(agent_number)" | jq -es 'length > 3 and all(.time and .level and .message)'

  debian systemctl reload flanneld
  wait_until 5 journal_says "SIGHUP: credentials"
  run ! journal_says "takes a restart"
  echo 'ip-masq: v4' >"$debian_root/etc/flanneld.yaml"
  debian systemctl reload flanneld
  wait_until 5 journal_says "/etc/flanneld.yaml' have changed, which takes a restart"
  echo 'ip-mask: v4' >"$debian_root/etc/flanneld.yaml"
  debian systemctl reload flanneld
  wait_until 5 journal_says "a restart would fail"
  rm "$debian_root/etc/flanneld.yaml"
  echo 'ip-masq: true' >"$debian_root/etc/flanneld.yaml"

  local before
  before=$(agent_number)
  debian bash -c 'kill -STOP "$1"' bash "$before"
  wait_until 15 another_agent "$before"
  (($(debian systemctl show --property NRestarts --value flanneld) >= 1)) # more on a machine where all are slow
}

# plugin_links: the further names in /usr/lib/cni, and where they lead.
plugin_links() {
  find "$debian_root/usr/lib/cni" -type l -printf '%f>%l\n' | sort | xargs
}

@test "package: the plugin's further names make way for containernetworking-plugins, and come back" {
  local ours='bandwidth>flannel bridge>flannel firewall>flannel host-local>flannel-ipam loopback>flannel portmap>flannel ptp>flannel tuning>flannel'
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
