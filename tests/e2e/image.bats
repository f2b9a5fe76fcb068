#!/usr/bin/env bats
# The container image of scripts/image: what is in it, that it can be made again bit by bit, and that its programs run
# with nothing but its files.

bats_require_minimum_version 1.5.0

load ../support/assert.bash

repo=$BATS_TEST_DIRNAME/../..
build=${BIN_DIR:-$repo/build/release/bin}

setup_file() {
  image=$BATS_FILE_TMPDIR/image root=$BATS_FILE_TMPDIR/root
  "$repo/scripts/image" --bin "$build" --output "$image" --name registry.example/flannel:test >"$BATS_FILE_TMPDIR/said"
  export image root
  unpack "$root"
}

# Makes a directory of the files of `image`.
unpack() {
  local layer
  mkdir "$1"
  for layer in $(manifest | jq -r '.layers[].digest'); do
    tar --extract --gzip --file "$(blob "$layer")" --directory "$1"
  done
}

# Prints the file of a blob: blob DIGEST
blob() {
  echo "$image/oci/blobs/sha256/${1#sha256:}"
}

manifest() {
  cat "$(blob "$(jq -r '.manifests[0].digest' "$image/oci/index.json")")"
}

config() {
  cat "$(blob "$(manifest | jq -r .config.digest)")"
}

# Runs a program of the image with no file but the image's: in_image COMMAND...
in_image() {
  unshare --mount --propagation unchanged --net env -i PATH=/opt/bin:/usr/sbin:/usr/bin chroot "$root" "$@"
}

@test "image: each blob is named by its digest, and descriptors, layers and configuration agree" {
  local file size digest
  cd "$image/oci/blobs/sha256"
  for file in *; do assert_equal "$(sha256sum <"$file" | cut -c -64)" "$file"; done
  { jq -c '.manifests[]' "$image/oci/index.json"; manifest | jq -c '.config, .layers[]'; } >"$BATS_TEST_TMPDIR/all"
  while read -r size digest; do assert_equal "$(stat -c %s "$(blob "$digest")")" "$size"; done \
    < <(jq -r '"\(.size) \(.digest)"' "$BATS_TEST_TMPDIR/all")
  assert_equal "$(find . -type f | wc -l)" "$(wc -l <"$BATS_TEST_TMPDIR/all")"
  for digest in $(manifest | jq -r '.layers[].digest'); do gzip -dc "$(blob "$digest")" | sha256sum | cut -c -64; done \
    >"$BATS_TEST_TMPDIR/diffs"
  assert_equal "$(config | jq -r '.rootfs.diff_ids[] | ltrimstr("sha256:")')" "$(cat "$BATS_TEST_TMPDIR/diffs")"
}

@test "image: it says what it is and starts flanneld" {
  config | jq -e '.os == "linux" and .config.Entrypoint == ["/opt/bin/flanneld"]' >/dev/null
  config | jq -e '.config.Labels | .["org.opencontainers.image.title"] == "flannel"
    and (.["org.opencontainers.image.version"] | test("^[0-9]+\\.[0-9]+\\.[0-9]+$"))
    and (.["org.opencontainers.image.created"] | test("^20..-..-..T..:..:..Z$"))' >/dev/null
  assert_match "$(cat "$BATS_FILE_TMPDIR/said")" \
    "registry.example/flannel:test@$(jq -r '.manifests[0].digest' "$image/oci/index.json")"
}

@test "image: made again elsewhere, at another time and by another mask, it has the same digest" {
  umask 0077
  TZ=Asia/Tokyo LANG=C.UTF-8 "$repo/scripts/image" --bin "$build" --output "$BATS_TEST_TMPDIR/again" \
    --name registry.example/flannel:test >/dev/null
  cmp "$image/flannel.tar" "$BATS_TEST_TMPDIR/again/flannel.tar"
}

