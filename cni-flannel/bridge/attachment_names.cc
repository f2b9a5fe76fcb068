#include "cni-flannel/bridge/attachment_names.h"

#include <fmt/format.h>

#include "common/base/hash.h"
#include "common/base/text.h"

namespace flannel {
namespace {

constexpr size_t kMaxAlias = 255;  // IFALIASZ - 1

}  // namespace

std::string host_veth_name(const cni::Attachment& attachment, unsigned attempt) {
  const std::string text = fmt::format("{}/{}", attachment.container_id, attachment.ifname);
  return fmt::format("veth{:08x}", base::fnv1a_32(text, base::kFnv32Start + attempt));
}

std::string link_alias(const std::string& network, const cni::Attachment& attachment) {
  return fmt::format("{}/{}/{}", network, attachment.container_id, attachment.ifname).substr(0, kMaxAlias);
}

std::string container_of(const std::string& alias) {
  const auto parts = base::split(alias, '/');
  return parts.size() < 3 ? std::string() : std::string(parts[1]);
}

}  // namespace flannel
