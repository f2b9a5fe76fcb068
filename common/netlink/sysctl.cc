#include "common/netlink/sysctl.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/file.h"

namespace netlink {
namespace {

constexpr size_t kMaxValueBytes = 4096;

std::string path_of(const std::string& name) { return fmt::format("/proc/sys/{}", name); }

}  // namespace

std::optional<std::string> read_sysctl(const std::string& name) {
  auto value = base::read_file(path_of(name), kMaxValueBytes);
  if (value && !value->empty() && value->back() == '\n') value->pop_back();
  return value;
}

void write_sysctl(const std::string& name, std::string_view value) {
  const base::UniqueFd fd(::open(path_of(name).c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) base::throw_errno(fmt::format("open setting '{}'", name));
  base::write_all(fd.get(), value, fmt::format("setting '{}'", name));
}

bool ensure_sysctl(const std::string& name, std::string_view value) {
  const auto present = read_sysctl(name);
  if (!present) return false;
  if (*present != value) write_sysctl(name, value);
  return true;
}

bool try_sysctl(const std::string& name, std::string_view value) {
  try {
    write_sysctl(name, value);
  } catch (const base::SystemError&) {
    return false;
  }
  return true;
}

bool can_write_sysctl(const std::string& name) { return ::access(path_of(name).c_str(), W_OK) == 0; }

bool refuse_router_advertisements(const Link& link) {
  if (!link.ipv6 || link.ipv6->accept_ra == 0) return true;
  return try_sysctl(fmt::format("net/ipv6/conf/{}/accept_ra", link.name), "0") || !link.ipv6->accepts_ra();
}

bool enable_ipv6(const Link& link) {
  if (!link.ipv6 || !link.ipv6->disabled) return true;
  return try_sysctl(fmt::format("net/ipv6/conf/{}/disable_ipv6", link.name), "0");
}

}  // namespace netlink
