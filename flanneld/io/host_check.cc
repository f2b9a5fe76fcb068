#include "flanneld/io/host_check.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/ip.h"
#include "common/base/text.h"

namespace flanneld {
namespace {

constexpr size_t kMaxBytes = 64 << 10;

std::string_view without_dot(std::string_view name) {
  return name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
}

/// "host:port", "[address%zone]:port" → "host", "address".
std::string_view without_port(std::string_view value) {
  if (!value.starts_with('[')) return value.substr(0, value.find(':'));
  const size_t end = value.find(']');
  if (end == std::string_view::npos) return value;
  value = value.substr(1, end - 1);
  return value.substr(0, value.find('%'));
}

}  // namespace

NodeNames NodeNames::read() {
  NodeNames names;
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0) names.host = host.data();
  try {
    if (const auto text = base::read_file("/etc/resolv.conf", kMaxBytes))
      names.domains = search_domains(*text);
  } catch (const base::SystemError&) {
    // Then the node has its short name alone.
  }
  return names;
}

std::vector<std::string> search_domains(std::string_view resolv_conf) {
  std::vector<std::string> domains;
  for (const std::string_view line : base::split(resolv_conf, '\n')) {
    if (!line.starts_with("search") && !line.starts_with("domain")) continue;
    std::string words = base::lower(line);
    std::ranges::replace(words, '\t', ' ');
    const auto parts = base::split(words, ' ');
    for (size_t i = 1; i < parts.size(); ++i)
      if (const auto domain = without_dot(base::trimmed(parts[i])); !domain.empty())
        domains.emplace_back(domain);
  }
  return domains;
}

bool is_own_host(std::string_view value, const NodeNames& names) {
  const std::string host = base::lower(without_dot(without_port(base::trimmed(value))));
  if (host.empty() || host == "localhost" || base::IpAddress::parse(host)) return true;
  const std::string own = base::lower(without_dot(names.host));
  if (own.empty()) return false;
  const std::string first = own.substr(0, own.find('.'));
  return host == own || host == first ||
         std::any_of(names.domains.begin(), names.domains.end(),
                     [&](const std::string& domain) { return host == fmt::format("{}.{}", first, domain); });
}

}  // namespace flanneld
