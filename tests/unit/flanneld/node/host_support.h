// Hosts and requests for the tests of the choice of an interface.
#pragma once

#include <net/if.h>

#include <string>
#include <vector>

#include "flanneld/node/external_interface.h"
#include "tests/unit/flanneld/test_support.h"

namespace flanneld_test {

inline netlink::Address address(const std::string& text) {
  netlink::Address result{base::IpNet::parse(text).value()};
  result.permanent = true;
  return result;
}

inline flanneld::HostInterface interface(int ifindex, const std::string& name,
                                         const std::vector<std::string>& nets) {
  flanneld::HostInterface result{
      .ifindex = ifindex, .name = name, .flags = IFF_UP, .mtu = 1500, .addresses = {}};
  for (const std::string& net : nets) result.addresses.push_back(address(net));
  return result;
}

inline std::string text(const std::optional<base::IpAddress>& one) { return one ? one->str() : "-"; }

/// "name v4 v6 public-v4 public-v6 by rule", or "none: reasons".
inline std::string choice(const flanneld::HostNetwork& host, const flanneld::InterfaceRequest& request) {
  const auto result = flanneld::choose_external_interface(host, request);
  if (!result.chosen) return "none: " + result.reasons();
  const flanneld::ExternalInterface& one = *result.chosen;
  return one.name + " " + text(one.ipv4) + " " + text(one.ipv6) + " " + text(one.public_ipv4) + " " +
         text(one.public_ipv6) + " by " + one.rule;
}

inline flanneld::InterfaceRequest v4() { return {}; }
inline flanneld::InterfaceRequest v6() {
  flanneld::InterfaceRequest request;
  request.ipv4 = false;
  request.ipv6 = true;
  return request;
}
inline flanneld::InterfaceRequest dual() {
  flanneld::InterfaceRequest request;
  request.ipv6 = true;
  return request;
}
inline flanneld::InterfaceRequest by_iface(flanneld::InterfaceRequest request,
                                           std::vector<std::string> names) {
  request.iface = std::move(names);
  return request;
}

}  // namespace flanneld_test
