#include "flanneld/kernel/links.h"

namespace flanneld {

std::optional<int> LinkIndexes::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? std::nullopt : std::optional(found->second);
}

const std::string* LinkIndexes::name_of(int ifindex) const {
  for (const auto& [name, index] : by_name_)
    if (index == ifindex) return &name;
  return nullptr;
}

}  // namespace flanneld
