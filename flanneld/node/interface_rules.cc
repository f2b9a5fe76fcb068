#include "flanneld/node/interface_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/error.h"
#include "common/base/text.h"
#include "flanneld/lease/go_json.h"
#include "flanneld/node/iface_regex.h"

namespace flanneld {

using base::Family;
using base::IpAddress;
using base::IpNet;

namespace {

IfaceRegex compile(const std::string& pattern) {
  try {
    return IfaceRegex(pattern);
  } catch (const base::ParseError& error) {
    throw Reject{error.what()};
  }
}

}  // namespace

template <class Matches>
Found InterfaceRules::by_addresses(Matches&& matches) const {
  Found found;
  for (const HostInterface* interface : candidates_.interfaces()) {
    Candidate candidate{interface};
    bool is_complete = true;
    for (const Family family : families()) {
      const auto usable = candidates_.usable(*interface, family);
      const auto match = std::ranges::find_if(usable, matches);
      if (match == usable.end())
        is_complete = false;
      else
        candidate.set(*match);
    }
    if (is_complete) found.push_back(candidate);
  }
  put_known_first(found);
  return found;
}

Found InterfaceRules::by_text(const std::string& text) const {
  if (const auto ip = IpAddress::parse(text)) return by_address(*ip);
  return {{&candidates_.named(text)}};
}

Found InterfaceRules::by_address(const IpAddress& ip) const {
  check_family(ip);
  Candidate candidate{&candidates_.holder_of(ip)};
  candidate.set(ip);
  // With both families on, the public IPv6 address must belong to the very same interface.
  if (ip.is_v4() && request_.ipv6 && request_.public_ipv6) {
    if (!candidate.interface->holds(*request_.public_ipv6))
      throw Reject{fmt::format("interface {} does not have the public IPv6 address {}",
                               base::quoted(candidate.interface->name), *request_.public_ipv6)};
    candidate.set(*request_.public_ipv6);
  }
  return {candidate};
}

Found InterfaceRules::by_public(const IpAddress& ip) const {
  try {
    return by_address(ip);
  } catch (const Reject& reject) {
    throw Reject{fmt::format("{}; behind NAT --iface must say which interface to use", reject.reason)};
  }
}

Found InterfaceRules::by_node_address(const IpAddress& ip) const {
  Candidate candidate{&candidates_.holder_of(ip)};
  candidate.set(ip);
  for (const IpAddress& other : request_.node_addresses)
    if (!candidate.of(other.family()) && candidate.interface->holds(other)) candidate.set(other);
  return {candidate};
}

Found InterfaceRules::by_regex(const std::string& pattern) const {
  const IfaceRegex regex = compile(pattern);
  Found found = by_addresses([&](const IpAddress& ip) { return regex.occurs_in(ip.str()); });
  Found by_name;
  for (const HostInterface* interface : candidates_.interfaces())
    if (regex.occurs_in(interface->name)) by_name.push_back({interface});
  put_known_first(by_name);
  found.insert(found.end(), by_name.begin(), by_name.end());
  if (found.empty())
    throw Reject{fmt::format("it matches no interface's address or name; there are {}", candidates_.names())};
  return found;
}

Found InterfaceRules::by_cidr(const IpNet& cidr) const {
  check_family(cidr.address);
  Found found;
  for (const HostInterface* interface : candidates_.interfaces()) {
    Candidate candidate{interface};
    for (const Family family : families())
      for (const IpAddress& ip : candidates_.usable(*interface, family))
        if (!candidate.of(family) && is_wanted(ip, cidr)) candidate.set(ip);
    if (candidate.of(cidr.address.family())) found.push_back(candidate);
  }
  put_known_first(found);
  if (found.empty())
    throw Reject{fmt::format("no interface has an address within it; there are {}",
                             describe_candidates(host_, request_))};
  return found;
}

bool InterfaceRules::is_wanted(const IpAddress& ip, const IpNet& cidr) const {
  if (ip.family() == cidr.address.family()) return cidr.contains(ip);
  return std::ranges::any_of(request_.iface_cidr, [&](const IpNet& one) {
    return one.address.family() == ip.family() && one.contains(ip);
  });
}

Found InterfaceRules::by_reach(const IpAddress& target) const {
  check_family(target);
  const auto route = host_.route_toward ? host_.route_toward(target) : std::nullopt;
  if (!route) throw Reject{"the kernel has no route to it"};
  Candidate candidate{&candidates_.at(route->ifindex)};
  if (route->prefsrc) candidate.set(*route->prefsrc);
  return {candidate};
}

Found InterfaceRules::by_default_route() const {
  std::vector<const HostInterface*> v4, v6;
  if (request_.ipv4) v4 = route_interfaces(Family::v4);
  if (request_.ipv6) v6 = route_interfaces(Family::v6);
  Found found;
  for (const HostInterface* one : v4.empty() ? v6 : v4)
    if (v4.empty() || v6.empty() || std::ranges::find(v6, one) != v6.end()) found.push_back({one});
  if (found.empty())
    throw Reject{fmt::format("the default routes differ: IPv4 goes through {}, IPv6 through {}",
                             base::quoted(v4.front()->name), base::quoted(v6.front()->name))};
  put_known_first(found);
  return found;
}

std::vector<const HostInterface*> InterfaceRules::route_interfaces(Family family) const {
  std::vector<const HostInterface*> interfaces;
  std::string reason = fmt::format("there is no {} default route", family_name(family));
  for (const netlink::Route& route : family == Family::v4 ? host_.default_v4 : host_.default_v6) {
    try {
      interfaces.push_back(&route_interface(route, family));
    } catch (const Reject& reject) {
      reason = reject.reason;
    }
  }
  if (interfaces.empty()) throw Reject{reason};
  return interfaces;
}

const HostInterface& InterfaceRules::route_interface(const netlink::Route& route, Family family) const {
  const int ifindex = route.paths.empty() ? route.ifindex : route.paths.front();
  if (std::ranges::any_of(route.paths, [&](int one) { return one != ifindex; }))
    throw Reject{fmt::format("the {} default route has paths over several interfaces", family_name(family))};
  return candidates_.at(ifindex);
}

void InterfaceRules::put_known_first(Found& found) const {
  std::stable_partition(found.begin(), found.end(),
                        [&](const Candidate& one) { return candidates_.is_known(*one.interface); });
}

std::vector<Family> InterfaceRules::families() const {
  std::vector<Family> families;
  if (request_.ipv4) families.push_back(Family::v4);
  if (request_.ipv6) families.push_back(Family::v6);
  return families;
}

void InterfaceRules::check_family(const IpAddress& ip) const {
  if (ip.is_v4() ? request_.ipv4 : request_.ipv6) return;
  throw Reject{fmt::format("{} is an {} address, and the network configuration does not enable that family",
                           ip, family_name(ip.family()))};
}

}  // namespace flanneld
