#include "cni-ipam/survey/living.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <bit>
#include <cerrno>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/netlink/netns.h"

namespace ipam {
namespace {

using base::IpAddress;
using NamespaceId = std::pair<dev_t, ino_t>;

constexpr const char* kProc = "/proc";
constexpr const char* kNamed[] = {"/run/netns", "/run/docker/netns"};
constexpr const char* kOwnNetns = "/proc/self/ns/net";

std::optional<NamespaceId> id_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;  // it has gone meanwhile
  return NamespaceId{status.st_dev, status.st_ino};
}

/// Names with which `path` may lead to a namespace: named ones first, for they say more than a process.
std::vector<std::string> candidates(bool& has_named) {
  std::vector<std::string> paths;
  for (const char* directory : kNamed) {
    const base::UniqueFd dir = base::open_directory(directory);
    if (!dir.valid()) continue;
    has_named = true;
    for (const std::string& name : base::list_directory(dir.get()))
      paths.push_back(fmt::format("{}/{}", directory, name));
  }
  const base::UniqueFd proc = base::open_directory(kProc);
  if (!proc.valid()) return paths;
  for (const std::string& name : base::list_directory(proc.get()))
    if (name.find_first_not_of("0123456789") == std::string::npos)
      paths.push_back(fmt::format("{}/{}/ns/net", kProc, name));
  return paths;
}

std::optional<IpAddress> address_of(const sockaddr* from) {
  if (from && from->sa_family == AF_INET)
    return IpAddress::v4(ntohl(reinterpret_cast<const sockaddr_in*>(from)->sin_addr.s_addr));
  if (from && from->sa_family == AF_INET6)
    return IpAddress::from_bytes(&reinterpret_cast<const sockaddr_in6*>(from)->sin6_addr, sizeof(in6_addr));
  return std::nullopt;
}

uint8_t prefix_of(const sockaddr* mask, const IpAddress& of) {
  const auto address = address_of(mask);
  if (!address) return static_cast<uint8_t>(of.bits());
  int length = 0;
  for (size_t i = 0; i < address->size(); ++i) length += std::popcount(address->data()[i]);
  return static_cast<uint8_t>(length);
}

void read_addresses(const std::string& netns, std::vector<LivingAddress>& out) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0)
    throw base::SystemError(errno, fmt::format("read the addresses in '{}'", netns));
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
  for (const ifaddrs* one = list; one; one = one->ifa_next) {
    if ((one->ifa_flags & IFF_LOOPBACK) != 0) continue;
    const auto address = address_of(one->ifa_addr);
    if (!address || base::link_local(address->family()).contains(*address)) continue;
    out.push_back({.address = {*address, prefix_of(one->ifa_netmask, *address)},
                   .link = one->ifa_name,
                   .netns = netns});
  }
}

}  // namespace

Living read_living() {
  Living living{.addresses = {}, .sees_pods = false};
  std::set<NamespaceId> seen;
  if (const auto own = id_of(kOwnNetns)) seen.insert(*own);
  for (const std::string& path : candidates(living.sees_pods)) {
    const auto id = id_of(path);
    if (!id || !seen.insert(*id).second) continue;
    const auto found = netlink::Netns::look_up(path);
    if (!found.netns) continue;
    const netlink::NetnsScope inside = found.netns->enter();
    living.sees_pods = true;
    read_addresses(path, living.addresses);
  }
  return living;
}

}  // namespace ipam
