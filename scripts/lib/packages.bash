# shellcheck shell=bash
# shellcheck disable=SC2034 # the lists are for those who source this
# The Debian packages that the scripts need, by purpose, and their installation.

build_packages=(
  g++ cmake ninja-build pkg-config
  nlohmann-json3-dev libfmt-dev libnl-3-dev libnl-route-3-dev libseccomp-dev libmd-dev libyaml-cpp-dev libre2-dev doctest-dev
  libcurl4-openssl-dev libmicrohttpd-dev libssl-dev
)
node_packages=(
  iproute2 iputils-ping iptables nftables util-linux procps jq
  containerd runc busybox-static
  etcd-server etcd-client openssl curl perl python3 wireguard-tools wireguard-go
)
reference_packages=(containernetworking-plugins) # what our plugins are compared with
client_packages=(podman runc python3-grpcio)
browser_packages=(chromium)
image_packages=(jq ca-certificates iptables)
package_packages=(dpkg-dev git python3)
debian_packages=(mmdebstrap lintian mandoc zsh)
prometheus_packages=(prometheus)
bench_packages=(strace valgrind iperf3 bsdextrautils)
plot_packages=(gnuplot-nox)
check_packages=(bats yq strace tcpdump clang-format clang-tidy cppcheck shellcheck codespell)
fuzz_packages=(clang libclang-rt-14-dev)
vm_packages=(qemu-system-x86 bats busybox-static cpio kmod wireguard-tools tcpdump)

# Installs those of the given packages that are missing and says which; needs root and Debian then.
# Services that come with them are not started.
install_missing() {
  local package missing=() policy=/usr/sbin/policy-rc.d
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  if ((${#missing[@]} == 0)); then
    echo "All $# Debian packages are there."
    return
  fi
  echo "Installing ${#missing[@]} Debian packages: ${missing[*]}"
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    # shellcheck disable=SC2064 # the path is this function's own
    trap "rm -f '$policy'" RETURN EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes
  apt-get update -qq
  apt-get install -q -y --no-install-recommends -o Dpkg::Use-Pty=0 "${missing[@]}" | installation_progress
}

# Reads what apt-get says, and on a terminal shows which package it is at.
installation_progress() {
  local line
  while read -r line; do
    if [[ -t 1 && $line =~ ^(Unpacking|Setting\ up)\ ([^ ]+) ]]; then printf '\r\e[K  %s' "${BASH_REMATCH[0]}"; fi
  done
  if [[ -t 1 ]]; then printf '\r\e[K'; fi
}

# Ends the script unless it runs as root.
require_root() {
  if ((EUID != 0)); then
    echo "$(basename "$0"): needs root, for packages and network namespaces: sudo scripts/$(basename "$0")" >&2
    exit 1
  fi
}
