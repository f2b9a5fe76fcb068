# shellcheck shell=bash
# A fresh minimal Debian in a directory, for tests of the packages. Needs root, $repo, and packages.bash's debian_packages.

# Prints the packages that the given ones depend on, those of their own source left out: debian_depends FILE.deb...
debian_depends() {
  local file
  for file in "$@"; do dpkg-deb --field "$file" Depends; done | tr ',' '\n' | sed 's/[(|].*//; s/ //g' | sort -u |
    grep -v '^flannel' | paste -sd ,
}

# Makes an archive of a Debian 12 with apt, systemd, iproute2 and the given packages, in which /root has Debian's package
# of the reference plugins; prints its path. It is kept in build/debian: debian_archive PACKAGE,...
debian_archive() {
  local include=systemd,iproute2,iptables,$1 archive
  archive=$repo/build/debian/$(sha256sum <<<"$include" | cut -c -16).tar
  if [[ ! -e $archive ]]; then
    mkdir -p "$repo/build/debian"
    mmdebstrap --quiet --format=tar --variant=apt --include="$include" --dpkgopt='path-exclude=/usr/share/locale/*' \
      --customize-hook='chroot "$1" bash -c "cd /root && apt-get download -qq containernetworking-plugins"' \
      bookworm "$archive.new" >&2
    mv "$archive.new" "$archive"
  fi
  echo "$archive"
}
