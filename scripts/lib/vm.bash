# shellcheck shell=bash
# A virtual machine with Debian's kernel and this machine's files, for what the kernel here lacks. Its root directory is
# a copy-on-write view of ours, which it cannot write to; it has no network but what is made inside. It is emulated
# where the processor does not help: then it is up after 4 s, and each process takes 20 ms. Needs root, $repo,
# and packages.bash's vm_packages.

vm_dir=$repo/build/vm

# Fetches Debian's kernel for cloud machines into build/vm, where nothing boots from it, unless the newest is there.
# Sets vm_kernel to its version.
vm_fetch_kernel() {
  vm_find_kernel
  [[ -z $vm_kernel || ! -e $vm_dir/$vm_kernel/ready ]] || return 0
  if [[ -z $vm_kernel ]] || ! vm_unpack_kernel; then
    apt-get update -qq
    vm_find_kernel
    vm_unpack_kernel
  fi
}

# Asks apt which kernel is the newest; nothing when it has no lists.
vm_find_kernel() {
  vm_kernel=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null |
    awk '$1 == "Depends:" && sub(/^linux-image-/, "", $2) { print $2; exit }')
}

# Downloads the kernel's package, and unpacks it to build/vm/VERSION in the place of older ones.
vm_unpack_kernel() {
  local to=$vm_dir/$vm_kernel
  rm -rf "${vm_dir:?}"/*/
  mkdir -p "$to"
  (cd "$to" && apt-get download -qq -o APT::Sandbox::User=root "linux-image-$vm_kernel") || return
  dpkg-deb --extract "$to"/*.deb "$to"
  rm "$to"/*.deb
  depmod --basedir "$to" "$vm_kernel"
  touch "$to/ready"
}

# Prints the files of the given modules and of what these need, in the order in which they can be loaded.
vm_modules() {
  local name
  for name in "$@"; do
    modprobe --dirname "$vm_dir/$vm_kernel" --set-version "$vm_kernel" --show-depends "$name"
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

# Makes $1/initramfs, which mounts the root directory and runs the rest of the arguments there by vm_guest.bash.
vm_make_initramfs() {
  local dir=$1/initial module modules
  mkdir -p "$dir"/{bin,modules,lower,upper,root}
  cp /bin/busybox "$dir/bin/"
  mapfile -t modules < <(vm_modules virtio_pci virtiofs overlay virtio_console)
  cp "${modules[@]}" "$dir/modules/"
  {
    printf '#!/bin/busybox sh\nset -e\nPATH=/bin\n/bin/busybox --install -s /bin\n'
    for module in "${modules[@]}"; do echo "insmod /modules/${module##*/}"; done
    cat <<'SH'
mount -t virtiofs machine /lower
mount -t tmpfs -o size=75% tmpfs /upper
mkdir /upper/files /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work overlay /root
mkdir -p /root/usr/lib/modules
SH
    printf 'mount -o bind %q /root/usr/lib/modules\n' "/lower$vm_dir/$vm_kernel/lib/modules"
    printf 'exec switch_root /root /bin/bash %q' "$repo/scripts/lib/vm_guest.bash"
    printf ' %q' "${@:2}"
    echo
  } >"$dir/init"
  chmod +x "$dir/init"
  (cd "$dir" && find . | cpio --quiet --create --format newc) >"$1/initramfs"
}

# Serves this machine's files on the socket $1/files: read-only, and of what is mounted only the repository.
# It ends with the emulator. What is mounted hides under /proc: in a chroot nothing else is a mount of its own.
vm_serve_files() {
  # shellcheck disable=SC2016 # the inner shell expands it
  unshare --mount --propagation unchanged bash -euc '
    mount --make-rprivate /proc
    mount -t tmpfs tmpfs /proc/fs
    machine=/proc/fs/machine
    mkdir "$machine"
    mount --bind / "$machine"
    mount --make-private "$machine"
    mount -o remount,bind,ro "$machine"
    mount --bind "$2" "$machine$2"
    mount -o remount,bind,ro "$machine$2"
    exec /usr/lib/qemu/virtiofsd --socket-path="$1/files" -o source="$machine",sandbox=chroot,cache=always,log_level=err
  ' bash "$1" "$repo" >"$1/files.log" 2>&1 &
}

