#!/usr/bin/env bash
# Becomes systemd of the Debian in directory $1, which sees no other files; started with new mount and pid namespaces, in
# the network namespace that shall be Debian's. $2 is where its cgroups are made, $3 a directory that it has as
# /var/lib/flannel/leases.
set -euo pipefail

root=$1
if [[ ${4-} != inner ]]; then
  mkdir -p "$2"
  echo 0 >"$2/cgroup.procs"
  exec unshare --cgroup "$BASH" "$0" "$1" "$2" "$3" inner
fi
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=0755 tmpfs "$root/run"
mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
mkdir -p "$root"/dev/{net,pts,shm} "$root/var/lib/flannel/leases" "$root/old"
for device in null zero full random urandom tty net/tun; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
touch "$root/dev/console"
mount --bind "$3" "$root/var/lib/flannel/leases"
cd "$root"
pivot_root . old
umount -l old
export container=test
exec /lib/systemd/systemd --system systemd.unit=multi-user.target
