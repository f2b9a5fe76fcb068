#include "common/cni/verb.h"

#include <algorithm>
#include <array>

namespace cni {
namespace {

/// In the order of the enum.
constexpr std::array<std::string_view, 6> kNames{"ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"};

}  // namespace

std::string_view name_of(Verb verb) { return kNames.at(static_cast<size_t>(verb)); }

std::optional<Verb> find_verb(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Verb>(found - kNames.begin());
}

}  // namespace cni
