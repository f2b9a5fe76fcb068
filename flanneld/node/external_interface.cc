#include "flanneld/node/external_interface.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/base/error.h"
#include "common/base/text.h"
#include "flanneld/lease/go_json.h"
#include "flanneld/node/iface_regex.h"

namespace flanneld {
namespace {

using base::Family;
using base::IpAddress;

/// Why a candidate cannot be used.
struct Reject {
  std::string reason;
};

/// An interface, and those of its addresses that the rule has settled.
struct Candidate {
  const HostInterface* interface = nullptr;
  std::optional<IpAddress> ipv4 = {}, ipv6 = {};
};

/// One choice. The functions by_… find the candidate of a rule, or throw Reject.
class Chooser {
 public:
  Chooser(const HostNetwork& host, const InterfaceRequest& request) : host_(host), request_(request) {}

  InterfaceChoice choose() {
    if (request_.iface.empty() && request_.iface_regex.empty() && !request_.can_reach) choose_by_itself();
    for (const std::string& text : request_.iface)
      attempt(fmt::format("--iface={}", text), [&] { return by_text(text); });
    for (const std::string& text : request_.iface_regex)
      attempt(fmt::format("--iface-regex={}", text), [&] { return by_regex(text); });
    if (request_.can_reach)
      attempt(fmt::format("--iface-can-reach={}", *request_.can_reach),
              [&] { return by_reach(*request_.can_reach); });
    return std::move(choice_);
  }

 private:
  void choose_by_itself() {
    if (request_.ipv4 && request_.public_ip)
      attempt(fmt::format("--public-ip={}", *request_.public_ip),
              [&] { return by_public(*request_.public_ip); });
    else if (request_.ipv6 && request_.public_ipv6)
      attempt(fmt::format("--public-ipv6={}", *request_.public_ipv6),
              [&] { return by_public(*request_.public_ipv6); });
    else
      attempt("default route", [&] { return by_default_route(); });
  }

  template <class Find>
  void attempt(const std::string& rule, Find&& find) {
    if (choice_.chosen) return;
    try {
      choice_.chosen = complete(find(), rule);
    } catch (const Reject& reject) {
      choice_.rejected.push_back(fmt::format("{}: {}", rule, reject.reason));
    }
  }

  /// Fills in the addresses that the candidate leaves open. Throws Reject.
  [[nodiscard]] ExternalInterface complete(const Candidate& candidate, const std::string& rule) const {
    const HostInterface& interface = *candidate.interface;
    if (interface.mtu == 0)
      throw Reject{fmt::format("interface {} has an MTU of 0", base::quoted(interface.name))};
    ExternalInterface result;
    result.ifindex = interface.ifindex;
    result.name = interface.name;
    result.mtu = interface.mtu;
    result.rule = rule;
    if (request_.ipv4) {
      result.ipv4 = candidate.ipv4 ? *candidate.ipv4 : best_address(interface, Family::v4);
      result.public_ipv4 = request_.public_ip ? request_.public_ip : result.ipv4;
    }
    if (request_.ipv6) {
      result.ipv6 = candidate.ipv6 ? *candidate.ipv6 : best_address(interface, Family::v6);
      result.public_ipv6 = request_.public_ipv6 ? request_.public_ipv6 : result.ipv6;
    }
    return result;
  }

  [[nodiscard]] Candidate by_text(const std::string& text) const {
    if (const auto ip = IpAddress::parse(text)) return by_address(*ip);
    for (const HostInterface& interface : host_.interfaces)
      if (interface.name == text) return {&interface};
    throw Reject{fmt::format("there is no interface {}; there are {}", base::quoted(text), names())};
  }

  [[nodiscard]] Candidate by_address(const IpAddress& ip) const {
    check_family(ip);
    const auto found = std::find_if(host_.interfaces.begin(), host_.interfaces.end(),
                                    [&](const HostInterface& one) { return one.holds(ip); });
    if (found == host_.interfaces.end()) throw Reject{fmt::format("no interface has the address {}", ip)};
    Candidate candidate{&*found};
    (ip.is_v4() ? candidate.ipv4 : candidate.ipv6) = ip;
    // With both families on, the public IPv6 address must belong to the very same interface.
    if (ip.is_v4() && request_.ipv6 && request_.public_ipv6) {
      if (!found->holds(*request_.public_ipv6))
        throw Reject{fmt::format("interface {} does not have the public IPv6 address {}",
                                 base::quoted(found->name), *request_.public_ipv6)};
      candidate.ipv6 = request_.public_ipv6;
    }
    return candidate;
  }

  [[nodiscard]] Candidate by_public(const IpAddress& ip) const {
    try {
      return by_address(ip);
    } catch (const Reject& reject) {
      throw Reject{fmt::format("{}; behind NAT --iface must say which interface to use", reject.reason)};
    }
  }

