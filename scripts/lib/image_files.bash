# shellcheck shell=bash
# The files of the container image (scripts/image). Each function fills a directory that is the root of a layer.

# Puts a file of this machine at the same place in a layer, not as a link: image_copy ROOT PATH...
image_copy() {
  local root=$1 path
  for path in "${@:2}"; do install -D --mode "$(stat -L -c %a "$path")" "$path" "$root$path"; done
}

# What any program expects: directories and links as Debian has them, names, and certificate authorities (Debian's
# own list, not this machine's).
image_system() {
  local root=$1 name
  mkdir -p "$root"/{etc/ssl/certs,run,usr/bin,usr/sbin,usr/lib,usr/lib64,var/lib/flannel}
  for name in bin sbin lib lib64; do ln -s "usr/$name" "$root/$name"; done
  ln -s /run "$root/var/run"
  echo 'root:x:0:0:root:/:/usr/sbin/nologin' >"$root/etc/passwd"
  echo 'root:x:0:' >"$root/etc/group"
  echo 'hosts: files dns' >"$root/etc/nsswitch.conf"  # both are in the C library itself
  cp /usr/lib/os-release "$root/etc/os-release"
  LC_ALL=C cat /usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
  image_sources+=(/usr/lib/os-release /usr/share/ca-certificates/mozilla/*.crt)
}

# iptables in both variants, and all extensions: other programs' rules are read with them. `iptables` itself is the
# variant on nf_tables, as on Debian.
image_iptables() {
  local root=$1 family action path
  for path in /usr/sbin/xtables-{nft,legacy}-multi $(dpkg -L iptables | grep '/xtables/.*\.so$'); do
    image_copy "$root" "$path"
    image_sources+=("$path")
  done
  for family in iptables ip6tables; do
    for action in '' -save -restore; do
      ln -s xtables-nft-multi "$root/usr/sbin/$family$action"
      ln -s xtables-nft-multi "$root/usr/sbin/$family-nft$action"
      ln -s xtables-legacy-multi "$root/usr/sbin/$family-legacy$action"
    done
  done
}

# Our own.
image_programs() {
  local root=$1
  mkdir -p "$root"/{opt/bin,usr/bin}
  install --mode 0755 "$bin/flanneld" "$root/opt/bin/flanneld"
  install --mode 0755 "$bin/flannel" "$root/flannel"
  ln -s flanneld "$root/opt/bin/install-conf"
  ln -s /opt/bin/flanneld "$root/usr/bin/cp"
}

# Prints the libraries that the programs and libraries in the given directories load, the loader too.
image_needs() {
  find "$@" -type f \( -perm /111 -o -name '*.so*' \) -exec ldd {} + 2>/dev/null |
    awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// && $2 ~ /^\(/ { print $1 }' | sort -u
}

# Prints what the C library loads when a thread ends early; nothing says that it needs it.
image_unwinder() {
  local libc
  libc=$(image_needs "$bin" | grep '/libc\.so')
  echo "${libc%/*}/libgcc_s.so.1"
}

# The libraries for what is in the directories that follow, each where its program looks for it: image_libraries ROOT DIR...
image_libraries() {
  local root=$1 path
  for path in $(image_needs "${@:2}") $(image_unwinder); do
    [[ $path == /usr/* ]] || path=/usr$path  # /lib is a link to /usr/lib
    image_copy "$root" "$path"
    image_sources+=("$path")
  done
}

# Prints the packages that the files in `image_sources` come from. A package may know its files below /lib by that
# name, and a library may be a link to its package's file.
image_package_names() {
  local path paths=()
  for path in "${image_sources[@]}"; do paths+=("$path" "${path#/usr}" "$(realpath "$path")"); done
  { dpkg-query --search "${paths[@]}" 2>/dev/null || true; } | sed 's/: .*//' | sort -u
}

# What Debian says of its packages: their licences, and their versions where scanners for known flaws look.
image_packages() {
  local root=$1 package name
  mkdir -p "$root/var/lib/dpkg/status.d"
  for package in $(image_package_names); do
    name=${package%:*}
    dpkg-query --status "$package" >"$root/var/lib/dpkg/status.d/$name"
    image_copy "$root" "/usr/share/doc/$name/copyright"
  done
}
