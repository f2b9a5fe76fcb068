#include "cni-flannel/pod/attachment_names.h"

#include <fmt/format.h>

#include "common/base/hash.h"
#include "common/base/text.h"

namespace flannel {
namespace {

constexpr size_t kMaxAlias = 255;  // IFALIASZ - 1
constexpr size_t kHashDigits = 16;

/// `text` says what the link is for.
std::string veth_name(const std::string& text, unsigned attempt) {
  return fmt::format("veth{:08x}", base::fnv1a_32(text, base::kFnv32Start + attempt));
}

std::string short_hash(const std::string& text) { return base::sha512_hex(text).substr(0, kHashDigits); }

}  // namespace

std::string host_veth_name(const cni::Attachment& attachment, unsigned attempt) {
  return veth_name(fmt::format("{}/{}", attachment.container_id, attachment.ifname), attempt);
}

std::string gateway_port_name(const std::string& bridge, const std::string& gateway_link) {
  return veth_name(fmt::format("{}/{}", bridge, gateway_link), 0);
}

std::string link_alias(const std::string& network, const cni::Attachment& attachment) {
  return fmt::format("{}/{}/{}", network, attachment.container_id, attachment.ifname).substr(0, kMaxAlias);
}

bool is_host_veth(const std::string& name, const std::string& alias, const std::string& network) {
  const auto parts = base::split(alias, '/');
  if (parts.size() != 3 || parts[0] != network) return false;
  const cni::Attachment attachment{.container_id = std::string(parts[1]), .ifname = std::string(parts[2])};
  for (unsigned attempt = 0; attempt < kMaxHostNames; ++attempt)
    if (name == host_veth_name(attachment, attempt)) return true;
  return false;
}

std::string tag_start_of(const std::string& network) { return fmt::format("{}-", short_hash(network)); }

std::string attachment_tag(const std::string& network, const cni::Attachment& attachment) {
  return fmt::format("{}{}", tag_start_of(network),
                     short_hash(fmt::format("{}:{}", attachment.ifname, attachment.container_id)));
}

std::string container_of(const std::string& alias) {
  const auto parts = base::split(alias, '/');
  return parts.size() < 3 ? std::string() : std::string(parts[1]);
}

}  // namespace flannel
