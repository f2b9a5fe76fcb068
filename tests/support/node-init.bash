#!/usr/bin/env bash
# The first process of a test node (see node.bash): gives its mount namespace a private view, then
# waits for SIGTERM, on which it ends every process of the node and removes the node's cgroups.
# Usage: node-init.bash outside DIR, started by unshare with new mount, net and pid namespaces.
# Writes its pid, as the caller sees it, to DIR/pid and creates DIR/ready when done.
# It never removes files: what is mounted here may be the machine's.
set -euo pipefail
shopt -s nullglob dotglob

readonly node_dir=$2

# Moves to a root directory that is a mount point of its own, hidden under a fresh /proc, so that
# nothing mounted here shows outside and pivot_root works in a chroot too; then starts stage 2.
outside() {
  local pid
  read -r pid _ </proc/self/stat
  echo "$pid" >"$node_dir/pid"
  mount --make-rprivate / 2>/dev/null || mount --make-rprivate /proc # the former fails in a chroot
  mount -t proc proc /proc
  mount -t tmpfs tmpfs /proc/fs
  mkdir /proc/fs/root
  mount --rbind / /proc/fs/root
  mount --make-rprivate /proc/fs/root
  exec chroot /proc/fs/root "$BASH" "$(realpath "$0")" inside "$node_dir"
}

# Makes the machine's files read-only here, all but the directory in which the node's own one lies.
protect_machine() {
  local parent mounts target
  parent=$(dirname "$node_dir")
  mount --rbind "$parent" "$parent"
  mapfile -t mounts < <(findmnt --list --noheadings --output TARGET)
  for target in "${mounts[@]}"; do
    case $target/ in /proc/* | /sys/* | /dev/* | /run/* | "$parent"/*) continue ;; esac
    mount -o remount,bind,ro "$target"
  done
}

# Lays a tmpfs over directory $1 that shows the same entries, so that new ones can be made without a trace. Few processes
# do it: each test begins here.
shadow() {
  local entry dirs=() others=()
  mkdir /run/below
  mount --rbind "$1" /run/below
  mount -t tmpfs -o mode=0755 tmpfs "$1"
  for entry in /run/below/*; do
    if [[ -d $entry && ! -L $entry ]]; then dirs+=("${entry##*/}"); else others+=("$entry"); fi
  done
  if ((${#dirs[@]} > 0)); then (cd "$1" && mkdir "${dirs[@]}"); fi
  for entry in "${dirs[@]}"; do mount --rbind "/run/below/$entry" "$1/$entry"; done
  if ((${#others[@]} > 0)); then cp -a "${others[@]}" "$1/"; fi
  umount --recursive --lazy /run/below
  rmdir /run/below
}

# Makes $1 an empty directory of this node alone, whether it exists outside or not.
private() {
  local parent
  parent=$(dirname "$1")
  if [[ ! -d $1 ]]; then
    [[ -d $parent ]] || private "$parent"
    [[ $(stat -f -c %T "$parent") == tmpfs ]] || shadow "$parent"
    mkdir "$1"
  fi
  mount -t tmpfs -o mode=0755 tmpfs "$1"
}

# Mounts the machine's cgroup hierarchies if nothing has (a bare chroot); runc insists on them.
mount_cgroups() {
  local controllers name
  grep -q ' - cgroup' /proc/self/mountinfo && return
  if ! grep -q '^[1-9]' /proc/self/cgroup; then
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    return
  fi
  mount -t tmpfs -o mode=0755 tmpfs /sys/fs/cgroup
  while IFS=: read -r _ controllers _; do
    [[ -n $controllers ]] || continue
    name=${controllers#name=}
    mkdir "/sys/fs/cgroup/$name"
    [[ $name == "$controllers" ]] || controllers=none,$controllers
    mount -t cgroup -o "$controllers" cgroup "/sys/fs/cgroup/$name"
  done </proc/self/cgroup
}

# Ends all processes of this pid namespace but this one, and removes the cgroups below /NAME, where
# NAME is that of the node's directory; these go when the last process in them has.
leave() {
  local i name=${node_dir##*/}
  [[ $$ == 1 && $name == node.?* ]] || exit 1
  kill -KILL -1 2>/dev/null || true
  for ((i = 0; i < 100; i++)); do
    find /sys/fs/cgroup -depth -type d -path "*/$name/*" -exec rmdir {} + 2>/dev/null || true
    find /sys/fs/cgroup -depth -type d -name "$name" -exec rmdir {} + 2>/dev/null || true
    [[ -n $(find /sys/fs/cgroup -type d -name "$name") ]] || break
    sleep 0.05
  done
  exit 0
}

inside() {
  trap 'exit 1' TERM
  umount /proc/fs
  protect_machine
  private /run
  private /var/lib/cni
  private /etc/cni
  private /opt/cni
  mkdir -p /run/flannel /run/lock /etc/cni/net.d /opt/cni/bin
  mount_cgroups
  ip link set lo up
  trap leave TERM
  touch "$node_dir/ready"
  while :; do # one sleeping child, waited for so that the signal is served at once
    sleep infinity &
    wait "$!" || true
  done
}

"$1"
