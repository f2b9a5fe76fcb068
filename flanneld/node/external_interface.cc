#include "flanneld/node/external_interface.h"

#include <algorithm>
#include <tuple>

#include "common/base/error.h"
#include "common/netlink/link.h"
#include "flanneld/node/iface_regex.h"

namespace flanneld {
namespace {

using base::Family;
using base::IpAddress;

/// Why a candidate does not serve.
struct Reject {
  std::string reason;
};

/// One candidate: the interface, and addresses that are settled already.
struct Candidate {
  const HostInterface* interface = nullptr;
  std::optional<IpAddress> ipv4, ipv6;
};

class Chooser {
 public:
  Chooser(const HostNetwork& host, const InterfaceRequest& request) : host_(host), request_(request) {}

  InterfaceChoice choose() {
    if (request_.iface.empty() && request_.iface_regex.empty() && !request_.can_reach) {
      choose_unasked();
    } else {
      for (const std::string& text : request_.iface)
        attempt("--iface=" + text, [&] { return by_text(text); });
      for (const std::string& text : request_.iface_regex)
        attempt("--iface-regex=" + text, [&] { return by_regex(text); });
      if (request_.can_reach)
        attempt("--iface-can-reach=" + request_.can_reach->str(),
                [&] { return by_reach(*request_.can_reach); });
    }
    return std::move(choice_);
  }

 private:
  void choose_unasked() {
    const auto from_public = [&](const char* flag, const IpAddress& ip) {
      attempt(std::string(flag) + "=" + ip.str(), [&] {
        try {
          return by_address(ip);
        } catch (const Reject& reject) {
          throw Reject{reject.reason + "; behind NAT --iface must say which interface to use"};
        }
      });
    };
    if (request_.ipv4 && request_.public_ip)
      from_public("--public-ip", *request_.public_ip);
    else if (request_.ipv6 && request_.public_ipv6)
      from_public("--public-ipv6", *request_.public_ipv6);
    else
      attempt("default route", [&] { return by_default_route(); });
  }

  template <class Find>
  void attempt(const std::string& rule, Find&& find) {
    if (choice_.chosen) return;
    try {
      choice_.chosen = complete(find(), rule);
    } catch (const Reject& reject) {
      choice_.rejected.push_back(rule + ": " + reject.reason);
    }
  }

  /// Fills in what the candidate leaves open, or rejects it.
  [[nodiscard]] ExternalInterface complete(const Candidate& candidate, const std::string& rule) const {
    const HostInterface& interface = *candidate.interface;
    if (interface.mtu == 0) throw Reject{"interface '" + interface.name + "' has an MTU of 0"};
    ExternalInterface result{interface.ifindex, interface.name, interface.mtu, {}, {}, {}, {}, rule};
    const auto address = [&](const std::optional<IpAddress>& settled, Family family) {
      if (settled) return *settled;
      const auto usable = interface.usable_addresses(family);
      if (usable.empty())
        throw Reject{"interface '" + interface.name + "' has no usable " +
                     (family == Family::v4 ? "IPv4" : "IPv6") + " address"};
      return usable.front();
    };
    if (request_.ipv4) {
      result.ipv4 = address(candidate.ipv4, Family::v4);
      result.public_ipv4 = request_.public_ip ? request_.public_ip : result.ipv4;
    }
    if (request_.ipv6) {
      result.ipv6 = address(candidate.ipv6, Family::v6);
      result.public_ipv6 = request_.public_ipv6 ? request_.public_ipv6 : result.ipv6;
    }
    return result;
  }

  [[nodiscard]] Candidate by_text(const std::string& text) const {
    if (const auto ip = IpAddress::parse(text)) return by_address(*ip);
    for (const HostInterface& interface : host_.interfaces)
      if (interface.name == text) return {&interface, {}, {}};
    throw Reject{"there is no interface '" + text + "'; there are " + names()};
  }

  [[nodiscard]] Candidate by_address(const IpAddress& ip) const {
    check_family(ip);
    for (const HostInterface& interface : host_.interfaces) {
      if (!holds(interface, ip)) continue;
      Candidate candidate{&interface, {}, {}};
      (ip.is_v4() ? candidate.ipv4 : candidate.ipv6) = ip;
      // With both families on, the public IPv6 address must belong to the very same interface.
      if (ip.is_v4() && request_.ipv6 && request_.public_ipv6) {
        if (!holds(interface, *request_.public_ipv6))
          throw Reject{"interface '" + interface.name + "' does not have the public IPv6 address " +
                       request_.public_ipv6->str()};
        candidate.ipv6 = request_.public_ipv6;
      }
      return candidate;
    }
    throw Reject{"no interface has the address " + ip.str()};
  }

  /// Addresses first, of all interfaces, then names.
  [[nodiscard]] Candidate by_regex(const std::string& pattern) const {
    const IfaceRegex regex = compile(pattern);
    const auto matching = [&](const HostInterface& interface, Family family) -> std::optional<IpAddress> {
      for (const IpAddress& ip : interface.usable_addresses(family))
        if (regex.occurs_in(ip.str())) return ip;
      return std::nullopt;
    };
    for (const HostInterface& interface : host_.interfaces) {
      Candidate candidate{&interface, {}, {}};
      if (request_.ipv4) candidate.ipv4 = matching(interface, Family::v4);
      if (request_.ipv6) candidate.ipv6 = matching(interface, Family::v6);
      if (request_.ipv4 == candidate.ipv4.has_value() && request_.ipv6 == candidate.ipv6.has_value())
        return candidate;
    }
    for (const HostInterface& interface : host_.interfaces)
      if (regex.occurs_in(interface.name)) return {&interface, {}, {}};
    throw Reject{"it matches no interface's address or name; there are " + names()};
  }

