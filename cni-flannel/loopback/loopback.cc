#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cni-flannel/loopback/verbs.h"
#include "cni-flannel/pod/namespace.h"
#include "common/cni/error.h"
#include "common/netlink/address.h"
#include "common/netlink/link.h"

namespace flannel::loopback {
namespace {

constexpr const char* kLoopback = "lo";
constexpr const char* kNoMac = "00:00:00:00:00:00";

bool is_loopback(const base::IpNet& net) {
  return net.address.is_v4() ? base::IpNet{base::IpAddress::v4(0x7f000000), 8}.contains(net.address)
                             : net.address == base::IpAddress::from_number(base::Family::v6, 1);
}

netlink::Link find_loopback(Container& container) {
  if (auto link = netlink::find_link(container.socket, kLoopback)) return std::move(*link);
  throw cni::Error(cni::ErrorCode::kernel_refused,
                   fmt::format("there is no link 'lo' in CNI_NETNS '{}'", container.netns.path()),
                   "each network namespace is born with one; somebody has renamed it");
}

/// The first address of each family, IPv4 first.
std::vector<cni::IpConfig> addresses_of(Container& container, const netlink::Link& link) {
  std::vector<cni::IpConfig> ips;
  for (const base::Family family : base::kFamilies) {
    const auto addresses = netlink::addresses_of(container.socket, link, family);
    for (const netlink::Address& one : addresses)
      if (!is_loopback(one.net))
        throw cni::Error(
            cni::ErrorCode::conflict,
            fmt::format("loopback interface found with non-loopback address \"{}\"", one.net),
            fmt::format("remove it in the container, `ip addr del {} dev lo`, or make the container anew",
                        one.net));
    if (!addresses.empty()) ips.push_back({.address = addresses.front().net, .gateway = {}, .interface = 0});
  }
  return ips;
}

}  // namespace

cni::AddAnswer add(const cni::Request& request) {
  Container container = open_container(request.netns);
  const netlink::Link link = find_loopback(container);
  if (!link.is_up()) netlink::set_up(container.socket, link);
  auto ips = addresses_of(container, link);
  if (auto previous = request.prev_result()) return std::move(*previous);
  cni::Result result;
  result.interfaces = {{.name = kLoopback,
                        .mac = kNoMac,
                        .mtu = 0,  // not told, as by the reference
                        .sandbox = request.netns,
                        .socket_path = {},
                        .pci_id = {}}};
  result.ips = std::move(ips);
  return result;
}

void del(const cni::Request& request) {
  if (request.netns.empty()) return;
  const auto [state, netns] = netlink::Netns::look_up(request.netns);
  if (state != netlink::Netns::State::present) return;
  auto socket = netlink::NetlinkSocket::open_in(*netns);
  if (const auto link = netlink::find_link(socket, kLoopback)) netlink::set_down(socket, *link);
}

void check(const cni::Request& request) {
  Container container = open_container(request.netns);
  if (!find_loopback(container).is_up())
    throw cni::Error(cni::ErrorCode::check_failed, "loopback interface is down",
                     "set it up in the container, `ip link set lo up`, or make the container anew");
}

}  // namespace flannel::loopback
