# shellcheck shell=bash
# The list of what the container image holds (scripts/image), in the form of SPDX 2.3.

# The packages of which parts are linked into the programs.
linked_packages=(libfmt-dev libmd-dev libnl-3-dev libnl-route-3-dev libre2-dev libseccomp-dev libstdc++-12-dev
  libyaml-cpp-dev nlohmann-json3-dev)

# Prints a JSON object for each package: sbom_packages RELATIONSHIP PACKAGE...
sbom_packages() {
  dpkg-query --show --showformat '${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n' \
    "${@:2}" 2>/dev/null | LC_ALL=C sort -u | jq -Rc --arg relationship "$1" '
      split("\t") | {name: .[0], version: .[1], architecture: .[2], source: .[3], source_version: .[4], $relationship}'
}

# Writes the document; the digests in it are those of our own programs: image_sbom FILE DIR_OF_SYSTEM DIR_OF_PROGRAMS
image_sbom() {
  local system=$2 programs=$3
  mkdir -p "$(dirname "$1")"
  {
    # shellcheck disable=SC2046 # one word each
    sbom_packages CONTAINS $(cd "$system/var/lib/dpkg/status.d" && ls)
    sbom_packages STATIC_LINK "${linked_packages[@]}"
  } | jq --slurp --sort-keys --arg version "$version" --arg revision "$revision" --arg created "$created" \
    --arg flanneld "$(sha256sum <"$programs/opt/bin/flanneld" | cut -c -64)" \
    --arg flannel "$(sha256sum <"$programs/flannel" | cut -c -64)" '
    def id: "SPDXRef-" + gsub("[^A-Za-z0-9.-]"; "-");
    def own(name; sha): {SPDXID: (name | id), name: name, versionInfo: $version, downloadLocation: "NOASSERTION",
      filesAnalyzed: false, checksums: [{algorithm: "SHA256", checksumValue: sha}]};
    {spdxVersion: "SPDX-2.3", dataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT", name: "flannel-\($version)",
     documentNamespace: "https://spdx.org/spdxdocs/flannel-\($version)-\($flanneld)",
     creationInfo: {created: $created, creators: ["Tool: scripts/image"],
       comment: "built from commit \($revision)"},
     packages: ([own("flanneld"; $flanneld), own("flannel"; $flannel)] + map({SPDXID: ("deb-" + .name | id), name,
       versionInfo: .version, downloadLocation: "NOASSERTION", filesAnalyzed: false,
       supplier: "Organization: Debian", sourceInfo: "built from \(.source) \(.source_version)",
       externalRefs: [{referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator:
         "pkg:deb/debian/\(.name | @uri)@\(.version | @uri)?arch=\(.architecture)&distro=debian-12"}]})),
     relationships: ([{spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES",
       relatedSpdxElement: ("flanneld", "flannel" | id)}]
       + map({spdxElementId: (if .relationship == "CONTAINS" then "SPDXRef-DOCUMENT" else ("flanneld" | id) end),
           relationshipType: .relationship, relatedSpdxElement: ("deb-" + .name | id)}))}' >"$1"
}
