#include "flanneld/traffic/source_rules.h"

#include <algorithm>

namespace flanneld {
namespace {

using base::Family;

constexpr const char* kLoopbackLink = "lo";

/// IPv6 needs none: the kernel never takes ::1 from a network.
void add_loopback_rules(std::vector<TrafficRule>& rules) {
  const AddressMatch loopback{.net = {base::IpAddress::v4(0x7f000000), 8}};
  const TrafficRule drop{
      .action = TrafficAction::drop, .input_link = kLoopbackLink, .is_by_input_link = false};
  rules.emplace_back(drop).destination = loopback;
  rules.emplace_back(drop).source = loopback;
}

/// RFC 4861 and 3810: neighbours are looked for from a link-local address, or from none, as are listeners
/// told of. The kernel forwards neither.
void add_link_rules(const std::string& bridge, std::vector<TrafficRule>& rules) {
  const TrafficRule pass{.action = TrafficAction::return_, .input_link = bridge};
  rules.emplace_back(pass).source = AddressMatch{.net = base::link_local(Family::v6)};
  TrafficRule& unspecified = rules.emplace_back(pass);
  unspecified.source = AddressMatch{.net = {base::IpAddress::from_number(Family::v6, 0), 128}};
  unspecified.destination = AddressMatch{.net = {base::multicast(Family::v6).address, 8}};
}

}  // namespace

std::vector<TrafficRule> source_rules(const TrafficNetwork& family, const PodSide& pods) {
  const Family its_family = family.network.address.family();
  std::vector<TrafficRule> rules;
  if (its_family == Family::v4) add_loopback_rules(rules);
  if (pods.bridge.empty()) return rules;
  const auto add = [&](const base::IpNet& source, TrafficAction action) {
    const bool is_known = std::any_of(rules.begin(), rules.end(), [&](const TrafficRule& rule) {
      return rule.source && rule.source->net == source.network();
    });
    if (source.address.family() == its_family && !is_known)
      rules.push_back(
          {.source = AddressMatch{.net = source.network()}, .action = action, .input_link = pods.bridge});
  };
  add(family.subnet, TrafficAction::return_);
  for (const base::IpNet& network : pods.networks) add(network, TrafficAction::return_);
  add(family.network, TrafficAction::drop);  // which also tells whose rules these are
  for (const base::IpNet& source : pods.sources) add(source, TrafficAction::return_);
  if (its_family == Family::v6) add_link_rules(pods.bridge, rules);
  rules.push_back({.action = TrafficAction::drop, .input_link = pods.bridge});
  return rules;
}

}  // namespace flanneld
