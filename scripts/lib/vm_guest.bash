#!/usr/bin/env bash
# The first process of a virtual machine (vm.bash): runs the command given on the console, tells its exit status, and
# ends the machine.
set -u

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=linux LANG=C.UTF-8

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
ln -s /proc/self/fd /dev/fd
mount -t devpts devpts /dev/pts
for dir in /dev/shm /run /tmp; do mount -t tmpfs -o mode=1777 tmpfs "$dir"; done
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /etc/cni /opt/cni /var/lib/cni # a node covers them; it would have to copy their parents
ip link set lo up
modprobe -a tun br_netfilter # which the kernel does not load when they are asked for

name=$(grep -lx status /sys/class/virtio-ports/*/name)
status=/dev/$(basename "$(dirname "$name")")
echo up >"$status"
stty -F /dev/hvc0 -onlcr -echo
setsid --wait "$@" </dev/hvc0 >/dev/hvc0 2>&1
echo "exit $?" >"$status"
echo o >/proc/sysrq-trigger
sleep infinity
