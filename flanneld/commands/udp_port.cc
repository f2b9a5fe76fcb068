#include "flanneld/commands/udp_port.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/text.h"

namespace flanneld {
namespace {

constexpr size_t kMaxNameBytes = 4096;

/// Field `index` of a line, counted from 0.
std::string_view field(std::string_view line, size_t index) {
  for (;;) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    const std::string_view word = line.substr(0, line.find(' '));
    if (index == 0 || word.empty()) return word;
    --index;
    line.remove_prefix(word.size());
  }
}

bool ends_with_port(std::string_view address, uint16_t port) {
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return false;
  unsigned value = 0;
  const std::string_view hex = address.substr(colon + 1);
  std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
  return value == port;
}

/// Whether a descriptor of the process is one of the links "socket:[inode]".
bool has_any(const std::string& process, const std::vector<std::string>& links) {
  const base::UniqueFd fds = base::open_directory(fmt::format("{}/fd", process));
  if (!fds.valid()) return false;
  for (const std::string& fd : base::list_directory(fds.get())) {
    std::array<char, 64> link{};
    const ssize_t length = ::readlinkat(fds.get(), fd.c_str(), link.data(), link.size());
    const std::string_view target(link.data(), length > 0 ? static_cast<size_t>(length) : 0);
    if (std::find(links.begin(), links.end(), target) != links.end()) return true;
  }
  return false;
}

}  // namespace

std::vector<std::string> inodes_of_port(uint16_t port, std::string_view tables) {
  std::vector<std::string> inodes;
  for (const std::string_view line : base::split(tables, '\n'))
    if (ends_with_port(field(line, 1), port)) inodes.emplace_back(field(line, 9));
  return inodes;
}

std::optional<std::string> find_socket_owner(const std::vector<std::string>& inodes) {
  const base::UniqueFd proc = inodes.empty() ? base::UniqueFd() : base::open_directory("/proc");
  if (!proc.valid()) return std::nullopt;
  std::vector<std::string> links;
  links.reserve(inodes.size());
  for (const std::string& inode : inodes) links.push_back(fmt::format("socket:[{}]", inode));
  for (const std::string& pid : base::list_directory(proc.get())) {
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string process = fmt::format("/proc/{}", pid);
    try {
      if (!has_any(process, links)) continue;
      const auto name = base::read_file(fmt::format("{}/comm", process), kMaxNameBytes).value_or("");
      return fmt::format("{} ({})", pid, base::split(name, '\n').front());
    } catch (const base::SystemError&) {
      continue;  // it has just ended, or this process may not look at it
    }
  }
  return std::nullopt;
}

}  // namespace flanneld
