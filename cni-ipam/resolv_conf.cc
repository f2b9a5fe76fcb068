#include "cni-ipam/resolv_conf.h"

#include <vector>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/text.h"
#include "common/cni/error.h"

namespace ipam {
namespace {

constexpr size_t kMaxBytes = 1 << 20;
constexpr std::string_view kSpace = " \t\v\f\r";

std::vector<std::string> fields_of(std::string_view line) {
  std::vector<std::string> fields;
  for (size_t at = line.find_first_not_of(kSpace); at != std::string_view::npos;
       at = line.find_first_not_of(kSpace, at)) {
    const size_t end = std::min(line.find_first_of(kSpace, at), line.size());
    fields.emplace_back(line.substr(at, end - at));
    at = end;
  }
  return fields;
}

void read_line(std::string_view line, cni::Dns& dns) {
  line = base::trimmed(line);
  if (line.empty() || line[0] == '#' || line[0] == ';') return;
  const std::vector<std::string> fields = fields_of(line);
  if (fields.size() < 2) return;
  if (fields[0] == "nameserver") dns.nameservers.push_back(fields[1]);
  if (fields[0] == "domain") dns.domain = fields[1];
  if (fields[0] == "search") dns.search.insert(dns.search.end(), fields.begin() + 1, fields.end());
  if (fields[0] == "options") dns.options.insert(dns.options.end(), fields.begin() + 1, fields.end());
}

}  // namespace

cni::Dns parse_resolv_conf(std::string_view text) {
  cni::Dns dns;
  for (const std::string_view line : base::split(text, '\n')) read_line(line, dns);
  return dns;
}

cni::Dns read_resolv_conf(const std::string& path) {
  constexpr const char* kAdvice = "nothing was allocated; ipam.resolvConf must name a readable file";
  try {
    if (const auto text = base::read_file(path, kMaxBytes)) return parse_resolv_conf(*text);
  } catch (const base::SystemError& error) {
    throw cni::Error(cni::ErrorCode::io_failure, fmt::format("read ipam.resolvConf: {}", error.what()),
                     kAdvice);
  }
  throw cni::Error(cni::ErrorCode::io_failure,
                   fmt::format("read ipam.resolvConf: there is no file '{}'", path), kAdvice);
}

}  // namespace ipam
