#include "flanneld/commands/doctor_forwarding.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <map>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/text.h"

namespace flanneld {
namespace {

using State = Finding::State;

constexpr std::array kDirectories{"/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d",
                                  "/usr/lib/sysctl.d"};
constexpr size_t kMaxFileBytes = 64 << 10, kMaxFiles = 1000;

/// "net.ipv4.ip_forward" as "net/ipv4/ip_forward": as the first of '.' and '/' says, they separate or do not.
std::string as_path(std::string_view key) {
  std::string path(key);
  const size_t first = path.find_first_of("./");
  if (first == std::string::npos || path[first] == '/') return path;
  for (char& one : path) {
    if (one == '.')
      one = '/';
    else if (one == '/')
      one = '.';
  }
  return path;
}

/// A line "key = value"; nullopt for a comment and for what sets nothing.
std::optional<std::pair<std::string, std::string>> parse_line(std::string_view text) {
  std::string_view line = base::trimmed(text);
  if (line.empty() || line.front() == '#' || line.front() == ';') return std::nullopt;
  if (line.front() == '-') line.remove_prefix(1);  // its failure does not count
  const size_t equals = line.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  return std::pair(as_path(base::trimmed(line.substr(0, equals))),
                   std::string(base::trimmed(line.substr(equals + 1))));
}

}  // namespace

std::vector<SysctlFile> read_sysctl_files() {
  std::map<std::string, std::string> paths;  // by name
  for (const char* directory : kDirectories) {
    const base::UniqueFd fd = base::open_directory(directory);
    if (!fd.valid()) continue;
    for (const std::string& name : base::list_directory(fd.get()))
      if (name.ends_with(".conf") && paths.size() < kMaxFiles)
        paths.try_emplace(name, fmt::format("{}/{}", directory, name));
  }
  std::vector<SysctlFile> files;
  for (const auto& [name, path] : paths) try {
      if (auto text = base::read_file(path, kMaxFileBytes)) files.push_back({path, std::move(*text)});
    } catch (const base::SystemError&) {
      continue;
    }
  return files;
}

std::optional<std::string> find_switching_off(const std::vector<SysctlFile>& files,
                                              const std::vector<std::string>& keys) {
  struct Last {
    std::string path, value;
  };
  Last by_name, by_pattern;  // a pattern does not touch what is named anywhere
  for (const SysctlFile& file : files)
    for (const std::string_view text : base::split(file.text, '\n')) {
      const auto line = parse_line(text);
      if (!line) continue;
      for (const std::string& key : keys) {
        const std::string wanted = as_path(key);
        if (line->first == wanted)
          by_name = {file.path, line->second};
        else if (::fnmatch(line->first.c_str(), wanted.c_str(), FNM_PATHNAME) == 0)
          by_pattern = {file.path, line->second};
      }
    }
  const Last& last = by_name.path.empty() ? by_pattern : by_name;
  return last.value == "0" ? std::optional(last.path) : std::nullopt;
}

Finding check_forwarding(base::Family family, const std::optional<std::string>& value, Pods pods,
                         const std::vector<SysctlFile>& files) {
  const bool is_v4 = family == base::Family::v4;
  const char* sysctl = is_v4 ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding";
  Finding finding{.state = State::ok,
                  .name = is_v4 ? "IPv4 forwarding" : "IPv6 forwarding",
                  .finding = fmt::format("{} is on", sysctl)};
  std::vector<std::string> names{sysctl};
  if (is_v4) names.emplace_back("net.ipv4.conf.all.forwarding");
  const auto file = find_switching_off(files, names);
  const bool is_on = value && *value != "0";
  if (is_on || (value && pods == Pods::none)) {
    if (!is_on) finding.finding = fmt::format("{} is off, and the first pod's plugin switches it on", sysctl);
    if (!file) return finding;
    finding.state = State::warn;
    finding.finding = fmt::format("{}, but {} switches it off at boot, and whenever such files are applied",
                                  finding.finding, base::quoted(*file));
    finding.advice = "take it out there; flanneld switches it on again as long as it runs";
    return finding;
  }
  finding.state = State::fail;
  if (!value) {
    finding.finding =
        fmt::format("there is no {}: the kernel lacks the family or it is switched off", sysctl);
    return finding;
  }
  finding.finding = fmt::format("{} is off: the node drops pods' packets to other nodes", sysctl);
  finding.advice = file ? fmt::format("{} switches it off at boot: take it out there, and sysctl -w {}=1",
                                      base::quoted(*file), sysctl)
                        : fmt::format("sysctl -w {}=1, and put it into /etc/sysctl.d to last", sysctl);
  finding.repairs = {
      {Repair::Kind::set_sysctl, is_v4 ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding", "1"}};
  return finding;
}

}  // namespace flanneld
