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

/// False for "host:secret", the first part of a list that is cut within a password.
bool has_good_port(std::string_view authority) {
  if (const size_t sign = authority.rfind('@'); sign != std::string_view::npos)
    authority.remove_prefix(sign + 1);
  const size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos || authority.ends_with(']')) return true;
  const std::string_view port = authority.substr(colon + 1);
  return port.size() <= 5 && port.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string server_url(const FlagValue& value, std::string_view part) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t sign = part.find("://");
  const bool has_scheme = sign != std::string_view::npos;
  const std::string_view scheme = has_scheme ? part.substr(0, sign) : "http";
  std::string_view rest = has_scheme ? part.substr(sign + 3) : part;
  while (rest.ends_with('/')) rest.remove_suffix(1);
  if ((scheme != "http" && scheme != "https") || rest.empty() ||
      part.find_first_of(kBlanks) != std::string_view::npos)
    reject(value, fmt::format("{} is not a URL such as https://192.168.1.10:2379",
                              base::quoted(with_userinfo_hidden(std::string(part)))));
  if (!has_good_port(rest.substr(0, rest.find('/'))))
    reject(value, "a server's port is not a number; a comma within a password is written %2C");
  return has_scheme ? fmt::format("{}://{}", scheme, rest) : std::string(rest);
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

void reject_if_on(const FlagValue& value) {
  if (parse_boolean(value.text(), value.origin)) reject(value, "not supported yet");
}

}  // namespace flanneld::flag_meaning
