# shellcheck shell=bash
# A Debian with systemd on a host of the cluster (cluster.bash): its own processes, files and cgroups, the host's network.
# It ends with the world. Its leases are those of the directory $NODE_DIR/leases.

# debian_boot HOST ARCHIVE: unpacks the archive and waits until its systemd has started all there is to start.
debian_boot() {
  debian_root=$NODE_DIR/debian
  mkdir -p "$debian_root" "$NODE_DIR/leases"
  tar --directory "$debian_root" --extract --file "$2"
  printf '' >"$debian_root/etc/machine-id"
  rm -f "$debian_root/etc/systemd/system/getty.target.wants/"*
  # shellcheck disable=SC2016 # expanded in the host
  on "$1" node_exec bash -c 'cgroup=$(findmnt --noheadings --first-only --types cgroup2 --output TARGET)
    exec setsid --fork unshare --mount --uts --ipc --pid --fork --kill-child --propagation private "$BASH" "$1" "$2" \
      "$cgroup/$3" "$4" </dev/null >/run/debian.log 2>&1 3>&-' \
    bash "$node_support/debian-init.bash" "$debian_root" "${NODE_DIR##*/}" "$NODE_DIR/leases"
  wait_until 10 debian_find || fail "$(on "$1" node_exec cat /run/debian.log)"
  wait_until 20 debian_is_up || fail "$(debian systemctl list-units --failed)"
}

# Sets debian_pid to the machine's number of Debian's systemd.
debian_find() {
  local root pid
  for pid in $(pgrep -f '^/lib/systemd/systemd --system systemd.unit=multi-user.target$'); do
    root=$(stat --dereference --format %d:%i "/proc/$pid/root/root/.." 2>/dev/null || true)
    if [[ $root == "$(stat --format %d:%i "$debian_root")" ]]; then debian_pid=$pid && return; fi
  done
  return 1
}

debian_is_up() {
  [[ $(debian systemctl is-system-running 2>/dev/null) == running ]]
}

# debian COMMAND...: runs it there.
debian() {
  timeout "$(patience 60)" nsenter --target "$debian_pid" --mount --uts --ipc --net --pid --root --wd=/ --cgroup \
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"
}

# debian_pod NAME: a pod that the plugins in /usr/lib/cni attach; prints its address.
debian_pod() {
  debian mkdir -p /run/netns
  debian ip netns add "$1"
  debian env CNI_COMMAND=ADD "CNI_CONTAINERID=$1" "CNI_NETNS=/run/netns/$1" CNI_IFNAME=eth0 CNI_PATH=/usr/lib/cni \
    /usr/lib/cni/flannel <<<'{"cniVersion": "1.0.0", "name": "cbr0", "type": "flannel", "delegate": {"isDefaultGateway": true}}' |
    jq -r '.ips[0].address | sub("/.*"; "")'
}
