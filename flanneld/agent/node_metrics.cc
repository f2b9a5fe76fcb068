#include "flanneld/agent/node_metrics.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <exception>
#include <string_view>

#include "common/base/file.h"
#include "common/base/text.h"

namespace flanneld {
namespace {

constexpr size_t kMaxNumber = 32;  // bytes

std::optional<uint64_t> number(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  const std::string_view digits = base::trimmed(*text);
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

}  // namespace

std::string conntrack_metrics(const std::optional<std::string>& count,
                              const std::optional<std::string>& limit) {
  const auto entries = number(count), most = number(limit);
  if (!entries || !most) return "";
  return fmt::format(
      "# HELP flanneld_conntrack_entries Connections that the node's kernel keeps track of.\n"
      "# TYPE flanneld_conntrack_entries gauge\nflanneld_conntrack_entries {}\n"
      "# HELP flanneld_conntrack_limit How many it can; packets of further ones are dropped.\n"
      "# TYPE flanneld_conntrack_limit gauge\nflanneld_conntrack_limit {}\n",
      *entries, *most);
}

std::string node_metrics() noexcept {
  try {
    return conntrack_metrics(base::read_file("/proc/sys/net/netfilter/nf_conntrack_count", kMaxNumber),
                             base::read_file("/proc/sys/net/netfilter/nf_conntrack_max", kMaxNumber));
  } catch (const std::exception&) {
    return "";
  }
}

}  // namespace flanneld