# What the guest's kernel does for safety, or to be kind to other processors, takes an emulated one a third of its time.
vm_quick=(mitigations=off init_on_alloc=0 hardened_usercopy=off cgroup_disable=memory rcupdate.rcu_expedited=1)

# Runs the guest in $1, its console here: vm_emulate DIR ACCELERATOR PROCESSOR. Ended after VM_TIME_LIMIT [900] seconds.
vm_emulate() {
  local wait
  for ((wait = 0; wait < 100; wait++)); do [[ ! -S $1/files ]] || break; sleep 0.05; done
  exec timeout --foreground --kill-after 2 "${VM_TIME_LIMIT:-900}" \
    qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none \
    -machine q35,memory-backend=memory -accel "$2" -cpu "$3" -smp 2 -m 1536 \
    -object memory-backend-memfd,id=memory,size=1536M,share=on \
    -kernel "$vm_dir/$vm_kernel/boot/vmlinuz-$vm_kernel" -initrd "$1/initramfs" \
    -append "console=ttyS0 loglevel=4 panic=-1 oops=panic audit=0 apparmor=0 ${vm_quick[*]}" \
    -chardev "file,id=log,path=$1/log" -serial chardev:log \
    -chardev "socket,id=files,path=$1/files" -device vhost-user-fs-pci,chardev=files,tag=machine \
    -device virtio-serial-pci -chardev stdio,id=console,signal=off -device virtconsole,chardev=console \
    -chardev "file,id=status,path=$1/status" -device virtserialport,chardev=status,name=status
}

# True when the guest in $1 has come up, or the emulator $2 has ended.
vm_is_settled() {
  [[ -s $1/status ]] || ! kill -0 "$2" 2>/dev/null
}

# Starts the guest in $1, and waits until it ends. Fails when it has not come up within $2 seconds.
# Usage: vm_boot DIR SECONDS ACCELERATOR PROCESSOR
vm_boot() {
  local emulator end=$((SECONDS + $2))
  rm -f "$1/files" "$1/status"
  vm_serve_files "$1"
  vm_emulate "$1" "$3" "$4" <&0 2>"$1/emulator.log" &
  emulator=$!
  until vm_is_settled "$1" "$emulator"; do
    ((SECONDS < end)) || kill "$emulator" || break
    sleep 0.1
  done
  wait "$emulator" 2>/dev/null || true
  [[ -s $1/status ]]
}

# Boots by KVM, or emulated where that fails; build/vm/emulated remembers for which boot of this machine it has failed.
vm_boot_somehow() {
  local boot=/proc/sys/kernel/random/boot_id
  if [[ -w /dev/kvm ]] && ! cmp -s "$vm_dir/emulated" "$boot"; then
    ! vm_boot "$1" 15 kvm host 2>/dev/null || return 0
    cat "$boot" >"$vm_dir/emulated"
  fi
  # An emulated "rep movsb" goes byte by byte, a fifth level of page tables is walked too, and each copy to a process
  # switches smap off and on.
  vm_boot "$1" 120 tcg,thread=multi max,erms=off,fsrm=off,smap=off,la57=off
}

# Runs a command in a virtual machine, input and output here. The exit status is the command's, or 1 when the guest has
# not come to its end: then its last lines are shown.
vm_run() {
  local dir status=''
  dir=$(mktemp -d)
  vm_make_initramfs "$dir" "$@"
  ! vm_boot_somehow "$dir" || status=$(sed -n 's/^exit //p' "$dir/status")
  if [[ -z $status ]]; then
    status=1
    echo "The virtual machine did not end by itself. Its last lines:"
    cat "$dir/files.log" "$dir/emulator.log"
    tail -n 40 "$dir/log"
  fi
  rm -rf --one-file-system "$dir"
  return "$status"
}
