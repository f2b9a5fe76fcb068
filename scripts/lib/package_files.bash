# shellcheck shell=bash
# The files of the Debian packages (scripts/package). What `cmake --install` has installed is in $work/all.

# The packages of which parts are in the programs, whatever else is linked.
package_linked=(libfmt-dev nlohmann-json3-dev libstdc++-12-dev)
package_linked_plugins=(libc6 libmd-dev libnl-3-dev)

# What Debian asks of each package's documents: package_documents NAME ROOT LINKED_PACKAGE...
package_documents() {
  local name=$1 doc=$2/usr/share/doc/$1 package
  mkdir -p "$doc"
  {
    echo "This is flannel in C++, packaged from its own sources; they name no licence."
    echo "Copyright: its authors."
    for package in "${@:3}"; do
      printf '\nParts of the package %s are in the programs. Its copyright file says:\n\n' "$package"
      cat "/usr/share/doc/$package/copyright"
    done
  } >"$doc/copyright"
  printf 'flannel (%s) unstable; urgency=medium\n\n  * Packaged from the sources.\n\n -- %s  %s\n' \
    "$version" "$maintainer" "$(LC_ALL=C date --utc --date "@$epoch" -R)" | gzip -9n >"$doc/changelog.gz"
  if [[ -e $files/$name.lintian-overrides ]]; then
    install -D --mode 0644 "$files/$name.lintian-overrides" "$2/usr/share/lintian/overrides/$name"
  fi
}

# package_pages ROOT PAGE...: man pages, such as flanneld.8
package_pages() {
  local page
  [[ -d $work/man ]] || "$repo/scripts/man" "$work/man" "$(date --utc --date "@$epoch" +%F)"
  for page in "${@:2}"; do
    mkdir -p "$1/usr/share/man/man${page##*.}"
    gzip -9n <"$work/man/man${page##*.}/$page" >"$1/usr/share/man/man${page##*.}/$page.gz"
  done
}

# The agent, its unit and its flags: agent_files ROOT
agent_files() {
  local root=$1
  install -D "$work/all/usr/sbin/flanneld" "$root/usr/sbin/flanneld"
  install -D --mode 0644 "$repo/conf-examples/flanneld.default" "$root/etc/default/flanneld"
  mkdir -p "$root/lib/systemd/system"
  sed -e '1,/^\[Unit\]/ { /^#   / d; s|Flags go to /etc/default/flanneld.*|Flags go to /etc/default/flanneld.| }' \
    -e 's|^ExecStart=/usr/local/sbin/|ExecStart=/usr/sbin/|' \
    "$repo/conf-examples/flanneld.service" >"$root/lib/systemd/system/flanneld.service"
  install -D --mode 0644 "$repo/conf-examples/flanneld.yaml" "$root/usr/share/doc/flanneld/examples/flanneld.yaml"
  install --mode 0644 "$repo/conf-examples/net-conf.json" "$root/usr/share/doc/flanneld/examples/"
  mkdir -p "$root"/usr/share/{bash-completion/completions,zsh/vendor-completions}
  "$root/usr/sbin/flanneld" completion bash >"$root/usr/share/bash-completion/completions/flanneld"
  "$root/usr/sbin/flanneld" completion zsh >"$root/usr/share/zsh/vendor-completions/_flanneld"
  package_pages "$root" flanneld.8 flannel-net-conf.5 flannel-guide.7 subnet.env.5
  package_documents flanneld "$root" "${package_linked[@]}"
}

# The plugins, where Debian's runtimes look for them. Their further names are links that the package makes when it is
# installed, where no other package has them: plugin_files ROOT
plugin_files() {
  local root=$1 name
  for name in flannel flannel-ipam; do
    install -D "$(find "$work/all" -type f -path "*/bin/$name")" "$root/usr/lib/cni/$name"
  done
  install -D --mode 0644 -t "$root/usr/share/doc/flannel-cni/examples" "$repo"/conf-examples/10-flannel*.conflist
  package_pages "$root" flannel.8 flannel-ipam.8 flannel-conflist.5
  package_documents flannel-cni "$root" "${package_linked[@]}" "${package_linked_plugins[@]}"
}
