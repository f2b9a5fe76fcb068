#include "cni-ipam/store/lease_mark.h"

#include "common/base/text.h"

namespace ipam {

std::string lease_mark(const cni::Attachment& attachment) {
  const auto id = base::trimmed(attachment.container_id);
  return std::string(base::trimmed(fmt::format("{}\r\n{}", id, attachment.ifname)));
}

std::string legacy_mark(const cni::Attachment& attachment) {
  return std::string(base::trimmed(attachment.container_id));
}

std::string_view container_of(std::string_view mark) { return mark.substr(0, mark.find_first_of("\r\n")); }

std::string describe_mark(std::string_view mark) {
  const std::string_view container = container_of(mark);
  std::string text = fmt::format("container {}", base::quoted(container));
  if (container.size() == mark.size()) return text;
  const std::string_view ifname = base::trimmed(mark.substr(container.size()));
  return fmt::format("{}, interface '{}'", text, ifname.substr(0, 64));
}

}  // namespace ipam