  /// Looks at the addresses of all interfaces first, then at names.
  [[nodiscard]] Candidate by_regex(const std::string& pattern) const {
    const IfaceRegex regex = compile(pattern);
    const auto matching = [&](const HostInterface& interface, Family family) -> std::optional<IpAddress> {
      for (const IpAddress& ip : interface.usable_addresses(family))
        if (regex.occurs_in(ip.str())) return ip;
      return std::nullopt;
    };
    for (const HostInterface& interface : host_.interfaces) {
      Candidate candidate{&interface};
      if (request_.ipv4) candidate.ipv4 = matching(interface, Family::v4);
      if (request_.ipv6) candidate.ipv6 = matching(interface, Family::v6);
      if (request_.ipv4 == candidate.ipv4.has_value() && request_.ipv6 == candidate.ipv6.has_value())
        return candidate;
    }
    for (const HostInterface& interface : host_.interfaces)
      if (regex.occurs_in(interface.name)) return {&interface};
    throw Reject{fmt::format("it matches no interface's address or name; there are {}", names())};
  }

  [[nodiscard]] Candidate by_reach(const IpAddress& target) const {
    check_family(target);
    const auto route = host_.route_toward ? host_.route_toward(target) : std::nullopt;
    if (!route) throw Reject{"the kernel has no route to it"};
    Candidate candidate{&interface_at(route->ifindex)};
    if (route->prefsrc) (target.is_v4() ? candidate.ipv4 : candidate.ipv6) = route->prefsrc;
    return candidate;
  }

  [[nodiscard]] Candidate by_default_route() const {
    const HostInterface* v4 = request_.ipv4 ? &route_interface(host_.default_v4, Family::v4) : nullptr;
    const HostInterface* v6 = request_.ipv6 ? &route_interface(host_.default_v6, Family::v6) : nullptr;
    if (v4 && v6 && v4 != v6)
      throw Reject{fmt::format("the default routes differ: IPv4 goes through {}, IPv6 through {}",
                               base::quoted(v4->name), base::quoted(v6->name))};
    if (!v4 && !v6) throw Reject{"neither IPv4 nor IPv6 is enabled"};
    return {v4 ? v4 : v6};
  }

  /// The one interface of the default route in use. Throws Reject.
  [[nodiscard]] const HostInterface& route_interface(const std::vector<netlink::Route>& routes,
                                                     Family family) const {
    if (routes.empty()) throw Reject{fmt::format("there is no {} default route", family_name(family))};
    const netlink::Route& route = routes.front();
    const int ifindex = route.paths.empty() ? route.ifindex : route.paths.front();
    if (std::any_of(route.paths.begin(), route.paths.end(), [&](int one) { return one != ifindex; }))
      throw Reject{
          fmt::format("the {} default route has paths over several interfaces", family_name(family))};
    return interface_at(ifindex);
  }

  void check_family(const IpAddress& ip) const {
    if (ip.is_v4() ? request_.ipv4 : request_.ipv6) return;
    throw Reject{fmt::format("{} is an {} address, and the network configuration does not enable that family",
                             ip, family_name(ip.family()))};
  }

  [[nodiscard]] static IpAddress best_address(const HostInterface& interface, Family family) {
    const auto usable = interface.usable_addresses(family);
    if (usable.empty())
      throw Reject{fmt::format("interface {} has no usable {} address", base::quoted(interface.name),
                               family_name(family))};
    return usable.front();
  }

  [[nodiscard]] const HostInterface& interface_at(int ifindex) const {
    for (const HostInterface& interface : host_.interfaces)
      if (interface.ifindex == ifindex) return interface;
    throw Reject{fmt::format("the interface with index {} has just gone", ifindex)};
  }

  [[nodiscard]] static IfaceRegex compile(const std::string& pattern) {
    try {
      return IfaceRegex(pattern);
    } catch (const base::ParseError& error) {
      throw Reject{error.what()};
    }
  }

  [[nodiscard]] std::string names() const {
    std::vector<std::string> names;
    for (const HostInterface& interface : host_.interfaces) names.push_back(interface.name);
    return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
  }

  const HostNetwork& host_;
  const InterfaceRequest& request_;
  InterfaceChoice choice_;
};

}  // namespace

std::string ExternalInterface::describe() const {
  std::string text = fmt::format("'{}'", name);
  const auto out = std::back_inserter(text);
  for (const auto& own : {ipv4, ipv6})
    if (own) fmt::format_to(out, " {}", *own);
  for (const auto& [published, own] : {std::pair(public_ipv4, ipv4), std::pair(public_ipv6, ipv6)})
    if (published && published != own) fmt::format_to(out, ", public address {}", *published);
  fmt::format_to(out, ", MTU {}, by {}", mtu, rule);
  return text;
}

std::string InterfaceChoice::reasons() const { return fmt::format("{}", fmt::join(rejected, "; ")); }

InterfaceChoice choose_external_interface(const HostNetwork& host, const InterfaceRequest& request) {
  return Chooser(host, request).choose();
}

}  // namespace flanneld
