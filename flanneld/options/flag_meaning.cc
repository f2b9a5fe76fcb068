#include "flanneld/options/flag_meaning.h"

#include <algorithm>

#include "common/base/error.h"
#include "common/base/text.h"
#include "flanneld/io/url.h"
#include "flanneld/lease/go_json.h"
#include "flanneld/node/iface_regex.h"

namespace flanneld::flag_meaning {
namespace {

using base::IpAddress;

constexpr size_t kMaxAnnotationPrefix = 253 + 1 + 40;  // of a name at most 63 bytes follow the slash

std::string server_url(const FlagValue& value, std::string_view part) {
  const bool has_scheme = part.find("://") != std::string_view::npos;
  try {
    parse_url(has_scheme ? std::string(part) : fmt::format("http://{}", part));
  } catch (const base::ParseError& error) {  // the text may hold a password: it is not quoted
    reject(value, fmt::format("a server {}; a comma within a password is written %2C", error.what()));
  }
  while (part.ends_with('/')) part.remove_suffix(1);
  return std::string(part);
}

}  // namespace

void reject(const FlagValue& value, const std::string& reason) {
  throw UsageError(fmt::format("{}: {}", value.origin, reason));
}

long long number_between(const FlagValue& value, long long least, long long most) {
  const long long number = parse_number(value.text(), value.origin);
  if (number < least || number > most)
    reject(value, fmt::format("{} is not between {} and {}", value.text(), least, most));
  return number;
}

std::optional<IpAddress> ip_address(const FlagValue& value, std::optional<base::Family> family) {
  if (value.text().empty()) return std::nullopt;
  const auto ip = IpAddress::parse(value.text());
  if (!ip) reject(value, fmt::format("{} is not an IP address", base::quoted(value.text())));
  if (family && ip->family() != *family)
    reject(value, fmt::format("{} is not an {} address", *ip, family_name(*family)));
  return ip;
}

std::optional<ListenAddress> listen_address(const FlagValue& value) {
  const std::string& text = value.text();
  if (text.empty()) return std::nullopt;
  const size_t colon = text.rfind(':');
  std::string host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto ip = IpAddress::parse(host);
  if (colon == std::string::npos || !ip || ip->is_v4() == bracketed)
    reject(value, fmt::format("{} is not an address and port such as 127.0.0.1:7000 or [::1]:7000",
                              base::quoted(text)));
  const long long port = number_between({{text.substr(colon + 1)}, value.origin}, 1, UINT16_MAX);
  return ListenAddress{*ip, static_cast<uint16_t>(port)};
}

std::vector<std::string> server_urls(const FlagValue& value) {
  std::vector<std::string> urls;
  for (const std::string_view part : base::split(value.text(), ','))
    if (const std::string_view url = base::trimmed(part); !url.empty())
      urls.push_back(server_url(value, url));
  if (urls.empty()) reject(value, "no server is given");
  return urls;
}

std::vector<std::string> not_empty(const FlagValue& value) {
  std::vector<std::string> items = value.values;
  std::erase(items, "");
  return items;
}

std::vector<std::string> regular_expressions(const FlagValue& value) {
  std::vector<std::string> patterns = not_empty(value);
  for (const std::string& pattern : patterns) {
    try {
      (void)IfaceRegex(pattern);
    } catch (const base::ParseError& error) {
      reject(value, error.what());
    }
  }
  return patterns;
}

std::vector<base::IpNet> cidrs(const FlagValue& value) {
  std::vector<base::IpNet> networks;
  for (const std::string& text : value.values)
    for (const std::string_view part : base::split(text, ',')) {
      const std::string_view word = base::trimmed(part);
      if (word.empty()) continue;
      const auto network = base::IpNet::parse(std::string(word));
      if (!network)
        reject(value, fmt::format("{} is not a network such as 192.168.0.0/16", base::quoted(word)));
      networks.push_back(network->network());
    }
  return networks;
}

void check_word(const FlagValue& value, std::string_view one, std::string_view other) {
  if (value.text() != one && value.text() != other)
    reject(value, fmt::format("{} is neither {} nor {}", base::quoted(value.text()), one, other));
}

std::string checked_prefix(const FlagValue& value) {
  const std::string& text = value.text();
  const size_t slash = text.find('/');
  const std::string_view domain = std::string_view{text}.substr(0, slash);
  const std::string_view name = slash == std::string::npos ? "" : std::string_view{text}.substr(slash + 1);
  const auto is_small = [](char one) { return (one >= 'a' && one <= 'z') || (one >= '0' && one <= '9'); };
  bool is_valid = text.size() <= kMaxAnnotationPrefix;
  for (const std::string_view label : base::split(domain, '.')) {
    is_valid = is_valid && !label.empty() && is_small(label.front()) && is_small(label.back());
    for (const char one : label) is_valid = is_valid && (is_small(one) || one == '-');
  }
  for (const char one : name) is_valid = is_valid && (is_small(one) || one == '-' || one == '_');
  if (!is_valid)
    reject(value,
           fmt::format("{} is not a domain in lower case, perhaps with one slash and lower case letters, "
                       "digits, '-' and '_' behind it",
                       base::quoted(text)));
  if (slash == std::string::npos) return fmt::format("{}/", text);
  return name.empty() || name.ends_with('-') ? text : fmt::format("{}-", text);
}

}  // namespace flanneld::flag_meaning
