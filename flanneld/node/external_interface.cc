#include "flanneld/node/external_interface.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/base/text.h"
#include "flanneld/node/candidates.h"
#include "flanneld/node/interface_rules.h"

namespace flanneld {
namespace {

using base::Family;
using base::IpAddress;
using base::IpNet;

/// One choice.
class Chooser {
 public:
  Chooser(const HostNetwork& host, const InterfaceRequest& request)
      : host_(host), request_(request), candidates_(host, request), rules_(host, request, candidates_) {}

  InterfaceChoice choose() {
    if (request_.in_use) keep(*request_.in_use);
    if (request_.iface.empty() && request_.iface_regex.empty() && request_.iface_cidr.empty() &&
        !request_.can_reach)
      choose_by_itself();
    for (const std::string& text : request_.iface)
      attempt(fmt::format("--iface={}", text), [&] { return rules_.by_text(text); });
    for (const std::string& text : request_.iface_regex)
      attempt(fmt::format("--iface-regex={}", text), [&] { return rules_.by_regex(text); });
    for (const IpNet& cidr : request_.iface_cidr)
      attempt(fmt::format("--iface-cidr={}", cidr), [&] { return rules_.by_cidr(cidr); });
    if (request_.can_reach)
      attempt(fmt::format("--iface-can-reach={}", *request_.can_reach),
              [&] { return rules_.by_reach(*request_.can_reach); });
    return std::move(choice_);
  }

 private:
  void choose_by_itself() {
    const bool has_public = (request_.ipv4 && request_.public_ip) || (request_.ipv6 && request_.public_ipv6);
    if (request_.ipv4 && request_.public_ip)
      attempt(fmt::format("--public-ip={}", *request_.public_ip),
              [&] { return rules_.by_public(*request_.public_ip); });
    else if (request_.ipv6 && request_.public_ipv6)
      attempt(fmt::format("--public-ipv6={}", *request_.public_ipv6),
              [&] { return rules_.by_public(*request_.public_ipv6); });
    for (const IpAddress& ip : request_.node_addresses)
      if (ip.is_v4() ? request_.ipv4 : request_.ipv6)
        attempt(fmt::format("the Node's address {}", ip), [&] { return rules_.by_node_address(ip); });
    if (!has_public || !request_.node_addresses.empty())
      attempt("default route", [&] { return rules_.by_default_route(); });
  }

  void keep(const ExternalInterface& used) {
    try {
      choice_.chosen = complete(still_serving(used), used.rule);
    } catch (const Reject& reject) {
      choice_.lost = reject.reason;
      choice_.rejected.push_back(fmt::format("the one in use: {}", reject.reason));
    }
  }

  /// Takes the first of the rule's candidates that can be completed; otherwise notes why the first cannot.
  template <class Find>
  void attempt(const std::string& rule, Find&& find) {
    if (choice_.chosen) return;
    std::optional<std::string> reason;
    try {
      for (const Candidate& candidate : find()) {
        try {
          choice_.chosen = complete(candidate, rule);
          return;
        } catch (const Reject& reject) {
          if (!reason) reason = reject.reason;
        }
      }
    } catch (const Reject& reject) {
      reason = reject.reason;
    }
    choice_.rejected.push_back(fmt::format("{}: {}", rule, reason.value_or("")));
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
      result.ipv4 = candidate.ipv4 ? *candidate.ipv4 : candidates_.best(interface, Family::v4);
      result.public_ipv4 = request_.public_ip ? request_.public_ip : result.ipv4;
    }
    if (request_.ipv6) {
      result.ipv6 = candidate.ipv6 ? *candidate.ipv6 : candidates_.best(interface, Family::v6);
      result.public_ipv6 = request_.public_ipv6 ? request_.public_ipv6 : result.ipv6;
    }
    for (const auto& ip : {result.ipv4, result.ipv6, result.public_ipv4, result.public_ipv6})
      if (ip) candidates_.check(*ip);
    return result;
  }

  [[nodiscard]] Candidate still_serving(const ExternalInterface& used) const {
    const auto found = std::ranges::find(host_.interfaces, used.ifindex, &HostInterface::ifindex);
    if (found == host_.interfaces.end())
      throw Reject{fmt::format("interface {} has gone", base::quoted(used.name))};
    if (!found->is_up()) throw Reject{fmt::format("interface {} is down", base::quoted(found->name))};
    Candidate candidate{&*found};
    for (const auto& ip : {used.ipv4, used.ipv6}) {
      if (!ip || !(ip->is_v4() ? request_.ipv4 : request_.ipv6)) continue;
      candidates_.check(*ip);
      const auto usable = candidates_.usable(*found, ip->family());
      if (std::ranges::find(usable, *ip) == usable.end())
        throw Reject{fmt::format("the address {} {} interface {}", *ip,
                                 found->holds(*ip) ? "is deprecated at" : "has gone from",
                                 base::quoted(found->name))};
      candidate.set(*ip);
    }
    return candidate;
  }

  const HostNetwork& host_;
  const InterfaceRequest& request_;
  Candidates candidates_;
  InterfaceRules rules_;
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