  [[nodiscard]] Candidate by_reach(const IpAddress& target) const {
    check_family(target);
    const auto route = host_.route_toward ? host_.route_toward(target) : std::nullopt;
    if (!route) throw Reject{"the kernel has no route to it"};
    Candidate candidate{&interface_at(route->ifindex), {}, {}};
    if (route->prefsrc) (target.is_v4() ? candidate.ipv4 : candidate.ipv6) = route->prefsrc;
    return candidate;
  }

  [[nodiscard]] Candidate by_default_route() const {
    const HostInterface* found = nullptr;
    const auto follow = [&](const std::vector<netlink::DefaultRoute>& routes, const char* family) {
      if (routes.empty()) throw Reject{std::string("there is no ") + family + " default route"};
      const auto& paths = routes.front().ifindexes;
      if (paths.empty() ||
          std::any_of(paths.begin(), paths.end(), [&](int one) { return one != paths.front(); }))
        throw Reject{std::string("the ") + family + " default route has paths over several interfaces"};
      const HostInterface& interface = interface_at(paths.front());
      if (found && found != &interface)
        throw Reject{"the default routes differ: IPv4 goes through '" + found->name + "', IPv6 through '" +
                     interface.name + "'"};
      found = &interface;
    };
    if (request_.ipv4) follow(host_.default_v4, "IPv4");
    if (request_.ipv6) follow(host_.default_v6, "IPv6");
    if (!found) throw Reject{"neither IPv4 nor IPv6 is enabled"};
    return {found, {}, {}};
  }

  void check_family(const IpAddress& ip) const {
    if (ip.is_v4() ? !request_.ipv4 : !request_.ipv6)
      throw Reject{ip.str() + " is an " + (ip.is_v4() ? "IPv4" : "IPv6") +
                   " address, and the network configuration does not enable that family"};
  }

  /// A deprecated address counts: a virtual IP that must not become a source is often made so.
  [[nodiscard]] static bool holds(const HostInterface& interface, const IpAddress& ip) {
    return !ip.is_loopback() &&
           std::any_of(interface.addresses.begin(), interface.addresses.end(),
                       [&](const netlink::Address& one) { return one.net.address == ip && !one.dad_failed; });
  }

  [[nodiscard]] const HostInterface& interface_at(int ifindex) const {
    for (const HostInterface& interface : host_.interfaces)
      if (interface.ifindex == ifindex) return interface;
    throw Reject{"the interface with index " + std::to_string(ifindex) + " has just gone"};
  }

  [[nodiscard]] static IfaceRegex compile(const std::string& pattern) {
    try {
      return IfaceRegex(pattern);
    } catch (const base::ParseError& error) {
      throw Reject{error.what()};
    }
  }

  [[nodiscard]] std::string names() const {
    std::string text;
    for (const HostInterface& interface : host_.interfaces)
      text.append(text.empty() ? "" : ", ").append(interface.name);
    return text.empty() ? "none" : text;
  }

  const HostNetwork& host_;
  const InterfaceRequest& request_;
  InterfaceChoice choice_;
};

}  // namespace

std::vector<IpAddress> HostInterface::usable_addresses(Family family) const {
  std::vector<const netlink::Address*> usable;
  for (const netlink::Address& one : addresses) {
    const IpAddress& ip = one.net.address;
    if (ip.family() == family && !ip.is_loopback() && !ip.is_multicast() && !ip.is_unspecified() &&
        !one.deprecated && !one.dad_failed)
      usable.push_back(&one);
  }
  const auto rank = [](const netlink::Address* one) {
    return std::tuple(one->net.address.is_link_local(), !one->permanent, one->secondary);
  };
  std::stable_sort(usable.begin(), usable.end(),
                   [&](const auto* a, const auto* b) { return rank(a) < rank(b); });
  std::vector<IpAddress> result;
  result.reserve(usable.size());
  for (const netlink::Address* one : usable) result.push_back(one->net.address);
  return result;
}

std::string InterfaceChoice::reasons() const {
  std::string text;
  for (const std::string& one : rejected) text.append(text.empty() ? "" : "; ").append(one);
  return text;
}

InterfaceChoice choose_external_interface(const HostNetwork& host, const InterfaceRequest& request) {
  return Chooser(host, request).choose();
}

HostNetwork read_host_network(netlink::NetlinkSocket& socket) {
  HostNetwork host;
  for (const netlink::Link& link : netlink::all_links(socket))
    host.interfaces.push_back({link.ifindex, link.name, link.flags, link.mtu, {}});
  for (const netlink::Address& address : netlink::all_addresses(socket))
    for (HostInterface& interface : host.interfaces)
      if (interface.ifindex == address.ifindex) interface.addresses.push_back(address);
  host.default_v4 = netlink::default_routes(socket, Family::v4);
  host.default_v6 = netlink::default_routes(socket, Family::v6);
  host.route_toward = [&socket](const IpAddress& ip) { return netlink::route_toward(socket, ip); };
  return host;
}

}  // namespace flanneld
