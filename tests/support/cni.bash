# shellcheck shell=bash
# What a node (node.bash) needs to attach pods: plugins, the file flanneld would write, and the calls
# a runtime makes. Plugins under test come from BIN_DIR [build/release/bin].

repo=$(dirname "$(dirname "$(dirname "$(realpath "${BASH_SOURCE[0]}")")")")
BIN_DIR=${BIN_DIR:-$repo/build/release/bin}

# True if the programs under test are built with AddressSanitizer: its runtime makes system calls of its own, does not
# run under strace, and keeps memory that is freed.
is_sanitized() {
  grep -q __asan_init "$BIN_DIR/flannel"
}

# Fills the node's /opt/cni/bin with our plugins and links to reference ones: plugins_install [NAME...];
# all when none is named.
plugins_install() {
  node_exec cp "$BIN_DIR/flannel" "$BIN_DIR/flannel-ipam" /opt/cni/bin/
  node_exec bash -c '[[ $# -gt 0 ]] || set -- $(ls /usr/lib/cni)
    for name in "$@"; do ln -s "/usr/lib/cni/$name" /opt/cni/bin/; done' bash "$@"
}

# Fills the node's /opt/cni/bin with our plugins alone, under all their names.
own_plugins_install() {
  node_exec cp "$BIN_DIR/flannel" "$BIN_DIR/flannel-ipam" /opt/cni/bin/
  node_exec bash -c 'cd /opt/cni/bin && for name in portmap bandwidth loopback bridge ptp tuning firewall; do ln -s flannel "$name"; done
    ln -s flannel-ipam host-local'
}

# Writes /run/flannel/subnet.env of the node, 10.244.1.0/24 of 10.244.0.0/16; lines given come after.
subnet_env_write() {
  printf '%s\n' FLANNEL_NETWORK=10.244.0.0/16 FLANNEL_SUBNET=10.244.1.1/24 FLANNEL_MTU=1450 FLANNEL_IPMASQ=true "$@" |
    node_exec bash -c 'cat >/run/flannel/subnet.env'
}

# A node ready for ADD, with all reference plugins or those named.
cni_node_start() {
  node_start
  plugins_install "$@"
  subnet_env_write
}

# Runs scripts/cni-run in the node with the node's plugins: cni VERB [option value]... Programs that a
# test puts into the node's /run/bin come before the machine's.
cni() {
  node_exec env CNI_PATH=/opt/cni/bin PATH="/run/bin:$PATH" "$repo/scripts/cni-run" "$@"
}

# The same for pod NAME, whose namespace pod_add has made: cni_pod VERB NAME [option value]...
cni_pod() {
  local verb=$1 pod=$2
  shift 2
  cni "$verb" --id "$pod" --netns "/run/netns/$pod" "$@"
}

# Writes stdin as a configuration file and prints its path, the same inside and outside the node.
conf_write() {
  cat >"$NODE_DIR/$1"
  echo "$NODE_DIR/$1"
}

# leases [NETWORK]: prints the addresses leased in the node, of all networks or of that one.
leases() {
  node_exec find "/var/lib/cni/networks/${1-}" -type f -name '*[.:]*' ! -name 'last_reserved_ip.*' -printf '%f\n' 2>/dev/null | sort
}

# Prints the names of the node's links of a kind: links_of veth.
links_of() {
  node_exec ip -j link show type "$1" | jq -r '.[].ifname // empty'
}

# Prints what attachments left in the node: veths, leases, scratch files, per-pod firewall rules.
leftovers() {
  links_of veth | grep '^veth'
  leases
  node_exec find /var/lib/cni/flannel -type f 2>/dev/null
  node_exec find /run/cni-run /var/lib/cni/results -type f 2>/dev/null
  node_exec iptables-save 2>/dev/null | grep -E '^:CNI-(DN-)?[0-9a-f]{5}|^-A CNI-FORWARD .* ACCEPT'
  node_exec nft list table inet cni_plugins_masquerade 2>/dev/null | grep 'masquerade.*id:'
  true
}