@test "image: all files are root's, of one time, and nobody else may write to them" {
  assert_empty "$(find "$root" ! -user 0 -o ! -group 0)" "files of others"
  assert_empty "$(find "$root" ! -type l -perm /022)" "files that others may write to"
  assert_empty "$(find "$root" -perm /6000)" "programs with another's rights"
  assert_equal "$(find "$root" -mindepth 1 ! -type d -printf '%Ts\n' | sort -u | wc -l)" 1
}

@test "image: what manifests call is there, and no shell" {
  in_image /opt/bin/flanneld --version
  in_image flanneld --help >/dev/null
  [[ -x $root/flannel ]]
  run -0 in_image /opt/bin/install-conf /flannel /run/flannel
  run -0 in_image cp -f /flannel /run/flannel
  assert_match "$output" "^cp: '/run/flannel' is up to date"
  assert_empty "$(find "$root" -name '*sh' -path '*bin/*' -o -name 'busybox*' -o -name 'perl*')" "shells"
}

@test "image: each program finds its libraries in it" {
  local file
  find "$root" -type f \( -perm /111 -o -name '*.so*' \) -printf '/%P\n' >"$BATS_TEST_TMPDIR/files"
  while read -r file; do
    ! in_image /usr/lib64/ld-linux-*.so.* --list "$file" 2>&1 | grep 'not found' || fail "$file"
  done < <(grep -E '/(flanneld|flannel|xtables-.*|lib(curl|gnutls|xtables)[^/]*)$' "$BATS_TEST_TMPDIR/files")
  for file in iptables-save iptables-restore ip6tables-save ip6tables-restore iptables-legacy-save; do
    run -0 in_image "$file" --version
    assert_match "$output" '^ip6?tables-(legacy-)?(save|restore) v'
  done
  in_image iptables-restore --test <<<$'*filter\n-A INPUT -m comment --comment x -m conntrack --ctstate NEW -m time --datestop 2030-01-01T00:00:00 -j ACCEPT\nCOMMIT'
}

@test "image: certificate authorities and the resolver's order are there" {
  assert_match "$(grep -c 'BEGIN CERTIFICATE' "$root/etc/ssl/certs/ca-certificates.crt")" '^[0-9]{3}$'
  assert_equal "$(cat "$root/etc/nsswitch.conf")" 'hosts: files dns'
}

@test "image: its list of packages has each library with version, and each licence is there" {
  local name
  cmp "$root/usr/share/sbom/flannel.spdx.json" "$image/flannel.spdx.json"
  jq -e '.spdxVersion == "SPDX-2.3" and ([.packages[].SPDXID] | length == (unique | length))' \
    "$image/flannel.spdx.json" >/dev/null
  for name in libc6 libcurl4 libgnutls30 iptables ca-certificates nlohmann-json3-dev; do
    jq -e --arg name "$name" --arg version "$(dpkg-query -W -f '${Version}' "$name")" \
      'any(.packages[]; .name == $name and .versionInfo == $version)' "$image/flannel.spdx.json" >/dev/null || fail "$name"
  done
  for name in "$root"/var/lib/dpkg/status.d/*; do [[ -s $root/usr/share/doc/${name##*/}/copyright ]]; done
}

@test "image: --iptables no leaves iptables out" {
  image=$BATS_TEST_TMPDIR/small
  "$repo/scripts/image" --bin "$build" --output "$image" --iptables no >/dev/null
  unpack "$BATS_TEST_TMPDIR/root"
  [[ -x $BATS_TEST_TMPDIR/root/opt/bin/flanneld ]]
  assert_empty "$(find "$BATS_TEST_TMPDIR/root" -name '*tables*' -o -name '*libnftnl*')" "files of iptables"
  jq -e 'all(.packages[]; .name != "iptables")' "$image/flannel.spdx.json" >/dev/null
}

@test "image: a mistake in the call is named with status 2" {
  run -2 "$repo/scripts/image" --nmae x
  assert_match "$output" "'--nmae' is not an option"
  run -2 "$repo/scripts/image" --name Flannel
  assert_match "$output" "'Flannel' is no image name"
}
