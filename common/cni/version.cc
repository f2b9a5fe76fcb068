#include "common/cni/version.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "common/cni/error.h"

namespace cni {
namespace {

std::array<unsigned, 3> parse_version(std::string_view version) {
  std::array<unsigned, 3> parts{};
  const char* at = version.data();
  const char* const end = at + version.size();
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto [after, error] = std::from_chars(at, end, parts[i]);
    if (error != std::errc{}) break;
    if (after == end) return parts;
    if (*after != '.') break;
    at = after + 1;
  }
  throw Error(ErrorCode::decoding_failure,
              fmt::format("cniVersion '{}' is not a version number", version.substr(0, 64)));
}

}  // namespace

bool version_less(std::string_view a, std::string_view b) { return parse_version(a) < parse_version(b); }

bool is_supported(std::string_view version) {
  return std::find(kSupportedVersions.begin(), kSupportedVersions.end(), version) != kSupportedVersions.end();
}

std::string supported_list() { return fmt::format("{}", fmt::join(kSupportedVersions, ", ")); }

}  // namespace cni
