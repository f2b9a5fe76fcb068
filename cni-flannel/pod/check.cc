#include "cni-flannel/pod/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cni-flannel/filter/masquerade.h"
#include "common/base/text.h"
#include "common/cni/error.h"
#include "common/netlink/address.h"
#include "common/netlink/forwarding.h"
#include "common/netlink/route.h"
#include "common/netlink/sysctl.h"

namespace flannel {
namespace {

using cni::Error;
using cni::ErrorCode;
using netlink::Link;

Container open_checked(const std::string& path) {
  auto netns = netlink::Netns::look_up(path).netns;
  if (!netns) fail_check(fmt::format("CNI_NETNS '{}' is not a network namespace", path));
  netlink::NetlinkSocket socket = netlink::NetlinkSocket::open_in(*netns);
  return {std::move(*netns), std::move(socket)};
}

/// The host's end: the interface of the host whose peer is the container's.
Link check_host_end(netlink::NetlinkSocket& host, const cni::Result& result, const Link& container) {
  for (const cni::Interface& listed : result.interfaces) {
    if (!listed.sandbox.empty()) continue;
    const auto link = netlink::find_link(host, listed.name);
    if (link && link->kind == "veth" && link->ifindex == container.peer && link->peer == container.ifindex)
      return expect_link(host, listed, "veth");
  }
  fail_check(fmt::format("no interface of the node in prevResult is the other end of {}",
                         base::quoted(container.name)));
}

/// Without those that a chained plugin put on another interface, which are not ours to judge.
std::vector<base::IpNet> addresses_of_container(const cni::Result& result, const Link& container) {
  std::vector<base::IpNet> addresses;
  for (const cni::IpConfig& ip : result.ips) {
    if (ip.interface && (static_cast<size_t>(*ip.interface) >= result.interfaces.size() ||
                         result.interfaces[static_cast<size_t>(*ip.interface)].name != container.name))
      continue;
    addresses.push_back(ip.address);
  }
  return addresses;
}

void check_addresses(netlink::NetlinkSocket& inside, const cni::Result& result, const Link& container) {
  const auto present = netlink::addresses_of(inside, container);
  for (const base::IpNet& wanted : addresses_of_container(result, container))
    if (std::none_of(present.begin(), present.end(),
                     [&](const netlink::Address& address) { return address.net == wanted; }))
      fail_check(fmt::format("address {} is not on interface {}", wanted, base::quoted(container.name)));
}

void check_routes(netlink::NetlinkSocket& inside, const cni::Result& result, const Link& container) {
  std::vector<netlink::Route> present;
  for (const base::Family family : base::kFamilies)
    for (netlink::Route& route : netlink::routes_through(inside, container.ifindex, family))
      present.push_back(std::move(route));
  for (const cni::Route& route : result.routes) {
    netlink::Route expected{.dst = route.dst.network()};
    if (route.dst.prefix != 0) expected.gw = route.gw;
    expected.table = route.table.value_or(netlink::kMainTable);
    const bool is_there = std::any_of(present.begin(), present.end(), [&](const netlink::Route& one) {
      return one.dst == expected.dst && (!expected.gw || one.gw == expected.gw) &&
             (!route.table || one.table == *route.table);
    });
    if (!is_there)
      fail_check(
          fmt::format("route {} is not on interface {}", expected.str(), base::quoted(container.name)));
  }
}

}  // namespace

void fail_check(const std::string& what) {
  throw Error(ErrorCode::check_failed, what,
              "the attachment is no longer as ADD made it; the pod has to be made anew");
}

const cni::Interface* find_interface(const cni::Result& result, const std::string& name,
                                     const std::string& sandbox) {
  const auto entry =
      std::find_if(result.interfaces.begin(), result.interfaces.end(),
                   [&](const cni::Interface& link) { return link.name == name && link.sandbox == sandbox; });
  return entry == result.interfaces.end() ? nullptr : &*entry;
}

/// The link that an interface of prevResult says there is.
Link expect_link(netlink::NetlinkSocket& socket, const cni::Interface& expected, const std::string& kind) {
  const std::string name =
      fmt::format("{}{}", base::quoted(expected.name), expected.sandbox.empty() ? "" : " in the container");
  const auto link = netlink::find_link(socket, expected.name);
  if (!link) fail_check(fmt::format("interface {} is gone", name));
  if (link->kind != kind) fail_check(fmt::format("interface {} is not a {}", name, kind));
  if (!expected.mac.empty() && base::MacAddress::parse(expected.mac) != link->mac)
    fail_check(fmt::format("interface {} has hardware address {}, not {}", name, link->mac, expected.mac));
  if (!link->is_up()) fail_check(fmt::format("interface {} is down", name));
  return *link;
}

CheckedPod check_pod(const cni::Request& request, const PodConf& conf, const Ipam& ipam,
                     netlink::NetlinkSocket& host) {
  auto result = request.prev_result();
  if (!result)
    throw Error(ErrorCode::invalid_config, "Required prevResult missing", "CHECK needs the result of ADD");
  Container inside = open_checked(request.netns);
  ipam.check(request);

  const cni::Interface* listed = find_interface(*result, request.attachment.ifname, request.netns);
  if (!listed)
    fail_check(fmt::format("prevResult does not list interface {} in '{}'",
                           base::quoted(request.attachment.ifname), request.netns));
  const Link container = expect_link(inside.socket, *listed, "veth");
  const Link host_end = check_host_end(host, *result, container);
  check_addresses(inside.socket, *result, container);
  check_routes(inside.socket, *result, container);
  std::vector<base::IpNet> addresses = addresses_of_container(*result, container);
  if (conf.ip_masq &&
      !has_masquerade(conf.masquerade_backend, request.network, request.attachment, addresses))
    fail_check("the masquerade rules of the attachment are gone");
  return {std::move(*result), std::move(inside), container, host_end, std::move(addresses)};
}

void check_gateways(netlink::NetlinkSocket& host, const cni::Result& result, const Link& link) {
  const auto present = netlink::addresses_of(host, link);
  for (const cni::IpConfig& ip : result.ips) {
    if (!ip.gateway) continue;
    if (std::none_of(present.begin(), present.end(),
                     [&](const netlink::Address& address) { return address.net.address == *ip.gateway; }))
      fail_check(fmt::format("interface {} does not have the gateway's address {}", base::quoted(link.name),
                             *ip.gateway));
    const std::string forwarding = netlink::forwarding_setting(ip.gateway->family());
    if (netlink::read_sysctl(forwarding) != "1")
      fail_check(fmt::format("the node does not forward: {} is not 1", forwarding));
  }
}

}  // namespace flannel
